//! The folders of a bucket, as far as listings with a delimiter have told them. Pure.
//!
//! Pages of keys tell how one folder begins. A listing with a delimiter tells the names of the folders that follow it, up to
//! a thousand by one request, and nothing of their sizes:
//!
//! ```text
//!   logs/2019/03/9f3a...            the last key that was listed: it is in the folder logs/2019/
//!   logs/2020/  logs/2021/  ...     the folders that follow it
//! ```
//!
//! So a shard is cut between two folders, where a guess might find nothing. What is left of it is as many folders, each as large
//! as those are on average that were listed so far. Where none follows, the rest of the shard is the folder that the last key is in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::guess::GuessKind;
use super::level::{Level, OpenFolder, behind};
use super::outliers::outliers;
use super::split_point::{KeySample, SplitGuess};
use crate::model::{Key, Prefix};
use crate::s3::NamePage;

/// Folders are asked for where the samples of a page lie in so many of them at most. More of them on a page are small: a guess
/// finds a place between them as well.
const MOST_FOLDERS_ON_A_PAGE: usize = 6;
/// Listings that are remembered, and the bytes of the names of one: with what is known of them five MiB at most.
const MOST_LISTINGS: usize = 64;
const MOST_BYTES: usize = 48 * 1024;
/// Pages that a key takes which is a name of its own.
const PAGES_OF_A_KEY: f64 = 0.001;
/// A folder is larger than the others if it has so many pages more than they have on average. Pages are counted whole, and the first
/// and the last one of a folder may be only partly of it.
const LARGER_BY: f64 = 1.5;
/// A folder is larger, too, if it has folders in it and fewer than one in so many of its level have.
const ONE_IN_WITH_FOLDERS: usize = 4;
/// The rest of a folder that is larger than the others: so many times what was listed of it, and so many pages.
const TIMES_LISTED: f64 = 2.0;
const MORE_PAGES: f64 = 4.0;

/// A question for the names of a level behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderQuery {
    /// The level.
    pub level: Level,
    /// All names are behind this key.
    pub after: Key,
}

/// The names of a level behind a key, as they were listed.
#[derive(Debug)]
struct Names {
    query: FolderQuery,
    /// In ascending order.
    all: Vec<String>,
    /// How many of them are folders, before each name and of all.
    folders: Vec<u32>,
    /// More may follow behind the last one.
    more_follow: bool,
    /// Pages of keys that were seen to be of this level.
    pages: u32,
    /// The numbers of the names that these pages had, and whether folders were seen in each.
    begun: BTreeMap<usize, bool>,
    /// Names in which folders were seen.
    with_folders: usize,
    /// The places in `all` of the folders whose names are unlike the others.
    outliers: Vec<usize>,
}

/// The names that follow in a range.
struct Following<'a> {
    names: &'a [String],
    /// How many folders there are before each of them and before the end.
    folders: &'a [u32],
    delimiter: char,
    /// Pages that a folder has, on average of those that were listed.
    pages_of_folder: f64,
    /// Pages that are left of the folder before them.
    rest: f64,
    more_follow: bool,
    /// The first outlier of which no page was listed.
    outlier: Option<usize>,
}

/// Where a range may be cut between folders.
#[derive(Debug)]
pub enum FolderSplit {
    /// Between these two.
    At(SplitGuess),
    /// Nowhere before the guesses that are being tried.
    Nowhere,
    /// Their names are to be listed.
    Ask(FolderQuery),
    /// They are being listed.
    Asked,
    /// The range is not known to consist of folders.
    Unknown,
}

/// The folders of a destination, as far as they are known.
#[derive(Debug, Default)]
pub struct Folders {
    /// All keys begin with so many bytes.
    known: usize,
    listings: VecDeque<Names>,
    asked: Vec<FolderQuery>,
    /// Levels that are not asked for any more: an answer told nothing of what follows.
    untold: Vec<Level>,
    /// Delimiters by which nothing was told.
    refused: Vec<char>,
    /// None are asked for: the keys are cut by a snapshot, or versions are listed.
    is_off: bool,
}

impl Names {
    fn new(query: FolderQuery, page: NamePage) -> Self {
        let mut bytes = 0;
        let mut all = page.names;
        let listed = all.len();
        let fits = |name: &String| {
            bytes += size_of::<String>() + name.len();
            bytes <= MOST_BYTES
        };
        let kept = all.iter().map(fits).take_while(|fits| *fits).count();
        all.truncate(kept);
        all.shrink_to_fit();
        let delimiter = query.level.delimiter;
        let mut folders = vec![0];
        let mut sum = 0;
        folders.extend(all.iter().map(|name| {
            sum += u32::from(name.ends_with(delimiter));
            sum
        }));
        let level = query.level.prefix.len();
        let numbered = all.iter().enumerate();
        let outliers = outliers(numbered.filter_map(|(number, name)| {
            let name = name.get(level..)?;
            name.ends_with(delimiter).then_some((number, name))
        }));
        Self {
            query,
            more_follow: page.more_follow || kept < listed,
            all,
            folders,
            pages: 0,
            begun: BTreeMap::new(),
            with_folders: 0,
            outliers,
        }
    }

