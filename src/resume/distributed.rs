//! The objects of a distributed run in the backup bucket: what it is, and how far each piece has come.
//!
//! The first is written once. A piece is replaced by each invocation that works on it, under the condition
//! that it is still what that invocation has read: what is not in it was never counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::state::deletions;
use super::state_error::RunStateError;
use super::tally::MOST_FAILURES;
use super::{DestinationRemainder, RemainingRange};
use crate::failure::Failure;
use crate::model::{
    CURSOR_FORMAT, CursorDistributed, ETag, Job, Key, KeyCounts, KeyRange, RecordLink, StoredError,
    Timestamp, read_stored,
};
use crate::plan::{DestinationPlan, RunDescription, Stage};
use crate::report::Totals;
use crate::s3::{Operation, Requests};
use crate::snapshot::Link;

/// The format of both objects that this version writes, and the one that it reads. Fields may be added.
const FORMAT: u64 = 1;

/// A distributed run, as those who share it find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributedRun {
    format: u64,
    /// The run.
    pub run_id: String,
    /// When it began.
    pub started_at: Timestamp,
    job: String,
    source: String,
    prefix: String,
    destination: String,
    mode: String,
    deletions: String,
    /// The held run that it was asked to confirm.
    pub confirm: Option<String>,
    /// The last snapshot when it began: over another one it writes none.
    pub previous: Option<Link>,
    /// The keys of each piece, in their order.
    pub ranges: Vec<KeyRange>,
}

impl DistributedRun {
    /// Its key.
    pub fn key(job: &Job, run_id: &str) -> Key {
        job.key(&format!("runs/{run_id}/distributed.json"))
    }

    /// The key of the requests for its pieces.
    pub fn requests_key(job: &Job, run_id: &str) -> Key {
        job.key(&format!("runs/{run_id}/ranges.json"))
    }

    /// A run that begins with these pieces.
    pub fn begin(
        run: RunDescription<'_>,
        planned: &DestinationPlan,
        previous: Option<Link>,
        ranges: Vec<KeyRange>,
    ) -> Self {
        Self {
            format: FORMAT,
            run_id: run.run.id.clone(),
            started_at: run.run.started,
            job: planned.job.name().to_owned(),
            source: run.source.bucket.to_string(),
            prefix: run.source.prefix.as_str().to_owned(),
            destination: planned.destination.location.bucket.to_string(),
            mode: run.mode.name().to_owned(),
            deletions: deletions(run.task).unwrap_or_default(),
            confirm: run.confirm(),
            previous,
            ranges,
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

    /// In what it differs from what is configured and asked for, with both; none if it is of this run.
    pub fn objection(
        &self,
        run: RunDescription<'_>,
        planned: &DestinationPlan,
        run_id: &str,
    ) -> Option<String> {
        let here = Self::begin(run, planned, None, Vec::new());
        let pairs = [
            ("run", &self.run_id, &run_id.to_owned()),
            ("job", &self.job, &here.job),
            ("source", &self.source, &here.source),
            ("prefix", &self.prefix, &here.prefix),
            ("destination", &self.destination, &here.destination),
            ("mode", &self.mode, &here.mode),
            ("deletions", &self.deletions, &here.deletions),
        ];
        let other = pairs.into_iter().find(|(_, found, asked)| found != asked);
        other.map(|(what, found, asked)| {
            format!("its {what} is {found:?}, and the cursor or the configuration says {asked:?}")
        })
    }

    /// The cursor of a piece, or of the run itself.
    pub fn cursor(&self, piece: Option<u32>) -> CursorDistributed {
        CursorDistributed {
            format: CURSOR_FORMAT,
            distributed: self.run_id.clone(),
            piece,
            source: self.source.clone(),
            prefix: self.prefix.clone(),
            mode: self.mode.clone(),
            deletions: self.deletions.clone(),
        }
    }

    /// The requests for its pieces, as an array that a Distributed Map hands out.
    ///
    /// # Errors
    /// Only if serialisation fails, which no field can cause.
    pub fn requests_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct PieceRequest {
            operation: &'static str,
            cursor: CursorDistributed,
        }
        let numbers = (1..).take(self.ranges.len());
        let requests: Vec<PieceRequest> = numbers
            .map(|number| PieceRequest {
                operation: "continue",
                cursor: self.cursor(Some(number)),
            })
            .collect();
        serde_json::to_vec_pretty(&requests)
    }

    /// The keys of a piece.
    pub fn range(&self, number: u32) -> Option<&KeyRange> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.ranges.get(place)
    }
}

