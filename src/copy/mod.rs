//! An [`Action`] in, an [`Outcome`] out. It never fails: what goes wrong with one object is an
//! outcome of that object, and the others go on.

mod budget;
mod guard;
mod in_flight;
mod item;
mod multipart;
mod single;
mod until_certain;

pub use budget::Budget;
pub use guard::guarded;
pub use in_flight::Batch;
pub use item::Item;

use crate::config::CopyRules;
use crate::diff::{Action, SkipReason};
use crate::model::{MOST_OBJECT_BYTES, Object, Placement};
use crate::outcome::{CopyResult, Outcome, settle, stopped_by};
use crate::s3::{Bucket, Cause, Condition, NextTry, Operation, S3Error, Target};
use crate::snapshot::{NextRow, SegmentRow};

/// Makes the copies of one destination.
#[derive(Clone, Debug)]
pub struct Copier {
    /// Where from.
    pub source: Bucket,
    /// Where to.
    pub destination: Bucket,
    /// Where in it.
    pub placement: Placement,
    /// What the copies are like.
    pub rules: CopyRules,
    /// Parts of one object that are in flight at once, at most.
    pub parts_at_once: usize,
}

impl Copier {
    /// Does what was decided. What could not be copied stays recorded as it was.
    pub async fn apply(&self, action: Action) -> CopyResult {
        match self.resolve(action).await {
            Preparation::Copy {
                object,
                backup,
                record,
            } => {
                let result = self.copy(object, backup).await;
                let row = match result.outcome {
                    Outcome::Failed { .. } => record.map(NextRow::Reuse),
                    Outcome::Vanished { .. } => record.map(NextRow::Orphan),
                    _ => return result,
                };
                CopyResult { row, ..result }
            }
            Preparation::Finished(result) => result,
        }
    }

    /// What [`Copier::apply`] would do, without doing it: a dry run or a plan.
    pub async fn preview(&self, action: Action) -> CopyResult {
        match self.resolve(action).await {
            Preparation::Copy { object, .. } => {
                let listed = object.size;
                Outcome::WouldCopy { listed }.into()
            }
            Preparation::Finished(result) => result,
        }
    }

    /// Everything that can be said before a copy is made.
    async fn resolve(&self, action: Action) -> Preparation {
        let (object, backup, record) = match action {
            Action::Copy {
                object,
                backup,
                record,
                ..
            } => (object, backup, record),
            result => return Preparation::Finished(settle(result).1),
        };
        if object.size > MOST_OBJECT_BYTES {
            let error = self.too_large(&object);
            return Preparation::Finished(stopped_by(&object, error).into());
        }
        match self.has_wanted_tags(&object).await {
            Ok(true) => Preparation::Copy {
                object,
                backup,
                record,
            },
            Ok(false) => {
                let (listed, reason) = (object.size, SkipReason::OtherTags);
                Preparation::Finished(CopyResult {
                    outcome: Outcome::Skipped { listed, reason },
                    row: record.map(NextRow::Orphan),
                })
            }
            Err(outcome) => Preparation::Finished(outcome.into()),
        }
    }

    /// Tags are read only of objects that would be copied, and only if they matter. The outcome of the object if
    /// they cannot be read.
    async fn has_wanted_tags(&self, object: &Object) -> Result<bool, Outcome> {
        if self.rules.include_tags.is_empty() {
            return Ok(true);
        }
        let mut tries = self.destination.tries();
        loop {
            let error = match self.reads_wanted_tags(object).await {
                Ok(has) => return Ok(has),
                Err(error) => error,
            };
            match tries.again(&self.source, &error).await {
                NextTry::Now => {}
                NextTry::LaterRun => return Err(Outcome::Interrupted),
                NextTry::Never => return Err(stopped_by(object, error)),
            }
        }
    }

    async fn reads_wanted_tags(&self, object: &Object) -> Result<bool, S3Error> {
        match self.source.tags(&object.key).await {
            Ok(tags) => Ok(tags.contain(&self.rules.include_tags)),
            // It is gone: the copy will find out, and say so.
            Err(error) if error.cause == Cause::Missing => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The same, for objects that failed before.
    #[must_use]
    pub fn in_sweep(&self) -> Self {
        Self {
            destination: self.destination.in_sweep(),
            ..self.clone()
        }
    }

    /// Where and how a copy is written.
    fn target<'a>(
        item: &'a Item,
        website_redirect: Option<&'a str>,
        condition: &'a Condition,
    ) -> Target<'a> {
        Target {
            key: &item.target,
            class: &item.class,
            website_redirect,
            condition,
        }
    }

    fn too_large(&self, object: &Object) -> S3Error {
        let most = MOST_OBJECT_BYTES;
        let message = format!("{} bytes, and a copy is at most {most}", object.size);
        let bucket = self.destination.name();
        S3Error::ours(Operation::CopyObject, bucket, Cause::TooLarge, message).about(&object.key)
    }
}

/// The rest of the work on an action.
enum Preparation {
    Copy {
        object: Object,
        backup: Option<Object>,
        record: Option<SegmentRow>,
    },
    Finished(CopyResult),
}
