//! The way from a key of the source to that of the target and back. Pure.

use crate::model::{Key, Placement, Prefix, Start};

/// Where keys of the source go in the target: each loses one beginning and gets another. All keys of a restore
/// have the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetKeys {
    below: Placement,
    prefix: Prefix,
    stripped: Prefix,
}

impl TargetKeys {
    /// Keys lose `stripped` and get `prefix`.
    pub fn new(prefix: &str, stripped: &str) -> Self {
        let prefix = Prefix::new(prefix);
        Self {
            below: Placement::below(prefix.clone()),
            prefix,
            stripped: Prefix::new(stripped),
        }
    }

    /// The key of the target for one of the source.
    pub fn of(&self, source: &Key) -> Key {
        match self.rest(source) {
            Some(rest) => self.below.backup_key(&rest),
            None => self.below.backup_key(source),
        }
    }

    /// The key of the source that one of the target stands for; none if it stands for none.
    pub fn source_of(&self, target: Key) -> Option<Key> {
        let rest = target.without_prefix(&self.prefix)?;
        Some(Placement::below(self.stripped.clone()).backup_key(&rest))
    }

    /// What all keys of the target begin with that stand for those below a prefix of the source.
    pub fn prefix(&self, source: &Prefix) -> Prefix {
        let rest = source.as_str().strip_prefix(self.stripped.as_str());
        self.prefix.join(&Prefix::new(rest.unwrap_or_default()))
    }

    /// A key of the target to list after, so that no key of a range of the source that begins there is missed, though
    /// some before it may come along. None to list from the first key.
    pub fn list_after(&self, start: &Start) -> Option<Key> {
        let rest = self.rest(&start.list_after()?)?;
        // Longer than any key it would be refused; what begins another text comes before it.
        Some(self.below.backup_key(&rest).cut_to_fit())
    }

    fn rest(&self, source: &Key) -> Option<Key> {
        source.clone().without_prefix(&self.stripped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_place_in_the_target_and_back() {
        let cases = [
            ("", "", "a/b", "a/b"),
            ("back/", "", "a/b", "back/a/b"),
            ("a/copy/", "a/", "a/b", "a/copy/b"),
            ("a/", "a/", "a/b", "a/b"),
            ("copy/", "a/", "a/", "copy/"),
        ];

        for (prefix, stripped, source, target) in cases {
            let keys = TargetKeys::new(prefix, stripped);
            let (source, target) = (Key::new(source), Key::new(target));

            assert_eq!(keys.of(&source), target);
            assert_eq!(keys.source_of(target), Some(source));
        }
        let keys = TargetKeys::new("a/copy/", "a/");
        assert_eq!(keys.source_of(Key::new("a/b")), None);
    }

    #[test]
    fn a_listing_of_the_target_begins_where_the_range_does() {
        let keys = TargetKeys::new("a/copy/", "a/");
        let after = |key: &str| keys.list_after(&Start::After(Key::new(key)));

        assert_eq!(keys.prefix(&Prefix::new("a/b/")), Prefix::new("a/copy/b/"));
        assert_eq!(keys.prefix(&Prefix::default()), Prefix::new("a/copy/"));
        assert_eq!(after("a/b/c"), Some(Key::new("a/copy/b/c")));
        assert_eq!(after("Z"), None);
        assert_eq!(keys.list_after(&Start::Beginning), None);
        let long = after(&format!("a/{}", "x".repeat(1_020)));
        assert_eq!(long.unwrap().as_str().len(), Key::MOST_BYTES);
    }
}
