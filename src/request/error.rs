//! The reasons to refuse a request, in words.

use super::event_error::EventError;
use crate::model::{CURSOR_FORMAT, Key};

/// A payload that is no request of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The payload is not a JSON object.
    #[error("the payload is {found}, not a JSON object; send {{}} for a backup run")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// A field that the operation does not have.
    #[error("unknown field \"{field}\" in the payload; allowed for a {operation}: {allowed}")]
    UnknownField {
        /// The field's name.
        field: String,
        /// What was asked for.
        operation: &'static str,
        /// The fields that it has.
        allowed: &'static str,
    },
    /// A field whose value is not allowed.
    #[error("field \"{field}\" is {value}; allowed: {allowed}")]
    BadValue {
        /// The field's name.
        field: &'static str,
        /// Its value, as JSON.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Something that a restore has to say and does not.
    #[error("a restore has to say {missing}; allowed: one of {allowed}")]
    Unsaid {
        /// The field that is missing, in words.
        missing: &'static str,
        /// The fields that say it.
        allowed: &'static str,
    },
    /// Fields of which only one can be meant.
    #[error("fields {fields} exclude each other; allowed: {allowed}")]
    Excluding {
        /// Those that were given.
        fields: String,
        /// Those that may be.
        allowed: String,
    },
    /// A field that means nothing without another one.
    #[error("field \"{field}\" needs {needs}")]
    Needs {
        /// The field.
        field: &'static str,
        /// What has to be with it, and why.
        needs: &'static str,
    },
    /// A prefix or a key that is longer than the keys of S3 are.
    #[error(
        "field \"{field}\" leads to keys of {bytes} bytes or more; allowed: at most {most}, as long as \
         S3's keys are, with the destination prefix",
        most = Key::MOST_BYTES
    )]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// The bytes of the shortest key.
        bytes: usize,
    },
    /// An event of AWS that is not answered.
    #[error(
        "cannot answer the event \"{detail_type}\" of {origin}; send a scheduled event, \
         {{}} or {{\"operation\":\"backup\"}}"
    )]
    UnknownEvent {
        /// The event's `source`.
        origin: String,
        /// The event's `detail-type`.
        detail_type: String,
    },
    /// An event of S3 that cannot be read.
    #[error("cannot read the event: {problem}; send it as S3, EventBridge, SQS or SNS delivers it")]
    BadEvent {
        /// The mistake.
        #[source]
        problem: EventError,
    },
    /// A cursor of a format that this version does not read.
    #[error(
        "the cursor has format {found}; this version reads 1 to {CURSOR_FORMAT}: start a new run with {{}}"
    )]
    UnknownFormat {
        /// Its format, as JSON.
        found: String,
    },
    /// A cursor of another source.
    #[error(
        "the cursor is of source {found}, and this function backs up {configured}; start a new run with {{}}"
    )]
    OtherSource {
        /// The source's bucket, as the cursor names it.
        found: String,
        /// The one of the configuration.
        configured: String,
    },
    /// A cursor whose state is not that of this job.
    #[error(
        "the cursor refers to {found} in bucket {destination}, and the state of this job would be {expected}: \
         it is of another source, prefix or destination prefix; start a new run with {{}}"
    )]
    OtherJob {
        /// The destination's bucket.
        destination: String,
        /// The key of the state, as the cursor names it.
        found: String,
        /// The key that it would have.
        expected: String,
    },
    /// A run that many invocations cannot share.
    #[error("a run with {what} cannot be distributed; {advice}")]
    NotDistributed {
        /// What keeps it from that.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// A cursor that leaves nothing.
    #[error(
        "the cursor names no range and no state, so that nothing is left; start a new run with {{}}"
    )]
    NothingLeft,
    /// A cursor of a destination that is not configured.
    #[error(
        "the cursor goes on with bucket {destination}, which is not in DESTINATION_BUCKET; start a new run with {{}}"
    )]
    UnknownDestination {
        /// The bucket.
        destination: String,
    },
    /// Something to confirm where nothing is marked.
    #[error(
        "field \"confirm\" is {run_id:?}, but deletions are \"keep\"; send \"deletions\":\"mark\" with it"
    )]
    NothingToConfirm {
        /// The run that would be confirmed.
        run_id: String,
    },
    /// A prefix beyond what the function is configured to back up.
    #[error(
        "field \"prefix\" is {asked:?}, outside of the configured source prefix {configured:?}"
    )]
    PrefixOutside {
        /// The prefix of the request.
        asked: String,
        /// The prefix of the configuration.
        configured: String,
    },
}
