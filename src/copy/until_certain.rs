//! One object is copied, and looked at again, until it is certain what became of it.
//!
//! A copy is bound to the listed `ETag` of the object and to what was listed at its target, so what was
//! compared is what is copied, over what it was compared with. Three things are looked into before they
//! are believed: an object or a backup that changed meanwhile, one that is gone, and a copy that may or
//! may not have been made because no answer came. A refusal does not say which side has changed; so both
//! are looked at, and it is decided anew.
//!
//! What fails for a passing reason waits for a sweep, with what is known of both sides by then, and is tried again
//! from there.

use futures::future;

use super::Copier;
use crate::diff::Proof;
use crate::model::Object;
use crate::outcome::{CopyResult, Outcome, recorded, stopped_by};
use crate::s3::{Cause, CopyReply, NextTry, Operation, S3Error};
use crate::snapshot::{NextRow, Row};

/// Rounds of copying and looking. Each ends in certainty, unless one of both sides changes again or the
/// answer is lost again.
const ROUNDS: u32 = 4;

/// So many refusals in a row because of a change that nobody can see prove that the server does not know what
/// it says.
const WRONG_REFUSALS: u32 = 2;

/// Both sides, as they were seen last.
struct BothSides {
    object: Object,
    backup: Option<Object>,
    /// Whether a copy was sent whose answer was lost.
    in_doubt: bool,
    /// How often in a row the copy was refused because of a change although both were as they are here.
    wrong_refusals: u32,
}

/// The result of a round.
enum Round {
    Done(CopyResult),
    /// Once more, with both sides as they are now.
    Again(BothSides, S3Error),
    /// No further round would help now.
    Failed(BothSides, S3Error),
}

impl Copier {
    /// Copies an object that was listed, over a backup that was listed.
    pub(super) async fn copy(&self, listed: Object, backup: Option<Object>) -> CopyResult {
        let mut seen = BothSides {
            object: listed.clone(),
            backup,
            in_doubt: false,
            wrong_refusals: 0,
        };
        let mut tries = self.destination.tries();
        let mut sweeper = None;
        loop {
            let copier = sweeper.as_ref().unwrap_or(self);
            let (now, error) = match copier.rounds(&listed, seen).await {
                Ok(result) => return result,
                Err(failed) => failed,
            };
            match tries.again(&self.source, &error).await {
                NextTry::Now => seen = now,
                NextTry::LaterRun => return Outcome::Interrupted.into(),
                NextTry::Never => return stopped_by(&listed, error).into(),
            }
            sweeper.get_or_insert_with(|| self.in_sweep());
        }
    }

    /// Rounds until it is certain what became of the object; else both sides as they are by then.
    async fn rounds(
        &self,
        listed: &Object,
        mut seen: BothSides,
    ) -> Result<CopyResult, (BothSides, S3Error)> {
        let mut rounds = self.destination.attempts(ROUNDS);
        loop {
            match self.round(listed, seen).await {
                Round::Done(outcome) => return Ok(outcome),
                Round::Failed(now, error) => return Err((now, error)),
                Round::Again(now, error) if rounds.is_last() => return Err((now, error)),
                Round::Again(now, error) => {
                    tracing::debug!(key = %listed.key, round = rounds.number(), %error, "copied once more");
                    if error.cause.leaves_doubt() {
                        rounds.next().await;
                    } else {
                        rounds.next_at_once();
                    }
                    seen = now;
                }
            }
        }
    }

    async fn round(&self, listed: &Object, seen: BothSides) -> Round {
        let BothSides { object, backup, .. } = &seen;
        let in_parts = self.rules.cut(object.size);
        let copied = self.copy_item(&self.item(object), backup.as_ref()).await;
        let error = match copied {
            Ok(written) => return Round::Done(self.confirmed(listed, object, written)),
            Err(error) => error,
        };
        match error.cause {
            Cause::ChangedMeanwhile | Cause::Missing | Cause::NoUpload => {
                self.look_at_both(listed, seen, error).await
            }
            // Without credentials the run stops; the object is left to the next one, as at the deadline.
            Cause::Credentials
                if self.source.credentials_are_refused()
                    || self.destination.credentials_are_refused() =>
            {
                Round::Done(Outcome::Interrupted.into())
            }
            // A copy in parts has looked for itself, and given up what it had begun.
            cause if cause.leaves_doubt() && !in_parts => {
                self.look_at_backup(listed, seen, error).await
            }
            cause => {
                let in_doubt = seen.in_doubt || cause.leaves_doubt();
                Round::Failed(BothSides { in_doubt, ..seen }, error)
            }
        }
    }

