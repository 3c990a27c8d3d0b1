//! Two ordered listings in, an [`Action`] for each key out.

mod decide;
mod join;

use futures::{Stream, StreamExt, future, stream};

pub use decide::{Action, Policy, Reason, Refusal, SkipReason, decide};
pub use join::{Joined, join};

use crate::model::Object;
use crate::s3::S3Error;

/// What is to be done about each object of the source, in the order of the keys. The last action is
/// the end, or a listing that failed: what was decided before it still stands.
pub fn actions(
    source: impl Stream<Item = Result<Object, S3Error>>,
    backup: impl Stream<Item = Result<Object, S3Error>>,
    policy: Policy,
) -> impl Stream<Item = Action> {
    let joined = join(source, backup, |object| &object.key);
    let decided = joined.map(move |joined| match joined {
        Ok(pair) => decide(pair, &policy),
        Err(error) => Action::Break(error),
    });
    decided.chain(stream::once(future::ready(Action::End)))
}
