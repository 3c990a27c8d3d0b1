//! A look at a bucket of which nothing is known, to cut its keys into pieces of about the same size.
//!
//! The places to cut are guessed as a listing guesses them, from what the pages that were read have in common,
//! but nothing is listed between them. More parts are made than pieces are wanted. Three kinds of parts are cut in turn: of those
//! of which nobody can tell how large they are the one with the widest gap, and the one that has waited longest; and of the
//! others the largest. In the end neighbours that are small together are one piece.

use futures::{StreamExt, TryStreamExt, stream};

use super::alphabet::Alphabet;
use super::guess::GuessCounts;
use super::split_point::{Breadth, KeySample, SplitGuess};
use crate::model::{Key, KeyRange, Prefix, Start};
use crate::s3::{Bucket, Page, PageStart, S3Error};

/// Guesses that are tried at the same time, at most.
const AT_ONCE: usize = 16;
/// Guesses for a piece, at most: some find nothing behind them, and others find too little for a piece of its own.
const GUESSES_FOR_A_PIECE: usize = 3;
/// How many parts are estimated anew: all of them once there are so many per cent more.
const GROWTH_PER_CENT: usize = 115;

/// A part of the keys, between two guesses.
struct Part {
    /// Its keys begin after this one; none at the first key.
    after: Option<Key>,
    sample: KeySample,
    /// Whether it may have keys beyond the page that was read of it.
    is_open: bool,
    size: Size,
    /// Guesses that were handed out before the last one for it.
    waits_since: usize,
}

/// How large a part is, as far as was estimated.
#[derive(Clone, Copy)]
enum Size {
    /// It has changed since.
    Stale,
    /// So many pages, and nobody can tell how many more in this gap.
    Unknown(f64, Breadth),
    /// So many pages.
    Known(f64),
}

impl Part {
    fn estimate(&mut self, alphabet: &Alphabet) {
        if !self.is_open {
            self.size = Size::Known(1.0);
            return;
        }
        let pages = 1.0 + self.sample.left(alphabet, &GuessCounts::default());
        self.size = match self.sample.unknown_gap(alphabet) {
            Some(breadth) => Size::Unknown(pages, breadth),
            None => Size::Known(pages),
        };
    }

    fn pages(&self) -> f64 {
        match self.size {
            Size::Stale => 1.0,
            Size::Unknown(pages, _) | Size::Known(pages) => pages,
        }
    }
}

/// Cuts the keys below a prefix into so many pieces at most.
///
/// # Errors
/// Why S3 refused.
pub async fn survey(
    bucket: &Bucket,
    prefix: &Prefix,
    most: usize,
) -> Result<Vec<KeyRange>, S3Error> {
    let first = bucket.page(prefix, &PageStart::Beginning).await?;
    let mut survey = Survey::begin(&first, most);
    loop {
        let guesses = survey.guesses();
        if guesses.is_empty() {
            break;
        }
        let pages = stream::iter(guesses).map(|(piece, guess)| async move {
            let start = PageStart::After(guess.at.clone());
            let page = bucket.page(prefix, &start).await?;
            Ok::<_, S3Error>((piece, guess, page))
        });
        let pages: Vec<(usize, SplitGuess, Page)> = pages.buffered(AT_ONCE).try_collect().await?;
        for (piece, guess, page) in pages {
            survey.learn(piece, guess, &page);
        }
    }
    Ok(survey.ranges())
}

struct Survey {
    parts: Vec<Part>,
    /// Pieces that are wanted, at most.
    most: usize,
    /// Guesses that were handed out.
    tried: usize,
    alphabet: Alphabet,
    /// Parts when all were estimated.
    estimated: usize,
}

impl Survey {
    /// Begins with the first page.
    fn begin(page: &Page, most: usize) -> Self {
        let mut survey = Self {
            parts: Vec::new(),
            most,
            tried: 0,
            alphabet: Alphabet::default(),
            estimated: 0,
        };
        let keys: Vec<&Key> = page.objects.iter().map(|object| &object.key).collect();
        if let Some(first) = keys.first() {
            survey.alphabet.learn(keys.iter().copied());
            let mut sample = KeySample::new(first, None);
            sample.page(keys.iter().copied());
            survey.parts.push(Part {
                after: None,
                sample,
                is_open: page.next.is_some(),
                size: Size::Stale,
                waits_since: 0,
            });
        }
        survey
    }

