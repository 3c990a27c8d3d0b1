//! The state that a run leaves in each backup bucket when it stops, and what says that it was used.
//!
//! The state is written once and never again, so that the digest in the cursor holds. Beside it lies,
//! once a run has gone on from there, the object that names that run, written only if there is none:
//! of two runs with the same cursor one goes on.

use serde::{Deserialize, Serialize};

use super::state_error::RunStateError;
use super::{DestinationRemainder, words};
use crate::model::{
    CURSOR_FORMAT, CursorReference, Job, Key, KeyCounts, KeyRange, RecordLink, StateLink,
    StoredError, Timestamp, VerifyRequestEcho, read_stored,
};
use crate::plan::{DestinationPlan, RunDescription, Stage, Task};
use crate::snapshot::Digest;

/// The format of both objects that this version writes, and the one that it reads. Fields may be added.
const FORMAT: u64 = 1;

/// The keys that a run has left in one destination, and what it knows of the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    format: u64,
    /// The run that stopped.
    pub run_id: String,
    /// The first of the runs that it has gone on with; itself, if there was none.
    pub first_run_id: String,
    /// When it stopped.
    stopped_at: Timestamp,
    job: String,
    source: String,
    prefix: String,
    destination: String,
    mode: String,
    verify: Option<VerifyRequestEcho>,
    /// None of a verification.
    deletions: Option<String>,
    /// The held run that the run was asked to confirm.
    confirm: Option<String>,
    stage: String,
    /// The keys that are left, in their order.
    ranges: Vec<KeyRange>,
    /// While objects are copied, what was counted of the others; none if nobody knows.
    counted: Option<KeyCounts>,
    /// While deletions are marked, how many still may be.
    agreed: Option<u64>,
    /// What was recorded for the snapshot.
    record: Option<RecordLink>,
    /// States of earlier runs in destinations that the run could not use.
    #[serde(default)]
    elsewhere: Vec<StateLink>,
}

/// The run that has gone on from a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    format: u64,
    /// The run.
    pub run_id: String,
    /// When it began.
    pub used_at: Timestamp,
    /// How it ended; none while it goes on, and of one that was killed.
    pub ended: Option<RunEnd>,
    /// Whether it could not start, and has done nothing.
    #[serde(default)]
    given_back: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// The status of its result.
    pub status: String,
    /// Its message.
    pub message: String,
    /// The run to confirm, if deletions are held.
    pub confirm: Option<String>,
}

/// The name of a stage in JSON.
fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Copy => "copy",
        Stage::Mark => "mark",
    }
}

/// What a run does about deletions, in JSON; nothing of a verification.
pub(super) fn deletions(task: &Task) -> Option<String> {
    let name = match (task.check(), task.marking()) {
        (Some(_), _) => return None,
        (None, Some(_)) => "mark",
        (None, None) => "keep",
    };
    Some(name.to_owned())
}

impl RunState {
    /// Its key.
    pub fn key(job: &Job, run_id: &str) -> Key {
        job.key(&format!("runs/{run_id}/state.json"))
    }

    /// What a run leaves that stops now, of the destination of that number.
    pub fn of(
        run: RunDescription<'_>,
        planned: &DestinationPlan,
        left: &DestinationRemainder,
        now: Timestamp,
    ) -> Self {
        let run_id = run.run.id.as_str();
        Self {
            format: FORMAT,
            run_id: run_id.to_owned(),
            first_run_id: run.first_run.unwrap_or(run_id).to_owned(),
            stopped_at: now,
            job: planned.job.name().to_owned(),
            source: run.source.bucket.to_string(),
            prefix: run.source.prefix.as_str().to_owned(),
            destination: planned.destination.location.bucket.to_string(),
            mode: run.mode.name().to_owned(),
            verify: run.task.check().map(words),
            deletions: deletions(run.task),
            confirm: run.confirm(),
            stage: stage_name(left.stage).to_owned(),
            ranges: left.ranges(),
            counted: left.counted,
            agreed: left.agreed,
            record: left.record.clone(),
            elsewhere: Vec::new(),
        }
    }

    /// The same, of a run that could not use those destinations.
    #[must_use]
    pub fn beside(self, elsewhere: Vec<StateLink>) -> Self {
        Self { elsewhere, ..self }
    }

    /// The same, as if the run of that id, which began with it, had left it.
    #[must_use]
    pub fn left_by(self, run_id: &str) -> Self {
        Self {
            run_id: run_id.to_owned(),
            first_run_id: run_id.to_owned(),
            ..self
        }
    }

