//! Whose state is whose: several sources may share one backup bucket, and each keeps its own.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use super::location::STATE;
use super::{Key, Location, Placement, Prefix};

/// Digits of the name that tell jobs of one source bucket apart: 64 bits.
const DIGITS: usize = 16;

/// The pair of a source and the place of its backups in a bucket. All runs of a job share its state,
/// which lies below `.s3-backup/{job}/` of that bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    name: String,
    source: Location,
    destination_prefix: Prefix,
}

impl Job {
    /// The job of a source, as it is configured: a request that looks at less of it is of the same
    /// job.
    ///
    /// The name begins with the source's bucket, for people. What follows tells prefixes apart, which
    /// can be too long for a key and hold anything.
    pub fn new(source: &Location, placement: &Placement) -> Self {
        let bucket = source.bucket.as_str();
        let whole_backup = placement.prefix(&Prefix::default());
        let mut hash = Md5::new();
        // With its length before it, no part can pass for two.
        for part in [bucket, source.prefix.as_str(), whole_backup.as_str()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut name = format!("{bucket}-");
        for byte in &hash.finalize()[..DIGITS / 2] {
            // Writing to a text cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        Self {
            name,
            source: source.clone(),
            destination_prefix: whole_backup,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it backs up, as it is configured.
    pub fn source(&self) -> &Location {
        &self.source
    }

    /// What stands before the key of each of its backups.
    pub fn destination_prefix(&self) -> &Prefix {
        &self.destination_prefix
    }

    /// The key of the register of all jobs of a bucket. No job's own state begins with it.
    pub fn register_key() -> Key {
        Key::new(format!("{STATE}jobs.json"))
    }

    /// The key of a part of the job's state, such as `lease.json`.
    pub fn key(&self, part: &str) -> Key {
        Key::new(format!("{STATE}{}/{part}", self.name))
    }

    /// The part of the job's state that a key names; none of a key that is not below it.
    pub fn part<'a>(&self, key: &'a Key) -> Option<&'a str> {
        let own = key.as_str().strip_prefix(STATE)?;
        own.strip_prefix(self.name.as_str())?.strip_prefix('/')
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn job(source: &str, destination_prefix: &str) -> Job {
        let placement = Placement::below(Prefix::new(destination_prefix));
        Job::new(&Location::parse(source).unwrap(), &placement)
    }

    #[test]
    fn state_lies_below_the_name_of_the_source_and_is_nobodys_backup() {
        let key = job("s3://primary/data/", "nightly/").key("lease.json");

        assert_eq!(
            key.as_str(),
            ".s3-backup/primary-729e3a6c0132a6dc/lease.json"
        );
        assert_eq!(Placement::default().source_key(key), None);
    }

    #[test]
    fn a_part_is_what_its_key_was_made_of() {
        let (own, other) = (job("primary", ""), job("primary", "a/"));

        assert_eq!(own.part(&own.key("lease.json")), Some("lease.json"));
        assert_eq!(own.part(&own.key("")), Some(""));
        assert_eq!(other.part(&own.key("lease.json")), None);
        assert_eq!(own.part(&Key::new("lease.json")), None);
    }

    #[test]
    fn every_pair_of_source_and_place_is_a_job_of_its_own() {
        let jobs = [
            job("primary", ""),
            job("primary-2", ""),
            job("s3://primary/a", ""),
            job("s3://primary/a/", ""),
            job("primary", "a"),
            job("primary", "a/"),
            job("s3://primary/a", "a"),
            job("s3://primary/aa", ""),
            job("primary", "aa"),
        ];

        let different: HashSet<_> = jobs.iter().collect();

        assert_eq!(different.len(), jobs.len(), "{jobs:?}");
        assert_eq!(job("primary", ""), job("s3://primary/", ""));
    }

    #[test]
    fn the_key_of_the_longest_names_is_short_enough_and_plain() {
        let source = format!("s3://{}/{}", "b".repeat(255), "😀".repeat(256));

        let key = job(&source, &"\u{1}".repeat(1024)).key("snapshots/");

        assert!(key.as_str().len() < 512);
        assert_eq!(key.percent_encoded(), key.as_str());
    }
}