    /// The next places to try: at most one in each part. None once enough were tried, or the parts are small enough, or
    /// no guess is left.
    fn guesses(&mut self) -> Vec<(usize, SplitGuess)> {
        let budget = self.most * GUESSES_FOR_A_PIECE;
        let most = AT_ONCE.min(budget.saturating_sub(self.tried));
        self.estimate();
        if most == 0 || self.is_even() {
            return Vec::new();
        }
        let mut guesses = Vec::new();
        for number in self.in_order() {
            if guesses.len() == most {
                break;
            }
            match self.parts[number].sample.cut(&self.alphabet, &[]) {
                Some(guess) => {
                    self.parts[number].waits_since = self.tried + guesses.len();
                    guesses.push((number, guess));
                }
                None => self.parts[number].is_open = false,
            }
        }
        self.tried += guesses.len();
        guesses
    }

    /// Estimates the parts that have changed; all of them from time to time, because the alphabet grows.
    fn estimate(&mut self) {
        let all = self.parts.len() * 100 >= self.estimated * GROWTH_PER_CENT;
        if all {
            self.estimated = self.parts.len();
        }
        for part in &mut self.parts {
            if all || matches!(part.size, Size::Stale) {
                part.estimate(&self.alphabet);
            }
        }
    }

    /// Whether there are pieces enough, and none is larger than the others are on average.
    #[expect(clippy::cast_precision_loss, reason = "parts are few")]
    fn is_even(&self) -> bool {
        let pages: f64 = self.parts.iter().map(Part::pages).sum();
        let mut open = self.parts.iter().filter(|part| part.is_open);
        self.parts.len() >= self.most
            && open.all(|part| match part.size {
                Size::Known(own) => own * self.most as f64 <= pages,
                Size::Stale | Size::Unknown(..) => false,
            })
    }

    /// The parts that may be cut, each once: in turn the one with the widest gap of which nobody can tell how large it is, the one
    /// of these that has waited longest, and the largest of the others.
    fn in_order(&self) -> Vec<usize> {
        let open = (0..self.parts.len()).filter(|number| self.parts[*number].is_open);
        let (mut widest, mut known) = (Vec::new(), Vec::new());
        for number in open {
            match self.parts[number].size {
                Size::Unknown(_, breadth) => widest.push((breadth, number)),
                Size::Stale | Size::Known(_) => known.push(number),
            }
        }
        widest.sort_unstable();
        let widest: Vec<usize> = widest.into_iter().map(|(_, number)| number).collect();
        let mut waiting = widest.clone();
        waiting.sort_by_key(|number| self.parts[*number].waits_since);
        known.sort_by(|one, other| {
            let pages = |number: &usize| self.parts[*number].pages();
            pages(other).total_cmp(&pages(one))
        });
        let mut orders = [widest, waiting, known].map(Vec::into_iter);
        let mut order = Vec::new();
        loop {
            let next: Vec<usize> = orders.iter_mut().filter_map(Iterator::next).collect();
            if next.is_empty() {
                break;
            }
            order.extend(next);
        }
        let mut seen = vec![false; self.parts.len()];
        order.retain(|number| !std::mem::replace(&mut seen[*number], true));
        order
    }

    /// What a guess has found behind it.
    fn learn(&mut self, number: usize, guess: SplitGuess, page: &Page) {
        let end = self.end_of(number);
        let keys: Vec<&Key> = page.objects.iter().map(|object| &object.key).collect();
        let inside = keys.partition_point(|key| end.as_ref().is_none_or(|end| *key <= end));
        self.parts[number].size = Size::Stale;
        let Some(first) = keys[..inside].first() else {
            self.parts[number].sample.nothing_above(&guess);
            return;
        };
        self.alphabet.learn(keys.iter().copied());
        let mut sample = self.parts[number].sample.cut_off(&guess.at, first);
        sample.page(keys[..inside].iter().copied());
        self.parts.push(Part {
            after: Some(guess.at),
            sample,
            is_open: inside == keys.len() && page.next.is_some(),
            size: Size::Stale,
            waits_since: self.tried,
        });
    }

