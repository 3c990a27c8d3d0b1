//! The laws: what must hold after whatever has happened.

use std::collections::BTreeSet;
use std::time::SystemTime;

use s3_backup::app::AppError;
use s3_sim::Sim;
use serde_json::Value;

use super::history::History;
use super::job::BackupJob;
use super::setting::Deletions;
use crate::world::{BACKUP, STATE, assert_adds_up, count};

/// The most that is in flight at once.
const IN_FLIGHT: usize = 4;

/// What the model knows of a run that it judges.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says what else the laws may expect"
)]
pub struct Run {
    pub job: usize,
    pub prefix: &'static str,
    /// Nothing is believed of what is there: all is copied, or compared one by one.
    pub is_full: bool,
    pub is_repair: bool,
    /// It goes on where another one has stopped.
    pub goes_on: bool,
    /// It goes on by ranges that somebody has made up: nobody knows what it looks at.
    pub is_of_other_ranges: bool,
    /// Calls fail: it may do without its snapshot.
    pub is_doubtful: bool,
    /// The bucket stops keeping versions meanwhile.
    pub is_unversioned: bool,
    /// Keys that may have changed after it has passed them.
    pub touched: BTreeSet<&'static str>,
}

impl Run {
    pub fn of(job: usize) -> Self {
        Self {
            job,
            ..Self::default()
        }
    }
}

/// A version in the backup bucket. One that is `null` may be written over: then it is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    key: String,
    id: String,
    is_marker: bool,
    etag: String,
    modified: SystemTime,
    metadata: Vec<(String, String)>,
}

/// All versions in the backup bucket but the program's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket(BTreeSet<Version>);

impl Bucket {
    pub fn of(sim: &Sim) -> Self {
        let versions = sim.all_versions(BACKUP).into_iter();
        let versions = versions.filter(|version| !version.key.starts_with(STATE));
        let versions = versions.map(|version| Version {
            key: version.key,
            id: version.version_id,
            is_marker: version.is_delete_marker,
            etag: version.etag,
            modified: version.last_modified,
            metadata: version.metadata.into_iter().collect(),
        });
        Self(versions.collect())
    }

    /// The version of a key that is `null`, unless that is a marker.
    fn unversioned(&self, key: &str) -> Option<&Version> {
        let is_it =
            |version: &&Version| version.key == key && version.id == "null" && !version.is_marker;
        self.0.iter().find(is_it)
    }

    /// No version disappears; but for so many that are `null`, in a bucket that did not keep versions for a while.
    pub fn assert_keeps_versions(&self, sim: &Sim, most: usize) -> Self {
        let now = Self::of(sim);
        let lost: Vec<_> = self.0.difference(&now.0).collect();
        let excused = lost.len() <= most && lost.iter().all(|version| version.id == "null");
        assert!(excused, "versions are gone: {lost:#?}");
        now
    }
}

impl History {
    /// Judges what a run has done and what it says.
    pub fn judge(&mut self, run: &Run, answer: &Result<Value, AppError>) {
        let before = std::mem::take(&mut self.bucket);
        self.bucket = before.clone();
        let now = self.judge_keeping(run);
        if answer.is_err() {
            assert_eq!(
                before, now,
                "what could not start has done something: {answer:?}"
            );
        }
        let mut without_version = now.0.difference(&before.0).filter(|new| new.id == "null");
        if let (Some(version), Ok(result)) = (without_version.next(), answer) {
            assert_ne!(result["status"], "complete", "{version:?}: {result}");
            assert!(
                result.to_string().contains("NotVersioned"),
                "{version:?}: {result}"
            );
        }
        self.bucket = now;
        if let Ok(result) = answer {
            if run.is_repair {
                assert_verification_adds_up(result);
            } else {
                assert_adds_up(result);
                self.assert_counts_are_true(run, result);
            }
            self.assert_complete_if_it_says_so(run, result);
        }
    }

    /// Judges what a run has done, whatever it says.
    pub fn judge_keeping(&self, run: &Run) -> Bucket {
        let (job, sim) = (&self.jobs[run.job], &self.world.sim);
        let most = if run.is_unversioned { IN_FLIGHT } else { 0 };
        let now = self.bucket.assert_keeps_versions(sim, most);
        for new in now.0.difference(&self.bucket.0) {
            let key = new.key.strip_prefix(job.place);
            let key = key.unwrap_or_else(|| panic!("{new:?} is of another job"));
            if new.is_marker && !run.touched.contains(key) {
                assert!(
                    job.object(sim, key).is_none(),
                    "{key:?} lives, and is marked"
                );
                assert_ne!(self.deletions, Deletions::Keep, "{key:?} is marked");
            }
            if new.is_marker {
                self.assert_was_own(job, new, key);
            }
        }
        now
    }

