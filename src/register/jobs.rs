//! `jobs.json` of a backup bucket: which jobs write into it, and where. Two that overlap are told from two
//! that do not here, without a request.

use serde::{Deserialize, Serialize};

use crate::model::{Job, Timestamp, read_stored};

/// The format that this version writes, and the one that it reads. Fields may be added.
const FORMAT: u64 = 1;

/// The jobs of a backup bucket, in the order in which they were registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    format: u64,
    jobs: Vec<JobEntry>,
}

/// A job, as it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEntry {
    /// Its name, below which its state is.
    pub job: String,
    /// The source's bucket.
    pub source: String,
    /// The keys of the source that it backs up begin with it.
    pub source_prefix: String,
    /// Put before each key.
    pub destination_prefix: String,
    /// When it was registered.
    pub since: Timestamp,
}

impl JobEntry {
    /// A job that is registered now.
    pub fn of(job: &Job, since: Timestamp) -> Self {
        Self {
            job: job.name().to_owned(),
            source: job.source().bucket.to_string(),
            source_prefix: job.source().prefix.as_str().to_owned(),
            destination_prefix: job.destination_prefix().as_str().to_owned(),
            since,
        }
    }

    /// What the keys of all its backups begin with.
    pub fn area(&self) -> String {
        format!("{}{}", self.destination_prefix, self.source_prefix)
    }

    /// Whether objects of both could have the same backup key. Two jobs of one source that place its keys
    /// alike back up the same objects to the same keys.
    fn overlaps(&self, other: &Self) -> bool {
        let is_alike =
            self.source == other.source && self.destination_prefix == other.destination_prefix;
        let (own, others) = (self.area(), other.area());
        !is_alike && (own.starts_with(&others) || others.starts_with(&own))
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            format: FORMAT,
            jobs: Vec::new(),
        }
    }
}

impl Jobs {
    /// Whether the job is registered.
    pub fn has(&self, job: &Job) -> bool {
        self.jobs.iter().any(|entry| entry.job == job.name())
    }

    /// The first job that overlaps this one.
    pub fn overlapping(&self, entry: &JobEntry) -> Option<&JobEntry> {
        let mut others = self.jobs.iter().filter(|other| other.job != entry.job);
        others.find(|other| entry.overlaps(other))
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, entry: JobEntry) -> Self {
        self.jobs.push(entry);
        self
    }

    /// The stored form, for programs and for people.
    ///
    /// # Errors
    /// Only if serialisation fails, which no field can cause.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Why it cannot be used, in words that follow its key.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        read_stored(json, FORMAT..=FORMAT, &FORMAT.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Location, Placement, Prefix};

    fn entry(source: &str, destination_prefix: &str) -> JobEntry {
        let placement = Placement::below(Prefix::new(destination_prefix));
        let job = Job::new(&Location::parse(source).unwrap(), &placement);
        JobEntry::of(&job, Timestamp::from_millis(1_795_226_400_000))
    }

    #[test]
    fn jobs_overlap_if_objects_of_both_can_have_the_same_key() {
        let cases = [
            (("one", ""), ("two", ""), true),
            (("one", "x/"), ("two", "y/"), false),
            (("one", "x/"), ("two", "x/"), true),
            (("one", ""), ("two", "two/"), true),
            (("one", "aaa"), ("two", "aaab"), true),
            (("s3://aaa/b/x", "aaa"), ("s3://aaab//x", "aaab"), true),
            (("s3://one/a/", ""), ("s3://two/b/", ""), false),
            (("s3://one/a/", ""), ("s3://one/b/", ""), false),
            (("one", ""), ("s3://one/a/", ""), false),
            (("one", ""), ("one", "nightly/"), true),
        ];

        for (one, other, overlap) in cases {
            let (one, other) = (entry(one.0, one.1), entry(other.0, other.1));
            for (first, second) in [(&one, &other), (&other, &one)] {
                let jobs = Jobs::default().with(first.clone());

                let found = jobs.overlapping(second);

                assert_eq!(found, overlap.then_some(first), "{first:?} {second:?}");
            }
            assert_eq!(Jobs::default().with(one.clone()).overlapping(&one), None);
        }
    }

    #[test]
    fn it_is_small_json_that_people_can_read() {
        let jobs = Jobs::default().with(entry("s3://primary/data/", "nightly/"));

        let json = jobs.to_json().unwrap();

        assert_eq!(
            String::from_utf8(json.clone()).unwrap(),
            include_str!("../../tests/golden/jobs.json").trim_end()
        );
        assert_eq!(Jobs::read(&json), Ok(jobs));
    }

    #[test]
    fn what_is_damaged_or_of_another_format_is_not_read() {
        for (json, problem) in [
            ("", "is damaged: "),
            ("{\"format\":1}", "is damaged: "),
            (
                "{\"format\":2,\"jobs\":[]}",
                "has format 2; this version reads 1",
            ),
        ] {
            let refused = Jobs::read(json.as_bytes()).unwrap_err();

            assert!(refused.starts_with(problem), "{refused}");
        }
    }
}
