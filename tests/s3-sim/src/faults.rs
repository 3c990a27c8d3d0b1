//! Faults as data: which call, which time, what goes wrong. A test can walk
//! every verb with every effect; nothing here knows who is being tested.

use crate::backdoor::Backdoor;
use crate::call::Call;
use crate::digest;
use crate::verb::Verb;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Which calls a fault strikes, and which of them.
///
/// ```
/// use s3_sim::{Fault, Verb};
///
/// let third_copy = Fault::on(Verb::CopyObject).bucket("backup").nth(3);
/// let one_in_ten = Fault::on_any().probability(0.1, 42);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    verb: Option<Verb>,
    bucket: Option<String>,
    key: Option<String>,
    access_key: Option<String>,
    parameter: Option<String>,
    when: When,
}

#[derive(Clone, Debug)]
enum When {
    Always,
    Nth(u64),
    Since(u64),
    First(u64),
    Every(u64),
    Probability { of: f64, seed: u64 },
}

impl Fault {
    /// On each call of a verb.
    pub fn on(verb: Verb) -> Fault {
        Fault {
            verb: Some(verb),
            ..Fault::on_any()
        }
    }

    /// On each call.
    pub fn on_any() -> Fault {
        Fault {
            verb: None,
            bucket: None,
            key: None,
            access_key: None,
            parameter: None,
            when: When::Always,
        }
    }

    /// Only if the call is addressed to this bucket: a copy to its destination.
    pub fn bucket(mut self, bucket: &str) -> Fault {
        self.bucket = Some(bucket.to_owned());
        self
    }

    /// Only if the call is about this key.
    pub fn key(mut self, key: &str) -> Fault {
        self.key = Some(key.to_owned());
        self
    }

    /// Only if the query of the call has this parameter.
    pub fn parameter(mut self, name: &str) -> Fault {
        self.parameter = Some(name.to_owned());
        self
    }

    /// Only if the call is signed with this access key.
    pub fn access_key(mut self, access_key: &str) -> Fault {
        self.access_key = Some(access_key.to_owned());
        self
    }

    /// Only the nth such call, counted from 1.
    pub fn nth(mut self, n: u64) -> Fault {
        self.when = When::Nth(n);
        self
    }

    /// The nth such call, counted from 1, and all after it.
    pub fn since(mut self, n: u64) -> Fault {
        self.when = When::Since(n);
        self
    }

    /// Only the first n such calls.
    pub fn first(mut self, n: u64) -> Fault {
        self.when = When::First(n);
        self
    }

    /// Each nth such call.
    pub fn every(mut self, n: u64) -> Fault {
        self.when = When::Every(n);
        self
    }

    /// A share of such calls, the same ones for the same seed and order.
    pub fn probability(mut self, of: f64, seed: u64) -> Fault {
        self.when = When::Probability { of, seed };
        self
    }

    /// All such calls: the default, to be said aloud.
    pub fn always(mut self) -> Fault {
        self.when = When::Always;
        self
    }

    fn matches(&self, call: &Call) -> bool {
        let is =
            |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|text| text == own);
        let has = |name: &String| call.query.has(name);
        self.verb.is_none_or(|verb| verb == call.verb)
            && self.parameter.as_ref().is_none_or(has)
            && is(&self.bucket, &call.bucket)
            && is(&self.key, &call.key)
            && is(&self.access_key, call.access_key())
    }
}

impl When {
    fn strikes(&self, time: u64) -> bool {
        match self {
            When::Always => true,
            When::Nth(n) => time == *n,
            When::Since(n) => time >= *n,
            When::First(n) => time <= *n,
            When::Every(n) => time.is_multiple_of(*n),
            When::Probability { of, seed } => {
                let draw = digest::mix(seed ^ digest::mix(time));
                ((draw >> 11) as f64 / (1u64 << 53) as f64) < *of
            }
        }
    }
}

