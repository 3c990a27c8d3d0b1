//! Incremental, verified S3-to-S3 backups from one small AWS Lambda function.
//!
//! The crate is one corridor. Data moves left to right, and a room imports only from rooms to its
//! left; `tests/architecture.rs` refuses any other import. Start reading at [`run`], the spine.
//! `docs/architecture.md` follows one object through it, and `docs/glossary.md` has the words.
//!
//! ```text
//!  JSON / arguments -> request -> Request -> plan -> Plan
//!    source -> list -> Stream<Object> --.
//!    backup -> list -> Stream<Object> ---diff -> Stream<Action> -> copy -> Stream<KeyResult> -> report -> Report
//!    snapshot -> history -> Stream<Row> -'                                      `-> record -> snapshot
//! ```
//!
//! | room | what comes in | what goes out |
//! |---|---|---|
//! | [`model`] | | the words everybody shares: `Key`, `Object`, `Location` |
//! | [`request`] | the JSON payload of an invocation | a `Request`: what was asked |
//! | [`config`] | environment variables, flags | a `Config`, or every mistake at once |
//! | [`filter`] | globs | which keys are backed up |
//! | [`plan`] | `Request` + `Config` + the time | a `Plan`: what will be done, nothing optional left |
//! | [`snapshot`] | rows of what is in the backup | segments and an index to store; and back |
//! | [`s3`] | | the only room that knows the AWS SDK |
//! | [`failure`] | | what went wrong with one object or bucket, for people |
//! | [`checks`] | the settings of a backup bucket | what is wrong with them, and the cure |
//! | [`history`] | a job | its last snapshot, row by row, and those before it |
//! | [`list`] | a bucket and a prefix | its objects, in order, page by page |
//! | [`diff`] | two ordered listings | an `Action` for each key, with the reason |
//! | [`forecast`] | an `Action` | what a run would make of it: requests and bytes |
//! | [`outcome`] | | what became of one key: the words between the steps and the folds |
//! | [`copy`] | an `Action` | an `Outcome`: what became of it |
//! | [`report`] | `Outcome`s | the `Report`, and the JSON that people read |
//! | [`resume`] | `Outcome`s by key | the `Cursor` that continues a run |
//! | [`open_restores`] | a list in the backup bucket | which restores of a job have something left |
//! | [`register`] | a job | whether it overlaps another one in its backup bucket |
//! | [`lease`] | a `Plan`'s destinations | the `Leases` that keep other runs out |
//! | [`record`] | what was backed up | the next snapshot |
//! | [`deletions`] | what was counted | whether what is gone may be marked, and the markers |
//! | [`ageing`] | a job's state | a tag on what no run names any more, for a lifecycle rule to expire |
//! | [`verify`] | what both listings and the last snapshot say | how the backup compares with its source |
//! | [`run`] | a `Plan` | the run itself |
//! | [`restore`] | a `RestoreRequest` | the same of a restore: planned, carried out, undone |
//! | [`notify`] | a result | a message, a heartbeat, metrics; and how old the last backup is |
//! | [`process`] | | its variables, its threads, and the signals that end it |
//! | [`app`] | a `Request` | its `Summary`, whoever asks |
//! | [`lambda`] | a Lambda invocation | the JSON result, or a function error with a stable type |
//! | [`web`] | a request of a browser | a page, or JSON: backups to look at, and restores |
//! | [`cli`] | arguments | the same run from a terminal |
//!
//! Rooms that nobody outside needs are closed: whoever embeds the program asks [`app`].

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The terminal alone uses some of what lies to its left, and the package is built without it.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]
// The map shows closed rooms, too: who reads it reads the code.
#![allow(rustdoc::private_intra_doc_links)]

#[cfg(not(panic = "unwind"))]
compile_error!(
    "an object whose work panics is an error of that object: build with panic = \"unwind\""
);

pub mod model;

pub mod request;

/// The name of [`request`] before version 0.2, for code that uses it.
#[doc(hidden)]
pub use request as event;

pub mod config;

pub mod filter;

pub mod plan;

pub mod snapshot;

pub mod s3;

mod failure;

mod checks;

mod history;

pub mod list;

mod diff;

mod forecast;

mod outcome;

mod copy;

pub mod report;

mod resume;

mod open_restores;

mod register;

mod lease;

mod record;

mod deletions;

mod ageing;

mod verify;

mod run;

mod restore;

mod notify;

pub mod process;

pub mod app;

pub mod lambda;

/// The name of [`lambda`] before it was parted from [`app`] and [`process`], for code that uses it.
#[doc(hidden)]
pub mod handler {
    pub use crate::app::AppError as HandlerError;
    pub use crate::lambda::{Answer, FailedItem, Handler, QueueAnswer, log};
    pub use crate::process::{environment, runtime};
}

pub mod web;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

#[cfg(feature = "cli")]
pub mod cli;
