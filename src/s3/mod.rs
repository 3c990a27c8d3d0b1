//! The only door to AWS S3. Nothing outside of this room names the SDK; what comes out of it speaks
//! our words, and its errors are one type with one classifier.

mod advice;
mod blank_key;
mod body_error;
mod bucket;
mod bucket_settings;
mod causes;
mod client;
mod concurrency;
mod condition;
mod condition_probe;
mod connect;
mod credentials;
mod delete_marker;
mod descriptors;
mod door;
mod encryption;
mod endpoint;
mod error;
mod fence;
mod head;
mod headers;
mod http;
mod no_reply;
mod outside;
mod outside_error;
mod page;
#[cfg(any(test, fuzzing))]
mod page_agreement;
mod page_error;
mod page_reader;
#[cfg(feature = "cli")]
mod profile;
mod proxy;
mod read;
mod reason;
mod reply;
mod reply_xml;
mod request_count;
mod retry;
mod row_text;
mod send_again;
mod setting_error;
mod silent_writes;
mod small_object;
mod small_object_list;
mod small_object_tag;
mod small_object_write;
mod sweeps;
mod thaw;
mod time_limit;
mod trust;
mod upload;
mod version;
mod version_page;
mod version_read;
mod versions;
mod whole_reply;
mod write;

pub use bucket::{Bucket, Versioning};
pub use client::{CallLimits, Connections, RunConnections};
pub use concurrency::ConcurrencyLimits;
pub use condition::{Condition, ConditionSupport};
pub use door::http_client;
pub use error::{Cause, Operation, S3Error};
pub use fence::{Fence, Moment, Stop};
pub use head::CurrentVersion;
pub use no_reply::ConnectFailure;
pub use outside::{Outside, OutsideReply, ServicePost, service_address};
pub use outside_error::OutsideError;
pub use page::ROWS_OF_PAGE;
#[cfg(feature = "cli")]
pub use profile::{Overrides, profile_problem};
#[cfg(any(test, fuzzing))]
pub use read::fuzz;
pub use read::{NamePage, Page, PageStart};
pub use reply::Reply;
pub use request_count::Requests;
pub use retry::{NextTry, Tries, Waits};
pub use small_object::{PutBody, SmallObject, SmallObjectListed, SmallObjectRead};
pub use thaw::ThawAnswer;
pub use time_limit::TimeLimit;
pub use upload::Upload;
pub use version_read::VersionBytes;
pub use versions::{VersionPage, VersionPageStart};
pub use write::{CopyReply, CopySource, MAX_COPY, Target};
