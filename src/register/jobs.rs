//! `jobs.json` of a backup bucket: which jobs write into it, and where. Two that overlap are told from two
//! that do not here, without a request.

use serde::{Deserialize, Serialize};

use crate::model::{
    BucketName, Job, Location, Placement, Prefix, StoredError, Timestamp, read_stored,
};

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
    /// Its name in metrics, if it has one: a watch of all jobs tells of it by that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// When it was registered.
    pub since: Timestamp,
}

impl JobEntry {
    /// A job that is registered now, with its name in metrics.
    pub fn of(job: &Job, job_name: Option<&str>, since: Timestamp) -> Self {
        Self {
            job: job.name().to_owned(),
            source: job.source().bucket.to_string(),
            source_prefix: job.source().prefix.as_str().to_owned(),
            destination_prefix: job.destination_prefix().as_str().to_owned(),
            job_name: job_name.map(str::to_owned),
            since,
        }
    }

    /// The job, unless the entry names another one than its source and prefixes do.
    pub fn job(&self) -> Option<Job> {
        let source = Location {
            bucket: BucketName::new(&self.source).ok()?,
            prefix: Prefix::new(&self.source_prefix),
        };
        let placement = Placement::below(Prefix::new(&self.destination_prefix));
        let job = Job::new(&source, &placement);
        (job.name() == self.job).then_some(job)
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
    /// Whether the job is registered, and under this name in metrics if it has one.
    pub fn has(&self, job: &Job, job_name: Option<&str>) -> bool {
        let mut own = self.jobs.iter().filter(|entry| entry.job == job.name());
        own.any(|entry| job_name.is_none() || entry.job_name.as_deref() == job_name)
    }

    /// The jobs that have a name in metrics.
    pub fn named(&self) -> impl Iterator<Item = (&str, &JobEntry)> {
        let jobs = self.jobs.iter();
        jobs.filter_map(|entry| Some((entry.job_name.as_deref()?, entry)))
    }

    /// The first job that overlaps this one.
    pub fn overlapping(&self, entry: &JobEntry) -> Option<&JobEntry> {
        let mut others = self.jobs.iter().filter(|other| other.job != entry.job);
        others.find(|other| entry.overlaps(other))
    }

    /// The same with this job, which keeps its place if it has one. A name in metrics is of one job: who had it before,
    /// such as the job of a stack before its prefix was changed, loses it.
    #[must_use]
    pub fn with(mut self, entry: JobEntry) -> Self {
        if entry.job_name.is_some() {
            let former = self.jobs.iter_mut();
            let former = former.filter(|other| other.job_name == entry.job_name);
            former.for_each(|other| other.job_name = None);
        }
        let mut own = self.jobs.iter_mut();
        match own.find(|other| other.job == entry.job) {
            Some(own) => own.job_name = entry.job_name.or(own.job_name.take()),
            None => self.jobs.push(entry),
        }
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
    pub fn read(json: &[u8]) -> Result<Self, StoredError> {
        read_stored(json, FORMAT..=FORMAT, &FORMAT.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(source: &str, destination_prefix: &str) -> JobEntry {
        let placement = Placement::below(Prefix::new(destination_prefix));
        let job = Job::new(&Location::parse(source).unwrap(), &placement);
        JobEntry::of(&job, None, Timestamp::from_millis(1_795_226_400_000))
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

    /// The same entry with a name in metrics.
    fn called(entry: &JobEntry, job_name: &str) -> JobEntry {
        let job_name = Some(job_name.to_owned());
        JobEntry {
            job_name,
            ..entry.clone()
        }
    }

    #[test]
    fn a_name_in_metrics_is_of_the_job_that_took_it_last() {
        let (old, new) = (entry("one", "old/"), entry("one", "new/"));
        let (first, second) = (old.job().unwrap(), new.job().unwrap());
        let unnamed = Jobs::default().with(old.clone());
        assert!(unnamed.has(&first, None) && !unnamed.has(&first, Some("stack")));

        let named = unnamed.with(called(&old, "stack"));
        // A run by hand has no name, and takes none away.
        let again = named.clone().with(old.clone());
        let moved = named.clone().with(called(&new, "stack"));

        assert!(named.has(&first, Some("stack")) && named.has(&first, None));
        assert_eq!(again, named);
        assert_eq!(named.jobs.len(), 1);
        assert!(moved.has(&first, None) && moved.has(&second, Some("stack")));
        let told: Vec<_> = moved.named().map(|(of, entry)| (of, &entry.job)).collect();
        assert_eq!(told, [("stack", &new.job)]);
        assert_eq!(Jobs::read(&moved.to_json().unwrap()), Ok(moved));
    }

    #[test]
    fn an_entry_tells_its_job_unless_somebody_has_changed_it() {
        let registered = entry("s3://one/a/", "{x}/");

        let job = registered.job().unwrap();
        let changed = JobEntry {
            source_prefix: "b/".to_owned(),
            ..registered.clone()
        };

        assert_eq!(JobEntry::of(&job, None, registered.since), registered);
        assert_eq!(changed.job(), None);
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
            let refused = Jobs::read(json.as_bytes()).unwrap_err().to_string();

            assert!(refused.starts_with(problem), "{refused}");
        }
    }
}
