//! Whether the history goes on behind the snapshot that is named the last one.
//!
//! A writer to the bucket can set `latest.json` back, and every index that it leads to is proven
//! all the same. But the later indexes are still there.

use super::History;
use crate::snapshot::{SnapshotError, index_key, is_index_key};

/// The first characters of a run's id are its beginning in whole seconds.
const TIME: usize = "2026-11-21T02-00-00Z".len();
/// Keys that are asked for: the last index, and a few that begin in the same second.
const MOST_KEYS: u16 = 20;

impl History {
    /// Looks by one request whether an index is there that is later than the last one, and takes note of it:
    /// run ids are in the order of time, and of two that begin in the same second S3's dates tell. It is done
    /// at the end of a run, so that a run begins no later for it.
    pub async fn look_for_later(&self) {
        if let Err(problem) = self.later().await {
            self.note(problem);
        }
    }

    async fn later(&self) -> Result<(), SnapshotError> {
        let last = self.last.as_deref();
        let began = last.map_or("", |last| time(&last.index.run_id));
        // The time alone stands before each id that begins with it.
        let after = index_key(began);
        let after = self.job.key(after.trim_end_matches(".json"));
        let below = "snapshots/";
        let prefix = self.job.key(below);
        let listed = self.bucket.list_state(&prefix, Some(&after), MOST_KEYS);
        let listed = listed.await;
        let listed = listed.map_err(|error| SnapshotError::unreadable(below, error))?;
        for object in listed {
            let Some(key) = self.job.part(&object.key).filter(|key| is_index_key(key)) else {
                break;
            };
            let is_later = last.is_none_or(|last| {
                let later_by_date = object.last_modified.as_seconds() > last.written.as_seconds();
                let run_id = key.trim_start_matches(below);
                key != last.link.key && (time(run_id) > began || later_by_date)
            });
            if is_later {
                let object = key.to_owned();
                return Err(SnapshotError::Later { object });
            }
        }
        Ok(())
    }
}

/// When the run of that id began; the id itself if it is none of ours.
fn time(run_id: &str) -> &str {
    run_id.get(..TIME).unwrap_or(run_id)
}