    /// The last key that a part can have; none of the last part.
    fn end_of(&self, number: usize) -> Option<Key> {
        let after = &self.parts[number].after;
        let behind = self.parts.iter().filter_map(|part| part.after.as_ref());
        behind
            .filter(|key| Some(*key) > after.as_ref())
            .min()
            .cloned()
    }

    /// The pieces: parts beside each other that are small together are one.
    #[expect(clippy::cast_precision_loss, reason = "pieces are few")]
    fn ranges(mut self) -> Vec<KeyRange> {
        self.estimate();
        self.parts.sort_by(|one, other| one.after.cmp(&other.after));
        let whole: f64 = self.parts.iter().map(Part::pages).sum();
        let share = whole / self.most.max(1) as f64;
        let mut pieces: Vec<(Option<Key>, f64)> = self
            .parts
            .iter()
            .map(|part| match part.size {
                Size::Unknown(pages, _) => (part.after.clone(), pages.max(share)),
                _ => (part.after.clone(), part.pages()),
            })
            .collect();
        while pieces.len() > self.most {
            let both = |at: &usize| pieces[*at].1 + pieces[at - 1].1;
            let smallest = (1..pieces.len()).min_by(|one, other| both(one).total_cmp(&both(other)));
            let Some(at) = smallest else {
                break;
            };
            let (_, pages) = pieces.remove(at);
            pieces[at - 1].1 += pages;
        }
        let cuts: Vec<Key> = pieces.into_iter().filter_map(|(after, _)| after).collect();
        let starts = cuts.iter().cloned().map(Start::After);
        let starts = [Start::Beginning].into_iter().chain(starts);
        let ends = cuts.iter().cloned().map(Some).chain([None]);
        starts
            .zip(ends)
            .map(|(start, until)| KeyRange { start, until })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Object, StorageClass, Timestamp};
    use s3_sim::Form;

    fn object(key: &str) -> Object {
        Object {
            key: Key::new(key),
            size: 0,
            etag: ETag::new("e"),
            last_modified: Timestamp::from_millis(0),
            storage_class: StorageClass::new(None),
        }
    }

    /// A page of these keys behind a guess, of so many keys.
    fn page(keys: &[String], after: Option<&Key>, size: usize) -> Page {
        let from = after.map_or(0, |after| {
            keys.partition_point(|key| key.as_str() <= after.as_str())
        });
        let objects = keys[from..]
            .iter()
            .take(size)
            .map(|key| object(key))
            .collect();
        let next = (from + size < keys.len()).then_some(PageStart::Beginning);
        Page { objects, next }
    }

    fn surveyed(keys: &[String], size: usize, most: usize) -> (Vec<KeyRange>, usize) {
        let mut survey = Survey::begin(&page(keys, None, size), most);
        loop {
            let guesses = survey.guesses();
            if guesses.is_empty() {
                let tried = survey.tried;
                return (survey.ranges(), tried);
            }
            for (piece, guess) in guesses {
                survey.learn(piece, guess.clone(), &page(keys, Some(&guess.at), size));
            }
        }
    }

    /// The share that the largest of 200 pieces has of these keys, in per cent.
    fn largest(mut keys: Vec<String>) -> usize {
        keys.sort();
        keys.dedup();
        let (ranges, tried) = surveyed(&keys, 10, 200);
        assert!(tried <= 600);
        let sizes = ranges.iter().map(|range| {
            let inside = keys
                .iter()
                .filter(|key| range.admits(&Key::new(key.as_str())));
            inside.count()
        });
        sizes.max().unwrap_or_default() * 100 / keys.len()
    }

