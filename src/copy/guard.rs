//! A panic in the work on one object is the error of that object: the others go on, and the lease is given
//! back. No reply is known to cause one; the object list is written by others.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;

use crate::failure::Failure;
use crate::model::Key;
use crate::s3::Operation;

/// What comes of the work on an object.
///
/// # Errors
/// That the work panicked.
pub async fn guarded<T>(
    operation: Operation,
    key: Option<&Key>,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    // What the work has borrowed is dropped with it, and locks are taken over whoever held them.
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.map_err(|_| panicked(operation, key))
}

/// What comes of the work. If it fails or panics, what it has begun is undone before that is handed on.
pub(super) async fn done_or_undone<T, E>(
    work: impl Future<Output = Result<T, E>>,
    undo: impl Future<Output = ()>,
) -> Result<T, E> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    if !matches!(done, Ok(Ok(_))) {
        undo.await;
    }
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

fn panicked(operation: Operation, key: Option<&Key>) -> Failure {
    let about = key.map_or("an object", Key::as_str);
    Failure {
        key: key.cloned(),
        operation: operation.name(),
        code: Some("ProgramError".to_owned()),
        message: format!("a fault of the program stopped the work on {about}"),
        advice: "report it with the line of the log that says \"panicked\"; \
                 until it is mended, exclude the object with BACKUP_EXCLUDE"
            .to_owned(),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_that_names_the_object() {
        let key = Key::new("a");
        let panics = async {
            let text: Result<u8, _> = "x".parse();
            text.unwrap()
        };

        let failure = guarded(Operation::CopyObject, Some(&key), panics).await;
        let well = guarded(Operation::CopyObject, None, async { 7 }).await;

        let failure = failure.unwrap_err();
        assert_eq!(failure.key, Some(key));
        assert_eq!(failure.code.as_deref(), Some("ProgramError"));
        assert_eq!(
            failure.message,
            "a fault of the program stopped the work on a"
        );
        assert_eq!(well, Ok(7));
    }
}
