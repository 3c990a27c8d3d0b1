//! The questions that find a place for a cut, and their answers. Pure.

use super::folders::FolderQuery;
use super::split_point::SplitGuess;
use crate::model::Key;

/// A question that may find a place for a cut.
#[derive(Clone, Debug)]
pub enum Probe {
    /// The keys behind a guess.
    Split(SplitGuess),
    /// The folders that follow one.
    Folders(FolderQuery),
}

/// What a guess has found behind it.
#[derive(Clone, Debug)]
pub enum ProbeResult {
    /// This key is the first.
    Key(Key),
    /// No key at all.
    Nothing,
    /// S3 did not tell.
    Unknown,
}
