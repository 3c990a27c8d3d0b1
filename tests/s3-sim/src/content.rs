//! What an object holds: real bytes, or a generated run that only says what it
//! would hold, so that a test can own 50 TB. Copies of ranges join back into
//! the same content, which is what makes a multi-part copy comparable.

use crate::digest;
use bytes::Bytes;
use std::sync::Arc;

/// The bytes of an object, real or generated. Equal content compares equal,
/// however it was cut and joined; real bytes never equal generated ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(Rope);

/// Normalised: no empty piece, no two neighbours that could be one.
#[derive(Clone, PartialEq, Eq)]
enum Rope {
    One(Piece),
    Many(Arc<[Piece]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Real(Bytes),
    Generated(Run),
}

/// `len` bytes from `offset` of the endless stream that `seed` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub seed: u64,
    pub offset: u64,
    pub len: u64,
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Real(bytes) => bytes.len() as u64,
            Piece::Generated(run) => run.len,
        }
    }

    fn slice(&self, start: u64, len: u64) -> Piece {
        match self {
            Piece::Real(bytes) => Piece::Real(bytes.slice(start as usize..(start + len) as usize)),
            Piece::Generated(run) => Piece::Generated(Run {
                seed: run.seed,
                offset: run.offset + start,
                len,
            }),
        }
    }

    /// This piece and the next as one, if they are one.
    fn merge(&self, next: &Piece) -> Option<Piece> {
        match (self, next) {
            (Piece::Real(left), Piece::Real(right)) => {
                Some(Piece::Real([left.as_ref(), right.as_ref()].concat().into()))
            }
            (Piece::Generated(left), Piece::Generated(right)) => {
                let adjacent = left.seed == right.seed && left.offset + left.len == right.offset;
                adjacent.then(|| {
                    Piece::Generated(Run {
                        len: left.len + right.len,
                        ..*left
                    })
                })
            }
            (Piece::Real(_), Piece::Generated(_)) | (Piece::Generated(_), Piece::Real(_)) => None,
        }
    }
}

impl Content {
    /// No bytes.
    pub fn empty() -> Content {
        Content(Rope::One(Piece::Real(Bytes::new())))
    }

    /// `len` bytes that take no memory: any two contents of one seed are equal.
    pub fn generated(seed: u64, len: u64) -> Content {
        if len == 0 {
            return Content::empty();
        }
        let run = Run {
            seed,
            offset: 0,
            len,
        };
        Content(Rope::One(Piece::Generated(run)))
    }

    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.pieces().iter().map(Piece::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if all of them are real.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Rope::One(Piece::Real(bytes)) => Some(bytes),
            Rope::One(Piece::Generated(_)) | Rope::Many(_) => None,
        }
    }

    /// `len` bytes from `start` on; past the end there is nothing.
    pub fn slice(&self, start: u64, len: u64) -> Content {
        let end = start.saturating_add(len);
        let mut at = 0;
        let mut cut = Vec::new();
        for piece in self.pieces() {
            let from = start.max(at);
            let to = end.min(at + piece.len());
            if from < to {
                cut.push(piece.slice(from - at, to - from));
            }
            at += piece.len();
        }
        Content::normal(cut)
    }

    /// The contents one after the other.
    pub fn join(contents: impl IntoIterator<Item = Content>) -> Content {
        let mut pieces = Vec::new();
        for content in contents {
            pieces.extend_from_slice(content.pieces());
        }
        Content::normal(pieces)
    }

    /// Real bytes, or the pattern that generated content shows to a reader.
    pub fn read(&self, start: u64, len: usize) -> Bytes {
        let cut = self.slice(start, len as u64);
        if let Some(bytes) = cut.as_bytes() {
            return bytes.clone();
        }
        let mut read = Vec::with_capacity(len);
        for piece in cut.pieces() {
            match piece {
                Piece::Real(bytes) => read.extend_from_slice(bytes),
                Piece::Generated(run) => read.extend(pattern(*run)),
            }
        }
        read.into()
    }

    /// Consecutive pieces of the given sizes.
    pub(crate) fn cut(&self, sizes: &[u64]) -> Vec<Content> {
        let mut at = 0;
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            parts.push(self.slice(at, *size));
            at += size;
        }
        parts
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        match &self.0 {
            Rope::One(piece) => std::slice::from_ref(piece),
            Rope::Many(pieces) => pieces,
        }
    }

    fn normal(pieces: Vec<Piece>) -> Content {
        let all_real = pieces.iter().all(|piece| matches!(piece, Piece::Real(_)));
        if all_real && pieces.len() > 2 {
            return Content::flat(&pieces);
        }
        let mut normal: Vec<Piece> = Vec::new();
        for piece in pieces.into_iter().filter(|piece| piece.len() > 0) {
            match normal.last().and_then(|last| last.merge(&piece)) {
                Some(merged) => *normal.last_mut().expect("just looked at it") = merged,
                None => normal.push(piece),
            }
        }
        match normal.len() {
            0 => Content::empty(),
            1 => Content(Rope::One(normal.remove(0))),
            _ => Content(Rope::Many(normal.into())),
        }
    }

    /// Merging many real pieces one by one would copy the first ones again and again.
    fn flat(pieces: &[Piece]) -> Content {
        let mut bytes = Vec::new();
        for piece in pieces {
            if let Piece::Real(real) = piece {
                bytes.extend_from_slice(real);
            }
        }
        Content::from(bytes)
    }
}

fn pattern(run: Run) -> impl Iterator<Item = u8> {
    (run.offset..run.offset + run.len).map(move |at| {
        let word = digest::mix(run.seed ^ (at / 8));
        word.to_le_bytes()[(at % 8) as usize]
    })
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Content(Rope::One(Piece::Real(bytes)))
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::from(Bytes::from(bytes))
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Content::from(Bytes::copy_from_slice(bytes))
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Content::from(text.as_bytes())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Content::from(Bytes::from(text))
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.as_bytes() {
            Some(bytes) if bytes.len() <= 64 => write!(out, "{bytes:?}"),
            Some(bytes) => write!(out, "{} bytes, {:?}...", bytes.len(), bytes.slice(..32)),
            None => out.debug_list().entries(self.pieces()).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_cut_and_joined_is_the_same_content() {
        for content in [
            Content::from("a bird in the hand"),
            Content::generated(3, 18),
        ] {
            let parts = content.cut(&[5, 0, 1, 12]);

            assert_eq!(Content::join(parts), content);
        }
    }

    #[test]
    fn parts_of_two_objects_are_not_one_object() {
        let torn = Content::join([
            Content::generated(1, 20).slice(0, 10),
            Content::generated(2, 20).slice(10, 10),
        ]);

        assert_ne!(torn, Content::generated(1, 20));
        assert_eq!(torn.len(), 20);
    }

    #[test]
    fn a_range_of_generated_content_reads_as_that_range() {
        let content = Content::generated(9, 1 << 45);

        let whole = content.read(1_000, 100);

        assert_eq!(content.slice(1_037, 20).read(0, 20), whole.slice(37..57));
    }
}
