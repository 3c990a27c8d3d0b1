//! What no listing can tell, as docs/semantics.md names it: which backups may differ from their objects
//! although runs take them for current.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use s3_backup::snapshot::Row;
use s3_sim::{ObjectView, Sim};

use super::job::BackupJob;
use super::step::KEYS;
use crate::world::BACKUP;

/// One version, however often its id is used.
type VersionName = (String, SystemTime);

/// An object and its backup.
type Pair = (&'static str, String, VersionName, VersionName);

/// The pairs that may stay as they are, and what must be known to tell them.
#[derive(Debug, Default)]
pub struct Limits {
    pairs: BTreeSet<Pair>,
    /// By bucket, key, `ETag` and date: all versions of sources that there ever were.
    twins: BTreeMap<(&'static str, String, String, SystemTime), BTreeSet<String>>,
}

impl Limits {
    /// Remembers the versions that a source has now.
    pub fn observe(&mut self, job: &BackupJob, sim: &Sim) {
        for key in KEYS {
            for version in sim.versions(job.source, key) {
                if !version.is_delete_marker {
                    let twins = (
                        job.source,
                        key.to_owned(),
                        version.etag,
                        version.last_modified,
                    );
                    self.twins
                        .entry(twins)
                        .or_default()
                        .insert(version.version_id);
                }
            }
        }
    }

    /// Before a run: notes what it may overlook, with a snapshot that can be read or without one.
    pub fn note(&mut self, job: &BackupJob, sim: &Sim, rows: &BTreeMap<String, Row>) {
        for key in job.keys(sim, "") {
            let Some(backup) = job.backup(sim, &key) else {
                continue;
            };
            let object = job.object(sim, &key).unwrap();
            if !job.is_backed_up(sim, &key)
                && self.may_be_overlooked(job, sim, &object, &backup, rows.get(&key))
            {
                self.excuse(job, object, backup);
            }
        }
    }

    /// Tags that are changed in place move nothing in a listing. What was backed up before stays so.
    pub fn retag(&mut self, job: &BackupJob, sim: &Sim, key: &str) {
        let settled = job.is_backed_up(sim, key) || self.excuses(job, sim, key);
        if let (true, Some(object), Some(backup)) =
            (settled, job.object(sim, key), job.backup(sim, key))
        {
            self.excuse(job, object, backup);
        }
    }

    /// Whether the backup of a key may differ from its object.
    pub fn excuses(&self, job: &BackupJob, sim: &Sim, key: &str) -> bool {
        let (Some(object), Some(backup)) = (job.object(sim, key), job.backup(sim, key)) else {
            return false;
        };
        self.pairs.contains(&pair(job, object, backup))
    }

    fn excuse(&mut self, job: &BackupJob, object: ObjectView, backup: ObjectView) {
        self.pairs.insert(pair(job, object, backup));
    }

    fn may_be_overlooked(
        &self,
        job: &BackupJob,
        sim: &Sim,
        object: &ObjectView,
        backup: &ObjectView,
        row: Option<&Row>,
    ) -> bool {
        if object.size() != backup.size() || backup.last_modified <= object.last_modified {
            return false;
        }
        let same_etag = object.etag == backup.etag;
        let Some(row) = row else {
            // Rule 4 sees no rewritten metadata below a later backup.
            return same_etag;
        };
        let of_object = row.source_etag.as_str() == object.etag
            && row.size == object.size()
            && row.source_modified.as_seconds() == seconds(object);
        let written = row
            .backup_modified
            .map(s3_backup::model::Timestamp::as_seconds);
        let same_copy = row.backup_etag.as_str() == backup.etag && row.size == backup.size();
        let of_backup = same_copy && written.is_none_or(|date| date == seconds(backup));
        match (of_object, of_backup) {
            // Two versions of one date and `ETag` are one, and so are two backups: those of an unknown date
            // if their `ETag`s are equal.
            (true, true) => {
                let twins = (
                    job.source,
                    object.key.clone(),
                    object.etag.clone(),
                    object.last_modified,
                );
                let like_backup = sim
                    .versions(BACKUP, &backup.key)
                    .into_iter()
                    .filter(|other| {
                        other.etag == backup.etag
                            && (written.is_none() || other.last_modified == backup.last_modified)
                    });
                self.twins.get(&twins).is_some_and(|ids| ids.len() > 1) || like_backup.count() > 1
            }
            // An older version that shows again was not copied since.
            (false, false) => seconds(object) > row.source_modified.as_seconds() && same_etag,
            _ => false,
        }
    }
}

fn pair(job: &BackupJob, object: ObjectView, backup: ObjectView) -> Pair {
    let name = |view: ObjectView| (view.version_id, view.last_modified);
    let key = object.key.clone();
    (job.source, key, name(object), name(backup))
}

fn seconds(view: &ObjectView) -> i64 {
    let since = view.last_modified.duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
