//! A look at a bucket of which nothing is known, to cut its keys into pieces of about the same size.
//!
//! The places to cut are guessed as a listing guesses them, from what the pages that were read have in common,
//! but nothing is listed between them. A piece of which nobody can tell how large it is, is cut first: it may be nearly
//! all. Then comes the piece with most pages, as far as can be told.

use futures::{StreamExt, TryStreamExt, stream};

use super::alphabet::Alphabet;
use super::split_point::KeySample;
use crate::model::{Key, KeyRange, Prefix, Start};
use crate::s3::{Bucket, Page, PageStart, S3Error};

/// Guesses that are tried at the same time, at most.
const AT_ONCE: usize = 16;
/// Guesses for a piece, at most: some find nothing behind them.
const GUESSES_FOR_A_PIECE: usize = 3;

/// A piece of the keys.
struct Piece {
    /// Its keys begin after this one; none at the first key.
    after: Option<Key>,
    sample: KeySample,
    /// Whether it may have keys beyond the page that was read of it.
    is_open: bool,
}

impl Piece {
    /// Pages that it may have.
    fn pages(&self, alphabet: &Alphabet, explores: bool) -> f64 {
        if explores && self.sample.is_unknown(alphabet) {
            f64::INFINITY
        } else {
            self.sample.left(alphabet)
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
            let start = PageStart::After(guess.clone());
            let page = bucket.page(prefix, &start).await?;
            Ok::<_, S3Error>((piece, guess, page))
        });
        let pages: Vec<(usize, Key, Page)> = pages.buffered(AT_ONCE).try_collect().await?;
        for (piece, guess, page) in pages {
            survey.learn(piece, guess, &page);
        }
    }
    Ok(survey.ranges())
}

struct Survey {
    pieces: Vec<Piece>,
    /// Pieces that are wanted, at most.
    most: usize,
    /// Guesses that were handed out.
    tried: usize,
    alphabet: Alphabet,
}

impl Survey {
    /// Begins with the first page.
    fn begin(page: &Page, most: usize) -> Self {
        let mut survey = Self {
            pieces: Vec::new(),
            most,
            tried: 0,
            alphabet: Alphabet::default(),
        };
        if let (Some(first), Some(last)) = (page.objects.first(), page.objects.last()) {
            survey
                .alphabet
                .learn(page.objects.iter().map(|object| &object.key));
            let mut sample = KeySample::new(&first.key, None);
            sample.page(&first.key, &last.key);
            survey.pieces.push(Piece {
                after: None,
                sample,
                is_open: page.next.is_some(),
            });
        }
        survey
    }

    /// The next places to try: at most one in each piece, the largest ones first. None once there are pieces enough, or
    /// no guess is left.
    fn guesses(&mut self) -> Vec<(usize, Key)> {
        if self.tried >= self.most * GUESSES_FOR_A_PIECE {
            return Vec::new();
        }
        let most = AT_ONCE.min(self.most.saturating_sub(self.pieces.len()));
        // The last quarter of the cuts is for the pieces that are known to be large by then.
        let explores = self.pieces.len() * 4 < self.most * 3;
        let open = self
            .pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.is_open);
        let mut open: Vec<(usize, f64)> = open
            .map(|(number, piece)| (number, piece.pages(&self.alphabet, explores)))
            .collect();
        open.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let mut guesses = Vec::new();
        for (number, _) in open {
            if guesses.len() == most {
                break;
            }
            match self.pieces[number].sample.cut(&self.alphabet, &[]) {
                Some(guess) => guesses.push((number, guess)),
                None => self.pieces[number].is_open = false,
            }
        }
        self.tried += guesses.len();
        guesses
    }

    /// What a guess has found behind it.
    fn learn(&mut self, number: usize, guess: Key, page: &Page) {
        let end = self.end_of(number);
        let keys: Vec<&Key> = page.objects.iter().map(|object| &object.key).collect();
        let inside = keys.partition_point(|key| end.as_ref().is_none_or(|end| *key <= end));
        let Some(first) = keys[..inside].first() else {
            self.pieces[number].sample.nothing_above(&guess);
            return;
        };
        self.alphabet.learn(keys.iter().copied());
        let mut sample = self.pieces[number].sample.cut_off(&guess, first);
        sample.page(first, keys[inside - 1]);
        self.pieces.push(Piece {
            after: Some(guess),
            sample,
            is_open: inside == keys.len() && page.next.is_some(),
        });
    }

    /// The last key that a piece can have; none of the last piece.
    fn end_of(&self, number: usize) -> Option<Key> {
        let after = &self.pieces[number].after;
        let behind = self.pieces.iter().filter_map(|piece| piece.after.as_ref());
        behind
            .filter(|key| Some(*key) > after.as_ref())
            .min()
            .cloned()
    }

    fn ranges(self) -> Vec<KeyRange> {
        let mut cuts: Vec<Key> = self
            .pieces
            .into_iter()
            .filter_map(|piece| piece.after)
            .collect();
        cuts.sort();
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
                survey.learn(piece, guess.clone(), &page(keys, Some(&guess), size));
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

    #[test]
    fn an_empty_bucket_is_one_piece() {
        assert_eq!(surveyed(&[], 100, 20).0, [KeyRange::all()]);
    }
}
