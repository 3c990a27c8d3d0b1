//! Conditions on what a write replaces, and what the server makes of them.
//!
//! They are what S3 has in the place of fencing tokens: a write is bound to what was seen at its target.
//! Not every server that speaks S3 knows them for copies, completions and markers. One that refuses them
//! is written to without; one that takes no notice cannot be told from one that obeys until it is asked
//! for a copy whose condition cannot hold: see docs/decisions/0011-target-conditions.md.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use crate::model::{ETag, Key, Object};

/// What must hold for an object to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// There is none of that key.
    Create,
    /// The one of that key is this one.
    Replace(ETag),
}

impl Condition {
    /// That what lies at the target is what was seen there.
    pub fn of(seen: Option<&Object>) -> Self {
        match seen {
            None => Self::Create,
            Some(object) => Self::Replace(object.etag.clone()),
        }
    }

    /// The values of `If-None-Match` and `If-Match`.
    pub(super) fn headers(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Always => (None, None),
            Self::Create => (Some("*".to_owned()), None),
            Self::Replace(etag) => (None, Some(etag.quoted())),
        }
    }
}

/// What a server makes of conditions on the target of a copy, a completion or a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionSupport {
    /// It obeys them, as far as anybody knows.
    Obeys,
    /// It takes no notice of them.
    Ignores,
    /// It answers 501, and they are not sent any more.
    Refuses,
}

/// What was found out about the server. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    obedience: Arc<AtomicU8>,
    /// Whether it has to be asked.
    is_unknown: Arc<AtomicBool>,
}

impl Server {
    const IGNORES: u8 = 1;
    const REFUSES: u8 = 2;

    pub fn obedience(&self) -> ConditionSupport {
        match self.obedience.load(Ordering::Relaxed) {
            Self::IGNORES => ConditionSupport::Ignores,
            Self::REFUSES => ConditionSupport::Refuses,
            _ => ConditionSupport::Obeys,
        }
    }

    /// Has it asked once.
    pub fn is_to_be_asked(&self) {
        self.is_unknown.store(true, Ordering::Relaxed);
    }

    /// A write was sent again without its condition, and came to this.
    pub fn refused<T>(&self, again: &Result<T, S3Error>) {
        if !matches!(again, Err(error) if error.cause == Cause::NotSupported) {
            self.obedience.store(Self::REFUSES, Ordering::Relaxed);
        }
    }

    /// The condition, if it may be sent.
    pub fn usable<'a>(&self, condition: &'a Condition) -> &'a Condition {
        match self.obedience() {
            ConditionSupport::Refuses => &Condition::Always,
            ConditionSupport::Obeys | ConditionSupport::Ignores => condition,
        }
    }
}

/// Whether a write failed because of its condition, whatever that says. Without it, it may succeed.
pub(super) fn is_refused<T>(sent: &Result<T, S3Error>, condition: &Condition) -> bool {
    let unsupported = matches!(sent, Err(error) if error.cause == Cause::NotSupported);
    unsupported && *condition != Condition::Always
}

/// No object has it: what is bound to it is the question to a server, and no copy of a run.
pub(super) const NO_ETAG: &str = "\"00000000000000000000000000000000\"";

impl Bucket {
    /// Asks a server of which it is not known whether it obeys conditions on the target of a copy, once for
    /// all buckets of it: for a copy of one of the program's own objects to a key of its own, whose
    /// condition cannot hold. A server that obeys writes nothing.
    pub async fn probe_conditions(&self, own: &Key, target: &Key) {
        if !self.server.is_unknown.swap(false, Ordering::Relaxed) {
            return;
        }
        let call = self
            .clients
            .unrepeatable
            .copy_object()
            .bucket(self.name.as_str())
            .key(target.as_str())
            .copy_source(own.copy_source(self.name.as_str(), None))
            .if_match(NO_ETAG)
            .set_expected_bucket_owner(self.owner.clone());
        let found = match self.send(Operation::CopyObject, call.send()).await {
            Ok(_) => Server::IGNORES,
            Err(error) if error.cause == Cause::NotSupported => Server::REFUSES,
            Err(_) => return,
        };
        self.server.obedience.store(found, Ordering::Relaxed);
    }
}
