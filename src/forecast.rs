//! What a run would do about a key, what that takes, and what the backup would hold of it then.
//!
//! Pure arithmetic by the rules that the copies themselves follow. What only a look at an object tells is
//! taken for the usual: that its parts are equal in size, that S3 hides none of its metadata, and that
//! nothing has to be done twice.

use crate::config::CopyRules;
use crate::diff::{Action, Reason};
use crate::model::{Key, Layout, MOST_OBJECT_BYTES, Object, SourceParts, StorageClass};
use crate::s3::Requests;

/// What would become of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The copy that would be made.
    pub copy: Option<PlannedCopy>,
    /// What would be sent.
    pub requests: Requests,
    /// The class and the bytes of what would be current in the backup.
    pub stored: Option<(StorageClass, u64)>,
}

/// A copy that would be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCopy {
    /// The object's key.
    pub key: Key,
    /// Its bytes.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
}

impl Forecast {
    /// What would become of an action; a copy is made only if that is `due`.
    pub fn of(action: &Action, due: bool, rules: &CopyRules) -> Self {
        let (object, backup, reason) = match action {
            Action::Copy {
                object,
                backup,
                reason,
                record: _,
            } => (object, backup, *reason),
            // A backup that is current has its object's size.
            Action::Keep(object, proof) | Action::Archived(object, proof) => {
                return Self::without_copy(Some((proof.class(), object.size)));
            }
            Action::Skip { backup, .. } => {
                return Self::without_copy(backup.as_ref().map(in_backup));
            }
            Action::Orphan(backup, _) | Action::Foreign(backup) | Action::Ignore(backup, _) => {
                return Self::without_copy(Some(in_backup(backup)));
            }
            Action::Refuse(..) | Action::Break(_) | Action::End => return Self::without_copy(None),
        };
        let looked_at = !rules.include_tags.is_empty() && object.size <= MOST_OBJECT_BYTES;
        let tags = u64::from(looked_at);
        if !due {
            let forecast = Self::without_copy(backup.as_ref().map(in_backup));
            return forecast.and(0, tags);
        }
        let (copy, head) = requests(object, rules);
        let class = rules.storage_class.class_of(object).clone();
        let forecast = Self {
            copy: Some(PlannedCopy {
                key: object.key.clone(),
                bytes: object.size,
                reason,
            }),
            requests: Requests::default(),
            stored: Some((class, object.size)),
        };
        forecast.and(copy, head + tags)
    }

    fn without_copy(stored: Option<(StorageClass, u64)>) -> Self {
        Self {
            copy: None,
            requests: Requests::default(),
            stored,
        }
    }

    fn and(self, copy: u64, head: u64) -> Self {
        let requests = Requests {
            copy,
            head,
            ..self.requests
        };
        Self { requests, ..self }
    }
}

/// The class and the bytes of a backup.
fn in_backup(backup: &Object) -> (StorageClass, u64) {
    (backup.storage_class.clone(), backup.size)
}

