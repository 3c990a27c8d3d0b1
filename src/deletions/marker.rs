//! Objects that are gone, a batch at a time: backup and source are looked at once more, then the bucket's
//! versioning, and then they are marked.
//!
//! A marker hides only the backup that the job's snapshot names. One that somebody has written over since
//! the listing is left alone.
//!
//! A listing is old by the time that it is acted on. The backup is looked at first and the source after
//! it: so what the marker is bound to was there before the source was seen to have none, and no copy
//! of an object that came back meanwhile is hidden. An object that is there again is left alone; so
//! is one of which S3 does not tell. Where versioning was suspended a marker would destroy a backup from
//! before it was enabled: those are marked one by one, each after a look of its own.

use futures::{StreamExt, stream};

use crate::copy;
use crate::failure::Failure;
use crate::model::{ETag, Key, Placement};
use crate::outcome::Outcome;
use crate::s3::{Bucket, Cause, Operation, S3Error};

/// Rounds of looking and marking, where a marker is refused and the backup is the one that was asked for.
const ROUNDS: u32 = 4;
/// So many refusals in a row of a backup that is the one asked for prove that the server does not know what it
/// says.
const WRONG_REFUSALS: u32 = 2;

/// Marks what is gone, for one destination.
#[derive(Clone, Debug)]
pub struct Marker {
    /// Where it is gone from.
    pub source: Bucket,
    /// Where the markers go.
    pub destination: Bucket,
    /// Where in it.
    pub placement: Placement,
    /// Requests in flight, at most.
    pub at_once: usize,
}

/// An object that is gone, and the backup that the job has made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The object's key.
    pub key: Key,
    /// The backup's entity tag.
    pub etag: ETag,
}

/// The backup of an object that is gone.
#[derive(Clone, Debug)]
struct CurrentBackup {
    key: Key,
    etag: ETag,
    /// Where no versions are kept, a marker would destroy it.
    is_unversioned: bool,
}

/// What a look at both sides has shown.
enum BackupLook {
    Gone(CurrentBackup),
    Done(Outcome),
}

impl Marker {
    /// Marks these backups, of which the source has no objects, and tells what became of each.
    /// It never fails: what goes wrong is an outcome of that object.
    pub async fn mark_all(&self, orphans: Vec<Orphan>) -> Vec<(Key, Outcome)> {
        let looks = stream::iter(orphans).map(|orphan| async move {
            let look = self.look(&orphan);
            let look = copy::guarded(Operation::HeadObject, Some(&orphan.key), look).await;
            (
                orphan.key,
                look.unwrap_or_else(|failure| BackupLook::Done(panicked(failure))),
            )
        });
        let looks: Vec<(Key, BackupLook)> = looks.buffered(self.at_once).collect().await;
        let any = looks
            .iter()
            .any(|(_, look)| matches!(look, BackupLook::Gone(_)));
        let versioned = if any {
            self.destination.still_keeps_versions().await
        } else {
            Ok(true)
        };
        let mut alone = Vec::new();
        let mut together = Vec::new();
        let mut outcomes = Vec::new();
        for (key, look) in looks {
            match (look, &versioned) {
                (BackupLook::Done(outcome), _) => outcomes.push((key, outcome)),
                (BackupLook::Gone(_), Ok(false)) => outcomes.push((key, Outcome::Interrupted)),
                (BackupLook::Gone(_), Err(error)) => {
                    let outcome = stopped_by(error.clone().about(&key));
                    outcomes.push((key, outcome));
                }
                (BackupLook::Gone(backup), Ok(true)) if backup.is_unversioned => {
                    alone.push((key, backup));
                }
                (BackupLook::Gone(backup), Ok(true)) => together.push((key, backup)),
            }
        }
        let marks = stream::iter(together).map(|(key, backup)| async move {
            let outcome = self.mark(&key, backup, true).await;
            (key, outcome)
        });
        outcomes.extend(marks.buffered(self.at_once).collect::<Vec<_>>().await);
        for (key, backup) in alone {
            let outcome = self.mark(&key, backup, false).await;
            outcomes.push((key, outcome));
        }
        outcomes
    }

    async fn look(&self, orphan: &Orphan) -> BackupLook {
        let Orphan { key, etag } = orphan;
        let backup_key = self.placement.backup_key(key);
        let backup = match self.destination.current(&backup_key).await {
            Ok(Some(backup)) if backup.object.etag == *etag => backup,
            // Somebody else has hidden it, or written over it.
            Ok(Some(_) | None) => return BackupLook::Done(Outcome::BackupOnly),
            Err(error) => return BackupLook::Done(stopped_by(error.about(key))),
        };
        match self.source.head(key).await {
            Ok(None) => BackupLook::Gone(CurrentBackup {
                is_unversioned: backup.is_unversioned(),
                etag: backup.object.etag,
                key: backup_key,
            }),
            Ok(Some(_)) => BackupLook::Done(Outcome::BackupOnly),
            Err(error) => BackupLook::Done(stopped_by(error)),
        }
    }

    async fn mark(&self, key: &Key, backup: CurrentBackup, versions_are_kept: bool) -> Outcome {
        let work = self.mark_in_rounds(key, backup, versions_are_kept);
        let marked = copy::guarded(Operation::DeleteObject, Some(key), work).await;
        marked.unwrap_or_else(panicked)
    }

    /// Marks one, which is looked at again if it is not what it was. The bucket has to be known to keep
    /// versions.
    async fn mark_in_rounds(
        &self,
        key: &Key,
        backup: CurrentBackup,
        mut versions_are_kept: bool,
    ) -> Outcome {
        let mut round = 1;
        let mut wrong_refusals = 0;
        loop {
            if !versions_are_kept {
                match self.destination.still_keeps_versions().await {
                    Ok(true) => {}
                    Ok(false) => return Outcome::Interrupted,
                    Err(error) => return stopped_by(error.about(key)),
                }
            }
            let marked = self.destination.mark_deleted(&backup.key, &backup.etag);
            let error = match marked.await {
                Ok(_) => return Outcome::Marked,
                Err(error) => error.about(key),
            };
            match error.cause {
                Cause::ChangedMeanwhile | Cause::Missing if round < ROUNDS => {}
                _ => return stopped_by(error),
            }
            let orphan = Orphan {
                key: key.clone(),
                etag: backup.etag.clone(),
            };
            // It is the one that was asked for all the same.
            if let BackupLook::Done(outcome) = self.look(&orphan).await {
                return outcome;
            }
            let is_wrong = error.cause == Cause::ChangedMeanwhile;
            wrong_refusals = if is_wrong { wrong_refusals + 1 } else { 0 };
            if wrong_refusals == WRONG_REFUSALS {
                self.destination.conditions_are_never_met();
            }
            versions_are_kept = false;
            round += 1;
        }
    }
}

/// A fault of the program is the error of the object that it came to light with.
fn panicked(failure: Failure) -> Outcome {
    Outcome::Failed { listed: 0, failure }
}

/// It was not found in the source, so there are no bytes to count.
fn stopped_by(error: S3Error) -> Outcome {
    match error.cause {
        Cause::OutOfTime | Cause::Stopped => Outcome::Interrupted,
        _ => Outcome::Failed {
            listed: 0,
            failure: Failure::from(error),
        },
    }
}