/// How far a piece has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceState {
    format: u64,
    /// The distributed run.
    run_id: String,
    /// The number of the piece, from 1 on.
    piece: u32,
    /// The keys that are left; none of a piece that is done.
    pub left: Vec<KeyRange>,
    /// What was counted of the others for deletions.
    pub counted: KeyCounts,
    /// What became of them.
    pub totals: Totals,
    failures: Vec<StoredFailure>,
    requests: StoredRequests,
    /// The first keys that are gone from the source, with the `ETag`s of the backups.
    gone: Vec<GoneKey>,
    /// The first keys of what is in the backup and not the job's own.
    foreign: Vec<Key>,
    /// What was recorded for the snapshot.
    pub record: Option<RecordLink>,
}

/// What one invocation adds to a piece.
#[derive(Clone, Debug, Default)]
pub struct PieceWork {
    /// The keys that are left.
    pub left: Vec<KeyRange>,
    /// What was counted for deletions.
    pub counted: KeyCounts,
    /// What became of the keys that are not left.
    pub totals: Totals,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// What was sent.
    pub requests: Requests,
    /// The first keys that are gone.
    pub gone: BTreeMap<Key, ETag>,
    /// The first keys that are foreign.
    pub foreign: BTreeSet<Key>,
    /// What was recorded.
    pub record: Option<RecordLink>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GoneKey {
    key: Key,
    etag: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredFailure {
    key: Option<Key>,
    operation: String,
    code: Option<String>,
    message: String,
    advice: String,
    request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredRequests {
    list: u64,
    copy: u64,
    head: u64,
}

impl PieceState {
    /// Its key.
    pub fn key(job: &Job, run_id: &str, number: u32) -> Key {
        job.key(&format!("runs/{run_id}/pieces/{number:04}.json"))
    }

    /// A piece that nobody has worked on.
    pub fn begin(run_id: &str, number: u32, range: KeyRange) -> Self {
        Self {
            format: FORMAT,
            run_id: run_id.to_owned(),
            piece: number,
            left: vec![range],
            counted: KeyCounts::default(),
            totals: Totals::default(),
            failures: Vec::new(),
            requests: StoredRequests::default(),
            gone: Vec::new(),
            foreign: Vec::new(),
            record: None,
        }
    }

    /// Reads the stored form of that piece.
    ///
    /// # Errors
    /// Why it cannot be gone on with, in words that follow its key.
    pub fn parse(bytes: &[u8], run_id: &str, number: u32) -> Result<Self, RunStateError> {
        let state: Self = parse(bytes)?;
        if state.run_id != run_id || state.piece != number {
            return Err(RunStateError::OtherPiece {
                run_id: state.run_id,
                piece: state.piece,
            });
        }
        Ok(state)
    }

    /// The stored form, for programs and for people.
    ///
    /// # Errors
    /// Only if serialisation fails, which no field can cause.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// The piece after one more invocation.
    #[must_use]
    pub fn after(self, work: PieceWork) -> Self {
        let gone = work.gone.into_iter().map(|(key, etag)| GoneKey {
            key,
            etag: etag.as_str().to_owned(),
        });
        let failures = work.failures.into_iter().map(StoredFailure::from);
        let failures = self.failures.into_iter().chain(failures);
        let sent = work.requests;
        Self {
            left: work.left,
            counted: self.counted + work.counted,
            totals: self.totals.plus(&work.totals),
            failures: failures.take(MOST_FAILURES).collect(),
            requests: StoredRequests {
                list: self.requests.list + sent.list,
                copy: self.requests.copy + sent.copy,
                head: self.requests.head + sent.head,
            },
            gone: self.gone.into_iter().chain(gone).collect(),
            foreign: self.foreign.into_iter().chain(work.foreign).collect(),
            record: work.record,
            ..self
        }
    }

    /// The same with so many keys that are gone at most, or with none of them: fewer than all are of no use. And
    /// with so many failures at most.
    pub fn keep(&mut self, gone: usize, failures: usize) {
        if self.gone.len() > gone {
            self.gone = Vec::new();
        }
        self.failures.truncate(failures);
    }

    /// How many keys that are gone, and how many failures, it has kept.
    pub fn kept(&self) -> (usize, usize) {
        (self.gone.len(), self.failures.len())
    }

    /// Whether nothing is left of it.
    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// What went wrong with its objects, as far as it was kept.
    pub fn failures(&self) -> impl Iterator<Item = Failure> {
        self.failures.iter().cloned().map(Failure::from)
    }

    /// What all invocations have sent.
    pub fn requests(&self) -> Requests {
        let StoredRequests { list, copy, head } = self.requests;
        let thaw = 0;
        Requests {
            list,
            copy,
            head,
            thaw,
        }
    }

    /// The first keys that are gone from the source, with the `ETag`s of the backups.
    pub fn gone(&self) -> impl Iterator<Item = (Key, ETag)> {
        let gone = self.gone.iter();
        gone.map(|gone| (gone.key.clone(), ETag::new(&gone.etag)))
    }

    /// The first keys of what is in the backup and not the job's own.
    pub fn foreign(&self) -> impl Iterator<Item = Key> {
        self.foreign.iter().cloned()
    }
}

impl From<Failure> for StoredFailure {
    fn from(failure: Failure) -> Self {
        Self {
            key: failure.key,
            operation: failure.operation.to_owned(),
            code: failure.code,
            message: failure.message,
            advice: failure.advice,
            request_id: failure.request_id,
        }
    }
}

impl From<StoredFailure> for Failure {
    fn from(stored: StoredFailure) -> Self {
        let operation = Operation::named(&stored.operation);
        Self {
            key: stored.key,
            operation: operation.unwrap_or(Operation::ListObjectsV2).name(),
            code: stored.code,
            message: stored.message,
            advice: stored.advice,
            request_id: stored.request_id,
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoredError> {
    read_stored(bytes, FORMAT..=FORMAT, &FORMAT.to_string())
}

impl DestinationRemainder {
    /// What the pieces of a run have left, as if one invocation had left it.
    pub fn of_pieces(pieces: &[PieceState], record: Option<RecordLink>) -> Self {
        let left = pieces.iter().flat_map(|piece| &piece.left);
        Self {
            left: left
                .map(|keys| RemainingRange {
                    keys: keys.clone(),
                    counted: KeyCounts::default(),
                })
                .collect(),
            beside: KeyCounts::default(),
            stage: Stage::Copy,
            counted: Some(pieces.iter().map(|piece| piece.counted).sum()),
            agreed: None,
            record,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(number: usize) -> Failure {
        Failure {
            key: Some(Key::new(format!("{number:04}"))),
            operation: Operation::CopyObject.name(),
            code: None,
            message: "no".to_owned(),
            advice: "none".to_owned(),
            request_id: None,
        }
    }

    /// What one of two invocations adds: its numbers begin there.
    fn work(first: u64, failures: usize) -> PieceWork {
        PieceWork {
            left: vec![KeyRange::all()],
            counted: KeyCounts {
                gone: first,
                ..KeyCounts::default()
            },
            failures: (0..failures).map(failure).collect(),
            requests: Requests {
                list: first + 1,
                copy: first + 2,
                head: first + 3,
                thaw: 0,
            },
            gone: [(Key::new(format!("gone-{first}")), ETag::new("e"))].into(),
            foreign: [Key::new(format!("foreign-{first}"))].into(),
            ..PieceWork::default()
        }
    }

    #[test]
    fn a_piece_is_the_sum_of_what_its_invocations_did() {
        let piece = PieceState::begin("run", 1, KeyRange::all());
        let piece = piece.after(work(10, 1)).after(work(200, MOST_FAILURES));

        let sent = piece.requests();
        assert_eq!((sent.list, sent.copy, sent.head), (212, 214, 216));
        assert_eq!(piece.counted.gone, 210);
        assert_eq!(piece.kept(), (2, MOST_FAILURES));
        let gone: Vec<String> = piece.gone().map(|(key, _)| key.to_string()).collect();
        assert_eq!(gone, ["gone-10", "gone-200"]);
        assert_eq!(piece.foreign().count(), 2);
        let stored = piece.to_json().unwrap();
        assert_eq!(PieceState::parse(&stored, "run", 1), Ok(piece));
    }

    #[test]
    fn a_piece_keeps_all_keys_that_are_gone_or_none_and_the_first_failures() {
        let begun = PieceState::begin("run", 1, KeyRange::all());
        let begun = begun.after(work(10, 3)).after(work(20, 0));
        for (most, kept) in [
            ((2, 3), (2, 3)),
            ((9, 9), (2, 3)),
            ((1, 2), (0, 2)),
            ((0, 0), (0, 0)),
        ] {
            let mut piece = begun.clone();
            piece.keep(most.0, most.1);
            assert_eq!(piece.kept(), kept, "{most:?}");
        }
    }
}
