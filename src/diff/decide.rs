//! What stands under a key in, what is to be done about it out: one pure function.
//!
//! What the last snapshot says of the object decides, if it says anything: an object that differs from it
//! in any part has changed, older or newer, and so has a backup. If both have, something else has made the copy
//! since, and the two listings decide, as without a snapshot. Each weaker rule loses data. By size alone, edits
//! that keep it are missed. By date alone, an upload begun before a run and finished after it is. By `ETag`
//! alone, rewritten metadata is; and where copies cannot have their source's `ETag`, it proves nothing.

use std::fmt;

use super::join::Joined;
use crate::filter::Filter;
use crate::model::{Key, Object, Placement, StorageClass};
use crate::request::Mode;
use crate::s3::S3Error;
use crate::snapshot::{RowRef, SegmentRow};

/// What a decision follows.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which keys are backed up.
    pub filter: Filter,
    /// New and changed objects, or all.
    pub mode: Mode,
    /// Where backups go.
    pub placement: Placement,
}

/// The work on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy it.
    Copy {
        /// The object, as it was listed.
        object: Object,
        /// The backup that there is, as it was listed.
        backup: Option<Object>,
        /// Why.
        reason: Reason,
        /// What the last snapshot says of the backup, if that still is true.
        record: Option<SegmentRow>,
    },
    /// Nothing: the backup is current.
    Keep(Object, Proof),
    /// Leave it out, as configured.
    Skip {
        /// The object.
        object: Object,
        /// The backup that there is.
        backup: Option<Object>,
        /// Why.
        reason: SkipReason,
        /// What the last snapshot says of the backup, if that still is true.
        record: Option<SegmentRow>,
    },
    /// Leave it out: it is archived, and its backup is current.
    Archived(Object, Proof),
    /// It should be copied and cannot be.
    Refuse(Object, Refusal),
    /// It is gone from the source, and the backup has it. The last snapshot says that the job has made this
    /// backup.
    Orphan(Object, SegmentRow),
    /// Only the backup has it, and no snapshot says that the job has made it: it is somebody else's.
    Foreign(Object),
    /// Only the backup has it, and the filter does not admit it: none of this run's business. With what the
    /// last snapshot says of the backup, if that still is true.
    Ignore(Object, Option<SegmentRow>),
    /// A listing failed here: nothing is known of the keys that follow.
    Break(S3Error),
    /// Both listings came to their end.
    End,
}

impl Action {
    /// The key that it is about; none for what is about a listing.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Copy { object, .. }
            | Self::Keep(object, _)
            | Self::Archived(object, _)
            | Self::Skip { object, .. }
            | Self::Refuse(object, _)
            | Self::Orphan(object, _)
            | Self::Foreign(object)
            | Self::Ignore(object, _) => Some(&object.key),
            Self::Break(_) | Self::End => None,
        }
    }
}

/// What proves that a backup is current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The last snapshot: object and backup are what it says.
    Recorded(SegmentRow),
    /// The same, and the backup as it was listed. It has what the row lacks: another storage class, to which the
    /// bucket's lifecycle moved it, or the date of a copy that was made in parts.
    Relisted(SegmentRow, Box<Object>),
    /// The listings: the backup, as it was listed, has the object's `ETag` and is later.
    Listed(Box<Object>),
}

impl Proof {
    /// The storage class that the backup is in.
    pub fn class(&self) -> StorageClass {
        match self {
            Self::Recorded(row) => StorageClass::new(Some(row.row().storage_class)),
            Self::Relisted(_, backup) | Self::Listed(backup) => backup.storage_class.clone(),
        }
    }
}

/// Why an object is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no backup of it.
    New,
    /// The backup has another size.
    SizeDiffers,
    /// The backup has another `ETag`.
    EtagDiffers,
    /// The backup is not later than the object.
    NotLater,
    /// The object is not what it was when it was backed up.
    SourceChanged,
    /// The backup is not what was written there.
    BackupChanged,
    /// The run copies everything.
    FullRun,
    /// A verification found it wrong.
    Repair,
}