    /// The link to it, as it is stored.
    pub fn link(&self, key: &Key, bytes: &[u8]) -> StateLink {
        StateLink {
            destination: self.destination.clone(),
            run_id: self.run_id.clone(),
            key: key.as_str().to_owned(),
            sha256: Digest::of(bytes).to_string(),
        }
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
    /// Why it cannot be gone on with, in words that follow its key.
    pub fn parse(bytes: &[u8]) -> Result<Self, StoredError> {
        parse(bytes)
    }

    /// Reads the stored form, if it is what was written.
    ///
    /// # Errors
    /// Why it cannot be gone on with, in words that follow its key.
    pub fn follow(bytes: &[u8], link: &StateLink) -> Result<Self, RunStateError> {
        if Digest::of(bytes).to_string() != link.sha256 {
            return Err(RunStateError::OtherDigest);
        }
        Ok(Self::parse(bytes)?)
    }

    /// In what it differs from what is configured and asked for, with both; none if it is of this destination.
    pub fn objection(&self, run: RunDescription<'_>, planned: &DestinationPlan) -> Option<String> {
        let here = Self::of(
            run,
            planned,
            &DestinationRemainder::default(),
            self.stopped_at,
        );
        let link = planned.state.as_ref();
        let run = link.map(|link| link.run_id.clone()).unwrap_or_default();
        let verify = |words: &Option<VerifyRequestEcho>| format!("{words:?}");
        let pairs = [
            ("run", self.run_id.clone(), run),
            ("job", self.job.clone(), here.job),
            ("source", self.source.clone(), here.source),
            ("prefix", self.prefix.clone(), here.prefix),
            ("destination", self.destination.clone(), here.destination),
            ("mode", self.mode.clone(), here.mode),
            ("verification", verify(&self.verify), verify(&here.verify)),
            (
                "deletions",
                self.deletions.clone().unwrap_or_default(),
                here.deletions.unwrap_or_default(),
            ),
        ];
        let other = pairs.into_iter().find(|(_, found, asked)| found != asked);
        other.map(|(what, found, asked)| {
            format!("its {what} is {found:?}, and the cursor or the configuration says {asked:?}")
        })
    }

    /// Tells a destination of it what is left.
    ///
    /// # Errors
    /// Why it makes no sense, in words that follow its key.
    pub fn tell(&self, planned: &mut DestinationPlan) -> Result<Stage, RunStateError> {
        let stage = [Stage::Copy, Stage::Mark];
        let stage = stage
            .into_iter()
            .find(|stage| stage_name(*stage) == self.stage);
        let stage = stage.ok_or(RunStateError::UnknownStage)?;
        planned.ranges.clone_from(&self.ranges);
        planned.counted = self.counted.unwrap_or_default();
        planned.agreed = self.agreed.unwrap_or_default();
        planned.record.clone_from(&self.record);
        Ok(stage)
    }

    /// Whether it says what a run has to know that marks deletions.
    pub fn knows_deletions(&self) -> bool {
        self.counted.is_some() || self.agreed.is_some()
    }

    /// The held run that is confirmed.
    pub fn confirm(&self) -> Option<&String> {
        self.confirm.as_ref()
    }

    /// The cursor that refers to it, and to these states of the same run.
    pub fn cursor(&self, mut states: Vec<StateLink>) -> CursorReference {
        states.extend(self.elsewhere.iter().cloned());
        CursorReference {
            format: CURSOR_FORMAT,
            run_id: self.run_id.clone(),
            source: self.source.clone(),
            prefix: self.prefix.clone(),
            mode: self.mode.clone(),
            verify: self.verify.clone(),
            deletions: self.deletions.clone(),
            stage: self.stage.clone(),
            states,
        }
    }
}

impl Successor {
    /// Where it is said which run has gone on with that one.
    pub fn key(job: &Job, run_id: &str) -> Key {
        job.key(&format!("runs/{run_id}/continued.json"))
    }

    /// A run that goes on now.
    pub fn begin(run_id: &str, now: Timestamp) -> Self {
        Self {
            format: FORMAT,
            run_id: run_id.to_owned(),
            used_at: now,
            ended: None,
            given_back: false,
        }
    }

    /// The same run, which could not start.
    #[must_use]
    pub fn given_back(&self) -> Self {
        Self {
            given_back: true,
            ..self.clone()
        }
    }

    /// Whether the run could not start.
    pub fn was_given_back(&self) -> bool {
        self.given_back
    }

    /// The same run at its end.
    #[must_use]
    pub fn ended(&self, end: RunEnd) -> Self {
        Self {
            ended: Some(end),
            ..self.clone()
        }
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
    pub fn parse(bytes: &[u8]) -> Result<Self, StoredError> {
        parse(bytes)
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoredError> {
    read_stored(bytes, FORMAT..=FORMAT, &FORMAT.to_string())
}
