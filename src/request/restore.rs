//! The request for a restore, and for what is done about one that was begun.

use std::fmt;

use serde_json::{Map, Value};

use super::DrillRequest;
use crate::model::{Glob, Key, Location, Prefix, StorageClass, Tier, Timestamp, VersionId};

/// A request of the restore operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreRequest {
    /// Bring objects back as they were at a point.
    Start(Box<StartRestore>),
    /// Bring a sample back into a scratch place, and compare it.
    Drill(DrillRequest),
    /// Do exactly what was planned and held.
    Confirm(RestoreId),
    /// Go on with a restore that stopped or waits.
    Continue(RestoreId),
    /// Go on with all restores of the job that have something left.
    ContinueAll,
    /// Bring back what stood before a restore.
    Undo(UndoRestore),
    /// Do nothing more of a restore. What it wrote stays.
    Cancel(RestoreId),
}

/// The name of a restore: the id of the run that began it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RestoreId(String);

impl RestoreId {
    /// The longest id that is taken: the program's own have 25 characters.
    const MOST_CHARS: usize = 64;
    /// What an id is like, as messages say it.
    pub const ALLOWED: &str = "the id of a restore, such as 2026-11-21T02-00-00Z-7f3a";

    /// The id, if the text can be one: it becomes a part of keys.
    pub fn parse(text: &str) -> Option<Self> {
        let usual = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let fits = (1..=Self::MOST_CHARS).contains(&text.len());
        let starts = text.starts_with(|c: char| c.is_ascii_digit());
        (fits && starts && text.chars().all(usual)).then(|| Self(text.to_owned()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RestoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request to bring objects back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRestore {
    /// Which objects.
    pub what: What,
    /// Only keys that match one of these; all, without any.
    pub include: Vec<Glob>,
    /// But none that match one of these.
    pub exclude: Vec<Glob>,
    /// As they were when.
    pub point: Point,
    /// The backup bucket that is read; none for the first one that is configured.
    pub from: Option<String>,
    /// Where to; none for the source, in place.
    pub to: Option<Location>,
    /// What each key loses before it gets the prefix of that; all keys of the request begin with it.
    pub strip_prefix: Prefix,
    /// Whether it acts at once.
    pub manner: Manner,
    /// Whether existing keys are left alone.
    pub only_missing: bool,
    /// How keys of the target are treated that the point does not have.
    pub extra: Extra,
    /// The class of the restored objects; none to choose it for each.
    pub class: Option<StorageClass>,
    /// How archived versions are asked for.
    pub tier: Tier,
    /// Days that they stay readable.
    pub thawed_days: u32,
    /// The most that the restore may cost, in US dollars; none for any amount.
    pub max_cost: Option<Dollars>,
    /// Whether what a target without versions loses is put aside first.
    pub keeps_replaced: bool,
    /// The request as it came, for whoever goes on with it.
    pub words: Map<String, Value>,
}

/// A request to bring back what stood before a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoRestore {
    /// The restore.
    pub id: RestoreId,
    /// Whether it acts at once.
    pub manner: Manner,
    /// The request as it came.
    pub words: Map<String, Value>,
}

/// Which objects are restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// These, each once and in order.
    Keys(Vec<Key>),
    /// All that begin so.
    Prefix(Prefix),
    /// All.
    All,
}

/// As they were when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// At a run: its id or the beginning of it, `latest`, `latest~1`.
    Run(String),
    /// At the last complete run that had ended by then.
    At(Timestamp),
    /// At that moment, by the versions of the backup alone.
    Versions(Timestamp),
    /// In that version, whichever run it is of. Only of one key.
    Version(VersionId),
}

/// Whether a restore acts at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// It does.
    #[default]
    Act,
    /// It only tells what it would do, and writes nothing.
    DryRun,
    /// It stores what it would do, and waits for a confirmation.
    Hold,
}

/// How keys of the target are treated that the point does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extra {
    /// Nothing.
    #[default]
    Keep,
    /// A delete marker is put on top of them.
    Mark,
}

/// An amount of US dollars, in millionths: so that requests can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dollars(u64);

impl Dollars {
    pub(super) fn parse(value: &Value) -> Option<Self> {
        Self::of(value.as_f64()?)
    }

    /// The amount, if it is one.
    pub fn of(dollars: f64) -> Option<Self> {
        let usual = (0.0..=1e9).contains(&dollars);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range"
        )]
        usual.then(|| Self((dollars * 1e6).round() as u64))
    }

    /// In dollars.
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}