/// What goes wrong.
///
/// A success that is told by headers alone (HEAD, PutObject, UploadPart, the
/// deletes) has no body to spoil. There, an effect on the body degrades: where
/// the work is not done, to a 500; `OkWithErrorBodyAfterWork` to a 500 after the
/// work; the rest to nothing. Effects on listings do nothing to other verbs, nor
/// to a page that has too few keys or no marker to spoil. A call that is refused
/// for its own reasons is refused, not spoilt.
#[derive(Clone, Debug)]
pub enum Effect {
    /// 500 InternalError, work not done.
    InternalError,
    /// 503 SlowDown, work not done.
    SlowDown,
    /// An error of choice, work not done.
    Status {
        /// HTTP status.
        status: u16,
        /// Code of S3.
        code: String,
        /// Message.
        message: String,
    },
    /// A TCP reset instead of an answer, work not done.
    ConnectionReset,
    /// A TCP reset instead of an answer, work done.
    ResetAfterWork,
    /// The connection ends in order (FIN) instead of an answer, work not done.
    CloseWithoutReply,
    /// The connection ends in order (FIN) instead of an answer, work done.
    CloseAfterWork,
    /// No answer until the simulator ends, work not done.
    Stall,
    /// No answer until the simulator ends, work done.
    StallAfterWork,
    /// Work done, headers sent, the body never comes.
    StallAfterHeaders,
    /// 200 with an error of this code in the body, work not done.
    OkWithErrorBody(String),
    /// 200 with an error of this code in the body, work done.
    OkWithErrorBodyAfterWork(String),
    /// 200 without a body, work not done.
    EmptyBody,
    /// 200 without a body, work done.
    EmptyBodyAfterWork,
    /// The body ends after so many bytes, in valid HTTP framing.
    CutBodyAfter(usize),
    /// The body ends after this share of it, in valid HTTP framing.
    CutBodyFraction(f64),
    /// The connection ends after so many bytes of the announced body.
    CutConnectionAfter(usize),
    /// A listing that does not say whether it is truncated.
    MissingIsTruncated,
    /// A truncated listing without the marker for the next page.
    MissingToken,
    /// A listing with its first two keys swapped.
    KeysOutOfOrder,
    /// A listing with its first key twice, counted twice.
    DuplicateKey,
    /// A listing with a key count that is one too high.
    WrongKeyCount,
    /// A listing that ignores `encoding-type`.
    NotEncoded,
    /// A 200 with this body, work not done.
    Body(String),
    /// Work done, and this header on the answer, beside one of the same name.
    Header(String, Vec<u8>),
    /// Late by so much; combines with other effects.
    Slow(Duration),
    /// Something happens before the work; combines with other effects.
    Before(Hook),
    /// Something happens after the work, before the answer; combines with other effects.
    After(Hook),
}

/// What a test does to the simulator in the middle of a call.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn(&Backdoor) + Send + Sync>);

impl Hook {
    pub(crate) fn run(&self, backdoor: &Backdoor) {
        (self.0)(backdoor);
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hook")
    }
}

impl Effect {
    /// One of each that goes wrong by itself: all but the hooks.
    pub fn all() -> Vec<Effect> {
        vec![
            Effect::InternalError,
            Effect::SlowDown,
            Effect::status(403, "AccessDenied", "Access Denied"),
            Effect::ConnectionReset,
            Effect::ResetAfterWork,
            Effect::CloseWithoutReply,
            Effect::CloseAfterWork,
            Effect::Stall,
            Effect::StallAfterWork,
            Effect::StallAfterHeaders,
            Effect::OkWithErrorBody("InternalError".to_owned()),
            Effect::OkWithErrorBodyAfterWork("InternalError".to_owned()),
            Effect::EmptyBody,
            Effect::EmptyBodyAfterWork,
            Effect::CutBodyAfter(100),
            Effect::CutBodyFraction(0.5),
            Effect::CutConnectionAfter(100),
            Effect::MissingIsTruncated,
            Effect::MissingToken,
            Effect::KeysOutOfOrder,
            Effect::DuplicateKey,
            Effect::WrongKeyCount,
            Effect::NotEncoded,
            Effect::Slow(Duration::from_millis(50)),
        ]
    }