    /// A marker hides nothing but what the snapshot says that the job has backed up. That is the version below it, or,
    /// in a bucket that keeps no versions any more, the one that is `null` and whose place the marker has taken:
    /// docs/semantics.md promises that there is one of those at most, not that there is none.
    fn assert_was_own(&self, job: &BackupJob, marker: &Version, key: &str) {
        let sim = &self.world.sim;
        let Some(rows) = job.own_rows(sim) else {
            return;
        };
        let versions = sim.versions(BACKUP, &marker.key).into_iter();
        let mut below = versions.skip_while(|version| version.version_id != marker.id);
        let below = below.nth(1);
        let below = below.map(|version| (version.last_modified, version.etag));
        let replaced = self.bucket.unversioned(&marker.key);
        let replaced = replaced.filter(|_| marker.id == "null");
        let replaced = replaced.map(|version| (version.modified, version.etag.clone()));
        // It may be either of two of one second.
        let newest = below.iter().chain(&replaced).map(|(date, _)| *date).max();
        let mut hidden = below.iter().chain(&replaced);
        let named = rows.get(key).map(|row| row.backup_etag.as_str());
        assert!(
            hidden.any(|(date, etag)| Some(*date) == newest && Some(etag.as_str()) == named),
            "{key:?} is not the job's own, and is marked: {marker:?} {named:?} {below:?} {replaced:?}"
        );
    }

    /// No more is told to be in the backup than is there.
    fn assert_counts_are_true(&self, run: &Run, result: &Value) {
        if run.goes_on {
            return;
        }
        let (job, sim) = (&self.jobs[run.job], &self.world.sim);
        let keys = job.keys(sim, run.prefix);
        let there = keys.iter().filter(|key| {
            run.touched.contains(key.as_str())
                || job.is_backed_up(sim, key)
                || self.limits.excuses(job, sim, key)
        });
        let there = there.count() + run.touched.len();
        let good = count(result, "objects_copied") + count(result, "objects_unchanged");
        assert!(good <= there as u64, "{good} of {there}: {result}");
    }

    /// Everything is in the backup and in sight, and nothing else of the job's own is if what is gone is marked.
    fn assert_complete_if_it_says_so(&self, run: &Run, result: &Value) {
        let did_nothing = !result["already_continued"].is_null();
        if result["status"] != "complete" || did_nothing || run.is_of_other_ranges {
            return;
        }
        let (job, sim) = (&self.jobs[run.job], &self.world.sim);
        let untouched = |keys: Vec<String>| -> Vec<String> {
            let keys = keys.into_iter();
            keys.filter(|key| !run.touched.contains(key.as_str()))
                .collect()
        };
        let undecided = &result["verified"]["cannot_tell"];
        let believes = !run.is_full || undecided.as_u64().is_some_and(|number| number > 0);
        for key in untouched(job.keys(sim, run.prefix)) {
            let excused = believes && self.limits.excuses(job, sim, &key);
            assert!(
                excused || job.is_backed_up(sim, &key),
                "{key:?} is not in the backup as it is: {:#?} {:#?} {:#?} {result}",
                job.object(sim, &key),
                job.backup(sim, &key),
                job.rows(sim).get(&key),
            );
        }
        // A run that goes on by an old cursor marks nothing, and says nothing of deletions.
        let knows_own = result["destinations"][0]["snapshot"]["problem"].is_null();
        if !result["deletions"].is_null() && !run.goes_on && knows_own {
            let own = job.own_rows(sim).unwrap_or_default();
            let is_own = |key: &String| {
                let backup = job.backup(sim, key).map(|backup| backup.etag);
                own.get(key).map(|row| row.backup_etag.as_str().to_owned()) == backup
            };
            let mut in_sight = untouched(job.backed_up_keys(sim, run.prefix));
            in_sight.retain(|key| job.object(sim, key).is_some() || is_own(key));
            let expected = untouched(job.keys(sim, run.prefix));
            assert_eq!(in_sight, expected, "{result}");
        }
    }
}

/// The law of a verification.
fn assert_verification_adds_up(result: &Value) {
    let verified = ["equal", "different", "missing", "cannot_tell"];
    let others = ["objects_skipped", "objects_vanished", "errors"];
    let verified: u64 = verified
        .iter()
        .map(|name| count(&result["verified"], name))
        .sum();
    let others: u64 = others.iter().map(|name| count(result, name)).sum();
    assert_eq!(
        count(result, "objects_found"),
        verified + others,
        "{result}"
    );
    let done = count(result, "errors") == 0 && result["cursor"].is_null();
    let right = count(&result["verified"], "wrong") == 0;
    assert_eq!(result["status"] == "complete", done && right, "{result}");
}
