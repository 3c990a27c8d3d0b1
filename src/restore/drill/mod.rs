//! Drills: a sample of a run is restored into a scratch place, compared in every property, and hidden again.
//!
//! A drill is a restore of the keys that were drawn, below a prefix of its own, so that it replaces nothing; it
//! waits for archives and is continued as any other. At its end each object is compared with the version that
//! it was copied from, and that with the snapshot. The result is kept below `.s3-backup/{job}/drills/`.

mod check;
mod record;
mod sample;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};

use record::PassedDrill;
pub use record::{DrillFile, DrillRecord};

use super::asked::Asked;
use super::session::Session;
use super::shelf::JSON;
use super::{Call, opening};
use crate::failure::Failure;
use crate::history::History;
use crate::model::{ETag, Job, Key, Location, Prefix, StoredError, Timestamp};
use crate::report::Report;
use crate::request::{DrillRequest, Extra, Manner, Point, StartRestore, What};
use crate::run::{RunResult, StartError};
use crate::s3::{Bucket, Cause, Condition, Operation, S3Error};
use crate::snapshot::Index;
use sample::{Draw, Sample};

/// Markers that are placed side by side.
const MARKS_AT_ONCE: usize = 32;
/// The note of the last drill that passed, below the drills of a job.
const PASSED: &str = "drills/passed.json";
/// The most bytes of the file of a drill: ten thousand objects with keys of 1,024 control characters.
const MOST_BYTES: u64 = 128 << 20;

impl Call<'_> {
    /// A new drill.
    pub(super) async fn drill(
        &self,
        asked: &DrillRequest,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        self.refuse_in_place(asked)?;
        let prefix = format!("{}{}/", asked.to.prefix.as_str(), self.run.id);
        let to = Location {
            bucket: asked.to.bucket.clone(),
            prefix: Prefix::new(prefix.as_str()),
        };
        let history = History::open(self.source.bucket.clone(), self.source.job.clone()).await;
        let point = Point::Run(asked.run.clone());
        let index = self.point(&point, &history).await?;
        let Some(index) = index else {
            return Err(StartError::request("a drill needs a run"));
        };
        let seed = fastrand::u64(..);
        let sample = draw(asked, &index, &history, seed).await?;
        let drawn = DrillRecord::of(asked.sample, seed, &sample);
        let start = start(asked, to, &index, sample.keys);
        let record = opening::target_of(&start, self.config)?;
        let restore = Asked::Start(Box::new(start));
        let mut session = Box::pin(Session::open(self, restore, record)).await?;
        session.request.drill = Some(drawn);
        Box::pin(self.begin(session, Manner::Act, watch)).await
    }

    fn refuse_in_place(&self, asked: &DrillRequest) -> Result<(), StartError> {
        let source = &self.config.source.bucket;
        if asked.to.bucket != *source {
            return Ok(());
        }
        Err(StartError::Destination {
            problem: format!(
                "bucket {source} is the source itself, and a drill writes into a scratch place; name another \
                 bucket with \"to\""
            ),
        })
    }
}

/// The note of the last drill that passed cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {error}")]
pub struct NoteError {
    key: Key,
    #[source]
    error: StoredError,
}

/// When the last drill that passed was compared; none if none has, or what is wrong with the note of it.
///
/// # Errors
/// Why S3 refused.
pub async fn last_passed(
    bucket: &Bucket,
    job: &Job,
) -> Result<Result<Option<Timestamp>, NoteError>, S3Error> {
    let key = job.key(PASSED);
    let Some(state) = bucket.read_state(&key).await?.state else {
        return Ok(Ok(None));
    };
    let passed = record::parse_passed(&state.body);
    Ok(passed
        .map(|passed| Some(passed.compared_at))
        .map_err(|error| NoteError { key, error }))
}

/// Draws the sample from all rows of a snapshot.
async fn draw(
    asked: &DrillRequest,
    index: &Index,
    history: &History,
    seed: u64,
) -> Result<Sample, StartError> {
    let mut draw = Draw::new(asked.sample, index.totals.objects, asked.thaws, seed);
    let mut pages = history.rows_of(index.segments.clone());
    loop {
        let page = pages.try_next().await.map_err(|problem| {
            StartError::request(&format!(
                "the snapshot of run {} cannot be read: {problem}; nothing was restored",
                index.run_id
            ))
        })?;
        let Some(page) = page else {
            return Ok(draw.end());
        };
        for row in &page {
            draw.add(row.row());
        }
    }
}

/// The restore that a drill is.
fn start(asked: &DrillRequest, to: Location, index: &Index, keys: Vec<Key>) -> StartRestore {
    let names: Vec<&str> = keys.iter().map(Key::as_str).collect();
    let words = json!({
        "operation": "restore", "keys": names, "run": index.run_id, "to": to.to_string(),
        "tier": asked.tier.name(), "thawed_days": asked.thawed_days,
    });
    let words: Map<String, Value> = words.as_object().cloned().unwrap_or_default();
    StartRestore {
        what: What::Keys(keys),
        include: Vec::new(),
        exclude: Vec::new(),
        from: asked.from.clone(),
        point: Point::Run(index.run_id.clone()),
        to: Some(to),
        strip_prefix: Prefix::default(),
        manner: Manner::Act,
        only_missing: false,
        extra: Extra::Keep,
        class: None,
        tier: asked.tier,
        thawed_days: asked.thawed_days,
        max_cost: None,
        keeps_replaced: true,
        words,
    }
}