    /// Object or backup are not what they were: what are they now? The object may be gone, and the backup
    /// may have become a good copy, by another run or by a copy of this one whose answer was lost.
    async fn look_at_both(&self, listed: &Object, seen: BothSides, error: S3Error) -> Round {
        let key = self.placement.backup_key(&listed.key);
        let (object, backup) = future::join(
            self.source.head(&listed.key),
            self.destination.current(&key),
        )
        .await;
        let (object, backup) = match (object, backup) {
            (Ok(Some(object)), Ok(backup)) => (object, backup),
            (Ok(None), _) => {
                let listed = listed.size;
                return Round::Done(Outcome::Vanished { listed }.into());
            }
            (Err(error), _) => return Round::Failed(seen, error),
            (Ok(Some(_)), Err(error)) => return Round::Failed(seen, error.about(&listed.key)),
        };
        match backup {
            Some(now) if is_good_copy(&object, &now.object, seen.backup.as_ref()) => {
                match self.destination.found(Operation::CopyObject, now.clone()) {
                    Ok(written) if seen.in_doubt => {
                        Round::Done(self.confirmed(listed, &object, written))
                    }
                    Ok(_) => Round::Done(unchanged(listed, object, now.object)),
                    Err(error) => Round::Done(stopped_by(listed, error.about(&listed.key)).into()),
                }
            }
            backup => {
                let backup = backup.map(|now| now.object);
                let wrong_refusals = if is_wrong_refusal(&error, &seen, &object, backup.as_ref()) {
                    seen.wrong_refusals + 1
                } else {
                    0
                };
                if wrong_refusals == WRONG_REFUSALS {
                    self.destination.conditions_are_never_met();
                }
                let now = BothSides {
                    object,
                    backup,
                    wrong_refusals,
                    ..seen
                };
                Round::Again(now, error)
            }
        }
    }

    /// No answer came: is the copy there? It is if the backup now is what was to be copied and was
    /// not so before. An encrypted or flattened copy cannot be told this way and is made again,
    /// which costs a version and no data.
    async fn look_at_backup(&self, listed: &Object, seen: BothSides, error: S3Error) -> Round {
        let BothSides { object, backup, .. } = seen;
        let key = self.placement.backup_key(&object.key);
        let now = match self.destination.current(&key).await {
            Ok(now) => now,
            Err(looking) => {
                let seen = BothSides {
                    object,
                    backup,
                    in_doubt: true,
                    wrong_refusals: 0,
                };
                return Round::Failed(seen, looking.about(&listed.key));
            }
        };
        match now {
            Some(now)
                if is_copy(&object, &now.object) && is_later(&now.object, backup.as_ref()) =>
            {
                match self.destination.found(Operation::CopyObject, now) {
                    Ok(written) => Round::Done(self.confirmed(listed, &object, written)),
                    Err(error) => Round::Done(stopped_by(listed, error.about(&listed.key)).into()),
                }
            }
            now => {
                let now = BothSides {
                    object,
                    backup: now.map(|now| now.object),
                    in_doubt: true,
                    wrong_refusals: 0,
                };
                Round::Again(now, error)
            }
        }
    }

    fn confirmed(&self, listed: &Object, object: &Object, written: CopyReply) -> CopyResult {
        self.destination.succeeded();
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
        CopyResult {
            outcome: Outcome::Copied {
                listed: listed.size,
                copied: object.size,
            },
            row: Some(NextRow::New(Box::new(row))),
        }
    }
}

/// Whether S3 refused a copy because of a change although both sides still are what it was bound to.
fn is_wrong_refusal(
    error: &S3Error,
    seen: &BothSides,
    object: &Object,
    backup: Option<&Object>,
) -> bool {
    let is_of_a_write = matches!(
        error.operation,
        Operation::CopyObject | Operation::CompleteMultipartUpload
    );
    is_of_a_write
        && error.cause == Cause::ChangedMeanwhile
        && seen.object.etag == object.etag
        && seen.backup.as_ref().map(|seen| &seen.etag) == backup.map(|now| &now.etag)
}