    #[test]
    fn a_part_of_which_nothing_is_known_is_cut_before_parts_that_are_known() {
        let numbered = (0..30_000).map(|n| format!("object-{n:012}"));
        let giant = (0..20_000_usize).map(|n| {
            let name = n.wrapping_mul(2_654_435_761) % (1 << 32);
            match n {
                0..19_000 => format!("m-hot/tenant-0001/data/{name:08x}"),
                _ => format!(
                    "{}/{name:08x}",
                    &"abcdefghijklmnopqrstuvwxyz"[n % 26..][..1]
                ),
            }
        });

        let shares = [largest(numbered.collect()), largest(giant.collect())];

        assert!(shares[0] <= 2 && shares[1] <= 6, "{shares:?}");
    }

    #[test]
    fn pieces_have_every_key_once_and_none_has_most_of_them() {
        let flat = |n: usize| format!("{n:06}");
        let dated = |n: usize| format!("logs/{:02}/{:02}/{n:05}.gz", n / 2_000, n / 100 % 20);
        let hexadecimal = |n: usize| format!("{:08x}", n.wrapping_mul(2_654_435_761) % (1 << 32));
        for name in [flat, dated, hexadecimal] {
            let mut keys: Vec<String> = (0..20_000).map(name).collect();
            keys.sort();
            keys.dedup();

            let (ranges, tried) = surveyed(&keys, 100, 20);

            assert!(ranges.len() >= 12, "{} pieces of {}", ranges.len(), keys[0]);
            assert!(tried <= 60);
            let sizes = ranges.iter().map(|range| {
                keys.iter()
                    .filter(|key| range.admits(&Key::new(key.as_str())))
                    .count()
            });
            let sizes: Vec<usize> = sizes.collect();
            assert_eq!(sizes.iter().sum::<usize>(), keys.len());
            let most = sizes.iter().max().unwrap();
            assert!(*most < keys.len() / 3, "{sizes:?}");
        }
    }

    /// The share that the largest of 250 pieces has of a million keys of a form, in per cent, with pages of a hundred.
    fn largest_of_form(name: &str) -> u64 {
        const COUNT: u64 = 1_000_000;
        let form = Form::named(name).unwrap();
        let behind = |key: &Key| {
            let (mut from, mut until) = (0, COUNT);
            while from < until {
                let middle = u64::midpoint(from, until);
                if form.key(middle, COUNT).as_str() <= key.as_str() {
                    from = middle + 1;
                } else {
                    until = middle;
                }
            }
            from
        };
        let page = |from: u64| Page {
            objects: (from..COUNT.min(from + 100))
                .map(|index| object(&form.key(index, COUNT)))
                .collect(),
            next: (from + 100 < COUNT).then_some(PageStart::Beginning),
        };
        let mut survey = Survey::begin(&page(0), 250);
        loop {
            let guesses = survey.guesses();
            if guesses.is_empty() {
                break;
            }
            for (part, guess) in guesses {
                let found = page(behind(&guess.at));
                survey.learn(part, guess, &found);
            }
        }
        assert!(survey.tried <= 750);
        let ranges = survey.ranges();
        assert!(ranges.len() <= 250);
        let ends = ranges.iter().map(|range| range.until.as_ref());
        let ends = ends.map(|until| until.map_or(COUNT, behind));
        let mut begin = 0;
        let sizes = ends.map(|end| end - std::mem::replace(&mut begin, end));
        sizes.max().unwrap_or_default() * 100 / COUNT
    }

    #[test]
    fn no_piece_has_most_of_the_keys_whatever_they_look_like() {
        let names = ["kanji", "tables", "times", "long-prefixes", "escapes"];
        for name in names.into_iter().chain([
            "giants-beside-each-other",
            "nested-first-and-last",
            "powers-of-ten",
        ]) {
            let share = largest_of_form(name);

            assert!(share <= 2, "{share} % of {name}");
        }
    }

    #[test]
    fn an_empty_bucket_is_one_piece() {
        assert_eq!(surveyed(&[], 100, 20).0, [KeyRange::all()]);
    }
}
