//! The end of a record: an index, or a part for the next invocation to go on with.

use std::time::SystemTime;

use super::error::RecordError;
use super::part::{Counts, Origin, RecordPart};
use super::{JobState, SnapshotRecorder};
use crate::config::Unusual;
use crate::diff;
use crate::history::History;
use crate::model::{KeyRange, RecordLink};
use crate::plan::{DestinationPlan, Run};
use crate::report::SnapshotNote;
use crate::s3::{Condition, PutBody};
use crate::snapshot::{Digest, Index, LATEST, Latest, MOST_INDEX_BYTES, Past, format_of};

const JSON: &str = "application/json";

/// What a record has become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordResult {
    /// The snapshot, if the run is at its end.
    pub note: SnapshotNote,
    /// The record, if it goes on.
    pub link: Option<RecordLink>,
}

/// A destination that has come to its end, or as far as it could.
#[derive(Clone, Copy, Debug)]
pub struct CloseInput<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its destination.
    pub planned: &'a DestinationPlan,
    /// The source, as the result names it.
    pub source: &'a str,
    /// The keys that are left.
    pub left: &'a [KeyRange],
    /// Whether a listing broke off, so that nobody knows all keys.
    pub broken: bool,
    /// What was counted.
    pub counts: Counts,
    /// Which share of changed objects is unusual.
    pub unusual: Unusual,
}

impl RecordResult {
    /// The result of a run that records nothing, as a plan: the problem of the last snapshot, if there is one.
    pub async fn unrecorded(history: &History) -> Option<Self> {
        history.look_for_later().await;
        snapshot_problem(history).map(Self::problem)
    }

    fn problem(problem: String) -> Self {
        let note = SnapshotNote {
            problem: Some(problem),
            ..SnapshotNote::default()
        };
        Self { note, link: None }
    }
}

/// The problem of the last snapshot, and what follows.
fn snapshot_problem(history: &History) -> Option<String> {
    let problem = history.problem()?;
    Some(format!("{problem}; {}", problem.advice()))
}

impl SnapshotRecorder {
    /// Writes the snapshot of a destination that is done, or the part of one that is not.
    pub async fn close(
        self,
        store: JobState,
        history: &History,
        closing: CloseInput<'_>,
    ) -> RecordResult {
        // Before this run writes an index itself.
        history.look_for_later().await;
        let last = snapshot_problem(history);
        let (written, changed) = self.stored();
        let kept = match self.written(&store, history, closing).await {
            Ok(kept) => kept,
            Err(problem) => {
                tracing::warn!(%problem, "no snapshot was written");
                let problem = format!(
                    "no snapshot was written: {problem}; the backup itself is not touched by it, \
                     and the next run writes one"
                );
                RecordResult::problem(problem)
            }
        };
        let problems = [last, kept.note.problem].into_iter().flatten();
        let problems: Vec<String> = problems.collect();
        let note = SnapshotNote {
            segments_written: written,
            segments_changed: changed,
            problem: (!problems.is_empty()).then(|| problems.join("; ")),
            ..kept.note
        };
        RecordResult { note, ..kept }
    }

    async fn written(
        &self,
        store: &JobState,
        history: &History,
        closing: CloseInput<'_>,
    ) -> Result<RecordResult, RecordError> {
        let segments = self.segments()?;
        if closing.broken {
            return Err(RecordError::ListingBroken);
        }
        let part = store
            .begun(history, closing)
            .await?
            .with(segments, closing.counts)?;
        if closing.left.is_empty() && !closing.planned.is_piece {
            store.write_index(part, history, closing).await
        } else {
            store.write_part(part, closing).await
        }
    }
}

