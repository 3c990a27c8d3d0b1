//! Both sides of a restore, open: where it reads, where it writes, and how keys go from one to the other.

use crate::config::{CopyRules, Destination};
use crate::copy::Copier;
use crate::filter::Filter;
use crate::history::History;
use crate::model::{Key, Object, Placement, Prefix, StorageClass};
use crate::s3::Bucket;

use super::choose::Policy;
use super::rows::Place;
use super::state::TargetRecord;
use super::target_keys::TargetKeys;

/// The two sides.
#[derive(Clone, Debug)]
pub struct Site {
    /// The backup bucket.
    pub backup: Bucket,
    /// The bucket that is written to.
    pub target: Bucket,
    /// What it is called, and where in it.
    pub record: TargetRecord,
    /// Whether it keeps versions.
    pub versioned: bool,
    /// What it had when it was opened, if the only key that is restored is named.
    pub first_look: Option<FirstLook>,
    /// What lies where in the backup.
    pub destination: Destination,
    /// What was backed up when.
    pub history: History,
    /// What copies are like.
    pub rules: CopyRules,
    /// Copies in flight, at most.
    pub at_once: usize,
    /// Parts of one object in flight, at most.
    pub parts_at_once: usize,
}

/// What a target has under a key of the source.
#[derive(Clone, Debug)]
pub struct FirstLook {
    /// The key.
    pub key: Key,
    /// The object, by that key; none if there is none.
    pub there: Option<Object>,
}

/// The wishes of a request, beside the point.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// The part of the source that is backed up, or less of it.
    pub prefix: Prefix,
    /// Which of its keys.
    pub filter: Filter,
    /// Which of its keys are backed up at all: others are not extra.
    pub backed_up: Filter,
    /// How it is decided.
    pub policy: Policy,
    /// Whether extra keys are marked.
    pub marks_extra: bool,
    /// The class of what is written; none to choose it for each.
    pub class: Option<StorageClass>,
    /// Whether the backup keeps each object's own class.
    pub keeps_classes: bool,
}

impl FirstLook {
    /// What was listed for a key of the source.
    pub fn of(key: &Key, listed: Option<Object>) -> Self {
        let there = listed.map(|object| Object {
            key: key.clone(),
            ..object
        });
        Self {
            key: key.clone(),
            there,
        }
    }
}

impl Site {
    /// Whether S3 has refused the credentials for one of the sides, and those that were asked for then.
    pub fn credentials_are_refused(&self) -> bool {
        self.target.credentials_are_refused() || self.backup.credentials_are_refused()
    }

    /// Where keys of the source go in the target.
    pub fn to(&self) -> TargetKeys {
        TargetKeys::new(&self.record.prefix, &self.record.strip_prefix)
    }

    /// The key of the target for one of the source.
    pub fn target_key(&self, source: &Key) -> Key {
        self.to().of(source)
    }

    /// The key of the backup of one of the source.
    pub fn backup_key(&self, source: &Key) -> Key {
        self.destination.placement.backup_key(source)
    }

    /// What copies from one side to the target.
    pub fn copier(&self, from: Place) -> Copier {
        let source = match from {
            Place::Backup => self.backup.clone(),
            Place::Target => self.target.clone(),
        };
        self.copier_between(source, self.target.clone())
    }

    /// What copies from the target into the state of the restore.
    pub fn copier_aside(&self) -> Copier {
        self.copier_between(self.target.clone(), self.backup.clone())
    }

    fn copier_between(&self, source: Bucket, destination: Bucket) -> Copier {
        Copier {
            source,
            destination,
            placement: Placement::default(),
            rules: self.rules.clone(),
            parts_at_once: self.parts_at_once,
        }
    }
}

impl Wishes {
    /// The class that a restored object is written to: never an archive unless that was asked for.
    pub fn class_for(&self, recorded: &StorageClass, there: Option<&Object>) -> StorageClass {
        if let Some(class) = &self.class {
            return class.clone();
        }
        let own = self.keeps_classes.then_some(recorded);
        let there = there.map(|there| &there.storage_class);
        let chosen = own.or(there).filter(|class| !class.is_archive());
        chosen.cloned().unwrap_or_else(|| StorageClass::new(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Timestamp};

    fn wishes(class: Option<&str>, keeps_classes: bool) -> Wishes {
        Wishes {
            prefix: Prefix::default(),
            filter: Filter::default(),
            backed_up: Filter::default(),
            policy: Policy {
                in_place: true,
                only_missing: false,
                by_versions: false,
            },
            marks_extra: false,
            class: class.map(|class| StorageClass::new(Some(class))),
            keeps_classes,
        }
    }

    #[test]
    fn the_class_is_the_recorded_one_or_that_of_what_is_replaced_and_never_an_archive_unasked() {
        let class = |name| StorageClass::new(Some(name));
        let there = |name| {
            Some(Object {
                key: Key::new("k"),
                size: 0,
                etag: ETag::new("e"),
                last_modified: Timestamp::from_millis(0),
                storage_class: class(name),
            })
        };
        let cases = [
            (None, false, "STANDARD_IA", None, "STANDARD"),
            (None, false, "STANDARD", there("STANDARD_IA"), "STANDARD_IA"),
            (None, true, "ONEZONE_IA", there("STANDARD_IA"), "ONEZONE_IA"),
            (None, true, "GLACIER", None, "STANDARD"),
            (None, false, "STANDARD", there("DEEP_ARCHIVE"), "STANDARD"),
            (Some("GLACIER"), true, "STANDARD", None, "GLACIER"),
        ];

        for (asked, keeps, recorded, there, expected) in cases {
            let chosen = wishes(asked, keeps).class_for(&class(recorded), there.as_ref());

            assert_eq!(chosen, class(expected));
        }
    }
}
