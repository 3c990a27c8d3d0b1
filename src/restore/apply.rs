//! One row of a plan in, what became of it out: the step of a restore.
//!
//! Each copy is bound to the version and `ETag` of what is copied, and to what was planned for at the target.
//! If the target is another one by then it is looked at again, and what is there now is replaced; it is told
//! as `changed_meanwhile`. A bucket that keeps no versions would lose what is replaced, so that is put aside
//! first, in the state of the restore.

use futures::future;

use super::archive::{self, Readable};
use super::manner::Manner;
use super::rows::{Became, DoneRow, Origin, PlanRow, Seen, WrittenRef};
use super::site::Site;
use super::store::Store;
use super::totals::failure_of;
use crate::copy::Item;
use crate::failure::Failure;
use crate::model::{Key, Object, StorageClass, Timestamp, VersionId};
use crate::s3::{Cause, CopyReply, NextTry, Operation, S3Error};

/// Rounds of copying and looking. Each ends in certainty, unless the target changes again or the answer is
/// lost again.
const ROUNDS: u32 = 4;

/// A row, and where it stands in the plan.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// The two sides.
    pub site: &'a Site,
    /// The state of the restore.
    pub store: &'a Store,
    /// How rows are carried out.
    pub manner: &'a Manner,
    /// The number of the part of the plan.
    pub part: usize,
    /// The number of the row in it.
    pub number: usize,
    /// The row.
    pub row: &'a PlanRow,
    /// Whether an earlier call may have carried it out without writing that down.
    pub in_doubt: bool,
}

/// The result of the work on a row.
#[derive(Clone, Debug)]
pub enum Step {
    /// What became of it, and what went wrong.
    Done(Box<DoneRow>, Option<Failure>),
    /// The call had to stop. Nothing is known, and the row is left to the next one.
    GivenUp,
}

/// What the target has, and whether it is what was planned for.
struct Target {
    over: Option<Object>,
    aside: Option<Key>,
    changed: bool,
    in_doubt: bool,
}

