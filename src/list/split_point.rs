//! Where a range of keys that is being listed may be cut in two.
//!
//! The keys may look as they like: nothing is known of them but those that were listed. From these a key
//! is guessed, and one page tries it: if keys lie behind it, the range is cut there; if none do, the range
//! is known to end before it. A bad guess costs a request and never a key.
//!
//! The rest of a range begins with `known` characters of the last key that was listed:
//!
//! ```text
//!   last      logs/2019/01/07/host-3/9f3a...      the last page lies within logs/2019/01/07/host-3/
//!   guesses   logs0  .  logs/2019/01/07/host-30   first and last folder: what follows each of them?
//! ```
//!
//! 1. *Beyond a block.* The keys of the last page agree in more than `known` characters. Nobody knows yet at
//!    which of these places other keys differ. What begins like the last key, up to a place, is a block, and
//!    a guess just beyond it tells whether anything follows. Separators, above all slashes, are the likely
//!    places: the first one finds the large branches of a tree, the last one the end of a giant folder.
//!    Without separators places are tried from the left. After guesses in vain two, four, eight separators are skipped:
//!    what all keys begin with may have a hundred of them.
//! 2. *Beyond the alphabet.* Keys differ at the place `known`, and no character is known that could follow
//!    there. A guess behind all known ones finds those that are not known.
//! 3. *The middle*, or another share. Otherwise keys are read as fractions in the characters seen, and what is left is
//!    shared by that. A number or a name that the last page has only come to the end of is read in the characters that
//!    the page shows there: `00104711` in digits, whatever letters stand at that place in other folders.

use std::cmp::Reverse;
use std::ops::Range;

use super::alphabet::{Alphabet, Alphabets, Word, chars, common, is_like, kind};
use super::gap::{CutPoint, Gap, between, beyond_alphabet, beyond_block, code_between};
use super::guess::{GuessCounts, GuessKind};
use crate::model::Key;

/// The knowledge of a range that is being listed.
#[derive(Clone, Debug)]
pub struct KeySample {
    /// The first key of the last page.
    page_start: Key,
    /// The last key so far.
    pub last: Key,
    /// Nothing of the range lies above it, as far as is known.
    upper: Option<Key>,
    /// Keys are known to differ at this character or before it.
    varies: Option<usize>,
    /// Pages listed so far.
    pages: u64,
    /// The first keys of some of them, with the pages listed before.
    marks: Vec<(Key, u64)>,
    /// Blocks behind which nothing was found, one after the other.
    vain_blocks: u32,
    /// Guesses in vain since the last one that found something.
    vain: u32,
    /// The characters of the last page.
    own: Alphabet,
    /// Some of its keys.
    samples: Vec<Key>,
    /// The range was found to end with a folder since something was found behind a guess.
    ends_with_folder: bool,
}

/// Keys of a page that tell in how many folders it is.
const MOST_SAMPLES: usize = 16;
/// First keys of pages that are remembered.
const MOST_MARKS: usize = 12;
/// Pages of which nothing is known, as long as nothing was listed.
const UNKNOWN_PAGES: f64 = 8.0;
/// The same of what may lie behind a block that is perhaps all that is left.
const UNKNOWN_PAGES_BEYOND_A_BLOCK: f64 = 4.0;
/// Guesses that may be tried for a range at the same time, as long as each one has found something.
const MOST_GUESSES: usize = 3;
/// Separators that are skipped at once after blocks in vain, at most, as a power of two.
const MOST_DOUBLINGS: u32 = 10;

/// The order of gaps: those come first that begin at an earlier place, and of these those with more characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breadth(usize, Reverse<u32>);

/// A key between the last one and the end of a range.
#[derive(Clone, Debug)]
pub struct SplitGuess {
    /// After this key.
    pub at: Key,
    /// How it was found.
    pub kind: GuessKind,
}

impl SplitGuess {
    /// The end of a segment in the place of a guess: it tells nothing of characters.
    pub fn at_segment(at: Key) -> Self {
        let kind = GuessKind::Middle(None);
        Self { at, kind }
    }

    /// Takes note of what nothing was found behind.
    pub fn teach(&self, alphabet: &mut Alphabet) {
        if let (GuessKind::Middle(Some(place)), Some(symbol)) =
            (self.kind, self.at.as_str().chars().next_back())
        {
            alphabet.nothing_behind(place, symbol);
        }
    }
}

