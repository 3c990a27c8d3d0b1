//! The only door to AWS S3. Nothing outside of this room names the SDK; what comes out of it speaks
//! our words, and its errors are one type with one classifier.

mod advice;
mod blank;
mod bucket;
mod client;
mod condition;
mod credentials;
mod descriptors;
mod door;
mod endpoint;
mod error;
mod fence;
mod guard;
mod headers;
mod look;
mod mark;
mod no_reply;
mod pace;
mod page;
mod page_reader;
#[cfg(feature = "cli")]
mod profile;
mod proxy;
mod read;
mod reason;
mod reply_xml;
mod send_again;
mod state;
mod state_list;
mod time_limit;
mod trust;
mod upload;
mod write;

pub use bucket::{Bucket, Versioning};
pub use client::{Connections, Patience, RunConnections};
pub use condition::{Condition, Obedience};
pub use door::http_client;
pub use error::{Cause, Operation, Reply, S3Error};
pub use fence::{Fence, Moment, Stop};
pub use guard::Requests;
pub use look::CurrentVersion;
pub use no_reply::ConnectFailure;
pub use pace::Paces;
#[cfg(feature = "cli")]
pub use profile::profile_problem;
pub use read::{Page, PageStart};
pub use state::{Contents, Listed, Reading, State};
pub use time_limit::TimeLimit;
pub use upload::Upload;
pub use write::{CopySource, MAX_COPY, Target, Written};
