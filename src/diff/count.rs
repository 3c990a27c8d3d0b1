//! What an action tells of how much there is on both sides, for the brake on deletions.

use super::{Action, Reason, SkipReason};
use crate::model::{Key, KeyCounts, KeySet};

/// What one action adds to what was counted. What the filter does not admit counts for nothing, so
/// that it can neither be marked nor make deletions look few. Nor does what is foreign.
pub fn count(action: &Action) -> KeyCounts {
    let (source, backup, gone) = match action {
        Action::Copy {
            backup: Some(_), ..
        }
        | Action::Keep(..)
        | Action::Archived(..) => (1, 1, 0),
        Action::Copy { backup: None, .. } | Action::Refuse(..) => (1, 0, 0),
        Action::Skip { backup, reason, .. } => match reason {
            SkipReason::Excluded => (0, 0, 0),
            SkipReason::Archived | SkipReason::OtherTags | SkipReason::Deferred => {
                (1, u64::from(backup.is_some()), 0)
            }
        },
        Action::Orphan(..) => (0, 1, 1),
        Action::Foreign(_) | Action::Ignore(..) | Action::Break(_) | Action::End => (0, 0, 0),
    };
    let gone_keys = match action {
        Action::Orphan(backup, _) => KeySet::of(&backup.key),
        _ => KeySet::default(),
    };
    let changed = changed_key(action);
    KeyCounts {
        source,
        backup,
        gone,
        gone_keys,
        changed: u64::from(changed.is_some()),
        changed_keys: changed.map_or_else(KeySet::default, KeySet::of),
        foreign: u64::from(matches!(action, Action::Foreign(_))),
    }
}

/// The key of an object that is not what was backed up. An object that is copied again for another reason has not changed.
fn changed_key(action: &Action) -> Option<&Key> {
    match action {
        Action::Copy { object, reason, .. } => match reason {
            Reason::SizeDiffers
            | Reason::EtagDiffers
            | Reason::NotLater
            | Reason::SourceChanged => Some(&object.key),
            Reason::New | Reason::BackupChanged | Reason::FullRun | Reason::Repair => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Proof;
    use super::*;
    use crate::model::{ETag, Object, StorageClass, Timestamp};
    use crate::snapshot::samples;

    fn object() -> Object {
        Object {
            key: Key::new("k"),
            size: 1,
            etag: ETag::new("e"),
            last_modified: Timestamp::from_millis(0),
            storage_class: StorageClass::new(None),
        }
    }

    #[test]
    fn each_side_is_counted_as_far_as_the_filter_admits_it() {
        let copy = |backup| Action::Copy {
            object: object(),
            backup,
            reason: Reason::FullRun,
            record: None,
        };
        let listed = || Proof::Listed(Box::new(object()));
        let skip = |backup, reason| Action::Skip {
            object: object(),
            backup,
            reason,
            record: None,
        };
        let record = samples::segment(&[samples::row(0)]).rows().next();
        let record = record.unwrap().unwrap();
        let cases = [
            (copy(None), [1, 0, 0]),
            (copy(Some(object())), [1, 1, 0]),
            (Action::Keep(object(), listed()), [1, 1, 0]),
            (Action::Archived(object(), listed()), [1, 1, 0]),
            (skip(None, SkipReason::OtherTags), [1, 0, 0]),
            (skip(Some(object()), SkipReason::OtherTags), [1, 1, 0]),
            (skip(Some(object()), SkipReason::Excluded), [0, 0, 0]),
            (Action::Orphan(object(), record), [0, 1, 1]),
            (Action::Foreign(object()), [0, 0, 0]),
            (Action::Ignore(object(), None), [0, 0, 0]),
            (Action::End, [0, 0, 0]),
        ];

        for (action, expected) in cases {
            let KeyCounts {
                source,
                backup,
                gone,
                gone_keys,
                foreign,
                changed: _,
                changed_keys: _,
            } = count(&action);
            assert_eq!(gone == 0, gone_keys == KeySet::default());
            assert_eq!(foreign == 1, matches!(action, Action::Foreign(_)));

            assert_eq!([source, backup, gone], expected, "{action:?}");
        }
    }
}
