//! One object is copied, and looked at again, until it is certain what became of it.
//!
//! A copy is bound to the listed `ETag`, so what was compared is what is copied. Three things are
//! looked into before they are believed: an object that changed meanwhile, one that is gone, and a
//! copy that may or may not have been made because no answer came.

use super::{Copier, Outcome, Settled, stopped_by};
use crate::model::Object;
use crate::s3::{Cause, S3Error, Written};
use crate::snapshot::{Recorded, Row};

/// Rounds of copying and looking. Each ends in certainty, unless the object changes again or the
/// answer is lost again.
const ROUNDS: u32 = 4;

/// What is known after a round.
enum Round {
    Done(Settled),
    /// Once more, with the object as it is now.
    Again(Object, S3Error),
}

impl Copier {
    /// Copies an object that was listed, over a backup that was listed.
    pub(super) async fn copy(&self, listed: Object, backup: Option<Object>) -> Settled {
        let mut object = listed.clone();
        let mut round = 1;
        loop {
            match self.round(&listed, object, backup.as_ref()).await {
                Round::Done(outcome) => return outcome,
                Round::Again(_, error) if round == ROUNDS => {
                    return stopped_by(&listed, error).into();
                }
                Round::Again(now, error) => {
                    tracing::debug!(key = %listed.key, round, %error, "copied once more");
                    if error.cause.leaves_doubt() {
                        self.destination.back_off(round).await;
                    }
                    object = now;
                    round += 1;
                }
            }
        }
    }

    async fn round(&self, listed: &Object, object: Object, backup: Option<&Object>) -> Round {
        let in_parts = self.rules.cut(object.size);
        let copied = if in_parts {
            self.copy_in_parts(&object, backup).await
        } else {
            self.copy_at_once(&object).await
        };
        let error = match copied {
            Ok(written) => return Round::Done(self.confirmed(listed, &object, written)),
            Err(error) => error,
        };
        match error.cause {
            Cause::ChangedMeanwhile | Cause::Missing => self.look_at_source(listed, error).await,
            // Without credentials the run stops; the object is left to the next one, as at the deadline.
            Cause::Credentials if self.source.credentials_are_refused() => {
                Round::Done(Outcome::GivenUp.into())
            }
            // A copy in parts has looked for itself, and given up what it had begun.
            cause if cause.leaves_doubt() && !in_parts => {
                self.look_at_backup(listed, object, backup, error).await
            }
            _ => Round::Done(stopped_by(listed, error).into()),
        }
    }

    /// The object is not what was listed: is it another one now, or gone?
    async fn look_at_source(&self, listed: &Object, error: S3Error) -> Round {
        match self.source.head(&listed.key).await {
            Ok(Some(now)) => Round::Again(now, error),
            Ok(None) => {
                let listed = listed.size;
                Round::Done(Outcome::Vanished { listed }.into())
            }
            Err(error) => Round::Done(stopped_by(listed, error).into()),
        }
    }

    /// No answer came: is the copy there? It is if the backup now is what was to be copied and was
    /// not so before. An encrypted or flattened copy cannot be told this way and is made again,
    /// which costs a version and no data.
    async fn look_at_backup(
        &self,
        listed: &Object,
        object: Object,
        backup: Option<&Object>,
        error: S3Error,
    ) -> Round {
        let key = self.placement.backup_key(&object.key);
        match self.destination.head(&key).await {
            Ok(Some(now)) if is_copy(&object, &now) && is_later(&now, backup) => {
                let written = Written {
                    modified: Some(now.last_modified),
                    ..Written::of(now.etag, None)
                };
                Round::Done(self.confirmed(listed, &object, written))
            }
            Ok(_) => Round::Again(object, error),
            Err(looking) => Round::Done(stopped_by(listed, looking.about(&listed.key)).into()),
        }
    }

    fn confirmed(&self, listed: &Object, object: &Object, written: Written) -> Settled {
        let row = Row {
            key: object.key.clone(),
            size: object.size,
            source_etag: object.etag.clone(),
            source_modified: object.last_modified,
            source_version_id: written.source_version,
            backup_etag: written.etag,
            backup_modified: written.modified,
            backup_version_id: written.version,
            storage_class: self.rules.storage_class.class_of(object).clone(),
            checksum: written.checksum.map(|checksum| checksum.to_string()),
        };
        Settled {
            outcome: Outcome::Copied {
                listed: listed.size,
                copied: object.size,
            },
            row: Some(Recorded::New(Box::new(row))),
        }
    }
}

fn is_copy(object: &Object, backup: &Object) -> bool {
    object.etag == backup.etag && object.size == backup.size
}

/// Whether what is there now was written after what was listed.
pub(super) fn is_later(now: &Object, before: Option<&Object>) -> bool {
    before.is_none_or(|before| now.last_modified > before.last_modified)
}
