//! A pass over the state of a job, page by page, as far as there is time for it. The next night goes on with one that
//! was stopped.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};

use super::error::AgeingError;
use super::kept::Kept;
use super::state_key::StateKey;
use crate::model::{Key, Object};
use crate::record::JobState;
use crate::report::AgedNote;
use crate::s3::{Condition, PutBody};
use crate::snapshot::{AGED, Aged};

/// Objects that are tagged at the same time, at most.
const MOST_TAGGING: usize = 16;
/// Below this, in its own prefix, a restore puts aside objects of a bucket that keeps no versions.
const ASIDE: &str = "aside/";

/// A pass that is under way.
pub struct Pass {
    state: JobState,
    kept: Kept,
    aged: Aged,
    /// The restore that was looked at last, and whether it is over.
    restore: Option<(String, bool)>,
    /// Those that may have something left, once an old one was met.
    open: Option<BTreeSet<String>>,
}

impl Pass {
    /// A new one, or the one that was stopped.
    pub fn begin(state: JobState, kept: Kept, last: Option<Aged>) -> Self {
        let mut aged = Aged::begin(state.job.name(), kept.now, kept.before, kept.oldest.clone());
        if let Some(last) = last {
            // Runs that were tagged once are gone, whatever the days are now.
            aged.oldest = aged.oldest.max(last.oldest);
            if let Some(after) = last.after {
                aged.begun_at = last.begun_at;
                aged.tagged = last.tagged;
                aged.after = Some(after);
            }
        }
        Self {
            state,
            kept,
            aged,
            restore: None,
            open: None,
        }
    }

    /// Goes through the state, up to its end or to the end of the time.
    ///
    /// # Errors
    /// What has stopped it.
    pub async fn go(mut self) -> Result<AgedNote, AgeingError> {
        // Before anything is tagged: a reader that misses it learns why.
        self.note().await?;
        let problem = self.go_through().await.err();
        let problem = problem.map(|stopped| stopped.to_string());
        self.note().await?;
        let aged = self.aged;
        tracing::info!(before = %aged.before, tagged = aged.tagged, "old state was tagged");
        Ok(AgedNote {
            before: Some(aged.before),
            tagged: aged.tagged,
            is_done: aged.after.is_none(),
            problem,
        })
    }

    /// Goes on page by page, and takes note of how far it has come.
    async fn go_through(&mut self) -> Result<(), AgeingError> {
        let Some(after) = self.aged.after.clone() else {
            return Ok(());
        };
        let after = (!after.is_empty()).then(|| self.state.job.key(&after));
        let below = self.state.job.key("");
        let mut pages = self.state.bucket.state_pages(&below, after);
        while !self.state.bucket.limit().has_stopped() {
            let Some(page) = pages.try_next().await? else {
                self.aged.after = None;
                return Ok(());
            };
            if !self.tag(&page).await? {
                return Ok(());
            }
            let last = page
                .last()
                .and_then(|object| self.state.job.part(&object.key));
            self.aged.after = last.map(str::to_owned).or(self.aged.after.take());
        }
        Ok(())
    }

    /// Tags what is out of a page, and says whether there was time for all of it.
    async fn tag(&mut self, page: &[Object]) -> Result<bool, AgeingError> {
        let mut out = Vec::new();
        for object in page {
            if self.is_out(object).await? {
                out.push(object.key.clone());
            }
        }
        let bucket = &self.state.bucket;
        let mut tagging = stream::iter(out)
            .map(|key: Key| async move { bucket.tag_unnamed(&key).await })
            .buffer_unordered(MOST_TAGGING);
        while let Some(tagged) = tagging.next().await {
            self.aged.tagged += u64::from(tagged?);
            if bucket.limit().has_stopped() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an object is old, and nothing that is kept needs it.
    async fn is_out(&mut self, object: &Object) -> Result<bool, AgeingError> {
        let Some(key) = self.state.job.part(&object.key) else {
            return Ok(false);
        };
        if object.last_modified >= self.kept.before {
            return Ok(false);
        }
        match StateKey::of(key) {
            StateKey::OfSnapshot => Ok(!self.kept.names(key)),
            StateKey::OfRun => Ok(true),
            StateKey::OfRestore(id) => self.is_over(id).await,
            StateKey::Lasting => Ok(false),
        }
    }

    /// Whether a restore is old and has nothing left, and has put nothing aside, which may be all that is left of an
    /// object.
    async fn is_over(&mut self, id: &str) -> Result<bool, AgeingError> {
        if let Some((known, is_over)) = &self.restore
            && known == id
        {
            return Ok(*is_over);
        }
        let is_over = !self.is_open(id).await? && self.is_old(id).await?;
        self.restore = Some((id.to_owned(), is_over));
        Ok(is_over)
    }

    async fn is_open(&mut self, id: &str) -> Result<bool, AgeingError> {
        if self.open.is_none() {
            self.open = Some(self.state.open_restores().await?);
        }
        Ok(self.open.as_ref().is_some_and(|open| open.contains(id)))
    }

    async fn is_old(&self, id: &str) -> Result<bool, AgeingError> {
        let below = self.state.job.key(&format!("restores/{id}/"));
        let mut listed = self.state.bucket.state_objects(&below, None);
        while let Some(object) = listed.try_next().await? {
            let name = object.key.as_str().strip_prefix(below.as_str());
            let is_aside = name.is_none_or(|name| name.starts_with(ASIDE));
            if is_aside || object.last_modified >= self.kept.before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn note(&self) -> Result<(), AgeingError> {
        let body = self.aged.encode()?;
        let contents = PutBody::json(&body);
        let key = self.state.job.key(AGED);
        // A later pass of the same job is kept out by the lease.
        let written = self
            .state
            .bucket
            .write_state(&key, contents, &Condition::Always);
        written.await?;
        Ok(())
    }
}
