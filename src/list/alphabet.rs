//! The characters that keys are made of, learned from the pages that were listed. They turn a key into a
//! fraction, so that the middle between two keys can be named.

use crate::model::Key;

/// Characters of a fraction: more would be lost in the arithmetic.
pub const MOST_DIGITS: usize = 12;
/// Places that tell of each other.
const NEAR: usize = 3;
/// Characters that are remembered for a place.
const MOST_SYMBOLS: usize = 128;

/// Keys of a page from which characters are learned: enough for each digit to be seen at some place,
/// and odd, so that counted keys do not all end alike.
const SAMPLES: usize = 37;

/// The characters that keys are made of, as far as they were seen: at each place, and at all places at
/// which keys differ.
#[derive(Clone, Debug, Default)]
pub struct Alphabet {
    sequences: Vec<Vec<char>>,
    anywhere: Vec<char>,
    /// At each place, what no key goes beyond, as far as is known.
    limits: Vec<Option<char>>,
}

impl Alphabet {
    /// Takes note of the keys of a page.
    pub fn learn<'a>(&mut self, keys: impl ExactSizeIterator<Item = &'a Key>) {
        let step = (keys.len() / SAMPLES).max(1);
        let mut samples = keys.step_by(step).map(chars);
        let Some(first) = samples.next() else {
            return;
        };
        self.note(&first);
        for sample in samples {
            self.note(&sample);
            for symbol in &sample[common(&first, &sample)..] {
                note(&mut self.anywhere, *symbol);
            }
        }
    }

    /// Takes note of the characters of one key.
    fn note(&mut self, key: &[char]) {
        if self.sequences.len() < key.len() {
            self.sequences.resize(key.len(), Vec::new());
        }
        for (sequence, symbol) in self.sequences.iter_mut().zip(key) {
            note(sequence, *symbol);
        }
    }

    /// Nothing was found behind this character at a place, behind which all was unknown.
    pub fn nothing_behind(&mut self, sequence: usize, symbol: char) {
        if self.limits.len() <= sequence {
            self.limits.resize(sequence + 1, None);
        }
        let limit = &mut self.limits[sequence];
        *limit = Some(limit.map_or(symbol, |known| known.min(symbol)));
    }

    /// What was seen at a place and at the next ones, as long as keys differ there.
    pub fn near(&self, sequence: usize) -> Vec<char> {
        let places = (sequence..=sequence + NEAR).map_while(|near| self.varies(near));
        let mut alphabet = Vec::new();
        for symbol in places.flatten() {
            note(&mut alphabet, *symbol);
        }
        alphabet
    }

    /// What was seen in a word, and at its end.
    fn of_word(&self, word: Word) -> Vec<char> {
        let mut alphabet = self.near(word.end);
        let places = self.sequences.iter().take(word.end).skip(word.start);
        for symbol in places.flatten() {
            note(&mut alphabet, *symbol);
        }
        alphabet
    }

    fn varies(&self, sequence: usize) -> Option<&Vec<char>> {
        let seen = self.sequences.get(sequence)?;
        (seen.len() > 1).then_some(seen)
    }

    /// What may stand at a place: what was seen there, if that is more than one, and others of the same
    /// kind; else anything.
    fn at(&self, sequence: usize) -> Vec<char> {
        let limit = self.limits.get(sequence).copied().flatten();
        let within = |symbol: &&char| limit.is_none_or(|limit| **symbol < limit);
        let anywhere = self.anywhere.iter().filter(within);
        match self.varies(sequence) {
            Some(seen) => {
                let like = anywhere.filter(|symbol| is_like(**symbol, seen));
                let mut alphabet: Vec<char> = like.copied().collect();
                for symbol in seen {
                    note(&mut alphabet, *symbol);
                }
                alphabet
            }
            None => anywhere.copied().collect(),
        }
    }
}

/// A word is letters and digits without a separator. These are its places from the one in question up to the one at which the
/// keys of a page begin to differ: the digits that a page shows at the end of a counted number stand at its beginning, too.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    pub start: usize,
    pub end: usize,
}

