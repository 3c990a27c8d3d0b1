//! What stands under a key in, what is to be done about it out: one pure function.
//!
//! Each weaker rule loses data. By size alone, edits that keep it are missed. By date alone, an
//! upload begun before a run and finished after it is. By `ETag` alone, rewritten metadata is.

use std::fmt;

use super::join::Joined;
use crate::event::Mode;
use crate::filter::Filter;
use crate::model::{Key, Object, Placement};
use crate::s3::S3Error;

/// What a decision follows.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which keys are backed up.
    pub filter: Filter,
    /// What is new or changed, or all.
    pub mode: Mode,
    /// Where backups go.
    pub placement: Placement,
}

/// What is to be done about one key.
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
    },
    /// Nothing: the backup is current.
    Keep(Object),
    /// Leave it out, as configured or because it cannot be read and need not be.
    Skip(Object, SkipReason),
    /// It should be copied and cannot be.
    Refuse(Object, Refusal),
    /// It is gone from the source: the backup keeps it.
    Orphan(Object),
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
            | Self::Keep(object)
            | Self::Skip(object, _)
            | Self::Refuse(object, _)
            | Self::Orphan(object) => Some(&object.key),
            Self::Break(_) | Self::End => None,
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
    /// The run copies everything.
    FullRun,
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
}

/// Why an object that should be copied cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its backup would fall among the program's own state.
    ReservedKey,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::SizeDiffers => "size differs",
            Self::EtagDiffers => "ETag differs",
            Self::NotLater => "backup is not later",
            Self::FullRun => "full run",
        })
    }
}

/// Decides what is to be done about what stands under one key.
pub fn decide(pair: Joined<Object, Object>, policy: &Policy) -> Action {
    let (object, backup) = match pair {
        Joined::Right(backup) => return Action::Orphan(backup),
        Joined::Left(object) => (object, None),
        Joined::Both(object, backup) => (object, Some(backup)),
    };
    if !policy.filter.admits(&object.key) {
        return Action::Skip(object, SkipReason::Excluded);
    }
    if policy.placement.is_reserved(&object.key) {
        return Action::Refuse(object, Refusal::ReservedKey);
    }
    match reason_to_copy(&object, backup.as_ref(), policy.mode) {
        Some(reason) => Action::Copy {
            object,
            backup,
            reason,
        },
        None if object.storage_class.is_archive() => Action::Skip(object, SkipReason::Archived),
        None => Action::Keep(object),
    }
}

/// Why the object must be copied; none if its backup is proven to be current.
fn reason_to_copy(object: &Object, backup: Option<&Object>, mode: Mode) -> Option<Reason> {
    let Some(backup) = backup else {
        return Some(Reason::New);
    };
    if mode == Mode::Full {
        Some(Reason::FullRun)
    } else if object.size != backup.size {
        Some(Reason::SizeDiffers)
    } else if object.etag != backup.etag {
        Some(Reason::EtagDiffers)
    } else if backup.last_modified <= object.last_modified {
        Some(Reason::NotLater)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Selection;
    use crate::model::{ETag, Glob, Prefix, StorageClass, Timestamp};

    fn object(size: u64, etag: &str, modified: i64) -> Object {
        Object {
            key: Key::new("k"),
            size,
            etag: ETag::new(etag),
            last_modified: Timestamp::from_millis(modified),
            storage_class: StorageClass::new(None),
        }
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
                "same and backup later",
                Some(object(5, "e", 1001)),
                Incremental,
                None,
            ),
            (
                "same and backup later, full",
                Some(object(5, "e", 1001)),
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
                None => Action::Keep(source()),
                Some(reason) => Action::Copy {
                    object: source(),
                    backup,
                    reason,
                },
            };

            assert_eq!(decide(pair, &policy(mode)), expected, "{name}");
        }
    }

    #[test]
    fn what_is_only_in_the_backup_is_an_orphan() {
        let orphan = object(5, "e", 1);

        let action = decide(Joined::Right(orphan.clone()), &policy(Mode::Incremental));

        assert_eq!(action, Action::Orphan(orphan));
    }

    #[test]
    fn an_excluded_object_is_skipped_even_in_a_full_run() {
        let policy = Policy {
            filter: Filter::new(Selection {
                include: Vec::new(),
                exclude: Glob::parse_list("k").unwrap(),
            }),
            ..policy(Mode::Full)
        };

        let action = decide(Joined::Left(object(5, "e", 1)), &policy);

        assert_eq!(
            action,
            Action::Skip(object(5, "e", 1), SkipReason::Excluded)
        );
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
            decide(current, &policy),
            Action::Skip(archived(), SkipReason::Archived)
        );
        assert!(matches!(
            decide(stale, &policy),
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

        let refused = decide(Joined::Left(reserved()), &policy(Mode::Incremental));
        let copied = decide(Joined::Left(reserved()), &elsewhere);

        assert_eq!(refused, Action::Refuse(reserved(), Refusal::ReservedKey));
        assert!(matches!(copied, Action::Copy { .. }));
    }
}
