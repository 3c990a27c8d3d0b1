//! The columns of what is stored in Parquet: of a segment, in each of its formats, and of a file of changes.

use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;

use super::index::{CHANGES_FORMAT, SEGMENT_FORMAT};

/// The name of the format's number in the footer, and of what else is there for people.
pub(super) const FORMAT_KEY: &str = "s3-backup.format";

/// The columns, as `docs/snapshots.md` describes them.
const SCHEMA: &str = "message snapshot {
    required byte_array key (STRING);
    required int64 size;
    required byte_array source_etag (STRING);
    required int64 source_modified (TIMESTAMP(MILLIS,true));
    optional byte_array source_version_id (STRING);
    required byte_array backup_etag (STRING);
    optional int64 backup_modified (TIMESTAMP(MILLIS,true));
    optional byte_array backup_version_id (STRING);
    required byte_array storage_class (STRING);
    optional byte_array checksum (STRING);
}";

/// The columns of format 1, which did not tell when a backup was written.
const SCHEMA_1: &str = "message snapshot {
    required byte_array key (STRING);
    required int64 size;
    required byte_array source_etag (STRING);
    required int64 source_modified (TIMESTAMP(MILLIS,true));
    optional byte_array source_version_id (STRING);
    required byte_array backup_etag (STRING);
    optional byte_array backup_version_id (STRING);
    required byte_array storage_class (STRING);
    optional byte_array checksum (STRING);
}";

/// The last column of a file of changes: what a row says of its key.
const CHANGE_COLUMN: &str = "required byte_array change (STRING); }";

/// Which columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A segment of format 1.
    UndatedSegment,
    /// A segment.
    Segment,
    /// A file of changes.
    Changes,
}

impl Shape {
    /// All shapes that a segment can have.
    pub const SEGMENTS: [Self; 2] = [Self::UndatedSegment, Self::Segment];

    /// The number of its format, which is in the footer.
    pub fn format(self) -> u64 {
        match self {
            Self::UndatedSegment => 1,
            Self::Segment => SEGMENT_FORMAT,
            Self::Changes => CHANGES_FORMAT,
        }
    }

    /// Whether its rows can tell when a backup was written.
    pub fn tells_dates(self) -> bool {
        self != Self::UndatedSegment
    }

    /// The columns in the words of the parquet crate.
    pub fn schema(self) -> Result<TypePtr, ParquetError> {
        let columns = match self {
            Self::UndatedSegment => SCHEMA_1.to_owned(),
            Self::Segment => SCHEMA.to_owned(),
            Self::Changes => SCHEMA.trim_end_matches('}').to_owned() + CHANGE_COLUMN,
        };
        parse_message_type(&columns).map(Arc::new)
    }
}
