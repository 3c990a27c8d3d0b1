//! Where objects live: a bucket and a prefix, and the way from a source key to its backup and back.

use std::fmt;

use serde::Serialize;

use super::{Key, Prefix, Start};

/// Below this prefix of the backup bucket the program keeps its own state, never objects.
pub const STATE: &str = ".s3-backup/";

/// The name of a bucket, checked for form only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BucketName(String);

/// A text that cannot be the name of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a bucket name: 3 to 255 letters, digits, dots, hyphens and underscores are allowed"
)]
pub struct InvalidName;

impl BucketName {
    /// A bucket's name. Upper case, underscores and more than 63 characters are taken as well:
    /// buckets older than 2018 have them.
    ///
    /// # Errors
    /// When S3 could not have a bucket of that name.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (3..=255).contains(&name.len()) && name.chars().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName)
        }
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a directory bucket (S3 Express One Zone), which neither lists in order nor
    /// keeps versions.
    pub fn is_directory_bucket(&self) -> bool {
        self.0.ends_with("--x-s3")
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a bucket: all keys below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The bucket.
    pub bucket: BucketName,
    /// The beginning of the keys; empty for the whole bucket.
    pub prefix: Prefix,
}

impl Location {
    /// Reads `bucket` or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// When the bucket's name is malformed.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let (bucket, prefix) = match text.strip_prefix("s3://") {
            None => (text, ""),
            Some(path) => path.split_once('/').unwrap_or((path, "")),
        };
        Ok(Self {
            bucket: BucketName::new(bucket)?,
            prefix: Prefix::new(prefix),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix.is_empty() {
            return self.bucket.fmt(f);
        }
        write!(f, "s3://{}/{}", self.bucket, self.prefix.as_str())
    }
}

/// Where source keys land in a backup bucket: each below one prefix, otherwise unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement(Prefix);

impl Placement {
    /// Puts the prefix before each key.
    pub fn below(prefix: Prefix) -> Self {
        Self(prefix)
    }

    /// The prefix under which the backups of all keys below `source` are.
    pub fn prefix(&self, source: &Prefix) -> Prefix {
        self.0.join(source)
    }

    /// The key of the backup of a source key.
    pub fn backup_key(&self, source: &Key) -> Key {
        if self.0.is_empty() {
            return source.clone();
        }
        Key::new(format!("{}{}", self.0.as_str(), source.as_str()))
    }

    /// A key to list the backups after, so that no key of a range that begins there is missed, though some before it
    /// may come along. None to list from the first key.
    pub fn list_after(&self, start: &Start) -> Option<Key> {
        // Longer than any key it would be refused; what begins another text comes before it.
        let after = start.list_after()?;
        Some(self.backup_key(&after).cut_to_fit())
    }

    /// The source key that a backup is of; none for what is not ours or is our own state.
    pub fn source_key(&self, backup: Key) -> Option<Key> {
        if Self::is_state(&backup) {
            return None;
        }
        self.key_below(backup)
    }

    /// What follows the prefix in a key, be it our own state or not; none if it does not begin with the prefix.
    pub fn key_below(&self, key: Key) -> Option<Key> {
        key.without_prefix(&self.0)
    }

    /// Whether the backup of this key would fall among the program's own state.
    pub fn is_reserved(&self, source: &Key) -> bool {
        let prefix = self.0.as_str();
        match STATE.strip_prefix(prefix) {
            Some(rest) => source.as_str().starts_with(rest),
            None => prefix.starts_with(STATE),
        }
    }

    /// A key that comes behind the program's own state, and before whatever follows it, if the backup key
    /// is in the state.
    pub fn behind_state(backup: &Key) -> Option<Key> {
        // No character comes after this one, so that no key of ours does.
        Self::is_state(backup).then(|| Key::new(format!("{STATE}{}", char::MAX)))
    }

    fn is_state(key: &Key) -> bool {
        key.as_str().starts_with(STATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_reserved_whose_backup_would_be_state() {
        for prefix in [
            "",
            ".",
            ".s3",
            ".s3-backup",
            ".s3-backup/",
            ".s3-backup/a/",
            "a/",
            ".s3-a",
        ] {
            let placement = Placement::below(Prefix::new(prefix));
            for source in [
                "a",
                ".s3-backup/a",
                "s3-backup/a",
                "-backup/a",
                "/a",
                "-backups/a",
                ".s3-backups/a",
            ] {
                let source = Key::new(source);
                let is_state = Placement::is_state(&placement.backup_key(&source));

                assert_eq!(
                    placement.is_reserved(&source),
                    is_state,
                    "{prefix} {source}"
                );
            }
        }
    }

    #[test]
    fn a_location_is_a_bucket_or_an_s3_url() {
        let cases = [
            ("primary", "primary", ""),
            ("s3://primary", "primary", ""),
            ("s3://primary/", "primary", ""),
            ("s3://primary/a/b", "primary", "a/b"),
            ("s3://primary//a", "primary", "/a"),
        ];

        for (text, bucket, prefix) in cases {
            let location = Location::parse(text).unwrap();

            assert_eq!(location.bucket.as_str(), bucket, "{text}");
            assert_eq!(location.prefix.as_str(), prefix, "{text}");
        }
    }

    #[test]
    fn malformed_bucket_names_are_refused() {
        for text in [
            "",
            "ab",
            "a b c",
            "s3:/primary",
            "https://x",
            "bücket",
            "a/b",
        ] {
            assert_eq!(Location::parse(text), Err(InvalidName), "{text:?}");
        }
    }

    #[test]
    fn a_key_finds_its_backup_and_back() {
        let placement = Placement::below(Prefix::new("nightly/"));

        let backup = placement.backup_key(&Key::new("/a//b/"));

        assert_eq!(backup, Key::new("nightly//a//b/"));
        assert_eq!(placement.source_key(backup), Some(Key::new("/a//b/")));
    }

    #[test]
    fn the_programs_own_state_is_nobodys_backup() {
        let placement = Placement::default();
        let state = Key::new(".s3-backup/job/lease.json");

        assert_eq!(placement.source_key(state.clone()), None);
        assert!(placement.is_reserved(&state));
        assert!(!placement.is_reserved(&Key::new(".s3-backups")));
        assert!(!Placement::below(Prefix::new("x/")).is_reserved(&state));
        let behind = Placement::behind_state(&state).unwrap();
        assert!(state < behind && behind < Key::new(".s3-backup0"));
        assert_eq!(Placement::behind_state(&Key::new(".s3-backups")), None);
    }
}
