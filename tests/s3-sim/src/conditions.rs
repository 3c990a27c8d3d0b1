//! If-Match and its relatives: on what is read, on the source of a copy, on
//! what is about to be overwritten.

use crate::bucket::{Bucket, TargetConditions};
use crate::call::Call;
use crate::reply::Refusal;
use crate::stamp::Stamp;
use crate::version::{ETag, Stored, Version};

/// The names of the four conditions in one kind of request.
struct Names {
    matches: &'static str,
    none_match: &'static str,
    modified: &'static str,
    unmodified: &'static str,
}

const READ: Names = Names {
    matches: "if-match",
    none_match: "if-none-match",
    modified: "if-modified-since",
    unmodified: "if-unmodified-since",
};

const SOURCE: Names = Names {
    matches: "x-amz-copy-source-if-match",
    none_match: "x-amz-copy-source-if-none-match",
    modified: "x-amz-copy-source-if-modified-since",
    unmodified: "x-amz-copy-source-if-unmodified-since",
};

/// What the conditions say of a version.
enum Verdict {
    Holds,
    Changed,
    NotChanged,
}

/// For HEAD and GET, where "not changed" is an answer of its own.
pub(crate) fn of_read(call: &Call, version: &Version, etag: ETag) -> Result<(), Refusal> {
    match verdict(call, &READ, version, etag) {
        Verdict::Holds => Ok(()),
        Verdict::Changed => Err(Refusal::precondition_failed()),
        Verdict::NotChanged => Err(Refusal::new(304, "NotModified", "Not Modified")),
    }
}

/// For the source of a copy.
pub(crate) fn of_source(call: &Call, version: &Version, etag: ETag) -> Result<(), Refusal> {
    match verdict(call, &SOURCE, version, etag) {
        Verdict::Holds => Ok(()),
        Verdict::Changed | Verdict::NotChanged => Err(Refusal::precondition_failed()),
    }
}

/// For what a copy, a completion or a delete would replace, as far as the bucket's server knows them.
pub(crate) fn of_target(call: &Call, bucket: &Bucket) -> Result<(), Refusal> {
    of_destination(call, bucket, bucket.options.target_conditions)
}

/// For what PutObject would replace, as far as the bucket's server knows them.
pub(crate) fn of_put(call: &Call, bucket: &Bucket) -> Result<(), Refusal> {
    of_destination(call, bucket, bucket.options.put_conditions)
}

fn of_destination(call: &Call, bucket: &Bucket, server: TargetConditions) -> Result<(), Refusal> {
    let has = |header| call.header(header).is_some();
    match server {
        TargetConditions::Obeyed => obeyed(call, bucket.current(&call.key).as_ref()),
        TargetConditions::Refused if has("if-match") || has("if-none-match") => {
            Err(Refusal::not_implemented())
        }
        TargetConditions::NeverMet if has("if-match") => Err(Refusal::precondition_failed()),
        TargetConditions::Refused | TargetConditions::Ignored | TargetConditions::NeverMet => {
            Ok(())
        }
    }
}

fn obeyed(call: &Call, current: Option<&Stored>) -> Result<(), Refusal> {
    match (call.header("if-none-match"), current) {
        (None, _) | (Some("*"), None) => {}
        (Some("*"), Some(_)) => return Err(Refusal::precondition_failed()),
        // S3 knows no other one on a write.
        (Some(_), _) => return Err(Refusal::not_implemented()),
    }
    match (call.header("if-match"), current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Refusal::no_such_key()),
        (Some(wanted), Some(current)) if names(wanted, current.etag) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::precondition_failed()),
    }
}

/// A condition on the ETag that holds makes the one on the date not count.
fn verdict(call: &Call, own: &Names, version: &Version, etag: ETag) -> Verdict {
    let date = |name| call.header(name).and_then(Stamp::parse_http);
    match call.header(own.matches) {
        Some(wanted) if !names(wanted, etag) => return Verdict::Changed,
        Some(_) => {}
        None => {
            if date(own.unmodified).is_some_and(|since| version.modified > since) {
                return Verdict::Changed;
            }
        }
    }
    match call.header(own.none_match) {
        Some(wanted) if names(wanted, etag) => Verdict::NotChanged,
        Some(_) => Verdict::Holds,
        None => {
            let since = date(own.modified);
            match since.is_some_and(|since| version.modified <= since) {
                true => Verdict::NotChanged,
                false => Verdict::Holds,
            }
        }
    }
}

/// Whether a list of ETags, quoted or not, names this one.
pub(crate) fn names(list: &str, etag: ETag) -> bool {
    let own = etag.to_string();
    list.split(',')
        .map(|wanted| wanted.trim().trim_matches('"'))
        .any(|wanted| wanted == "*" || wanted == own)
}
