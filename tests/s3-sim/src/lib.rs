//! A loopback S3 for wire-level tests: versions, faults as data, a ledger of
//! calls. It imports nothing of the product, so it cannot share its mistakes.
//!
//! A call runs from `wire` (TCP) through `serve` (delays, faults, ledger) and
//! `account` (region, owner, permissions) to `answer` (what S3 does), which works
//! on `store`. A test reaches around all of it by `backdoor`.
//!
//! ```
//! use s3_sim::{BucketOptions, Effect, Fault, Sim, Verb};
//!
//! let sim = Sim::start();
//! sim.create_bucket("primary");
//! sim.create_bucket_with("backup", BucketOptions::versioned());
//! sim.put("primary", "a/b", "hello");
//! let strikes = sim.fault(Fault::on(Verb::CopyObject).nth(3), Effect::SlowDown);
//!
//! // Point a client at sim.endpoint(), run, and look at what it left:
//! assert!(sim.keys("backup").is_empty());
//! assert_eq!(sim.ledger().count(Verb::CopyObject), 0);
//! assert_eq!(strikes.count(), 0);
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod actions;
mod answer;
mod backdoor;
mod bucket;
mod call;
mod certificate;
mod chunked;
mod clock;
mod compare;
mod conditions;
mod content;
mod digest;
mod faults;
mod iam;
mod ledger;
mod object;
mod outgoing;
mod pace;
mod payload;
mod policy;
mod population;
mod properties;
mod query;
mod reply;
mod serve;
mod shapes;
mod sim;
mod spelling;
mod spoil;
mod stamp;
mod store;
mod upload;
mod verb;
mod version;
mod walk;
mod wire;
mod xml;

#[cfg(test)]
mod tests;

pub use backdoor::Backdoor;
pub use bucket::{BucketOptions, LockMode, ObjectLock, TargetConditions, Versioning};
pub use clock::Clock;
pub use compare::Difference;
pub use content::Content;
pub use digest::Algorithm;
pub use faults::{Effect, Fault, Hook, Strikes};
pub use ledger::{Action, Detail, Entry, Ledger};
pub use object::{
    ChecksumKind, ChecksumView, Encryption, ObjectView, Put, SystemHeaders, UploadView,
};
pub use policy::{Grant, KeyState};
pub use population::{Population, Shape};
pub use shapes::Form;
pub use sim::{Sim, SimBuilder};
pub use verb::{Class, Verb};