/// The copies and looks that one object takes.
fn requests(object: &Object, rules: &CopyRules) -> (u64, u64) {
    if !rules.cut(object.size) {
        let redirect = rules.website_redirects.are_looked_up(object.size);
        return (1, u64::from(redirect));
    }
    let source = object.etag.parts().map(|count| SourceParts {
        first: object.size.div_ceil(u64::from(count.max(1))),
        count,
    });
    let parts = Layout::new(object.size, source).count();
    // The upload is begun and completed; properties are looked up before and after, tags, and the source's
    // parts.
    let layout = u64::from(object.etag.is_multipart());
    (parts + 2, 3 + layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Redirects;
    use crate::diff::{Proof, SkipReason};
    use crate::model::{ETag, Tags, Timestamp};

    const MIB: u64 = 1024 * 1024;
    const GIB: u64 = 1024 * MIB;

    fn object(size: u64, etag: &str, class: &str) -> Object {
        Object {
            key: Key::new("k"),
            size,
            etag: ETag::new(etag),
            last_modified: Timestamp::from_millis(0),
            storage_class: StorageClass::new(Some(class)),
        }
    }

    fn copy(object: Object) -> Action {
        Action::Copy {
            object,
            backup: Some(self::object(7, "old", "GLACIER_IR")),
            reason: Reason::SizeDiffers,
            record: None,
        }
    }

    fn with_tags() -> CopyRules {
        CopyRules {
            include_tags: Tags::new([("a".to_owned(), "b".to_owned())]),
            ..CopyRules::default()
        }
    }

    #[test]
    fn a_copy_takes_one_request_and_a_large_one_as_many_as_its_parts() {
        let all = CopyRules {
            website_redirects: Redirects::All,
            ..CopyRules::default()
        };
        let cases = [
            ("small", 1, "e", CopyRules::default(), (1, 0)),
            ("empty", 0, "e", CopyRules::default(), (1, 1)),
            ("redirect asked for", 1, "e", all, (1, 1)),
            ("by its tags", 1, "e", with_tags(), (1, 1)),
            ("at the threshold", GIB, "e", CopyRules::default(), (1, 0)),
            ("in one part", GIB + 1, "e", CopyRules::default(), (7, 3)),
            ("in 135", GIB + 1, "e-135", CopyRules::default(), (137, 4)),
            (
                "in too many",
                GIB + 1,
                "e-1000",
                CopyRules::default(),
                (7, 4),
            ),
            ("large, by its tags", GIB + 1, "e", with_tags(), (7, 4)),
        ];

        for (name, size, etag, rules, (copy, head)) in cases {
            let action = self::copy(object(size, etag, "STANDARD"));

            let forecast = Forecast::of(&action, true, &rules);

            let expected = Requests {
                list: 0,
                copy,
                head,
                thaw: 0,
            };
            assert_eq!(forecast.requests, expected, "{name}");
            assert_eq!(forecast.copy.unwrap().bytes, size, "{name}");
        }
    }

    #[test]
    fn what_is_copied_is_stored_in_the_class_of_copies_and_the_rest_where_it_is() {
        let source = CopyRules {
            storage_class: crate::config::ClassRule::Source,
            ..CopyRules::default()
        };
        let usual = CopyRules::default();
        let backup = || object(3, "b", "DEEP_ARCHIVE");
        let proof = || Proof::Listed(Box::new(backup()));
        let changed = copy(object(1, "e", "STANDARD_IA"));
        let kept = Action::Keep(object(3, "b", "STANDARD"), proof());
        let archived = Action::Archived(object(3, "b", "GLACIER"), proof());
        let skipped = Action::Skip {
            object: object(9, "c", "STANDARD"),
            backup: Some(backup()),
            reason: SkipReason::Excluded,
            record: None,
        };
        let orphan = Action::Foreign(backup());
        let cases = [
            (&changed, true, &usual, ("STANDARD", 1)),
            (&changed, true, &source, ("STANDARD_IA", 1)),
            (&changed, false, &usual, ("GLACIER_IR", 7)),
            (&kept, false, &usual, ("DEEP_ARCHIVE", 3)),
            (&archived, false, &usual, ("DEEP_ARCHIVE", 3)),
            (&skipped, false, &usual, ("DEEP_ARCHIVE", 3)),
            (&orphan, false, &usual, ("DEEP_ARCHIVE", 3)),
        ];

        for (action, due, rules, (class, bytes)) in cases {
            let forecast = Forecast::of(action, due, rules);

            let stored = Some((StorageClass::new(Some(class)), bytes));
            assert_eq!(forecast.stored, stored, "{action:?}");
            assert_eq!(forecast.copy.is_some(), due, "{action:?}");
        }
    }

    #[test]
    fn an_object_with_other_tags_takes_a_look_and_no_copy() {
        let forecast = Forecast::of(&copy(object(1, "e", "STANDARD")), false, &with_tags());

        let look = Requests {
            head: 1,
            ..Requests::default()
        };
        assert_eq!(forecast.requests, look);
    }
}
