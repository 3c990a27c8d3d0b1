//! One setting after the other is read, and what is wrong with it remembered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::mistake::Mistake;
use super::reason::{ConfigReason, PrefixTooLong, UnknownVariable};
use super::variable::{
    DESTINATION_BUCKET, DESTINATION_PREFIX, INCLUDE_TAGS, MAX_CONCURRENCY, MAX_DELETIONS,
    MAX_DELETIONS_PERCENT, MEMORY, MULTIPART_THRESHOLD, OURS, PRICES, SOURCE_BUCKET, SOURCE_PREFIX,
    STORAGE_CLASS, Variable, WEBSITE_REDIRECTS,
};
use super::{
    BucketAccess, ClassRule, CopyRules, DEFAULT_THRESHOLD, Destination, MIB, MaxDeletions, Prices,
    Redirects, prices, shared,
};
use crate::model::{Glob, Key, Location, Placement, Prefix, StorageClass, Tags, is_similar};

/// Copies in flight, at most. Lambda allows 1,024 file descriptors, and each copy holds a connection.
const MOST_IN_FLIGHT: usize = 900;
/// Copies in flight without a setting, at most: at 30 ms a copy this is twice the 3,500 copies a
/// second that S3 promises a prefix.
const DEFAULT_IN_FLIGHT: usize = 256;
/// Copies in flight that a MiB of memory can carry: a connection with its TLS buffers, a request and
/// a reply take up to 128 KiB, and half of the memory is for everything else.
const IN_FLIGHT_PER_MIB: usize = 4;

/// What it can be set to: S3 copies 5 GiB in one call, and no part is below 5 MiB.
const THRESHOLDS: std::ops::RangeInclusive<u64> = 5 * MIB..=5 * 1024 * MIB;

/// Whether keys can begin with a prefix.
fn fits(prefix: &Prefix) -> Result<(), PrefixTooLong> {
    let bytes = prefix.as_str().len();
    if bytes > Key::MOST_BYTES {
        return Err(PrefixTooLong { bytes });
    }
    Ok(())
}

/// The mistake in a variable that looks like one of ours and is none, in words that follow its name; none
/// if it is one, or has nothing to do with us.
pub fn unknown(name: &str) -> Option<UnknownVariable> {
    let known = OURS.map(|variable| variable.name);
    if !name.starts_with("BACKUP_") || known.contains(&name) {
        return None;
    }
    if name == "BACKUP_BUCKET" {
        return Some(UnknownVariable::Bucket);
    }
    let mut ours = OURS.into_iter();
    Some(match ours.find(|known| is_similar(known.name, name)) {
        Some(near) => UnknownVariable::Near { near },
        None => UnknownVariable::Other {
            known: known.join(", "),
        },
    })
}