/// Why an object is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The filter does not admit it.
    Excluded,
    /// It is archived, and its backup is current.
    Archived,
    /// It does not have the tags that are asked for.
    OtherTags,
    /// An event leaves it to the nightly run.
    Deferred,
}

/// Why an object that should be copied cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its backup would fall among the program's own state.
    ReservedKey,
}

impl Reason {
    /// Its name, as scripts read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::SizeDiffers => "size_differs",
            Self::EtagDiffers => "etag_differs",
            Self::NotLater => "not_later",
            Self::SourceChanged => "source_changed",
            Self::BackupChanged => "backup_changed",
            Self::FullRun => "full_run",
            Self::Repair => "repair",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::SizeDiffers => "size differs",
            Self::EtagDiffers => "ETag differs",
            Self::NotLater => "backup is not later",
            Self::SourceChanged => "source changed",
            Self::BackupChanged => "backup changed",
            Self::FullRun => "full run",
            Self::Repair => "repair",
        })
    }
}

/// Decides what is to be done about what stands under one key, and what the last snapshot says of it.
pub fn decide(pair: Joined<Object, Object>, record: Option<SegmentRow>, policy: &Policy) -> Action {
    let (object, backup) = match pair {
        Joined::Right(backup) => return without_object(backup, record, &policy.filter),
        Joined::Left(object) => (object, None),
        Joined::Both(object, backup) => (object, Some(backup)),
    };
    if !policy.filter.admits(&object.key) {
        let record = backup.as_ref().and_then(|backup| own(record, backup));
        return Action::Skip {
            object,
            backup,
            reason: SkipReason::Excluded,
            record,
        };
    }
    if policy.placement.is_reserved(&object.key) {
        return Action::Refuse(object, Refusal::ReservedKey);
    }
    let Some(backup) = backup else {
        return Action::Copy {
            object,
            backup: None,
            reason: Reason::New,
            record: None,
        };
    };
    let row = record.as_ref().map(SegmentRow::row);
    let reason = reason_to_copy(&object, &backup, row, policy.mode);
    // The snapshot says nothing about a backup that is not what was written.
    let is_own = row.is_some_and(|row| row.is_backed_up_by(&backup));
    let lacks_nothing = record.as_ref().zip(row).is_some_and(|(record, row)| {
        row.storage_class == backup.storage_class.as_str()
            && (row.backup_modified.is_some() || !record.can_be_dated())
    });
    let record = record.filter(|_| is_own);
    match (reason, record) {
        (Some(reason), record) => Action::Copy {
            object,
            backup: Some(backup),
            reason,
            record,
        },
        (None, record) => {
            let in_archive = object.storage_class.is_archive();
            let proof = match record {
                Some(record) if lacks_nothing => Proof::Recorded(record),
                Some(record) => Proof::Relisted(record, Box::new(backup)),
                None => Proof::Listed(Box::new(backup)),
            };
            if in_archive {
                Action::Archived(object, proof)
            } else {
                Action::Keep(object, proof)
            }
        }
    }
}

/// Decides about a key that only the backup has.
fn without_object(backup: Object, record: Option<SegmentRow>, filter: &Filter) -> Action {
    let record = own(record, &backup);
    match record {
        record if !filter.admits(&backup.key) => Action::Ignore(backup, record),
        Some(record) => Action::Orphan(backup, record),
        None => Action::Foreign(backup),
    }
}

/// The row, if it is of this backup. Written again with the same bytes, as by a repair, it is the job's still.
fn own(record: Option<SegmentRow>, backup: &Object) -> Option<SegmentRow> {
    record.filter(|record| record.row().has_content_of(backup))
}

