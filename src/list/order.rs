//! The guard of the join: keys ascend strictly, within a page and from page to page.
//!
//! General purpose buckets list in the order of UTF-8 bytes. Directory buckets and some other stores
//! do not, and a silent disorder would turn the join into nonsense.

use crate::model::{Key, Object};

/// A key that is listed behind a later one, or twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "key {key} is listed after {before}, and S3 lists each key once, in the order of UTF-8 bytes"
)]
pub struct Disordered {
    key: Key,
    before: Key,
}

/// Checks that the objects ascend, and begin after `last`.
///
/// # Errors
/// The two keys that do not.
pub fn ascends(last: Option<&Key>, objects: &[Object]) -> Result<(), Disordered> {
    let mut before = last;
    for object in objects {
        if let Some(before) = before.filter(|before| **before >= object.key) {
            return Err(Disordered {
                key: object.key.clone(),
                before: before.clone(),
            });
        }
        before = Some(&object.key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, StorageClass, Timestamp};

    fn objects(keys: &[&str]) -> Vec<Object> {
        let object = |key: &&str| Object {
            key: Key::new(*key),
            size: 0,
            etag: ETag::new("e"),
            last_modified: Timestamp::from_millis(0),
            storage_class: StorageClass::new(None),
        };
        keys.iter().map(object).collect()
    }

    #[test]
    fn ascending_keys_pass_and_others_do_not() {
        let last = Key::new("b");
        let cases: [(Option<&Key>, &[&str], bool); 6] = [
            (None, &[], true),
            (None, &["a", "b", "ba"], true),
            (None, &["a", "a"], false),
            (None, &["b", "a"], false),
            (Some(&last), &["c"], true),
            (Some(&last), &["b"], false),
        ];

        for (last, keys, passes) in cases {
            assert_eq!(ascends(last, &objects(keys)).is_ok(), passes, "{keys:?}");
        }
    }

    #[test]
    fn both_keys_and_the_rule_are_told() {
        let told = ascends(None, &objects(&["data/", "data 2.txt"]))
            .unwrap_err()
            .to_string();

        assert_eq!(
            told,
            "key data 2.txt is listed after data/, and S3 lists each key once, in the order of UTF-8 bytes"
        );
    }
}
