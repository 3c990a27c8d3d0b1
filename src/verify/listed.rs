//! What listings and the last snapshot prove of an object and its backup, and what they do not: one pure
//! function.
//!
//! Equal ETags and sizes prove equal content, whatever the ETags are made of. Other ETags alone prove
//! nothing: with a KMS key on either side, or in other parts, the same content has another one, and no
//! listing shows keys or parts. But the last snapshot says which two belong together: if both are what it
//! says, they are equal. If only one is, the other was written since. If neither is, it tells of another
//! pair, and says nothing. Dates help once: an object that was written after its backup, with another ETag,
//! is not what was backed up.

use super::compare::recorded_as_same;
use crate::diff::Joined;
use crate::model::{ContentProof, Doubt, Object, Property, Verdict};
use crate::snapshot::{RowRef, SegmentRow};

/// All that is known of a key without a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the listings have of it.
    pub listed: Joined<Object, Object>,
    /// What the last snapshot says of it.
    pub recorded: Option<SegmentRow>,
}

/// What the evidence says.
pub fn judge(evidence: &Evidence) -> Verdict {
    match &evidence.listed {
        Joined::Left(_) => Verdict::Missing,
        Joined::Right(backup) => {
            let row = evidence.recorded.as_ref().map(SegmentRow::row);
            Verdict::Extra {
                is_foreign: !row.is_some_and(|row| row.has_content_of(backup)),
            }
        }
        Joined::Both(object, backup) => compare(object, backup, evidence.recorded.as_ref()),
    }
}

fn compare(object: &Object, backup: &Object, recorded: Option<&SegmentRow>) -> Verdict {
    if object.size != backup.size {
        return Verdict::Different(vec![Property::Size]);
    }
    // Nothing is equal to nothing, whatever it is encrypted with.
    let proof = if object.etag == backup.etag {
        Some(ContentProof::of_etag(&object.etag))
    } else {
        (object.size == 0).then_some(ContentProof::Empty)
    };
    let row = recorded.map(SegmentRow::row);
    match row.and_then(|row| recorded_as_same(row, object, backup)) {
        Some(true) if row.is_some_and(|row| is_proven(row, object, backup)) => {
            Verdict::Equal(proof.unwrap_or(ContentProof::Snapshot))
        }
        // The backup was written again, with the same bytes: it may be a copy that a repair has made.
        Some(true) if proof.is_some() && row.is_some_and(|row| row.describes(object)) => {
            by_listings(object, backup, proof)
        }
        Some(true) => Verdict::CannotTell(Doubt::WrittenSince),
        Some(false) if proof.is_none() => Verdict::Different(vec![Property::ETag]),
        Some(false) | None => by_listings(object, backup, proof),
    }
}

/// Whether the row proves metadata and tags, too: neither side was written since the copy, and the object not
/// in the second of it.
fn is_proven(row: RowRef<'_>, object: &Object, backup: &Object) -> bool {
    row.describes(object) && row.is_backed_up_by(backup) && backup.is_later_than(object)
}

