//! The words that every room shares. No I/O here, and no imports of ours.

mod glob;
mod key;
mod location;
mod object;
mod part;
mod properties;
mod time;

pub use glob::Glob;
pub use key::{Key, Prefix, VersionId};
pub use location::{BucketName, InvalidName, Location, Placement};
pub use object::{ETag, Object, StorageClass};
pub use part::Part;
pub use properties::{Checksum, ChecksumAlgorithm, Properties, SystemHeaders, Tags};
pub use time::Timestamp;
