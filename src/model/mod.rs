//! The words that every room shares. No I/O here, and no imports of ours.

mod bucket_settings;
mod cursor;
mod deadline;
mod glob;
mod head_details;
mod job;
mod key;
mod key_counts;
mod key_set;
mod layout;
mod location;
mod object;
mod part;
mod people;
mod printable;
mod properties;
mod range;
mod sample_share;
mod shared_error;
mod similar;
mod stored;
mod thaw;
mod time;
mod verdict;
mod version;

pub use bucket_settings::{
    BucketSettings, DefaultEncryption, DefaultRetention, LifecycleRule, Setting, UNNAMED_TAG,
};
pub use cursor::{
    CURSOR_FORMAT, Cursor, CursorDistributed, CursorRanges, CursorReference, CursorRestore,
    DestinationCounts, Marking, RANGES_FORMAT, Range, RecordLink, StateLink, VerifyRequestEcho,
};
pub use deadline::{Deadline, Phase};
pub use glob::{Glob, GlobError};
pub use head_details::{Checksums, HeadDetails};
pub use job::Job;
pub use key::{Key, ObjectRef, Prefix, Undecodable, VersionId};
pub use key_counts::KeyCounts;
pub use key_set::KeySet;
pub use layout::{Layout, MOST_OBJECT_BYTES, SourceParts, whole_etag};
pub use location::{BucketName, InvalidName, Location, Placement, STATE};
pub use object::{ETag, Object, StorageClass};
pub use part::Part;
pub use people::{bytes, count, objects, usd};
pub use printable::{printable_json, shortened, steers};
pub use properties::{Checksum, ChecksumAlgorithm, Properties, SystemHeaders, Tags};
pub use range::{KeyRange, Start};
pub use sample_share::SampleShare;
pub use shared_error::SharedError;
pub use similar::is_similar;
pub use stored::{FormatError, StoredError, read_format, read_stored};
pub use thaw::{NoTier, ThawState, Tier, choices, hours};
pub use time::Timestamp;
pub use verdict::{ContentProof, Doubt, Property, Verdict, VerifiedObject};
pub use version::{VersionKind, VersionRow};
