//! What lies behind an error, for the log: our own texts say what to do, and a library's how it came to that.

use std::error::Error;
use std::iter;

use crate::model::BucketName;

/// Tells the log what lies behind the error of a call, if that is asked for and anything does. The call has the name of its
/// operation.
pub(super) fn log(operation: &str, bucket: &BucketName, error: &(dyn Error + 'static)) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    if let Some(causes) = behind(error) {
        tracing::debug!(operation, %bucket, causes, "{error}");
    }
}

/// The causes of an error, each behind the one that it has led to; none if it has none.
fn behind(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SharedError;
    use crate::s3::OutsideError;

    #[test]
    fn causes_stand_behind_one_another() {
        let json = serde_json::from_str::<u8>("{").unwrap_err();
        let words = json.to_string();
        let unsigned = OutsideError::Unsigned(SharedError::new(json));

        let causes = behind(&OutsideError::NoReply(SharedError::new(unsigned)));

        let expected = format!("the request cannot be signed: {words}: {words}");
        assert_eq!(causes, Some(expected));
        assert_eq!(behind(&OutsideError::NoCredentials), None);
    }
}