    /// Whether it tells what follows a folder.
    fn tells_of(&self, open: OpenFolder<'_>) -> bool {
        let begins = |end: Key| self.query.after <= end;
        open.is_of(&self.query.level)
            && open.end().is_some_and(begins)
            && self.reaches_beyond(open.name)
    }

    /// Whether each name is a folder, or a key that is in none: a server may not know the delimiter.
    fn has_folders(&self) -> bool {
        let level = &self.query.level;
        let is_whole = |name: &String| level.name_of(name) == Some(name);
        self.all.iter().all(is_whole)
    }

    /// Whether it tells what follows a place.
    fn reaches_beyond(&self, place: &str) -> bool {
        !self.more_follow || self.all.last().is_some_and(|last| last.as_str() > place)
    }

    fn note<'a>(&mut self, keys: impl Iterator<Item = &'a Key>) {
        let level = &self.query.level;
        let mut any = false;
        for key in keys.map(Key::as_str) {
            let Some(name) = level.name_of(key) else {
                continue;
            };
            any = true;
            let number = self.all.partition_point(|known| known.as_str() <= name);
            let has_folders = self.begun.entry(number).or_default();
            if !*has_folders && level.is_deeper(key, name) {
                *has_folders = true;
                self.with_folders += 1;
            }
        }
        self.pages += u32::from(any);
    }

    /// What follows a folder in a range that ends with `upper`.
    fn following(
        &self,
        open: OpenFolder<'_>,
        seen: &KeySample,
        upper: Option<&Key>,
    ) -> Following<'_> {
        let from = self.all.partition_point(|name| name.as_str() <= open.name);
        let to = upper.map_or(self.all.len(), |upper| {
            self.all
                .partition_point(|name| name.as_str() < upper.as_str())
        });
        let folders = u32::try_from(self.begun.len().max(1)).unwrap_or(u32::MAX);
        let pages_of_folder = f64::from(self.pages.max(1)) / f64::from(folders);
        let listed = seen.pages_below(open.name);
        let has_folders = self.query.level.is_deeper(seen.last.as_str(), open.name);
        let alone_has_folders =
            has_folders && self.with_folders * ONE_IN_WITH_FOLDERS < self.begun.len();
        let rest = if listed <= pages_of_folder + LARGER_BY && !alone_has_folders {
            0.5 * pages_of_folder
        } else {
            TIMES_LISTED * listed + MORE_PAGES
        };
        let is_last = |last: &String| upper.is_some_and(|upper| upper.as_str() <= last.as_str());
        let is_unknown = |number: &&usize| {
            (from..to).contains(*number) && !self.begun.contains_key(&(*number + 1))
        };
        let outlier = self.outliers.iter().find(is_unknown);
        Following {
            outlier: outlier.map(|number| number - from),
            names: self.all.get(from..to).unwrap_or_default(),
            folders: self.folders.get(from..=to).unwrap_or_default(),
            delimiter: self.query.level.delimiter,
            pages_of_folder,
            rest,
            more_follow: self.more_follow && !self.all.last().is_some_and(is_last),
        }
    }
}

impl Following<'_> {
    /// The pages of so many names, from the first one on.
    #[expect(clippy::cast_precision_loss, reason = "a page of names")]
    fn pages(&self, number: usize) -> f64 {
        let upto = self.folders.get(number).or(self.folders.last());
        let before = self.folders.first();
        let folders = upto.zip(before).map_or(0, |(upto, before)| upto - before);
        let keys = number as f64 - f64::from(folders);
        f64::from(folders) * self.pages_of_folder + keys * PAGES_OF_A_KEY
    }

    /// The pages of all names. Where more follow that are not known, as many.
    fn all_pages(&self) -> f64 {
        let known = self.pages(self.names.len());
        if self.more_follow { 2.0 * known } else { known }
    }

    /// The end of the folder, or of one of the names, before which there is so much of the range. The last name stays behind it.
    /// An outlier comes first: the earlier a large folder is found, the longer all places are taken.
    fn cut(&self, open: OpenFolder<'_>, share: f64) -> Option<Key> {
        if let Some(number) = self.outlier {
            return self.end_before(open, number);
        }
        let wanted = (self.all_pages() + self.rest) * share - self.rest;
        // The cut is before the first name of which less than half is wanted.
        let (mut before, mut most) = (0, self.names.len().saturating_sub(1));
        while before < most {
            let middle = usize::midpoint(before, most);
            if f64::midpoint(self.pages(middle), self.pages(middle + 1)) <= wanted {
                before = middle + 1;
            } else {
                most = middle;
            }
        }
        self.end_before(open, before)
    }

    /// The end of what is before the name of that number.
    fn end_before(&self, open: OpenFolder<'_>, number: usize) -> Option<Key> {
        match number.checked_sub(1).and_then(|last| self.names.get(last)) {
            Some(name) if name.ends_with(self.delimiter) => behind(name),
            Some(key) => Some(Key::new(key.as_str())),
            None => open.end(),
        }
    }
}

