//! A part of a large object: the unit of a multi-part copy.

/// A part, by its number and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1 to 10,000.
    pub number: u32,
    /// Its first byte.
    pub start: u64,
    /// The byte after its last one.
    pub end: u64,
}

impl Part {
    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.end - self.start
    }

    /// The value of `x-amz-copy-source-range`, which includes the last byte.
    pub fn range(&self) -> String {
        format!("bytes={}-{}", self.start, self.end - 1)
    }
}