impl Session<'_> {
    /// Ends a drill: compares, writes down what was found, and hides what was restored. Whether all of that was
    /// done; a restore that is no drill has nothing to do, nor one that waits.
    pub(super) async fn end_drill(&mut self) -> Result<bool, StartError> {
        let Some(drawn) = self.request.drill.clone() else {
            return Ok(true);
        };
        if self.held.progress.tally().waiting > 0 {
            return Ok(true);
        }
        let key = self
            .call
            .source
            .job
            .key(&format!("drills/{}.json", self.request.id));
        let (file, scratch) = if let Some(file) = self.compared_before(&key).await? {
            (file, self.scratch().await?)
        } else if let Some(compared) = self.compare_and_note(&key, &drawn).await? {
            compared
        } else {
            return Ok(false);
        };
        if file.passed {
            self.note_passed(&file).await?;
        }
        self.tell_findings(&file);
        self.drilled = Some(file.told(&key));
        self.hide(scratch).await
    }

    /// What an earlier call has found, that was stopped while it hid what it had restored.
    async fn compared_before(&self, key: &Key) -> Result<Option<DrillFile>, StartError> {
        let bucket = &self.call.source.shelf.bucket;
        let reading = bucket.read_state_up_to(key, MOST_BYTES).await;
        let reading = reading.map_err(|error| StartError::source(&error))?;
        let Some(state) = reading.state else {
            return Ok(None);
        };
        let file = record::parse(&state.body);
        file.map(Some)
            .map_err(|problem| StartError::request(&format!("{key} {problem}")))
    }

    async fn compare_and_note(
        &self,
        key: &Key,
        drawn: &DrillRecord,
    ) -> Result<Option<(DrillFile, Vec<(Key, ETag)>)>, StartError> {
        let asked = self
            .request
            .point
            .as_ref()
            .map(|point| point.run_id.clone());
        let point = Point::Run(asked.unwrap_or_default());
        let index = opening::point(&point, &self.site.history, self.call.now).await?;
        let Some(index) = index else {
            return Err(StartError::request("a drill needs a run"));
        };
        let mut checked = self.check(&index).await?;
        if checked.iter().any(check::Checked::is_interrupted) {
            return Ok(None);
        }
        let scratch = checked.iter_mut().filter_map(|one| one.scratch.take());
        let scratch = scratch.collect();
        let objects = checked.into_iter().map(check::Checked::told).collect();
        let file = DrillFile::of(&self.request, drawn, self.call.now, objects);
        let body = serde_json::to_vec(&file)
            .map_err(|error| StartError::request(&format!("{key}: {error}")))?;
        let put = self
            .call
            .source
            .shelf
            .put(key, &body, JSON, &Condition::Create);
        put.await.map_err(|error| StartError::source(&error))?;
        Ok(Some((file, scratch)))
    }

    /// Notes the drill as the last one that passed, so that the watch knows how old that is.
    async fn note_passed(&self, passed: &DrillFile) -> Result<(), StartError> {
        let source = &self.call.source;
        let key = source.job.key(PASSED);
        let body = serde_json::to_vec(&PassedDrill::of(passed))
            .map_err(|error| StartError::request(&format!("{key}: {error}")))?;
        let put = source.shelf.put(&key, &body, JSON, &Condition::Always);
        put.await.map_err(|error| StartError::source(&error))?;
        Ok(())
    }

    /// What the drill has written, by its own lines.
    async fn scratch(&self) -> Result<Vec<(Key, ETag)>, StartError> {
        let mut scratch = Vec::new();
        for number in 0..self.held.progress.parts.len() {
            let known = self.store.known(&self.held, number).await;
            let known = known.map_err(super::refused)?;
            scratch.extend(known.last.into_values().filter_map(|done| {
                let etag = done.written?.etag?;
                Some((done.key, ETag::new(&etag)))
            }));
        }
        Ok(scratch)
    }

    /// Each object that is not as it should be is a failure of the result; that of a copy is one already.
    fn tell_findings(&mut self, file: &DrillFile) {
        let wrong = file.objects.iter().filter(|object| object.is_wrong());
        for object in wrong.filter(|object| object.verdict != "not_restored") {
            let failure = Failure {
                key: Some(object.key.clone()),
                operation: Operation::HeadObject.name(),
                code: Some("DrillFailed".to_owned()),
                message: format!(
                    "what came back is {}: {}",
                    object.verdict.replace('_', " "),
                    object.why
                ),
                advice: "look at both with head-object, then run `s3-backup verify --deep`"
                    .to_owned(),
                request_id: None,
            };
            self.report.add_failure(0, failure);
        }
    }

    /// Hides what was restored. In a bucket without versions a delete would destroy it, and the lifecycle of the
    /// bucket is left to do that.
    async fn hide(&self, scratch: Vec<(Key, ETag)>) -> Result<bool, StartError> {
        if !self.site.versioned {
            return Ok(true);
        }
        let bucket = &self.site.target;
        let marks = scratch.iter().map(|(key, etag)| async move {
            match bucket.mark_deleted(key, etag).await {
                Ok(_) => Ok(true),
                // An earlier call has hidden it, or somebody else has changed it.
                Err(error) if matches!(error.cause, Cause::Missing | Cause::ChangedMeanwhile) => {
                    Ok(true)
                }
                Err(error) if error.cause == Cause::OutOfTime => Ok(false),
                Err(error) => Err(StartError::destination(&error)),
            }
        });
        let marks: Vec<_> = marks.collect();
        let mut marks = Box::pin(stream::iter(marks).buffer_unordered(MARKS_AT_ONCE));
        let mut all = true;
        while let Some(marked) = marks.try_next().await? {
            all &= marked;
        }
        Ok(all)
    }
}
