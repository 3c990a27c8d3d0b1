//! The words that every room shares. No I/O here, and no imports of ours.

mod census;
mod cursor;
mod deadline;
mod glob;
mod inspection;
mod job;
mod key;
mod key_set;
mod location;
mod object;
mod part;
mod printable;
mod properties;
mod range;
mod share;
mod time;
mod verdict;

pub use census::Census;
pub use cursor::{
    CURSOR_FORMAT, Counted, Cursor, CursorRanges, CursorReference, Marking, RANGES_FORMAT, Range,
    RecordLink, StateLink, VerifyWords,
};
pub use deadline::{Deadline, Phase};
pub use glob::Glob;
pub use inspection::{Checksums, Inspection};
pub use job::Job;
pub use key::{Key, ObjectRef, Prefix, VersionId};
pub use key_set::KeySet;
pub use location::{BucketName, InvalidName, Location, Placement};
pub use object::{ETag, Object, StorageClass};
pub use part::Part;
pub use printable::{printable_json, steers};
pub use properties::{Checksum, ChecksumAlgorithm, Properties, SystemHeaders, Tags};
pub use range::{KeyRange, Start};
pub use share::Share;
pub use time::Timestamp;
pub use verdict::{Compared, ContentProof, Doubt, Property, Verdict};