/// How the next key is guessed.
#[derive(Clone, Copy, Debug)]
enum Guess {
    /// Beyond what begins like the last key, up to one of the places from the first on and before the second.
    BeyondBlock(usize, usize),
    /// The same, where nothing but the block is expected.
    BeyondWholeBlock(usize, usize),
    /// Beyond the known characters.
    BeyondAlphabet,
    /// In the middle of what is left.
    Middle,
}

impl KeySample {
    /// Nothing was listed, and the range ends here.
    pub fn new(first: &Key, upper: Option<Key>) -> Self {
        Self {
            page_start: first.clone(),
            last: first.clone(),
            upper,
            varies: None,
            pages: 0,
            marks: Vec::new(),
            vain_blocks: 0,
            vain: 0,
            own: Alphabet::default(),
            samples: Vec::new(),
            ends_with_folder: false,
        }
    }

    /// A page was listed, with these keys.
    pub fn page<'a>(
        &mut self,
        mut keys: impl ExactSizeIterator<Item = &'a Key> + DoubleEndedIterator + Clone,
    ) {
        self.own = Alphabet::default();
        self.own.learn(keys.clone());
        let step = keys.len().div_ceil(MOST_SAMPLES).max(1);
        self.samples = keys.clone().step_by(step).cloned().collect();
        let (Some(first), Some(last)) = (keys.next(), keys.next_back()) else {
            return;
        };
        self.marks.push((first.clone(), self.pages));
        if self.marks.len() > MOST_MARKS {
            // The latest stay, and every second of the others.
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number % 2 == 1 || number >= MOST_MARKS
            });
        }
        self.page_start = first.clone();
        self.last = last.clone();
        self.pages += 1;
    }

    /// A key between the last one and the end, in the middle if that can be told; none if there is no room. `tried` are
    /// the guesses for this range that are still being tried.
    pub fn cut(&self, alphabet: &Alphabet, tried: &[&Key]) -> Option<SplitGuess> {
        self.cut_at(alphabet, tried, CutPoint::MIDDLE)
    }

    /// The same, at another point.
    pub fn cut_at(
        &self,
        alphabet: &Alphabet,
        tried: &[&Key],
        point: CutPoint,
    ) -> Option<SplitGuess> {
        let upper = self.upper_before(tried);
        let last = chars(&self.last);
        let end = upper.map(chars);
        let gap = Gap::new(&last, end.as_deref());
        let is_last = upper.is_none();
        let alphabet = self.alphabets(alphabet, &last, gap.known);
        let guess = self.next_guess(&last, gap, is_last, alphabet);
        let text = match guess {
            Guess::BeyondBlock(from, to) | Guess::BeyondWholeBlock(from, to) => {
                let skipped = tried.is_empty().then_some(self.vain_blocks);
                beyond_block(&last, place(&last, from..to, skipped))
            }
            Guess::BeyondAlphabet => beyond_alphabet(&last, gap, alphabet),
            Guess::Middle => between(&last, gap, alphabet, point),
        }?;
        let open = gap.upper.is_none();
        let kind = match guess {
            Guess::BeyondBlock(..) => GuessKind::Block,
            Guess::BeyondWholeBlock(..) => GuessKind::WholeBlock,
            Guess::BeyondAlphabet => GuessKind::Alphabet,
            Guess::Middle => {
                GuessKind::Middle((open && text.len() == gap.known + 1).then_some(gap.known))
            }
        };
        let at = Key::new(text.into_iter().collect::<String>());
        let fits = at > self.last
            && upper.is_none_or(|upper| at < *upper)
            && at.as_str().len() <= Key::MOST_BYTES;
        fits.then_some(SplitGuess { at, kind })
    }

    fn alphabets<'a>(&'a self, all: &'a Alphabet, last: &[char], known: usize) -> Alphabets<'a> {
        let agree = common(&chars(&self.page_start), last);
        let word = self.word(last, known, agree);
        let tells = agree == known || word.is_some();
        let own = tells.then_some(&self.own);
        Alphabets { all, own, word }
    }

    /// The places from `known` up to the one at which the keys of the last page begin to differ, if they hold nothing but
    /// letters or digits as the page shows at that place.
    fn word(&self, last: &[char], known: usize, agree: usize) -> Option<Word> {
        let places = last.get(known..=agree).filter(|_| known < agree)?;
        let shown = self.own.near(agree);
        let mut symbols = places.iter();
        let is_word = symbols.all(|symbol| symbol.is_alphanumeric() && is_like(*symbol, &shown));
        is_word.then_some(Word {
            start: known,
            end: agree,
        })
    }

    fn next_guess(
        &self,
        last: &[char],
        gap: Gap<'_>,
        is_last: bool,
        alphabet: Alphabets<'_>,
    ) -> Guess {
        let known = gap.known;
        let Some(&own) = last.get(known) else {
            return Guess::Middle;
        };
        let agree = common(&chars(&self.page_start), last);
        let end = gap.end();
        let has_sibling = alphabet.has_between(known, own, end);
        let is_open = gap.upper.is_none() && (!has_sibling || is_last);
        let differ = self.varies.map_or(agree, |varies| agree.min(varies));
        // Zeros in front of a number do not tell how large it may be. Behind another digit the next ones are likely.
        let has_lower = || alphabet.at(known).first().is_some_and(|least| *least < own);
        if alphabet.word.is_some() && has_sibling && has_lower() {
            return Guess::Middle;
        }
        if known < differ {
            return Guess::BeyondBlock(known, differ);
        }
        let is_letter = own.is_ascii_alphabetic() && end.is_some_and(|end| kind(end) == kind(own));
        let has_unseen = (!own.is_ascii() || is_letter)
            && end.is_some_and(|end| code_between(own, end).is_some());
        if is_open || (has_unseen && !has_sibling) {
            return Guess::BeyondAlphabet;
        }
        let is_spent = self.varies != Some(known) || !has_sibling;
        if known < agree && is_spent {
            return Guess::BeyondWholeBlock(known, agree);
        }
        Guess::Middle
    }

    /// How wide the gap is, if nobody can tell how many pages are left: it is not known where the rest of the keys
    /// differ.
    pub fn unknown_gap(&self, alphabet: &Alphabet) -> Option<Breadth> {
        let last = chars(&self.last);
        let upper = self.upper.as_ref().map(chars);
        let gap = Gap::new(&last, upper.as_deref());
        let alphabet = self.alphabets(alphabet, &last, gap.known);
        let guess = self.next_guess(&last, gap, self.upper.is_none(), alphabet);
        let own = last.get(gap.known).copied().map_or(0, u32::from);
        let end = gap.end().map_or(u32::MAX, u32::from);
        let breadth = Breadth(gap.known, Reverse(end.saturating_sub(own)));
        (!matches!(guess, Guess::Middle)).then_some(breadth)
    }

    /// How many pages are left, as far as can be told: as many as were listed, if nothing speaks for another
    /// number.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn left(&self, alphabet: &Alphabet, counts: &GuessCounts) -> f64 {
        let last = chars(&self.last);
        let upper = self.upper.as_ref().map(chars);
        let gap = Gap::new(&last, upper.as_deref());
        let alphabet = self.alphabets(alphabet, &last, gap.known);
        let guess = self.next_guess(&last, gap, self.upper.is_none(), alphabet);
        if let Guess::BeyondBlock(from, to) | Guess::BeyondWholeBlock(from, to) = guess {
            let block = place(&last, from..to, Some(0)) + 1;
            let pages = self.since(&last, block).map_or(1, |(_, pages)| pages);
            return match guess {
                Guess::BeyondWholeBlock(..) => {
                    (2.0 * pages as f64 + UNKNOWN_PAGES_BEYOND_A_BLOCK) * counts.blocks.share()
                }
                _ => 2.0 * pages as f64 + UNKNOWN_PAGES,
            };
        }
        let Some((first, pages)) = self.since(&last, gap.known) else {
            return 2.0;
        };
        let from = alphabet.fraction(&first, gap.known);
        let to = alphabet.fraction(&last, gap.known);
        let end = gap
            .upper
            .map_or(1.0, |upper| alphabet.fraction(upper, gap.known));
        let unknown = 2.0 * pages as f64;
        if to <= from {
            return unknown;
        }
        let left = pages as f64 * (end - to).max(0.0) / (to - from);
        match guess {
            Guess::BeyondAlphabet => left.max(unknown) * counts.alphabets.share(),
            Guess::BeyondBlock(..) | Guess::BeyondWholeBlock(..) | Guess::Middle => left,
        }
    }

    /// The first remembered key that begins like the last one, up to a place, and the pages listed since.
    fn since(&self, last: &[char], place: usize) -> Option<(Vec<char>, u64)> {
        let marks = self.marks.iter();
        let mut marks = marks.map(|(key, before)| (chars(key), self.pages - before));
        marks.find(|(key, _)| common(key, last) >= place)
    }

    /// Nothing of the range lies behind this guess.
    pub fn nothing_above(&mut self, guess: &SplitGuess) {
        self.upper = Some(guess.at.clone());
        self.varies = None;
        self.vain += 1;
        if guess.kind == GuessKind::Block {
            self.vain_blocks += 1;
        }
    }

    /// Nothing of the range lies behind the folder that ends here.
    pub fn end_with_folder(&mut self, end: Key) {
        self.upper = Some(end);
        self.varies = None;
        self.ends_with_folder = true;
    }

    /// The range ends here; keys that were listed behind its end have come since that was found.
    pub fn ends_at_most(&mut self, until: Option<&Key>) {
        if self.upper.as_ref().is_some_and(|upper| *upper < self.last) {
            self.upper = until.cloned();
        }
    }

    /// Whether the range was found to end with a folder since something was found behind a guess.
    pub fn ends_with_folder(&self) -> bool {
        self.ends_with_folder
    }

    /// Nothing of the range lies above it, as far as is known.
    pub fn upper(&self) -> Option<&Key> {
        self.upper.as_ref()
    }

    /// The same before the nearest of the guesses that are being tried.
    pub fn upper_before<'a>(&'a self, tried: &[&'a Key]) -> Option<&'a Key> {
        tried.iter().copied().chain(&self.upper).min()
    }

    /// Some keys of the last page.
    pub fn samples(&self) -> &[Key] {
        &self.samples
    }

    /// The pages so far from the first one on that begins like this.
    #[expect(clippy::cast_precision_loss, reason = "pages of a shard")]
    pub fn pages_below(&self, prefix: &str) -> f64 {
        let mut marks = self.marks.iter();
        let first = marks.find(|(key, _)| key.as_str().starts_with(prefix));
        first.map_or(1.0, |(_, before)| (self.pages - before) as f64)
    }

    /// Guesses that may be tried for the range at the same time.
    pub fn most_guesses(&self) -> usize {
        if self.vain == 0 { MOST_GUESSES } else { 1 }
    }

    /// Ends the range with a key, and says where it ended before.
    pub fn end_at(&mut self, at: &Key) -> Option<Key> {
        self.vain = 0;
        self.ends_with_folder = false;
        self.upper.replace(at.clone())
    }

    /// Cuts off what lies behind `at`, where `behind` is the first key, and says what is known of it.
    pub fn cut_off(&mut self, at: &Key, behind: &Key) -> KeySample {
        let upper = self.end_at(at);
        KeySample {
            vain_blocks: self.vain_blocks,
            varies: Some(common(&chars(&self.last), &chars(behind))),
            ..KeySample::new(behind, upper)
        }
    }
}

/// Up to which of these places a block is taken: the first separator, or one further on after so many in vain; or
/// the last one. Where there are slashes, other separators are rather parts of names.
fn place(last: &[char], places: Range<usize>, vain: Option<u32>) -> usize {
    let third = places.start + places.len() / 3;
    let is_slash = |at: &usize| last.get(*at) == Some(&'/');
    let is_separator = |at: &usize| last.get(*at).is_some_and(|s| !s.is_alphanumeric());
    let has_slash = places.clone().any(|at| is_slash(&at));
    let mut separators = places.filter(|at| is_slash(at) || (!has_slash && is_separator(at)));
    let separator = match vain {
        Some(vain) => {
            let number = separators.clone().count();
            let skipped = (1_usize << vain.min(MOST_DOUBLINGS)) - 1;
            separators.nth(skipped.min(number.saturating_sub(1)))
        }
        None => separators.next_back(),
    };
    separator.unwrap_or(third)
}
