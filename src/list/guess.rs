//! The kinds of guesses, and how many have found something. Pure.

/// How a key was guessed, as far as it tells what to learn from its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuessKind {
    /// Beyond a block.
    Block,
    /// Beyond a block that is perhaps all that is left.
    WholeBlock,
    /// Beyond the alphabet.
    Alphabet,
    /// In the middle; by the character at this place, if nothing was known beyond it.
    Middle(Option<usize>),
    /// Between two folders that were listed.
    Folder,
}

/// A guess that was always in vain is expected to find this share of what it would find.
const LEAST_SHARE: f64 = 0.25;

/// The guesses so far that went beyond all that was known: beyond whole blocks, and beyond alphabets.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuessCounts {
    /// Beyond a block that is perhaps all that is left.
    pub blocks: GuessCount,
    /// Beyond an alphabet.
    pub alphabets: GuessCount,
}

/// Guesses of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuessCount {
    tried: u32,
    found: u32,
}

impl GuessCounts {
    /// A guess was tried.
    pub fn add(&mut self, kind: GuessKind, has_found: bool) {
        let count = match kind {
            GuessKind::WholeBlock => &mut self.blocks,
            GuessKind::Alphabet => &mut self.alphabets,
            GuessKind::Block | GuessKind::Middle(_) | GuessKind::Folder => return,
        };
        count.tried += 1;
        count.found += u32::from(has_found);
    }
}

impl GuessCount {
    /// The share of guesses that find something, as if one more had.
    pub fn share(self) -> f64 {
        (f64::from(1 + self.found) / f64::from(1 + self.tried)).max(LEAST_SHARE)
    }
}