impl Word {
    fn contains(self, sequence: usize) -> bool {
        (self.start..self.end).contains(&sequence)
    }
}

/// The alphabets of a range: those of its last page where its keys differ, else those of all pages.
#[derive(Clone, Copy, Debug)]
pub struct Alphabets<'a> {
    pub all: &'a Alphabet,
    /// The characters of the last page; none if its keys are all alike in the word that has the place in question.
    pub own: Option<&'a Alphabet>,
    /// The places of the word in question at which all keys of the last page are alike; none if they differ at the first
    /// one, or in another word.
    pub word: Option<Word>,
}

impl Alphabets<'_> {
    /// Whether a character that may stand at a place lies between two, the second of which may be missing.
    pub fn has_between(self, sequence: usize, own: char, end: Option<char>) -> bool {
        let mut symbols = self.at(sequence).into_iter();
        symbols.any(|symbol| symbol > own && end.is_none_or(|end| symbol < end))
    }

    /// What may stand at a place. A page shows only some of the characters at the place at which its keys begin to
    /// differ, and all of them at the next ones.
    pub fn at(self, sequence: usize) -> Vec<char> {
        let all = || self.all.at(sequence);
        let Some(own) = self.own else {
            return all();
        };
        let shows_all = |place: usize| own.varies(place + 1).is_some();
        let alphabet = match self.word.filter(|word| word.contains(sequence)) {
            Some(word) if shows_all(word.end) => own.of_word(word),
            Some(word) => {
                let shown = own.of_word(word);
                let mut like = all();
                like.retain(|symbol| is_like(*symbol, &shown));
                like
            }
            None if shows_all(sequence) => own.near(sequence),
            None => Vec::new(),
        };
        if alphabet.is_empty() {
            return all();
        }
        alphabet
    }

    /// The only character that was ever seen at a place. A word has none: its digits change from page to page.
    pub fn constant(self, sequence: usize) -> Option<char> {
        if self.word.is_some_and(|word| word.contains(sequence)) {
            return None;
        }
        let alphabet = self.own.unwrap_or(self.all);
        match alphabet.sequences.get(sequence)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// What follows the first `known` characters of a text, as a fraction between 0 and 1 in the order
    /// of keys. Keys differ at that place, whatever was seen.
    pub fn fraction(self, text: &[char], known: usize) -> f64 {
        let mut unit = 1.0;
        let mut sum = 0.0;
        let mut digits = 0;
        for (sequence, symbol) in text.iter().enumerate().skip(known) {
            if sequence > known && self.constant(sequence) == Some(*symbol) {
                continue;
            }
            let alphabet = self.at(sequence);
            unit /= number(alphabet.len().max(1));
            sum += unit * number(alphabet.partition_point(|known| known < symbol));
            digits += 1;
            if digits == MOST_DIGITS {
                break;
            }
        }
        sum
    }
}

/// A full alphabet keeps every second character, so that what is left still spans the same room.
fn note(alphabet: &mut Vec<char>, symbol: char) {
    if let Err(sequence) = alphabet.binary_search(&symbol) {
        alphabet.insert(sequence, symbol);
        if alphabet.len() > MOST_SYMBOLS {
            let mut number = 0;
            alphabet.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
    }
}

/// Digits, small and capital letters, and the rest.
pub fn kind(symbol: char) -> u8 {
    match symbol {
        '0'..='9' => 0,
        'a'..='z' => 1,
        'A'..='Z' => 2,
        _ => 3,
    }
}

/// Whether a character is of the kind of one of these.
pub fn is_like(symbol: char, others: &[char]) -> bool {
    others.iter().any(|other| kind(*other) == kind(symbol))
}

#[expect(clippy::cast_precision_loss, reason = "characters are few")]
pub fn number(of: usize) -> f64 {
    of as f64
}

/// The characters of a key.
pub fn chars(key: &Key) -> Vec<char> {
    key.as_str().chars().collect()
}

/// How many characters two texts have in common at their beginning.
pub fn common(left: &[char], right: &[char]) -> usize {
    left.iter().zip(right).take_while(|(l, r)| l == r).count()
}
