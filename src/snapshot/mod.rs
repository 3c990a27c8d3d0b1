//! The table of the backup, written after each complete run and read by the next one.
//!
//! A snapshot is a sorted table: one [`Row`] for each object, cut into segments of Parquet that are
//! named by their content, and one small [`Index`] that names and proves the segments and the index
//! before it. Where little changed a segment stays as it is stored, and the index names what changed: some rows
//! of a [`ChangesFile`]. [`Builder`] makes segments of rows, [`Segment`] rows of segments. A snapshot is a cache
//! with proof: whatever is lost or damaged is named, and costs copies, never a backup.
//!
//! Nothing here reads or writes a bucket: bytes come in and go out. `docs/snapshots.md` describes them.

mod aged;
mod builder;
mod chain;
mod changes;
mod changes_file;
mod columns;
mod damage;
mod digest;
mod draft;
mod entry;
mod error;
#[cfg(test)]
mod figures;
mod index;
#[cfg(test)]
mod late_rows;
#[cfg(test)]
mod nights;
mod open_segment;
mod page;
mod past;
mod remember;
mod row;
mod segment;
mod segment_row;
mod selector;
mod shape;
mod stored_index;
mod table;
mod writer;

#[cfg(test)]
pub(crate) mod samples;

pub use aged::{AGED, Aged};
pub use builder::{Builder, FEWEST_ROWS_WITH_CHANGES, SegmentOutput};
pub use chain::{LATEST, Latest, Link, verify_chain};
pub use changes_file::ChangesFile;
pub use damage::{
    ChainDamage, Damage, EncodeError, IndexDamage, PageDamage, RowsDamage, TableDamage,
};
pub use digest::Digest;
pub use entry::{ChangesEntry, SegmentChanges, SegmentEntry};
pub use error::SnapshotError;
pub use index::{
    Index, MOST_INDEX_BYTES, SEGMENT_FORMAT, SNAPSHOT_FORMAT, Totals, format_of, index_key,
    is_index_key,
};
pub use past::{ChangedShare, CompleteRun, Past};
pub use row::{NextRow, Row, RowRef};
pub use segment::Segment;
#[cfg(any(test, fuzzing))]
pub use segment::fuzz;
pub use segment_row::{Rows, SegmentRow};
pub use selector::{SelectorError, SnapshotSearch, SnapshotSelector};
pub use stored_index::{StoredFile, StoredFiles, StoredSegment, restored};