impl Folders {
    /// All keys begin like this.
    pub fn below(&mut self, prefix: &Prefix) {
        self.known = prefix.as_str().len();
    }

    /// They are not asked for.
    pub fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// Queries that are not answered yet.
    pub fn count_asked(&self) -> usize {
        self.asked.len()
    }

    /// A query is under way.
    pub fn ask(&mut self, query: FolderQuery) {
        self.asked.push(query);
    }

    /// The answer to a query, and some keys of the pages that are being listed; no page if S3 has not told one in time.
    pub fn learn<'a>(
        &mut self,
        query: &FolderQuery,
        page: Option<NamePage>,
        samples: impl Iterator<Item = &'a [Key]>,
    ) {
        self.asked.retain(|asked| asked != query);
        let names = page.map(|page| Names::new(query.clone(), page));
        let Some(mut names) = names.filter(Names::has_folders) else {
            self.refused.push(query.level.delimiter);
            return;
        };
        if !names.reaches_beyond(query.after.as_str()) {
            self.untold.push(query.level.clone());
            return;
        }
        for keys in samples {
            names.note(keys.iter());
        }
        self.listings.push_back(names);
        if self.listings.len() > MOST_LISTINGS {
            self.listings.pop_front();
        }
    }

    /// A page was listed, of which these are some keys.
    pub fn note(&mut self, keys: &[Key]) {
        for names in &mut self.listings {
            names.note(keys.iter());
        }
    }

    /// A range in which no folder follows the one that its last key is in ends with that.
    pub fn narrow(&self, seen: &mut KeySample) {
        while let Some((open, names)) = self.of(seen, seen.upper()) {
            let following = names.following(open, seen, seen.upper());
            let end = open.end();
            let is_nearer = end.as_ref() < seen.upper() || seen.upper().is_none();
            let Some(end) = end.filter(|_| is_nearer) else {
                break;
            };
            if !following.names.is_empty() || following.more_follow {
                break;
            }
            seen.end_with_folder(end);
        }
    }

    /// The pages that are left of a range, if it is known which folders follow.
    pub fn left(&self, seen: &KeySample) -> Option<f64> {
        let (open, names) = self.of(seen, seen.upper())?;
        let following = names.following(open, seen, seen.upper());
        (!following.names.is_empty()).then(|| following.all_pages() + following.rest)
    }

    /// Where a range is cut before `upper`, with a share of it before the cut. `tried` guesses are being tried in it.
    pub fn split(
        &self,
        seen: &KeySample,
        upper: Option<&Key>,
        share: f64,
        tried: usize,
    ) -> FolderSplit {
        let open = OpenFolder::of(&seen.last, upper, self.known);
        let Some(open) = open.filter(|_| !self.is_off) else {
            return FolderSplit::Unknown;
        };
        if let Some(names) = self.names_of(open) {
            let following = names.following(open, seen, upper);
            if following.names.is_empty() {
                let is_all = !following.more_follow && tried > 0;
                return if is_all {
                    FolderSplit::Nowhere
                } else {
                    FolderSplit::Unknown
                };
            }
            let at = following.cut(open, share);
            let fits = |at: &Key| *at > seen.last && upper.is_none_or(|upper| at < upper);
            return match at.filter(fits) {
                Some(at) => FolderSplit::At(SplitGuess {
                    at,
                    kind: GuessKind::Folder,
                }),
                None => FolderSplit::Nowhere,
            };
        }
        if self.untold.iter().any(|level| open.is_of(level)) || open.ends_with(&self.refused) {
            return FolderSplit::Unknown;
        }
        if self.asked.iter().any(|asked| open.is_of(&asked.level)) {
            return FolderSplit::Asked;
        }
        let level = open.level();
        let samples = seen.samples().iter();
        let folders = samples.filter_map(|key| level.name_of(key.as_str()));
        let folders: BTreeSet<&str> = folders.collect();
        match open.end() {
            Some(after) if folders.len() <= MOST_FOLDERS_ON_A_PAGE => {
                FolderSplit::Ask(FolderQuery { level, after })
            }
            _ => FolderSplit::Unknown,
        }
    }

    fn of<'a>(&self, seen: &'a KeySample, upper: Option<&Key>) -> Option<(OpenFolder<'a>, &Names)> {
        let open = OpenFolder::of(&seen.last, upper, self.known)?;
        let names = self.names_of(open)?;
        Some((open, names))
    }

    fn names_of(&self, open: OpenFolder<'_>) -> Option<&Names> {
        self.listings.iter().find(|names| names.tells_of(open))
    }
}

#[cfg(test)]
mod tests;