/// Reads one setting after the other and remembers what was wrong.
pub(super) struct Reader {
    vars: BTreeMap<String, String>,
    /// Those of AWS's tools that are not clean, empty ones among them.
    shared: Vec<shared::Problem>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Reader {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all: BTreeMap<String, String> = vars.into_iter().collect();
        let shared = shared::problems(&all);
        all.retain(|_, value| !value.is_empty());
        Self {
            vars: all,
            shared,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn value(&self, variable: &Variable) -> Option<String> {
        self.vars.get(variable.name).cloned()
    }

    /// The parsed value, or none if there is none or it is malformed, which is then remembered.
    pub(super) fn read<T, E: Into<ConfigReason>>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.value(variable)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                self.mistake(variable, Some(&value), reason);
                None
            }
        }
    }

    pub(super) fn mistake(
        &mut self,
        variable: &Variable,
        value: Option<&str>,
        reason: impl Into<ConfigReason>,
    ) {
        let variable = variable.shown();
        // The first mistake of a variable is enough: what follows from it is none of its own.
        if self.mistakes.iter().any(|known| known.variable == variable) {
            return;
        }
        self.mistakes.push(Mistake {
            variable,
            value: value.map(str::to_owned),
            reason: reason.into(),
        });
    }

    pub(super) fn refuse_unknown(&mut self) {
        let unknown = self.vars.keys().filter_map(|name| {
            Some(Mistake {
                variable: name.clone(),
                value: None,
                reason: unknown(name)?.into(),
            })
        });
        let unknown: Vec<Mistake> = unknown.collect();
        self.mistakes.extend(unknown);
    }

    /// A line break at the end of a prefix would make it the prefix of nothing, and a run of nothing
    /// complete.
    pub(super) fn refuse_unclean(&mut self) {
        for (variable, value, problem) in std::mem::take(&mut self.shared) {
            self.mistakes.push(Mistake {
                variable: variable.to_owned(),
                value,
                reason: problem.into(),
            });
        }
        let buckets = [&SOURCE_BUCKET, &DESTINATION_BUCKET].into_iter();
        // A price table is JSON, and has lines.
        let texts = buckets.chain(OURS).filter(|variable| **variable != PRICES);
        for variable in texts {
            let value = self.value(variable).unwrap_or_default();
            let problem = if variable.holds_keys() {
                shared::unclean_for_keys(&value)
            } else {
                shared::unclean(&value)
            };
            if let Some(problem) = problem {
                self.mistake(variable, Some(&value), problem);
            }
        }
    }

    pub(super) fn source(&mut self) -> Option<Location> {
        let Some(text) = self.value(&SOURCE_BUCKET) else {
            self.mistake(
                &SOURCE_BUCKET,
                None,
                ConfigReason::NotSet("name the bucket to back up"),
            );
            return None;
        };
        let source = self.location(&SOURCE_BUCKET, &text)?;
        match self.value(&SOURCE_PREFIX) {
            None => Some(source),
            Some(prefix) if source.prefix.is_empty() => {
                let prefix = self.fitting(&SOURCE_PREFIX, &prefix, Prefix::new(&*prefix))?;
                Some(Location { prefix, ..source })
            }
            Some(prefix) => {
                self.mistake(&SOURCE_PREFIX, Some(&prefix), ConfigReason::GivenTwice);
                None
            }
        }
    }

    fn location(&mut self, variable: &Variable, text: &str) -> Option<Location> {
        match Location::parse(text) {
            Ok(location) => {
                let prefix = self.fitting(variable, text, location.prefix)?;
                Some(Location { prefix, ..location })
            }
            Err(invalid) => {
                self.mistake(variable, Some(text), invalid);
                None
            }
        }
    }

    /// The prefix, unless no key can begin with it.
    fn fitting(&mut self, variable: &Variable, text: &str, prefix: Prefix) -> Option<Prefix> {
        if let Err(reason) = fits(&prefix) {
            self.mistake(variable, Some(text), reason);
            return None;
        }
        Some(prefix)
    }

    pub(super) fn destinations(&mut self, source: Option<&Location>) -> Vec<Destination> {
        let prefix = self.destination_prefix(source);
        let Some(text) = self.value(&DESTINATION_BUCKET) else {
            let reason = ConfigReason::NotSet("name the versioned bucket that keeps the backup");
            self.mistake(&DESTINATION_BUCKET, None, reason);
            return Vec::new();
        };
        let mut destinations: Vec<Destination> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let Some(mut location) = self.location(&DESTINATION_BUCKET, name) else {
                continue;
            };
            let own = !location.prefix.is_empty();
            if !own {
                location.prefix.clone_from(&prefix);
            }
            let source = source.map_or_else(Prefix::default, |source| source.prefix.clone());
            if let Err(reason) = fits(&location.prefix.join(&source)) {
                let variable = if own {
                    &DESTINATION_BUCKET
                } else {
                    &DESTINATION_PREFIX
                };
                let shown = location.prefix.as_str().to_owned();
                let reason = ConfigReason::BackupPrefix(reason);
                self.mistake(variable, Some(&shown), reason);
                continue;
            }
            if destinations
                .iter()
                .any(|other| other.location.bucket == location.bucket)
            {
                self.mistake(&DESTINATION_BUCKET, Some(name), ConfigReason::NamedTwice);
                continue;
            }
            destinations.push(Destination {
                placement: Placement::below(location.prefix.clone()),
                location,
                access: BucketAccess::default(),
            });
        }
        destinations
    }

    fn destination_prefix(&mut self, source: Option<&Location>) -> Prefix {
        let bucket = source.map_or("", |source| source.bucket.as_str());
        let parse = |text: &str| {
            let prefix = text.replace("{source_bucket}", bucket);
            if prefix.contains(['{', '}']) {
                return Err(ConfigReason::UnknownPlaceholder);
            }
            let prefix = Prefix::new(prefix);
            fits(&prefix)?;
            Ok(prefix)
        };
        self.read(&DESTINATION_PREFIX, parse).unwrap_or_default()
    }

    pub(super) fn globs(&mut self, variable: &Variable) -> Vec<Glob> {
        self.read(variable, Glob::parse_list).unwrap_or_default()
    }

    pub(super) fn choice<T: Default>(
        &mut self,
        variable: &Variable,
        parse: impl Fn(&str) -> Option<T>,
        allowed: impl Into<Cow<'static, str>>,
    ) -> T {
        let parse = |text: &str| parse(text).ok_or_else(|| ConfigReason::not_allowed(allowed));
        self.read(variable, parse).unwrap_or_default()
    }

    pub(super) fn max_deletions(&mut self) -> MaxDeletions {
        let number = |text: &str| text.parse::<u64>().ok();
        let count = |text: &str| number(text).ok_or(ConfigReason::not_allowed("0 or more objects"));
        let percent = |text: &str| {
            let within = number(text).filter(|percent| *percent <= 100);
            within.ok_or(ConfigReason::not_allowed("0 to 100"))
        };
        let default = MaxDeletions::default();
        MaxDeletions {
            count: self.read(&MAX_DELETIONS, count).unwrap_or(default.count),
            percent: self
                .read(&MAX_DELETIONS_PERCENT, percent)
                .unwrap_or(default.percent),
        }
    }

    pub(super) fn copy_rules(&mut self) -> CopyRules {
        CopyRules {
            include_tags: self.read(&INCLUDE_TAGS, parse_tags).unwrap_or_default(),
            storage_class: self.storage_class(),
            multipart_threshold: self
                .read(&MULTIPART_THRESHOLD, parse_threshold)
                .unwrap_or(DEFAULT_THRESHOLD),
            website_redirects: self.choice(
                &WEBSITE_REDIRECTS,
                Redirects::parse,
                Redirects::ALLOWED,
            ),
        }
    }

    fn storage_class(&mut self) -> ClassRule {
        let allowed = format!("{}, source", StorageClass::OF_COPIES.join(", "));
        let parse = |name: &str| match name {
            "source" => Some(ClassRule::Source),
            _ => StorageClass::OF_COPIES
                .contains(&name)
                .then(|| ClassRule::Fixed(StorageClass::new(Some(name)))),
        };
        self.choice(&STORAGE_CLASS, parse, allowed)
    }

    /// The prices of the table that is set, or of the one that is compiled in. A table is too long to be
    /// shown with what is wrong with it.
    pub(super) fn prices(&mut self) -> Option<Prices> {
        let table = self.value(&PRICES);
        match Prices::parse(table.as_deref().unwrap_or(prices::DEFAULT)) {
            Ok(prices) => Some(prices),
            Err(reason) => {
                self.mistake(&PRICES, None, reason);
                None
            }
        }
    }

    /// What was asked for must fit; what is derived is made to fit.
    pub(super) fn max_concurrency(&mut self) -> usize {
        let memory = self
            .value(&MEMORY)
            .and_then(|mib| mib.parse::<usize>().ok());
        let fits = memory.map_or(MOST_IN_FLIGHT, |mib| mib * IN_FLIGHT_PER_MIB);
        let parse = |text: &str| match text.parse::<usize>() {
            Ok(asked) if asked > fits => Err(ConfigReason::NoRoom {
                memory: memory.unwrap_or_default(),
                most: fits.min(MOST_IN_FLIGHT),
            }),
            Ok(asked) if (1..=MOST_IN_FLIGHT).contains(&asked) => Ok(asked),
            _ => Err(ConfigReason::not_allowed(format!("1 to {MOST_IN_FLIGHT}"))),
        };
        self.read(&MAX_CONCURRENCY, parse)
            .unwrap_or_else(|| DEFAULT_IN_FLIGHT.min(fits))
    }
}

/// `name=value` pairs, separated by commas.
fn parse_tags(text: &str) -> Result<Tags, ConfigReason> {
    let pair = |pair: &str| {
        let (name, value) = pair.trim().split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs: Option<Vec<(String, String)>> = text.split(',').map(pair).collect();
    let allowed = "name=value pairs, separated by commas";
    pairs
        .map(Tags::new)
        .ok_or(ConfigReason::not_allowed(allowed))
}

/// Bytes, or a number of `MiB` or `GiB`.
fn parse_threshold(text: &str) -> Result<u64, ConfigReason> {
    let units = [("MiB", MIB), ("GiB", 1024 * MIB), ("", 1)];
    let parsed = units.iter().find_map(|(unit, bytes)| {
        let number = text.trim().strip_suffix(unit)?;
        number.trim().parse::<u64>().ok()?.checked_mul(*bytes)
    });
    parsed
        .filter(|bytes| THRESHOLDS.contains(bytes))
        .ok_or(ConfigReason::not_allowed(
            "5 MiB to 5 GiB, or as many bytes",
        ))
}
