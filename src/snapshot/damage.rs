//! Damage of a snapshot: each kind in words that follow the name of the object.
//!
//! Whatever it is, an operator does the same: the object is not what was written. [`SnapshotError`] names
//! the object, and has the advice.
//!
//! [`SnapshotError`]: super::SnapshotError

use super::Digest;
use crate::model::{Key, SharedError};

/// Why an object of a snapshot is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its digest is another one.
    #[error("its {bytes} bytes have SHA-256 {found}")]
    OtherDigest {
        /// How many bytes it has.
        bytes: usize,
        /// Their digest.
        found: Digest,
    },
    /// The digest of an index is another one.
    #[error("its {bytes} bytes are not those that were written")]
    OtherIndex {
        /// How many bytes it has.
        bytes: usize,
    },
    /// Nothing that the program writes is as large.
    #[error("it has {bytes} bytes, more than {most}")]
    TooLarge {
        /// How many bytes it has.
        bytes: u64,
        /// How many are read.
        most: u64,
    },
    /// It does not say in which format it is.
    #[error("it has no known format")]
    NoFormat,
    /// It is no JSON, or says in it what cannot be.
    #[error("{0}")]
    NotJson(#[source] SharedError),
    /// An index contradicts itself.
    #[error(transparent)]
    Index(#[from] IndexDamage),
    /// It is no table of ours.
    #[error(transparent)]
    Table(#[from] TableDamage),
    /// Its rows are not those that its index tells of.
    #[error(transparent)]
    Rows(#[from] RowsDamage),
}

/// In what an index, or a record of segments, contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexDamage {
    /// It was moved.
    #[error("it is stored under the key of another run")]
    OtherRun,
    /// The numbers of rows do not add up.
    #[error("its segments have another number of rows in all")]
    OtherRows,
    /// A segment does not follow the one before it.
    #[error("its segments are out of order")]
    Disordered,
    /// A segment is larger than any that is written.
    #[error("a segment of it is larger than any can be")]
    LargeSegment,
    /// A segment has more changes than any that is written.
    #[error("a segment of it has more changes than any can have")]
    ManyChanges,
    /// Its format is that of an index without changes.
    #[error("a segment of it has changes, which its format does not have")]
    ChangesInFormat,
    /// A segment names a file of changes by a number that none has.
    #[error("a segment has changes in a file that is not listed")]
    UnlistedFile,
    /// A segment is stored under another name than its content has.
    #[error("segment {key} is not named by its SHA-256")]
    MisnamedSegment {
        /// The name.
        key: String,
    },
    /// The same of a file of changes.
    #[error("file of changes {key} is not named by its SHA-256")]
    MisnamedFile {
        /// The name.
        key: String,
    },
}

/// In what the rows of a segment, or of a file of changes, are not those that the index tells of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsDamage {
    /// Its footer tells of more rows, or of fewer.
    #[error("it has {found} rows, not {expected}")]
    OtherCount {
        /// How many the footer tells of.
        found: i64,
        /// How many the index tells of.
        expected: u64,
    },
    /// A row does not follow the one before it.
    #[error("key \"{key}\" is out of order")]
    Disordered {
        /// Its key.
        key: Key,
    },
    /// The first row has another key.
    #[error("it begins with another key than its index says")]
    OtherBeginning,
    /// The last row has another key, or another number.
    #[error("it ends elsewhere than its index says")]
    OtherEnd,
    /// Rows that were there are not there when they are read once more.
    #[error("it has lost rows")]
    LostRows,
    /// A file of changes ends before the changes of a segment do.
    #[error("it has fewer rows than its index says")]
    FewerChanges,
    /// A row of changes neither sets its key nor takes it away.
    #[error("a row of it says no change")]
    NoChange,
    /// The changes of a segment take more memory than any that are written.
    #[error("a segment has too many changes in it")]
    ManyChanges,
    /// The same of its changes in several files.
    #[error("a segment has too many changes with those in it")]
    ManyChangesInAll,
    /// The changes of a segment have a key beyond its range.
    #[error("key \"{key}\" of its changes is outside of it")]
    ChangeOutside {
        /// The key.
        key: Key,
    },
}

/// In what a Parquet object is none that the program writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableDamage {
    /// Its footer is not one of Parquet.
    #[error("{0}")]
    Footer(#[source] SharedError),
    /// It has the columns of no format.
    #[error("it has other columns")]
    OtherColumns,
    /// A row group that its footer counts is not there.
    #[error("a row group is missing")]
    NoRowGroup,
    /// A row group has no row, or more than any that is written.
    #[error("a row group is empty or too large")]
    RowGroupSize,
    /// The pages of a row group are larger than any that are written.
    #[error("a row group is too large")]
    LargeRowGroup,
    /// A row group has fewer columns than the schema.
    #[error("a column is missing")]
    NoColumn,
    /// The footer places a column where no bytes are.
    #[error("a column is nowhere")]
    ColumnNowhere,
    /// A column is larger than its ends can tell.
    #[error("a column is too large")]
    LargeColumn,
    /// A column has another number of values than its row group has rows.
    #[error("a column has {found} values, not {expected}")]
    OtherValues {
        /// How many it has.
        found: usize,
        /// How many rows there are.
        expected: usize,
    },
    /// The levels of a column count other values than there are.
    #[error("a column has fewer or more values than it says")]
    UncountedValues,
    /// A text has other bytes than a text can have.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A page is damaged.
    #[error(transparent)]
    Page(#[from] PageDamage),
}

/// In what a page is none that the program writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageDamage {
    /// Bytes are missing.
    #[error("a page is cut short")]
    Cut,
    /// zstd cannot begin.
    #[error("{0}")]
    NoDecompressor(#[source] SharedError),
    /// zstd refuses it.
    #[error("a page cannot be inflated: {0}")]
    NotInflated(#[source] SharedError),
    /// It states another size than its content has.
    #[error("a page has another size than it says")]
    OtherSize,
    /// It states a size below zero.
    #[error("a page has a negative size")]
    NegativeSize,
    /// Its header has a field that ours do not have.
    #[error("a page says more than ours do")]
    UnknownField,
    /// It is no data page, or not a plain one.
    #[error("a page is of another kind")]
    OtherKind,
    /// It has more values than its row group has rows.
    #[error("a page has too many values")]
    ManyValues,
    /// A text ends beyond the page.
    #[error("a text is cut short")]
    CutText,
    /// The last number has fewer than eight bytes.
    #[error("a number is cut short")]
    CutNumber,
    /// The levels end beyond the page.
    #[error("the levels are cut short")]
    CutLevels,
    /// A run of levels ends beyond the levels.
    #[error("a run of levels is cut short")]
    CutRun,
    /// A run of levels has no level, so that an end would never come.
    #[error("a run of levels is empty")]
    EmptyRun,
}

/// In what an index does not follow the one before it, in words that follow its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainDamage {
    /// The one before it has changed since.
    #[error("was written after another content of {before}")]
    OtherContent {
        /// The one before it.
        before: String,
    },
    /// It names another one.
    #[error("follows {named}, which is not before it")]
    OtherOrder {
        /// The one that it names.
        named: String,
    },
    /// It names none.
    #[error("follows none, though there are earlier ones")]
    FollowsNone,
}

/// Why a snapshot, or a part of one, was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A library could not write it.
    #[error("{0}")]
    Unwritten(#[source] SharedError),
    /// Rows came to a segment that was not begun.
    #[error("a segment has no writer")]
    NoWriter,
    /// Rows of a stored segment were kept, and nobody knows of which.
    #[error("rows of no segment were kept")]
    NoSegment,
}
