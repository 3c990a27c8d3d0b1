//! A job as the model sees it: its source, the place of its backups, and what is there.

use std::collections::BTreeMap;

use s3_backup::lambda::Handler;
use s3_backup::model::{Job, Location, Placement, Prefix};
use s3_backup::snapshot::{Index, LATEST, Latest, Row, SegmentEntry};
use s3_sim::{ObjectView, Sim};

use crate::world::{BACKUP, STATE, World, open_segment};

/// A source, and the place of its backups in the backup bucket.
#[derive(Clone, Debug)]
pub struct BackupJob {
    pub source: &'static str,
    /// The prefix of its backups; empty if the bucket is its own.
    pub place: &'static str,
    pub vars: Vec<(String, String)>,
}

impl BackupJob {
    pub fn handler(&self, world: &World) -> Handler {
        world.handler_of(world.connections(), self.vars.clone())
    }

    pub fn object(&self, sim: &Sim, key: &str) -> Option<ObjectView> {
        sim.current(self.source, key)
    }

    pub fn backup(&self, sim: &Sim, key: &str) -> Option<ObjectView> {
        sim.current(BACKUP, &self.backup_key(key))
    }

    pub fn backup_key(&self, key: &str) -> String {
        format!("{}{key}", self.place)
    }

    /// The keys of the source, those below a prefix.
    pub fn keys(&self, sim: &Sim, prefix: &str) -> Vec<String> {
        let mut keys = sim.keys(self.source);
        keys.retain(|key| key.starts_with(prefix));
        keys
    }

    /// The keys of the source that have a backup in sight.
    pub fn backed_up_keys(&self, sim: &Sim, prefix: &str) -> Vec<String> {
        let keys = sim.keys(BACKUP).into_iter();
        let keys = keys.filter(|key| !key.starts_with(STATE));
        keys.filter_map(|key| Some(key.strip_prefix(self.place)?.to_owned()))
            .filter(|key| key.starts_with(prefix))
            .collect()
    }

    /// Whether the backup of a key is the object: bytes, headers, metadata and tags.
    pub fn is_backed_up(&self, sim: &Sim, key: &str) -> bool {
        let (Some(object), Some(backup)) = (self.object(sim, key), self.backup(sim, key)) else {
            return false;
        };
        object.content == backup.content
            && object.headers == backup.headers
            && object.metadata == backup.metadata
            && object.tags == backup.tags
    }

    /// Where its state begins.
    pub fn state(&self) -> String {
        let placement = Placement::below(Prefix::new(self.place));
        let job = Job::new(&Location::parse(self.source).unwrap(), &placement);
        job.key("").as_str().to_owned()
    }

    /// What the last snapshot says; none where it cannot be read.
    pub fn rows(&self, sim: &Sim) -> BTreeMap<String, Row> {
        self.read_rows(sim, |index| index.segments)
            .unwrap_or_default()
    }

    /// The backups that it says the job has made, whether or not their objects are still there; none where it
    /// cannot be read.
    pub fn own_rows(&self, sim: &Sim) -> Option<BTreeMap<String, Row>> {
        self.read_rows(sim, |index| [index.segments, index.orphans].concat())
    }

    fn read_rows(
        &self,
        sim: &Sim,
        segments: impl Fn(Index) -> Vec<SegmentEntry>,
    ) -> Option<BTreeMap<String, Row>> {
        let state = self.state();
        let name = state.strip_prefix(STATE)?.trim_end_matches('/');
        let read = |part: &str| {
            let view = sim.current(BACKUP, &format!("{state}{part}"))?;
            Some(view.content.as_bytes()?.to_vec())
        };
        let link = Latest::parse(&read(LATEST)?, name).ok()?.index;
        let index = link.follow(&read(&link.key)?, name).ok()?;
        let mut rows = BTreeMap::new();
        for entry in segments(index) {
            for row in open_segment(read, entry)?.rows() {
                let row = row.ok()?.row().to_row();
                rows.insert(row.key.as_str().to_owned(), row);
            }
        }
        Some(rows)
    }
}
