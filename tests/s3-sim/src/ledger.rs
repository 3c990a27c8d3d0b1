//! Every call that was made: for tests of cost, of least privilege, of how much
//! went on at once. Can keep counts only, for runs of millions.

use crate::call::Call;
use crate::verb::Verb;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// How much the ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Each call, with what was asked.
    Entries,
    /// Numbers only.
    Counts,
}

/// An IAM action and what it was used on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    /// Such as `s3:GetObject`.
    pub name: &'static str,
    /// Bucket name, or ARN of the key for `kms:` actions.
    pub resource: String,
}

/// A call that was made.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was asked for.
    pub verb: Verb,
    /// The bucket it was addressed to.
    pub bucket: String,
    /// The key, empty for verbs on buckets.
    pub key: String,
    /// When, by the clock of the simulator.
    pub at: SystemTime,
    /// None if the caller went away or was left without an answer.
    pub status: Option<u16>,
    /// Bytes of the request body, with framing.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// What the caller needed to be allowed.
    pub actions: Vec<Action>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// Request headers: all but those of signing and transport.
    pub headers: Vec<(String, String)>,
    /// The access key that signed it.
    pub access_key: String,
}

impl Entry {
    /// A request header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(own, _)| own == name);
        header.map(|(_, value)| value.as_str())
    }

    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(own, _)| own == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The copy source as it was sent.
    pub fn copy_source(&self) -> Option<&str> {
        self.header("x-amz-copy-source")
    }
}

/// The ledger of a simulator; clones show the same one.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    detail: Detail,
    entries: Vec<Arc<Entry>>,
    counts: BTreeMap<(Verb, Option<u16>), u64>,
    actions: BTreeSet<Action>,
    flying: BTreeMap<Verb, Flying>,
    all_flying: Flying,
}

/// Calls under way, and the most there ever were.
#[derive(Clone, Copy, Debug, Default)]
struct Flying {
    now: usize,
    max: usize,
}

impl Flying {
    fn begin(&mut self) {
        self.now += 1;
        self.max = self.max.max(self.now);
    }
}

impl Ledger {
    pub(crate) fn new() -> Ledger {
        Ledger(Arc::new(Mutex::new(Book {
            detail: Detail::Entries,
            entries: Vec::new(),
            counts: BTreeMap::new(),
            actions: BTreeSet::new(),
            flying: BTreeMap::new(),
            all_flying: Flying::default(),
        })))
    }

    /// Keeps this much from now on.
    pub fn keep(&self, detail: Detail) {
        self.book().detail = detail;
    }

    /// Forgets everything but what is under way.
    pub fn clear(&self) {
        let mut book = self.book();
        book.entries.clear();
        book.counts.clear();
        book.actions.clear();
        book.all_flying.max = book.all_flying.now;
        for flying in book.flying.values_mut() {
            flying.max = flying.now;
        }
    }

    /// Calls of a verb that have ended, however they ended.
    pub fn count(&self, verb: Verb) -> u64 {
        let book = self.book();
        let of_verb = book.counts.iter().filter(|((own, _), _)| *own == verb);
        of_verb.map(|(_, count)| count).sum()
    }

    /// Calls of a verb that ended with this status.
    pub fn count_with_status(&self, verb: Verb, status: u16) -> u64 {
        let book = self.book();
        book.counts.get(&(verb, Some(status))).copied().unwrap_or(0)
    }

    /// Calls of all verbs.
    pub fn total(&self) -> u64 {
        self.book().counts.values().sum()
    }

    /// Calls by verb and status; no status if there was no answer.
    pub fn counts(&self) -> BTreeMap<(Verb, Option<u16>), u64> {
        self.book().counts.clone()
    }

    /// All calls, in the order in which they ended.
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.book().entries.clone()
    }

    /// All calls of a verb, in the order in which they ended.
    pub fn of(&self, verb: Verb) -> Vec<Arc<Entry>> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.verb == verb);
        entries
    }

    /// Every IAM action that was needed by a call that was let in.
    pub fn actions(&self) -> BTreeSet<Action> {
        self.book().actions.clone()
    }

    /// The calls that are under way now.
    pub fn in_flight(&self) -> usize {
        self.book().all_flying.now
    }

    /// The most calls that were ever under way at once.
    pub fn max_in_flight(&self) -> usize {
        self.book().all_flying.max
    }

    /// The most calls of a verb that were ever under way at once.
    pub fn max_in_flight_of(&self, verb: Verb) -> usize {
        self.book().flying.get(&verb).map_or(0, |flying| flying.max)
    }

    /// Opens an entry; it is closed when the returned value is dropped.
    pub(crate) fn begin(&self, call: &Call, at: SystemTime) -> Writing {
        let mut book = self.book();
        book.all_flying.begin();
        book.flying.entry(call.verb).or_default().begin();
        let wordy = book.detail == Detail::Entries;
        Writing {
            ledger: self.clone(),
            entry: Some(entry_of(call, at, wordy)),
        }
    }

    fn end(&self, entry: Entry) {
        let mut book = self.book();
        book.all_flying.now -= 1;
        book.flying.entry(entry.verb).or_default().now -= 1;
        *book.counts.entry((entry.verb, entry.status)).or_default() += 1;
        for action in &entry.actions {
            if !book.actions.contains(action) {
                book.actions.insert(action.clone());
            }
        }
        if book.detail == Detail::Entries {
            book.entries.push(Arc::new(entry));
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry being written. Dropping it ends it, also when the caller went away.
#[derive(Debug)]
pub(crate) struct Writing {
    ledger: Ledger,
    entry: Option<Entry>,
}

impl Writing {
    pub(crate) fn allowed(&mut self, actions: Vec<Action>) {
        if let Some(entry) = &mut self.entry {
            entry.actions = actions;
        }
    }

    pub(crate) fn answered(&mut self, status: u16, bytes_out: u64) {
        if let Some(entry) = &mut self.entry {
            entry.status = Some(status);
            entry.bytes_out = bytes_out;
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.ledger.end(entry);
        }
    }
}

fn entry_of(call: &Call, at: SystemTime, wordy: bool) -> Entry {
    let mut entry = Entry {
        verb: call.verb,
        bucket: String::new(),
        key: String::new(),
        at,
        status: None,
        bytes_in: call.bytes,
        bytes_out: 0,
        actions: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        access_key: String::new(),
    };
    if wordy {
        entry.access_key = call.access_key().to_owned();
        entry.bucket.clone_from(&call.bucket);
        entry.key.clone_from(&call.key);
        entry.query = call.query.clone().into_pairs();
        entry.headers = telling(call);
    }
    entry
}

/// Headers that say what was asked, not how it travelled.
fn telling(call: &Call) -> Vec<(String, String)> {
    const TRANSPORT: [&str; 12] = [
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "connection",
        "host",
        "user-agent",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-user-agent",
    ];
    let headers = call.headers.iter();
    headers
        .filter(|(name, _)| !TRANSPORT.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}