    /// An error of choice.
    pub fn status(status: u16, code: &str, message: &str) -> Effect {
        Effect::Status {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// Does something before the work, such as overwriting what is to be copied.
    pub fn before(hook: impl Fn(&Backdoor) + Send + Sync + 'static) -> Effect {
        Effect::Before(Hook(Arc::new(hook)))
    }

    /// Does something after the work and before the answer.
    pub fn after(hook: impl Fn(&Backdoor) + Send + Sync + 'static) -> Effect {
        Effect::After(Hook(Arc::new(hook)))
    }

    /// Whether it combines with other effects on the same call.
    pub(crate) fn combines(&self) -> bool {
        matches!(self, Effect::Slow(_) | Effect::Before(_) | Effect::After(_))
    }
}

/// Tells how often a fault has struck.
#[derive(Clone, Debug)]
pub struct Strikes(Arc<AtomicU64>);

impl Strikes {
    /// So many times until now.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The faults that are set, in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Rule>>);

#[derive(Debug)]
struct Rule {
    fault: Fault,
    effect: Effect,
    seen: u64,
    struck: Strikes,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault, effect: Effect) -> Strikes {
        let struck = Strikes(Arc::default());
        let rule = Rule {
            fault,
            effect,
            seen: 0,
            struck: struck.clone(),
        };
        self.rules().push(rule);
        struck
    }

    pub(crate) fn clear(&self) {
        self.rules().clear();
    }

    /// What strikes this call: all that combines, and the first that does not.
    pub(crate) fn striking(&self, call: &Call) -> Vec<Effect> {
        let mut striking: Vec<Effect> = Vec::new();
        for rule in self.rules().iter_mut() {
            if !rule.fault.matches(call) {
                continue;
            }
            rule.seen += 1;
            let alone = rule.effect.combines() || striking.iter().all(Effect::combines);
            if alone && rule.fault.when.strikes(rule.seen) {
                rule.struck.0.fetch_add(1, Ordering::SeqCst);
                striking.push(rule.effect.clone());
            }
        }
        striking
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{HeaderMap, Method, Uri};

    fn copy() -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-copy-source", "b/source".parse().unwrap());
        Call::read(&Method::PUT, &Uri::from_static("/b/k"), headers).unwrap()
    }

    fn struck(fault: Fault, calls: u64) -> Vec<u64> {
        let faults = Faults::default();
        faults.add(fault, Effect::SlowDown);
        (1..=calls)
            .filter(|_| !faults.striking(&copy()).is_empty())
            .collect()
    }

    #[test]
    fn a_fault_strikes_when_it_says() {
        let copy = || Fault::on(Verb::CopyObject);

        assert_eq!(struck(copy().nth(3), 6), [3]);
        assert_eq!(struck(copy().since(5), 6), [5, 6]);
        assert_eq!(struck(copy().first(2), 6), [1, 2]);
        assert_eq!(struck(copy().every(2), 6), [2, 4, 6]);
        assert_eq!(struck(copy().key("other"), 6), [0; 0]);
        assert_eq!(struck(Fault::on(Verb::HeadObject), 6), [0; 0]);
        let share = struck(copy().probability(0.3, 7), 1_000).len();
        assert!((250..350).contains(&share), "{share}");
    }

    #[test]
    fn only_one_effect_spoils_a_call_but_a_delay_combines() {
        let faults = Faults::default();
        let first = faults.add(Fault::on_any(), Effect::SlowDown);
        let second = faults.add(Fault::on_any(), Effect::InternalError);
        let slow = faults.add(Fault::on_any(), Effect::Slow(Duration::ZERO));

        let striking = faults.striking(&copy());

        assert_eq!(striking.len(), 2);
        assert_eq!((first.count(), second.count(), slow.count()), (1, 0, 1));
    }
}