/// The backup has become current while the object was to be copied.
fn unchanged(listed: &Object, object: Object, backup: Object) -> CopyResult {
    let (_, row) = recorded(object, Proof::Listed(Box::new(backup)));
    let outcome = Outcome::Unchanged {
        listed: listed.size,
    };
    CopyResult { outcome, row }
}

/// Whether a backup proves itself as in a comparison of listings without a snapshot, and is another one
/// than was seen before.
fn is_good_copy(object: &Object, now: &Object, before: Option<&Object>) -> bool {
    let is_another = before
        .is_none_or(|before| before.etag != now.etag || before.last_modified != now.last_modified);
    is_another && is_copy(object, now) && now.last_modified > object.last_modified
}

fn is_copy(object: &Object, backup: &Object) -> bool {
    object.etag == backup.etag && object.size == backup.size
}

/// Whether what is there now was written after what was listed.
pub(super) fn is_later(now: &Object, before: Option<&Object>) -> bool {
    before.is_none_or(|before| now.last_modified > before.last_modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BucketName, ETag, Key, StorageClass, Timestamp};

    fn object(etag: &str, size: u64, seconds: i64) -> Object {
        Object {
            key: Key::new("k"),
            size,
            etag: ETag::new(etag),
            last_modified: Timestamp::from_millis(seconds * 1_000),
            storage_class: StorageClass::new(None),
        }
    }

    #[test]
    fn a_backup_proves_itself_by_bytes_and_date_and_is_another_one_than_before() {
        let source = object("a", 5, 10);
        let before = object("old", 5, 8);
        let cases = [
            ("a copy", object("a", 5, 11), None, true),
            (
                "a copy over another",
                object("a", 5, 11),
                Some(&before),
                true,
            ),
            (
                "other bytes of the same size",
                object("b", 5, 11),
                None,
                false,
            ),
            ("of another size", object("a", 6, 11), None, false),
            ("as old as the object", object("a", 5, 10), None, false),
        ];
        for (case, now, before, expected) in cases {
            assert_eq!(is_good_copy(&source, &now, before), expected, "{case}");
        }
        let (now, later) = (object("a", 5, 11), object("a", 5, 12));
        assert!(!is_good_copy(&source, &now, Some(&now)), "the one before");
        assert!(is_good_copy(&source, &later, Some(&now)), "of a later date");
    }

    /// Two of them, and no write to the destination is bound to what is there any more.
    #[test]
    fn a_refusal_is_wrong_only_of_a_write_for_a_change_that_neither_side_shows() {
        let bucket = BucketName::new("backup").unwrap();
        let error =
            |operation, cause| S3Error::ours(operation, &bucket, cause, "refused".to_owned());
        let seen = BothSides {
            object: object("a", 5, 10),
            backup: Some(object("old", 5, 8)),
            in_doubt: false,
            wrong_refusals: 0,
        };
        let (same, other) = (object("a", 5, 10), object("b", 5, 11));
        let (old, new) = (object("old", 5, 8), object("new", 5, 12));
        let changed = Cause::ChangedMeanwhile;
        let cases = [
            (Operation::CopyObject, changed, &same, Some(&old), true),
            (
                Operation::CompleteMultipartUpload,
                changed,
                &same,
                Some(&old),
                true,
            ),
            (Operation::UploadPartCopy, changed, &same, Some(&old), false),
            (
                Operation::CopyObject,
                Cause::Missing,
                &same,
                Some(&old),
                false,
            ),
            (Operation::CopyObject, changed, &other, Some(&old), false),
            (Operation::CopyObject, changed, &same, Some(&new), false),
            (Operation::CopyObject, changed, &same, None, false),
            (
                Operation::UploadPartCopy,
                changed,
                &other,
                Some(&old),
                false,
            ),
            (
                Operation::CopyObject,
                Cause::Missing,
                &other,
                Some(&new),
                false,
            ),
        ];
        for (operation, cause, object, backup, expected) in cases {
            let is_wrong = is_wrong_refusal(&error(operation, cause), &seen, object, backup);
            let case = format!("{operation:?} {cause:?} {object:?} {backup:?}");
            assert_eq!(is_wrong, expected, "{case}");
        }
    }

    #[test]
    fn what_is_there_now_is_later_only_if_its_date_is() {
        let (early, late) = (object("a", 5, 11), object("a", 5, 12));

        assert!(is_later(&late, Some(&early)));
        assert!(!is_later(&early, Some(&late)));
        assert!(!is_later(&early, Some(&early)));
        assert!(is_later(&early, None));
    }
}
