//! What the point had and what the target has in, what happens to the key out. Pure.
//!
//! Only what S3 lists is compared here. Where that proves nothing, both sides are looked at.

use serde::{Deserialize, Serialize};

use crate::model::{Object, Timestamp};
use crate::snapshot::RowRef;

/// What decides beside the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the target is the source: then the snapshot tells what an untouched object looks like there.
    pub in_place: bool,
    /// Whether existing keys are left alone.
    pub only_missing: bool,
    /// Whether the point is known by the versions of the backup alone.
    pub by_versions: bool,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is copied.
    Copy(Why),
    /// It is copied unless a look at both sides proves that they are equal.
    Compare(Why),
    /// It is the same object.
    Unchanged,
    /// It exists, and only missing ones are asked for.
    Exists,
    /// The point does not have it.
    Extra,
    /// Neither side has it.
    Nothing,
}

/// Why something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The target has no such key.
    New,
    /// It has an object that was written before the one of the point, or with it.
    ReplacesOlder,
    /// It has an object that was written after the one of the point.
    ReplacesNewer,
    /// It has a key that the point does not have.
    Extra,
    /// An undo: what stood there before.
    Back,
    /// An undo: nothing stood there before.
    Created,
}

impl Why {
    /// All of them, in the order of results.
    pub const ALL: [Self; 6] = [
        Self::New,
        Self::ReplacesOlder,
        Self::ReplacesNewer,
        Self::Extra,
        Self::Back,
        Self::Created,
    ];

    /// Its name, as in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::ReplacesOlder => "replaces_older",
            Self::ReplacesNewer => "replaces_newer",
            Self::Extra => "extra",
            Self::Back => "back",
            Self::Created => "created",
        }
    }
}

/// Decides on a key.
pub fn choose(row: Option<RowRef<'_>>, there: Option<&Object>, policy: Policy) -> Choice {
    let (row, there) = match (row, there) {
        (Some(row), Some(there)) => (row, there),
        (Some(_), None) => return Choice::Copy(Why::New),
        (None, Some(_)) => return Choice::Extra,
        (None, None) => return Choice::Nothing,
    };
    if policy.only_missing {
        return Choice::Exists;
    }
    let is_same = if policy.by_versions {
        is_older_source_of(there, row)
    } else {
        row.describes_in_seconds(there)
    };
    if policy.in_place && is_same {
        return Choice::Unchanged;
    }
    let is_newer = there.last_modified.as_seconds() > row.source_modified.as_seconds();
    let why = if is_newer {
        Why::ReplacesNewer
    } else {
        Why::ReplacesOlder
    };
    if there.size == row.size {
        Choice::Compare(why)
    } else {
        Choice::Copy(why)
    }
}

/// Whether a version of the backup was made of that very object, as rule 4 of a backup decides: the same bytes,
/// in an object that is older than the copy.
fn is_older_source_of(there: &Object, row: RowRef<'_>) -> bool {
    let copied = row.backup_modified.map(Timestamp::as_seconds);
    there.etag.as_str() == row.backup_etag
        && there.size == row.size
        && copied.is_some_and(|copied| there.last_modified.as_seconds() < copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Key, StorageClass};
    use crate::snapshot::Row;

    const IN_PLACE: Policy = Policy {
        in_place: true,
        only_missing: false,
        by_versions: false,
    };

    fn row() -> Row {
        Row {
            key: Key::new("k"),
            size: 5,
            source_etag: ETag::new("source"),
            source_modified: Timestamp::from_millis(10_000),
            source_version_id: None,
            backup_etag: ETag::new("backup"),
            backup_modified: None,
            backup_version_id: None,
            storage_class: StorageClass::new(None),
            checksum: None,
        }
    }

    fn object(etag: &str, size: u64, seconds: i64) -> Object {
        Object {
            key: Key::new("k"),
            size,
            etag: ETag::new(etag),
            last_modified: Timestamp::from_millis(seconds * 1000),
            storage_class: StorageClass::new(None),
        }
    }

    #[test]
    fn what_is_listed_decides_where_it_can() {
        let elsewhere = Policy {
            in_place: false,
            ..IN_PLACE
        };
        let missing = Policy {
            only_missing: true,
            ..IN_PLACE
        };
        let same = object("source", 5, 10);
        let cases = [
            ("deleted", None, IN_PLACE, Choice::Copy(Why::New)),
            ("untouched", Some(same.clone()), IN_PLACE, Choice::Unchanged),
            (
                "the same bytes with another date may have other metadata",
                Some(object("source", 5, 11)),
                IN_PLACE,
                Choice::Compare(Why::ReplacesNewer),
            ),
            (
                "the same bytes elsewhere",
                Some(same.clone()),
                elsewhere,
                Choice::Compare(Why::ReplacesOlder),
            ),
            (
                "overwritten",
                Some(object("x", 6, 11)),
                IN_PLACE,
                Choice::Copy(Why::ReplacesNewer),
            ),
            (
                "set back",
                Some(object("x", 6, 9)),
                IN_PLACE,
                Choice::Copy(Why::ReplacesOlder),
            ),
            (
                "only missing ones",
                Some(object("x", 6, 11)),
                missing,
                Choice::Exists,
            ),
            ("only missing ones", None, missing, Choice::Copy(Why::New)),
        ];

        for (case, there, policy, expected) in cases {
            let chosen = choose(Some(row().as_ref()), there.as_ref(), policy);

            assert_eq!(chosen, expected, "{case}");
        }
        assert_eq!(choose(None, Some(&same), IN_PLACE), Choice::Extra);
        assert_eq!(choose(None, None, IN_PLACE), Choice::Nothing);
    }

    #[test]
    fn an_object_that_a_store_lists_in_milliseconds_is_the_one_that_head_dates_in_seconds() {
        let row = Row {
            source_modified: Timestamp::from_millis(10_886),
            ..row()
        };
        let choices = [
            (object("source", 5, 10), Choice::Unchanged),
            (object("source", 5, 11), Choice::Compare(Why::ReplacesNewer)),
            (object("other", 5, 10), Choice::Compare(Why::ReplacesOlder)),
        ];
        for (there, expected) in choices {
            assert_eq!(choose(Some(row.as_ref()), Some(&there), IN_PLACE), expected);
        }

        let listed = Object {
            last_modified: Timestamp::from_millis(10_887),
            ..object("source", 5, 10)
        };
        let chosen = choose(Some(row.as_ref()), Some(&listed), IN_PLACE);
        assert_eq!(chosen, Choice::Compare(Why::ReplacesOlder));
    }
}
