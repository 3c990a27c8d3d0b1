//! The events of an invocation, sorted: each key that is to be looked at once, and what is said of the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::EventRules;
use crate::filter::Filter;
use crate::model::{Key, Location, printable_json, shortened};
use crate::report::{EventCounts, Report, Warning, WarningCode};
use crate::request::{EventError, EventsRequest, ObjectChange, ObjectEvent};

/// Where the program keeps its own objects, in any bucket.
const STATE: &str = ".s3-backup/";

/// Buckets that a warning names.
const MOST_NAMES: usize = 10;
/// Characters of the longest name that a bucket of S3 has ever had.
const MOST_CHARS: usize = 255;

/// The work that the events of an invocation ask for.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub counts: EventCounts,
    pub objects: BTreeMap<Key, Asked>,
    /// Messages that cannot be read, with what is wrong.
    pub malformed: Vec<(Option<String>, EventError)>,
    /// Events of these buckets were refused.
    foreign: BTreeSet<String>,
}

/// A key that events name.
#[derive(Debug)]
pub(super) struct Asked {
    pub change: ObjectChange,
    /// The readings of its key that may be backed up, the likeliest first.
    pub readings: Vec<Reading>,
    /// The messages that name it, by their places.
    pub messages: BTreeSet<usize>,
}

/// A key that an event may mean.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub key: Key,
    /// Whether it is the event's key as a form spells it.
    pub is_spelled: bool,
}

impl Reading {
    /// The readings of an event's key that the configuration admits.
    fn of(event: &ObjectEvent, source: &Location, filter: &Filter) -> Vec<Self> {
        let is_admitted = |key: &Key| {
            key.as_str().starts_with(source.prefix.as_str())
                && !key.as_str().starts_with(STATE)
                && filter.admits(key)
        };
        let spelled = event.other_key.iter().map(|key| (key, true));
        let readings = [(&event.key, false)].into_iter().chain(spelled);
        readings
            .filter(|(key, _)| is_admitted(key))
            .map(|(key, is_spelled)| Self {
                key: key.clone(),
                is_spelled,
            })
            .collect()
    }
}

impl Work {
    pub fn of(
        request: &EventsRequest,
        source: &Location,
        filter: &Filter,
        rules: EventRules,
    ) -> Self {
        let mut work = Self::default();
        for (place, message) in request.messages.iter().enumerate() {
            if let Some(problem) = &message.problem {
                work.counts.received += 1;
                work.counts.errors += 1;
                work.malformed.push((message.id.clone(), problem.clone()));
            }
            for event in &message.events {
                work.counts.received += 1;
                let is_own = event.key.as_str().starts_with(STATE);
                let readings = Reading::of(event, source, filter);
                let is_foreign = event.bucket != source.bucket.as_str();
                if event.bucket.is_empty() {
                    work.counts.ignored += 1;
                } else if is_foreign || is_own {
                    work.counts.refused += 1;
                    work.foreign.insert(event.bucket.clone());
                } else if event.change == ObjectChange::Other {
                    work.counts.ignored += 1;
                } else if readings.is_empty() {
                    work.counts.skipped += 1;
                } else if event.change == ObjectChange::Acl
                    || event.change == ObjectChange::Tags && !rules.copy_tags
                {
                    // Copies have no access list of their own, and tags are not copied anew.
                    work.counts.unchanged += 1;
                } else {
                    work.ask(place, event, readings);
                }
            }
        }
        work
    }

    fn ask(&mut self, place: usize, event: &ObjectEvent, readings: Vec<Reading>) {
        let is_new = !self.objects.contains_key(&event.key);
        self.counts.merged += u64::from(!is_new);
        let asked = self
            .objects
            .entry(event.key.clone())
            .or_insert_with(|| Asked {
                change: event.change,
                readings: Vec::new(),
                messages: BTreeSet::new(),
            });
        asked.change = asked.change.max(event.change);
        if readings.len() > asked.readings.len() {
            asked.readings = readings;
        }
        asked.messages.insert(place);
    }

    pub fn warned(&self, report: Report) -> Report {
        let names = self.foreign.iter().take(MOST_NAMES);
        let names: Vec<String> = names.map(|name| shown(name)).collect();
        if names.is_empty() {
            return report;
        }
        let refused = self.counts.refused;
        let noun = if refused == 1 { "event" } else { "events" };
        let message = format!(
            "refused {refused} {noun} of {}: the function answers objects of its source, and never those below \
             {STATE}; correct the rule or the notification that sends them",
            names.join(", ")
        );
        report.warning(Warning::of_run(WarningCode::RefusedEvents, message))
    }
}

/// The name of a bucket as a warning can show it: whoever sends events may write anything in its place.
fn shown(name: &str) -> String {
    printable_json(&shortened(name, MOST_CHARS)).into_owned()
}