/// Why the object must be copied; none if its backup is proven to be current.
fn reason_to_copy(
    object: &Object,
    backup: &Object,
    row: Option<RowRef<'_>>,
    mode: Mode,
) -> Option<Reason> {
    if mode == Mode::Full {
        return Some(Reason::FullRun);
    }
    if object.size != backup.size {
        return Some(Reason::SizeDiffers);
    }
    let Some(row) = row else {
        return reason_without_record(object, backup);
    };
    match (row.describes(object), row.is_backed_up_by(backup)) {
        // In the second of its copy the object may have been written again: with the same bytes and other
        // metadata it looks the same.
        (true, true) => (!backup.is_later_than(object)).then_some(Reason::NotLater),
        (true, false) => Some(Reason::BackupChanged),
        (false, true) => Some(Reason::SourceChanged),
        // An older version that shows again was not copied since.
        (false, false) if object.last_modified <= row.source_modified => {
            Some(Reason::SourceChanged)
        }
        (false, false) => reason_without_record(object, backup),
    }
}

/// What the two listings prove by themselves.
fn reason_without_record(object: &Object, backup: &Object) -> Option<Reason> {
    if object.etag != backup.etag {
        Some(Reason::EtagDiffers)
    } else if !backup.is_later_than(object) {
        Some(Reason::NotLater)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Selection;
    use crate::model::{ETag, Glob, Prefix, Timestamp};
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

    fn listed(backup: Object) -> Proof {
        Proof::Listed(Box::new(backup))
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

    fn policy(mode: Mode) -> Policy {
        Policy {
            filter: Filter::default(),
            mode,
            placement: Placement::default(),
        }
    }

    #[test]
    fn copies_unless_the_backup_is_proven_current() {
        use Mode::{Full, Incremental};
        let source = || object(5, "e", 1000);
        let cases = [
            ("not in the backup", None, Incremental, Some(Reason::New)),
            (
                "other size",
                Some(object(6, "e", 2000)),
                Incremental,
                Some(Reason::SizeDiffers),
            ),
            (
                "other ETag, same size, backup later",
                Some(object(5, "f", 2000)),
                Incremental,
                Some(Reason::EtagDiffers),
            ),
            (
                "same but backup of the same instant",
                Some(object(5, "e", 1000)),
                Incremental,
                Some(Reason::NotLater),
            ),
            (
                "same but backup older",
                Some(object(5, "e", 500)),
                Incremental,
                Some(Reason::NotLater),
            ),
            (
                "same but backup of the same second",
                Some(object(5, "e", 1999)),
                Incremental,
                Some(Reason::NotLater),
            ),
            (
                "same and backup later",
                Some(object(5, "e", 2000)),
                Incremental,
                None,
            ),
            (
                "same and backup later, full",
                Some(object(5, "e", 2000)),
                Full,
                Some(Reason::FullRun),
            ),
            ("not in the backup, full", None, Full, Some(Reason::New)),
        ];

        for (name, backup, mode, reason) in cases {
            let pair = match backup.clone() {
                None => Joined::Left(source()),
                Some(backup) => Joined::Both(source(), backup),
            };
            let expected = match reason {
                None => Action::Keep(source(), listed(backup.clone().unwrap())),
                Some(reason) => Action::Copy {
                    object: source(),
                    backup,
                    reason,
                    record: None,
                },
            };

            assert_eq!(decide(pair, None, &policy(mode)), expected, "{name}");
        }
    }

    #[test]
    fn what_the_last_snapshot_says_decides_if_it_says_anything() {
        use Mode::{Full, Incremental};
        let (source, backup) = (object(5, "e-2", 1000), object(5, "flat", 2000));
        let cases = [
            ("all as recorded", source.clone(), backup.clone(), None),
            (
                "older source",
                object(5, "e-2", 900),
                backup.clone(),
                Some(Reason::SourceChanged),
            ),
            (
                "later source",
                object(5, "e-2", 1001),
                backup.clone(),
                Some(Reason::SourceChanged),
            ),
            (
                "other backup, later and with the source's ETag",
                source.clone(),
                object(5, "e-2", 3000),
                Some(Reason::BackupChanged),
            ),
            (
                "the same backup, written again",
                source.clone(),
                object(5, "flat", 3000),
                Some(Reason::BackupChanged),
            ),
            (
                "both are others, and the backup has the source's ETag and is later",
                object(5, "new", 3000),
                object(5, "new", 4000),
                None,
            ),
            (
                "the same, but in the same second",
                object(5, "new", 3000),
                object(5, "new", 3999),
                Some(Reason::NotLater),
            ),
            (
                "both are others, and the source is an older version that shows again",
                object(5, "new", 900),
                object(5, "new", 4000),
                Some(Reason::SourceChanged),
            ),
            (
                "both are others, and not the same",
                object(5, "new", 3000),
                object(5, "flat", 4000),
                Some(Reason::EtagDiffers),
            ),
            (
                "other size of both",
                object(6, "e-2", 1001),
                object(6, "flat", 3000),
                Some(Reason::EtagDiffers),
            ),
            (
                "other size of the backup",
                source.clone(),
                object(6, "flat", 2000),
                Some(Reason::SizeDiffers),
            ),
        ];

        for (name, now, in_backup, reason) in cases {
            let record = Some(recorded(&source, &backup));
            let pair = || Joined::Both(now.clone(), in_backup.clone());

            let action = decide(pair(), record.clone(), &policy(Incremental));
            let full = decide(pair(), record, &policy(Full));

            let decided = match action {
                Action::Copy { reason, .. } => Some(reason),
                Action::Keep(_, Proof::Recorded(_) | Proof::Listed(_)) => None,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(decided, reason, "{name}");
            assert!(matches!(full, Action::Copy { .. }), "{name}");
        }
    }

    #[test]
    fn a_row_proves_nothing_of_an_object_of_the_second_of_its_copy() {
        for (copied_at, reason) in [
            (500, Some(Reason::NotLater)),
            (1000, Some(Reason::NotLater)),
            (1999, Some(Reason::NotLater)),
            (2000, None),
        ] {
            let (source, backup) = (object(5, "e-2", 1000), object(5, "flat", copied_at));
            let record = Some(recorded(&source, &backup));

            let action = decide(
                Joined::Both(source, backup),
                record,
                &policy(Mode::Incremental),
            );

            let decided = match action {
                Action::Copy { reason, .. } => Some(reason),
                _ => None,
            };
            assert_eq!(decided, reason, "{copied_at}");
        }
    }

    #[test]
    fn a_date_that_the_copy_did_not_tell_is_learned_from_the_listing() {
        let (source, backup) = (object(5, "e", 1000), object(5, "e", 2000));
        let row = Row {
            backup_modified: None,
            ..recorded(&source, &backup).row().to_row()
        };
        let record = samples::segment(&[row]).rows().next().unwrap().unwrap();

        let action = decide(
            Joined::Both(source.clone(), backup.clone()),
            Some(record.clone()),
            &policy(Mode::Incremental),
        );

        let proof = Proof::Relisted(record, Box::new(backup));
        assert_eq!(action, Action::Keep(source, proof));
    }

    #[test]
    fn a_backup_that_the_lifecycle_has_moved_is_recorded_anew() {
        let (source, backup) = (object(5, "e", 1000), object(5, "e", 2000));
        let moved = Object {
            storage_class: StorageClass::new(Some("GLACIER_IR")),
            ..backup.clone()
        };
        let record = recorded(&source, &backup);

        let action = decide(
            Joined::Both(source.clone(), moved.clone()),
            Some(record.clone()),
            &policy(Mode::Incremental),
        );

        let proof = Proof::Relisted(record, Box::new(moved));
        assert_eq!(action, Action::Keep(source, proof));
    }

    #[test]
    fn each_proof_knows_the_class_that_the_backup_is_in() {
        let (source, backup) = (object(5, "e", 1000), object(5, "e", 2000));
        let moved = Object {
            storage_class: StorageClass::new(Some("GLACIER_IR")),
            ..backup.clone()
        };
        let class_of = |backup: &Object, record: Option<SegmentRow>| {
            let pair = Joined::Both(source.clone(), backup.clone());
            match decide(pair, record, &policy(Mode::Incremental)) {
                Action::Keep(_, proof) => proof.class(),
                other => panic!("{other:?}"),
            }
        };

        let as_recorded = class_of(&backup, Some(recorded(&source, &backup)));
        let moved_since = class_of(&moved, Some(recorded(&source, &backup)));
        let as_listed = class_of(&moved, None);

        assert_eq!(as_recorded, backup.storage_class);
        assert_eq!(moved_since, moved.storage_class);
        assert_eq!(as_listed, moved.storage_class);
    }

    #[test]
    fn what_only_the_backup_has_is_an_orphan_if_the_job_has_made_it_and_else_foreign() {
        let (source, backup) = (object(5, "e", 1000), object(5, "e-2", 2000));
        let record = || Some(recorded(&source, &backup));
        let decided = |backup: &Object, record| {
            let pair = Joined::Right(backup.clone());
            decide(pair, record, &policy(Mode::Incremental))
        };

        let own = decided(&backup, record());
        let written_again = object(5, "e-2", 9000);
        let written_over = [object(5, "other", 2000), object(6, "e-2", 2000)];

        assert_eq!(own, Action::Orphan(backup.clone(), record().unwrap()));
        assert!(matches!(
            decided(&written_again, record()),
            Action::Orphan(..)
        ));
        for over in written_over {
            assert_eq!(decided(&over, record()), Action::Foreign(over));
        }
        assert_eq!(decided(&backup, None), Action::Foreign(backup));
    }

    #[test]
    fn an_excluded_object_is_skipped_even_in_a_full_run_and_is_no_orphan() {
        let policy = Policy {
            filter: Filter::new(Selection {
                include: Vec::new(),
                exclude: Glob::parse_list("k").unwrap(),
            }),
            ..policy(Mode::Full)
        };

        let action = decide(Joined::Left(object(5, "e", 1)), None, &policy);
        let only_backup = decide(Joined::Right(object(5, "e", 1)), None, &policy);

        assert_eq!(
            action,
            Action::Skip {
                object: object(5, "e", 1),
                backup: None,
                reason: SkipReason::Excluded,
                record: None,
            }
        );
        assert_eq!(only_backup, Action::Ignore(object(5, "e", 1), None));
    }

    #[test]
    fn an_archived_object_is_skipped_only_if_its_backup_is_current() {
        let archived = || Object {
            storage_class: StorageClass::new(Some("DEEP_ARCHIVE")),
            ..object(5, "e", 1000)
        };

        let current = Joined::Both(archived(), object(5, "e", 2000));
        let stale = Joined::Both(archived(), object(4, "d", 2000));

        let policy = policy(Mode::Incremental);
        assert_eq!(
            decide(current, None, &policy),
            Action::Archived(archived(), listed(object(5, "e", 2000)))
        );
        assert!(matches!(
            decide(stale, None, &policy),
            Action::Copy {
                reason: Reason::SizeDiffers,
                ..
            }
        ));
    }

    #[test]
    fn a_key_among_our_own_state_is_refused() {
        let reserved = || Object {
            key: Key::new(".s3-backup/x"),
            ..object(5, "e", 1)
        };
        let elsewhere = Policy {
            placement: Placement::below(Prefix::new("nightly/")),
            ..policy(Mode::Incremental)
        };

        let refused = decide(Joined::Left(reserved()), None, &policy(Mode::Incremental));
        let copied = decide(Joined::Left(reserved()), None, &elsewhere);

        assert_eq!(refused, Action::Refuse(reserved(), Refusal::ReservedKey));
        assert!(matches!(copied, Action::Copy { .. }));
    }
}