fn by_listings(object: &Object, backup: &Object, proof: Option<ContentProof>) -> Verdict {
    if let Some(proof) = proof {
        if backup.is_later_than(object) {
            Verdict::Equal(proof)
        } else {
            Verdict::CannotTell(Doubt::WrittenSince)
        }
    } else if object.last_modified > backup.last_modified {
        Verdict::Different(vec![Property::ETag])
    } else {
        Verdict::CannotTell(Doubt::ListedETags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Key, StorageClass, Timestamp};
    use crate::snapshot::{Row, samples};

    fn object(size: u64, etag: &str, modified: i64) -> Object {
        Object {
            key: Key::new("k"),
            size,
            etag: ETag::new(etag),
            last_modified: Timestamp::from_millis(modified),
            storage_class: StorageClass::new(None),
        }
    }

    fn judged(listed: Joined<Object, Object>) -> Verdict {
        judge(&Evidence {
            listed,
            recorded: None,
        })
    }

    /// What the last snapshot says of an object and of its backup.
    fn recorded(source: &Object, backup: &Object) -> SegmentRow {
        let row = Row {
            key: source.key.clone(),
            size: source.size,
            source_etag: source.etag.clone(),
            source_modified: source.last_modified,
            source_version_id: None,
            backup_etag: backup.etag.clone(),
            backup_modified: Some(backup.last_modified),
            backup_version_id: None,
            storage_class: backup.storage_class.clone(),
            checksum: None,
        };
        let segment = samples::segment(&[row]);
        segment.rows().next().unwrap().unwrap()
    }

    #[test]
    fn a_listing_proves_so_much_and_no_more() {
        let different = |property| Verdict::Different(vec![property]);
        let doubt = Verdict::CannotTell;
        let cases = [
            (object(5, "e", 2000), Verdict::Equal(ContentProof::Md5)),
            (object(4, "e", 2000), different(Property::Size)),
            (object(4, "d", 1), different(Property::Size)),
            (object(5, "e", 1000), doubt(Doubt::WrittenSince)),
            (object(5, "e", 1), doubt(Doubt::WrittenSince)),
            (object(5, "d", 2000), doubt(Doubt::ListedETags)),
            (object(5, "d", 1000), doubt(Doubt::ListedETags)),
            (object(5, "d", 999), different(Property::ETag)),
        ];

        for (backup, verdict) in cases {
            let pair = Joined::Both(object(5, "e", 1000), backup.clone());

            assert_eq!(judged(pair), verdict, "{backup:?}");
        }
    }

    #[test]
    fn empty_objects_are_equal_whatever_their_etags() {
        let pair = Joined::Both(object(0, "e", 1000), object(0, "d", 2000));

        assert_eq!(judged(pair), Verdict::Equal(ContentProof::Empty));
    }

    #[test]
    fn what_one_side_has_is_missing_or_extra() {
        let only = object(5, "e", 1);

        let missing = judged(Joined::Left(only.clone()));
        let extra = judged(Joined::Right(only.clone()));
        let own = judge(&Evidence {
            recorded: Some(recorded(&object(5, "s", 1), &only)),
            listed: Joined::Right(only.clone()),
        });
        let written_over = judge(&Evidence {
            recorded: Some(recorded(&object(5, "s", 1), &object(5, "other", 1))),
            listed: Joined::Right(only),
        });

        assert_eq!(missing, Verdict::Missing);
        let foreign = Verdict::Extra { is_foreign: true };
        assert_eq!((&extra, &written_over), (&foreign, &foreign));
        assert_eq!(own, Verdict::Extra { is_foreign: false });
    }

    #[test]
    fn the_last_snapshot_says_which_two_belong_together() {
        let (source, copy) = (object(5, "kms-1", 1000), object(5, "kms-2", 2000));
        let etag = || Verdict::Different(vec![Property::ETag]);
        let doubt = Verdict::CannotTell;
        let equal = Verdict::Equal;
        let cases = [
            (
                "as recorded",
                source.clone(),
                copy.clone(),
                equal(ContentProof::Snapshot),
            ),
            (
                "the source is another one, dated before its backup",
                object(5, "kms-3", 900),
                copy.clone(),
                etag(),
            ),
            (
                "the backup was written over",
                source.clone(),
                object(5, "kms-4", 3000),
                etag(),
            ),
            (
                "the backup was written over with the object itself",
                source.clone(),
                object(5, "kms-1", 3000),
                equal(ContentProof::EtagOfParts),
            ),
            (
                "the same content, written again",
                object(5, "kms-1", 1500),
                copy.clone(),
                doubt(Doubt::WrittenSince),
            ),
            (
                "the backup was written again, with the same content",
                source.clone(),
                object(5, "kms-2", 3000),
                doubt(Doubt::WrittenSince),
            ),
            (
                "both are others: the snapshot tells nothing of them",
                object(5, "kms-3", 2500),
                object(5, "kms-4", 3000),
                doubt(Doubt::ListedETags),
            ),
            (
                "both are others, and equal by themselves",
                object(5, "md5", 2500),
                object(5, "md5", 3000),
                equal(ContentProof::Md5),
            ),
            (
                "another size",
                source.clone(),
                object(4, "kms-2", 2000),
                Verdict::Different(vec![Property::Size]),
            ),
        ];

        for (case, now, backup, verdict) in cases {
            let evidence = Evidence {
                listed: Joined::Both(now, backup),
                recorded: Some(recorded(&source, &copy)),
            };

            assert_eq!(judge(&evidence), verdict, "{case}");
        }
    }
}
