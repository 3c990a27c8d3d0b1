//! Replies that were cut short.
//!
//! The SDK does not ask for the closing tag of a reply: a listing cut inside valid HTTP framing is
//! fewer keys to it.

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// A successful reply whose XML does not end where it began.
#[derive(Debug, thiserror::Error)]
#[error("the reply was cut short after {0} bytes")]
pub(super) struct TruncatedReply(usize);

/// Refuses successful replies that were cut short.
#[derive(Debug)]
pub(super) struct RejectTruncated;

impl Intercept for RejectTruncated {
    fn name(&self) -> &'static str {
        "WholeReplies"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reply = context.response();
        match reply.body().bytes() {
            Some(body) if reply.status().is_success() && !is_whole(body) => {
                Err(TruncatedReply(body.len()).into())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a body is empty, no XML, or XML whose root element is closed at its end.
fn is_whole(body: &[u8]) -> bool {
    let Some((root, rest)) = root_element(body) else {
        return body.trim_ascii().first() != Some(&b'<');
    };
    let end = rest.trim_ascii_end();
    if !end.contains(&b'<') {
        // Nothing but the root itself: whole only if it is an empty element.
        return end.ends_with(b"/>");
    }
    let closed = end.strip_suffix(b">").unwrap_or_default();
    closed
        .strip_suffix(root)
        .is_some_and(|rest| rest.ends_with(b"</"))
}

/// The name of the first element, past the declaration, and what follows the name.
fn root_element(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = body;
    loop {
        let open = rest.iter().position(|byte| *byte == b'<')?;
        rest = &rest[open + 1..];
        if !rest.starts_with(b"?") && !rest.starts_with(b"!") {
            break;
        }
    }
    let end = rest
        .iter()
        .position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'))?;
    Some(rest.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_replies_are_told_from_cut_ones() {
        let whole = [
            "",
            "  \n",
            "not xml",
            "<A/>",
            "<A></A>",
            "<?xml version=\"1.0\"?>\n <A x=\"1\"><B>1</B></A>\n",
        ];
        let cut = [
            "<",
            "<?xml version=\"1.0\"?>",
            "<A",
            "<A>",
            "<A><B>1</B>",
            "<A><B>1</B></A",
            "<A><B>1</B></",
            "<A><B/>",
            "<?xml version=\"1.0\"?><A><B>1</B><C/>",
        ];

        for body in whole {
            assert!(is_whole(body.as_bytes()), "{body:?} is whole");
        }
        for body in cut {
            assert!(!is_whole(body.as_bytes()), "{body:?} is cut");
        }
    }
}