impl Work<'_> {
    /// Carries the row out.
    pub async fn carry_out(self) -> Step {
        if let Some(problem) = &self.row.problem {
            let failure = failure_of(self.row, problem);
            return Step::Done(Box::new(self.became(Became::Failed)), Some(failure));
        }
        match &self.row.copy {
            Some(origin) => self.copy(origin).await,
            None => self.mark().await,
        }
    }

    async fn copy(self, origin: &Origin) -> Step {
        if StorageClass::new(Some(&origin.class)).is_archive() {
            match self.thaw(origin).await {
                Ok(Readable::Now) => {}
                Ok(Readable::At(ready_at)) => return self.waits(ready_at),
                Err(error) => return self.stopped_by(error),
            }
        }
        let item = Item {
            source: origin.object(),
            version: origin.version(),
            target: self.row.key.clone(),
            class: StorageClass::new(Some(&origin.to_class)),
        };
        let over = self.row.now.as_ref();
        let over = over.map(|now| now.to_object(&self.row.key, "STANDARD"));
        let mut target = Target {
            over,
            aside: None,
            changed: false,
            in_doubt: self.in_doubt,
        };
        let mut tries = self.site.target.tries();
        let mut in_sweep = false;
        loop {
            let (now, error) = match self.rounds(origin, &item, target, in_sweep).await {
                Ok(step) => return step,
                Err(failed) => failed,
            };
            match tries.again(&self.site.backup, &error).await {
                NextTry::Now => target = now,
                NextTry::LaterRun => return Step::GivenUp,
                NextTry::Never => return self.stopped_by(error),
            }
            in_sweep = true;
        }
    }

    /// Rounds until it is certain what became of the row; else the target as it is by then.
    async fn rounds(
        self,
        origin: &Origin,
        item: &Item,
        mut target: Target,
        in_sweep: bool,
    ) -> Result<Step, (Target, S3Error)> {
        let mut rounds = self.site.target.attempts(ROUNDS);
        loop {
            let error = match self.write(origin, item, &mut target, in_sweep).await {
                Ok(written) => return Ok(self.written(&written, target)),
                Err(error) => error,
            };
            if error.can_pass() && !error.cause.leaves_doubt() {
                return Err((target, error));
            }
            match self.look_again(origin, item, target, error).await {
                Ok(step) => return Ok(step),
                Err(failed) if rounds.is_last() => return Err(failed),
                Err((now, error)) => {
                    tracing::debug!(key = %self.row.key, round = rounds.number(), %error, "copied once more");
                    if error.cause.leaves_doubt() {
                        rounds.next().await;
                    } else {
                        rounds.next_at_once();
                    }
                    target = now;
                }
            }
        }
    }

    /// Puts aside what would be lost, and copies.
    async fn write(
        self,
        origin: &Origin,
        item: &Item,
        target: &mut Target,
        in_sweep: bool,
    ) -> Result<CopyReply, S3Error> {
        if let Some(over) = &target.over
            && !self.site.versioned
            && self.manner.keeps_replaced
        {
            target.aside = Some(self.put_aside(over).await?);
        }
        let copier = self.site.copier(origin.place);
        let copier = if in_sweep { copier.in_sweep() } else { copier };
        copier.copy_item(item, target.over.as_ref()).await
    }

    /// Copies what lies at the target into the state of the restore, once.
    async fn put_aside(self, over: &Object) -> Result<Key, S3Error> {
        let usual = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let etag: String = over.etag.as_str().chars().filter(usual).collect();
        let name = format!("aside/{:06}-{:06}-{etag}", self.part + 1, self.number + 1);
        let key = self.store.key(&name);
        let item = Item {
            source: over.clone(),
            version: None,
            target: key.clone(),
            class: StorageClass::new(None),
        };
        let copier = self.site.copier_aside();
        match copier.copy_item(&item, None).await {
            Ok(_) => Ok(key),
            Err(error) if error.cause == Cause::ChangedMeanwhile || error.cause.leaves_doubt() => {
                // It is named by what it holds: whoever wrote it wrote the same.
                match self.site.backup.head(&key).await? {
                    Some(aside) if aside.size == over.size => Ok(key),
                    Some(_) | None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at both sides after a copy that failed. The row has a result then, or is copied once more over what
    /// the target has now.
    async fn look_again(
        self,
        origin: &Origin,
        item: &Item,
        target: Target,
        error: S3Error,
    ) -> Result<Step, (Target, S3Error)> {
        let bucket = &self.site.target;
        match error.cause {
            Cause::Archived => {
                return Ok(match self.thaw(origin).await {
                    Ok(Readable::At(ready_at)) => self.waits(ready_at),
                    // It can be read by now, or its class is none that tells.
                    Ok(Readable::Now) => return Err((target, error)),
                    Err(error) => self.stopped_by(error),
                });
            }
            Cause::ChangedMeanwhile | Cause::Missing | Cause::NoUpload => {}
            cause if cause.leaves_doubt() => {}
            _ => return Ok(self.stopped_by(error)),
        }
        let is_lost = error.cause == Cause::Missing;
        let gone = async { Ok(is_lost && self.source_is_gone(item, origin).await?) };
        let (source, now) = future::join(gone, bucket.current(&self.row.key)).await;
        let now = match (source, now) {
            (Ok(true), _) => return Ok(self.stopped_by(error)),
            (Err(looking), _) | (Ok(false), Err(looking)) => return Ok(self.stopped_by(looking)),
            (Ok(false), Ok(now)) => now,
        };
        let doubtful = target.in_doubt || error.cause.leaves_doubt();
        if let Some(now) = &now
            && is_copy(item, &now.object)
            && is_another(&now.object, target.over.as_ref())
        {
            return Ok(match bucket.found(Operation::CopyObject, now.clone()) {
                Ok(written) if doubtful => self.written(&written, target),
                Ok(_) => self.changed(Became::Unchanged),
                Err(error) => self.stopped_by(error),
            });
        }
        let now = now.map(|now| now.object);
        if self.manner.only_missing && now.is_some() {
            return Ok(self.changed(Became::Skipped));
        }
        let changed = is_other(now.as_ref(), target.over.as_ref());
        let again = Target {
            changed: target.changed || changed,
            in_doubt: doubtful,
            over: now,
            aside: None,
        };
        Err((again, error))
    }

    /// Whether the version that is copied is not there any more: S3 answers a condition on a target that is
    /// gone alike.
    async fn source_is_gone(self, item: &Item, origin: &Origin) -> Result<bool, S3Error> {
        let copier = self.site.copier(origin.place);
        match copier.source.inspect(item.source()).await {
            Ok(_) => Ok(false),
            Err(error) if error.cause == Cause::Missing => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether the version can be read, and else when.
    async fn thaw(self, origin: &Origin) -> Result<Readable, S3Error> {
        let bucket = self.site.copier(origin.place).source;
        archive::ask(&bucket, origin, self.manner).await
    }

    /// Puts a delete marker on top of what was planned to be hidden, if it still lies there.
    async fn mark(self) -> Step {
        let Some(planned) = &self.row.now else {
            return Step::Done(Box::new(self.became(Became::Unchanged)), None);
        };
        let bucket = &self.site.target;
        let now = match bucket.current(&self.row.key).await {
            Ok(Some(now)) if planned.is(&now.object) => now,
            Ok(None) if self.in_doubt => return self.marked(None),
            Ok(None) => return self.changed(Became::Vanished),
            Ok(Some(_)) => return self.changed(Became::Skipped),
            Err(error) => return self.stopped_by(error),
        };
        // A marker in a bucket without versions would destroy what was written before it kept any.
        if now.is_unversioned() {
            match bucket.still_keeps_versions().await {
                Ok(true) => {}
                Ok(false) => return Step::GivenUp,
                Err(error) => return self.stopped_by(error),
            }
        }
        match bucket.mark_deleted(&self.row.key, &now.object.etag).await {
            Ok(version) => self.marked(version.as_ref()),
            // Somebody has written or deleted it since.
            Err(error) if error.cause == Cause::ChangedMeanwhile => self.changed(Became::Skipped),
            Err(error) if error.cause == Cause::Missing => self.changed(Became::Vanished),
            Err(error) => self.stopped_by(error),
        }
    }

    fn marked(self, version: Option<&VersionId>) -> Step {
        let done = DoneRow {
            before: self.row.now.clone(),
            written: Some(WrittenRef {
                etag: None,
                version_id: version.map(|version| version.as_str().to_owned()),
            }),
            ..self.became(Became::Marked)
        };
        Step::Done(Box::new(done), None)
    }

    fn written(self, written: &CopyReply, target: Target) -> Step {
        self.site.target.succeeded();
        let done = DoneRow {
            before: target.over.as_ref().map(Seen::of),
            aside: target.aside,
            written: Some(WrittenRef {
                etag: Some(written.etag.as_str().to_owned()),
                version_id: written.version.as_ref().map(|id| id.as_str().to_owned()),
            }),
            changed_meanwhile: target.changed,
            ..self.became(Became::Copied)
        };
        Step::Done(Box::new(done), None)
    }

    fn waits(self, ready_at: Timestamp) -> Step {
        let done = DoneRow {
            ready_at: Some(ready_at),
            ..self.became(Became::Waiting)
        };
        Step::Done(Box::new(done), None)
    }

    fn changed(self, outcome: Became) -> Step {
        let done = DoneRow {
            changed_meanwhile: true,
            ..self.became(outcome)
        };
        Step::Done(Box::new(done), None)
    }

    /// The row of an error: something went wrong with it, or the call has to stop.
    fn stopped_by(self, error: S3Error) -> Step {
        let refused = error.cause == Cause::Credentials && self.site.credentials_are_refused();
        match error.cause {
            Cause::OutOfTime | Cause::Stopped => Step::GivenUp,
            _ if refused => Step::GivenUp,
            _ => {
                let failure = Failure::from(error.about(&self.row.key));
                Step::Done(Box::new(self.became(Became::Failed)), Some(failure))
            }
        }
    }

    /// The row of a fault of the program.
    pub fn failed(self, failure: Failure) -> Step {
        Step::Done(Box::new(self.became(Became::Failed)), Some(failure))
    }

    fn became(self, outcome: Became) -> DoneRow {
        let size = match (&self.row.copy, &self.row.now) {
            (Some(origin), _) => origin.seen.size,
            (None, Some(now)) => now.size,
            (None, None) => 0,
        };
        DoneRow {
            row: self.number,
            key: self.row.key.clone(),
            outcome,
            size,
            before: None,
            aside: None,
            written: None,
            changed_meanwhile: false,
            ready_at: None,
        }
    }
}

/// Whether an object has the bytes of what was to be copied, as far as its `ETag` tells: an encrypted or
/// flattened copy cannot be told this way and is made again, which costs a version and no data.
fn is_copy(item: &Item, now: &Object) -> bool {
    item.source.etag == now.etag && item.source.size == now.size
}

/// Whether it is another object than the one that was to be replaced.
fn is_another(now: &Object, over: Option<&Object>) -> bool {
    over.is_none_or(|over| {
        over.etag != now.etag || over.last_modified.as_seconds() != now.last_modified.as_seconds()
    })
}

/// Whether the target is another one, or there, or gone.
fn is_other(now: Option<&Object>, over: Option<&Object>) -> bool {
    match (now, over) {
        (None, None) => false,
        (Some(now), Some(_)) => is_another(now, over),
        (Some(_), None) | (None, Some(_)) => true,
    }
}
