//! Conditions on what a write replaces, and what the server makes of them.
//!
//! They are what S3 has in the place of fencing tokens: a write is bound to what was seen at its target.
//! Not every server that speaks S3 obeys them. One that refuses them, or answers 412 where they hold, is
//! written to without; one that takes no notice cannot be told from one that obeys until it is asked for a
//! copy whose condition cannot hold: see docs/decisions/0011-target-conditions.md.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::error::{Cause, S3Error};
use super::silent_writes::SilentWrites;
use crate::model::{ETag, Object};

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

    /// Whether it holds for what is there.
    pub(super) fn holds(&self, there: Option<&ETag>) -> bool {
        match self {
            Self::Always => true,
            Self::Create => there.is_none(),
            Self::Replace(etag) => there == Some(etag),
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

/// What a server makes of conditions on what a write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionSupport {
    /// It obeys them, as far as anybody knows.
    Obeys,
    /// It takes no notice of them.
    Ignores,
    /// It refuses requests that carry them, and they are not sent any more.
    Refuses,
    /// It answers 412 where they hold, and they are not sent any more.
    NeverMet,
}

/// What was found out about the conditions of one kind of write. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct SupportCell(Arc<AtomicU8>);

impl SupportCell {
    pub fn read(&self) -> ConditionSupport {
        match self.0.load(Ordering::Relaxed) {
            1 => ConditionSupport::Ignores,
            2 => ConditionSupport::Refuses,
            3 => ConditionSupport::NeverMet,
            _ => ConditionSupport::Obeys,
        }
    }

    pub fn learn(&self, support: ConditionSupport) {
        let number = match support {
            ConditionSupport::Obeys => 0,
            ConditionSupport::Ignores => 1,
            ConditionSupport::Refuses => 2,
            ConditionSupport::NeverMet => 3,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    /// A write was sent again without its condition, and came to this.
    pub fn refused<T>(&self, again: &Result<T, S3Error>) {
        if !matches!(again, Err(error) if refuses_conditions(error)) {
            self.learn(ConditionSupport::Refuses);
        }
    }

    /// The condition, if it may be sent.
    pub fn usable<'a>(&self, condition: &'a Condition) -> &'a Condition {
        match self.read() {
            ConditionSupport::Refuses | ConditionSupport::NeverMet => &Condition::Always,
            ConditionSupport::Obeys | ConditionSupport::Ignores => condition,
        }
    }
}

/// What was found out about the server. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    /// Support on copies, completions and markers.
    pub copies: SupportCell,
    /// Support on the program's own objects, the lease first of all.
    pub own_objects: SupportCell,
    /// Writes whose replies name no version.
    pub silent_writes: SilentWrites,
    /// Whether it has to be asked.
    is_unknown: Arc<AtomicBool>,
}

impl Server {
    /// Has it asked once.
    pub fn is_to_be_asked(&self) {
        self.is_unknown.store(true, Ordering::Relaxed);
    }

    /// Whether it has to be asked, which is so once.
    pub fn begin_to_ask(&self) -> bool {
        self.is_unknown.swap(false, Ordering::Relaxed)
    }
}

/// Whether a write failed because of its condition, whatever that says. Without it, it may succeed.
pub(super) fn is_refused<T>(sent: &Result<T, S3Error>, condition: &Condition) -> bool {
    *condition != Condition::Always && matches!(sent, Err(error) if refuses_conditions(error))
}

/// 501 of most servers; others call the header invalid.
pub(super) fn refuses_conditions(error: &S3Error) -> bool {
    let names_one = |message: &String| {
        let message = message.to_ascii_lowercase();
        message.contains("if-match") || message.contains("if-none-match")
    };
    match error.cause {
        Cause::NotSupported => true,
        Cause::Rejected => error.reply.message.as_ref().is_some_and(names_one),
        _ => false,
    }
}

/// No object has it: what is bound to it is the question to a server, and no copy of a run.
pub(super) const NO_ETAG: &str = "\"00000000000000000000000000000000\"";
