//! What the runs that are kept name.
//!
//! The index of the oldest of them is enough. An index names only what the index before it names, or
//! what its own run has written, and a run writes all that is new to its index, even if the same content is there. So
//! what was written before the oldest kept run, and is named by a later one, is named by the oldest one, too. The
//! indexes of the others are read nevertheless: they lead to it, and if one of them cannot be read nobody knows which is
//! the oldest.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use futures::TryStreamExt;

use super::error::{AgeingError, MOST_NAMES};
use crate::history::History;
use crate::model::Timestamp;
use crate::record::JobState;
use crate::snapshot::{Index, is_index_key};

/// What S3's clocks may differ by, and more.
const CLOCKS: Duration = Duration::from_hours(1);

/// The runs that are kept, and all that they name.
#[derive(Debug)]
pub struct Kept {
    /// The last index, by S3's clock.
    pub now: Timestamp,
    /// The index of the oldest run.
    pub oldest: String,
    /// What was written since then is kept, whatever it is.
    pub before: Timestamp,
    /// The indexes of the runs.
    indexes: BTreeSet<String>,
    names: Names,
}

/// Names that are kept in mind by their hashes. Two that have the same keep each other, which does no harm.
#[derive(Debug, Default)]
struct Names(Vec<u64>);

impl Names {
    fn add(&mut self, index: &Index) -> Result<(), AgeingError> {
        self.0.extend(index.object_keys().map(|key| hash(&key)));
        self.0.sort_unstable();
        self.0.dedup();
        if self.0.len() > MOST_NAMES {
            return Err(AgeingError::TooManyNames);
        }
        Ok(())
    }

    fn has(&self, key: &str) -> bool {
        self.0.binary_search(&hash(key)).is_ok()
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Kept {
    /// Goes back from the last run to the oldest one that is kept: the last run of so long ago, or the last complete one
    /// if that is older.
    ///
    /// # Errors
    /// What keeps it from being known.
    pub async fn find(
        state: &JobState,
        history: &History,
        kept_for: Duration,
    ) -> Result<Self, AgeingError> {
        let dates = state.index_dates().await?;
        if let Some(problem) = history.problem() {
            return Err(problem.into());
        }
        let Some((last, _)) = history.last() else {
            return Err(AgeingError::NoSnapshot);
        };
        let date = |index: &Index| {
            let key = index.key();
            let date = dates.get(&key).copied();
            date.ok_or(AgeingError::Unlisted { key })
        };
        let now = date(last)?;
        let horizon = now.minus(kept_for);
        let mut names = Names::default();
        names.add(last)?;
        let mut walk = Walk::default();
        let mut indexes = history.indexes_ahead(dates.len()).await;
        while let Some(index) = indexes.try_next().await? {
            if walk.pass(date(&index)? >= horizon, index) {
                break;
            }
        }
        let (oldest, indexes) = walk.end().ok_or(AgeingError::NoSnapshot)?;
        names.add(&oldest)?;
        let since = date(&oldest)?;
        for (key, date) in &dates {
            // Its run was stopped before it became the last one, or the history was broken.
            if *date >= since.min(horizon) && !indexes.contains(key) {
                let index = history.unproven_index(key).await;
                names.add(&index?)?;
            }
        }
        Ok(Self {
            now,
            oldest: oldest.key(),
            before: horizon.min(since.minus(CLOCKS)),
            indexes,
            names,
        })
    }

    /// Whether a run that is kept names an object of a snapshot.
    pub fn names(&self, key: &str) -> bool {
        self.names.has(key) || self.indexes.contains(key)
    }
}

/// A walk along the chain, the last run first.
#[derive(Default)]
struct Walk {
    /// The oldest run of the time that is kept.
    oldest: Option<Index>,
    /// The indexes up to it.
    kept: BTreeSet<String>,
    /// Those before it, up to the last complete run.
    beyond: BTreeSet<String>,
    has_complete: bool,
}

impl Walk {
    /// Passes the next run, whether it is recent or not. Whether the walk is done.
    fn pass(&mut self, is_recent: bool, index: Index) -> bool {
        if !is_recent && self.has_complete {
            return true;
        }
        self.has_complete |= index.totals.errors == 0;
        if is_recent || self.has_complete || self.oldest.is_none() {
            self.kept.append(&mut self.beyond);
            self.kept.insert(index.key());
            self.oldest = Some(index);
        } else {
            self.beyond.insert(index.key());
        }
        false
    }

    fn end(self) -> Option<(Index, BTreeSet<String>)> {
        Some((self.oldest?, self.kept))
    }
}

impl JobState {
    /// All indexes that are there, and when they were written by S3's clock.
    async fn index_dates(&self) -> Result<BTreeMap<String, Timestamp>, AgeingError> {
        let below = self.job.key("snapshots/");
        let mut dates = BTreeMap::new();
        let mut listed = self.bucket.state_objects(&below, None);
        while let Some(object) = listed.try_next().await? {
            // They come first there.
            let Some(key) = self.job.part(&object.key).filter(|key| is_index_key(key)) else {
                break;
            };
            dates.insert(key.to_owned(), object.last_modified);
        }
        Ok(dates)
    }
}
