//! What a restore was asked for, and the words of the request that are kept.

use serde_json::{Map, Value};

use super::state::Kind;
use super::undo::Undone;
use crate::model::Key;
use crate::request::{Manner, Point, RestoreId, StartRestore, UndoRestore, What};

/// What was asked for.
pub enum Asked {
    /// Objects as they were at a point.
    Start(Box<StartRestore>),
    /// What stood before a restore.
    Undo(UndoRestore, Box<Undone>),
}

impl Asked {
    /// The key of the source, if only one is named and a snapshot says what it was.
    pub(super) fn only_key(&self) -> Option<&Key> {
        let Self::Start(start) = self else {
            return None;
        };
        match (&start.point, &start.what) {
            (Point::Run(_) | Point::At(_), What::Keys(keys)) => match keys.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Start(_) => Kind::Restore,
            Self::Undo(..) => Kind::Undo,
        }
    }

    pub(super) fn undoes(&self) -> Option<&RestoreId> {
        match self {
            Self::Start(_) => None,
            Self::Undo(undo, _) => Some(&undo.id),
        }
    }

    pub(super) fn words(&self) -> Map<String, Value> {
        match self {
            Self::Start(start) => start.words.clone(),
            Self::Undo(undo, _) => undo.words.clone(),
        }
    }

    pub(super) fn manner(&self) -> Manner {
        match self {
            Self::Start(start) => start.manner,
            Self::Undo(undo, _) => undo.manner,
        }
    }
}