impl JobState {
    /// What the invocations before this one have recorded.
    async fn begun(
        &self,
        history: &History,
        closing: CloseInput<'_>,
    ) -> Result<RecordPart, RecordError> {
        let CloseInput { run, planned, .. } = closing;
        let job = self.job.name();
        let last = history.last();
        let previous = last.map(|(_, link)| link.clone());
        if !planned.is_continued {
            let origin = Origin {
                run_id: run.id.clone(),
                started_at: run.started,
            };
            return Ok(RecordPart::begin(job, origin, previous));
        }
        let link = planned.record.as_ref();
        let link = link.ok_or(RecordError::Unnamed)?;
        let part = self.read_part(link, &planned.ranges).await?;
        match last {
            Some((index, _)) if part.previous != previous => {
                let run_id = index.run_id.clone();
                Err(RecordError::Overtaken { run_id })
            }
            _ => Ok(part),
        }
    }

    /// Reads the record that a cursor names, if it has left just these keys.
    pub(super) async fn read_part(
        &self,
        link: &RecordLink,
        asked: &[KeyRange],
    ) -> Result<RecordPart, RecordError> {
        let key = self.job.key(&link.key);
        let read = self.bucket.read_state_up_to(&key, MOST_INDEX_BYTES).await?;
        let state = read.state.ok_or_else(|| RecordError::Missing {
            object: link.key.clone(),
        })?;
        RecordPart::parse(&state.body, link, self.job.name(), asked)
    }

    async fn write_part(
        &self,
        part: RecordPart,
        closing: CloseInput<'_>,
    ) -> Result<RecordResult, RecordError> {
        let part = RecordPart {
            left: closing.left.to_vec(),
            ..part
        };
        let key = format!("snapshots/parts/{}.json", closing.run.id);
        let bytes = serde_json::to_vec(&part).map_err(RecordError::unwritten)?;
        self.write(&key, &bytes, &Condition::Always).await?;
        Ok(RecordResult {
            link: Some(RecordLink {
                sha256: Digest::of(&bytes).to_string(),
                key,
            }),
            ..RecordResult::default()
        })
    }

    /// Writes the index, and then names it the last one: if another run has done so meanwhile, this one
    /// must not.
    async fn write_index(
        &self,
        part: RecordPart,
        history: &History,
        closing: CloseInput<'_>,
    ) -> Result<RecordResult, RecordError> {
        let index = Index {
            format: format_of(part.segments.iter().chain(&part.orphans)),
            job: part.job,
            source: closing.source.to_owned(),
            destination: self.bucket.name().to_string(),
            run_id: closing.run.id.clone(),
            started_at: part.origin.started_at,
            ended_at: SystemTime::now().into(),
            totals: part.totals,
            segments: part.segments,
            orphans: part.orphans,
            previous: history.last().map(|(_, link)| link.clone()),
            past: Past::default(),
        };
        let last = history.last().map(|(index, _)| index);
        let index = index.remembering(last);
        let before = last.map_or(&[][..], |last| last.past.changes.as_slice());
        let changes = diff::change_rate(index.changed_share(), before, closing.unusual);
        let (bytes, link) = index.encode()?;
        let (key, sha256) = (link.key.clone(), link.sha256);
        self.write(&key, &bytes, &Condition::Create).await?;
        let latest = Latest::new(index.job.clone(), link);
        let latest = latest.encode()?;
        self.write(LATEST, &latest, history.condition()).await?;
        let note = SnapshotNote {
            key: Some(self.job.key(&key).as_str().to_owned()),
            sha256: Some(sha256.to_string()),
            objects: index.totals.objects,
            segments: index.segments.len() as u64,
            changes: (index.totals.known > 0).then(|| changes.into()),
            ..SnapshotNote::default()
        };
        Ok(RecordResult { note, link: None })
    }

    pub(super) async fn write(
        &self,
        part: &str,
        body: &[u8],
        condition: &Condition,
    ) -> Result<(), RecordError> {
        if body.len() as u64 > MOST_INDEX_BYTES {
            return Err(RecordError::TooLarge {
                object: part.to_owned(),
                bytes: body.len(),
                most: MOST_INDEX_BYTES,
            });
        }
        let contents = PutBody {
            body,
            content_type: JSON,
        };
        let key = self.job.key(part);
        self.bucket.write_state(&key, contents, condition).await?;
        Ok(())
    }
}
