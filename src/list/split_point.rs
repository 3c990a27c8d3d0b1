//! Where to cut a range of keys in two of which nobody knows what is in it: pure arithmetic.
//!
//! S3 lists forwards only, and nothing tells how many keys lie between two points. What is known is
//! what was listed so far: how the keys look, and at which character they have begun to differ. From
//! that a cut is guessed, and one page tries it: keys behind it, and the range is cut there; none, and
//! the next guess is better. A bad guess costs a request and never a key.
//!
//! Two kinds of guesses are made. As long as it is unknown which characters differ at all (is it
//! `object-000...` to the end, or `object-7...` too?), the length of what all keys begin with is sought
//! by halving. Once that is known, the keys are read as fractions in the characters seen, and the
//! middle of what is left is taken.

use crate::model::Key;

/// The knowledge of a range that is being listed.
#[derive(Clone, Debug)]
pub struct KeySample {
    /// The first key that was listed.
    pub first: Key,
    /// The last one so far.
    pub last: Key,
    /// Nothing of the range lies above it, as far as is known.
    pub upper: Option<Key>,
    /// Keys are known to differ at this character or before it.
    pub varies: Option<usize>,
    /// Pages listed so far.
    pub pages: u64,
}

/// Characters of a fraction: more would be lost in the arithmetic.
const MOST_DIGITS: usize = 12;
/// Characters that are remembered for a place.
const MOST_SYMBOLS: usize = 128;

/// Keys of a page from which characters are learned: enough for each digit to be seen at some place,
/// and odd, so that counted keys do not all end alike.
const SAMPLES: usize = 37;

impl KeySample {
    /// A key between the last one and the end, with about as many keys before it as behind; none if
    /// there is no room.
    pub fn cut(&self, alphabet: &Alphabet) -> Option<Key> {
        let (last, upper) = (chars(&self.last), self.upper.as_ref().map(chars));
        let room = self.room(&last, upper.as_deref());
        let guess = match room.varies {
            Some(varies) if room.known < varies => {
                beyond_block(&last, usize::midpoint(room.known, varies))
            }
            Some(_) | None => middle(&last, room, alphabet),
        }?;
        let guess = Key::new(guess.into_iter().collect::<String>());
        let fits = guess > self.last
            && self.upper.as_ref().is_none_or(|upper| guess < *upper)
            && guess.as_str().len() <= Key::MOST_BYTES;
        fits.then_some(guess)
    }

    /// How many pages are left, if keys lie as densely as those that were listed; none if nothing
    /// speaks for any number.
    pub fn left(&self, alphabet: &Alphabet) -> Option<f64> {
        let (first, last) = (chars(&self.first), chars(&self.last));
        let upper = self.upper.as_ref().map(chars);
        let room = self.room(&last, upper.as_deref());
        if room.varies.is_none_or(|varies| room.known < varies) {
            return None;
        }
        let from = alphabet.fraction(&first, room.known);
        let to = alphabet.fraction(&last, room.known);
        let end = room
            .upper
            .map_or(1.0, |upper| alphabet.fraction(upper, room.known));
        // What was listed may begin before the block that is left: then its share of it is unknown.
        let same_block = first.get(..room.known) == last.get(..room.known);
        if !same_block || to <= from {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        Some(self.pages as f64 * (end - to).max(0.0) / (to - from))
    }

    /// Cuts off what lies behind `at`, where `behind` is the first key, and says what is known of it.
    pub fn cut_off(&mut self, at: &Key, behind: &Key) -> KeySample {
        let last = chars(&self.last);
        let sequence = common(&last, &chars(at));
        let next = common(&last, &chars(behind));
        // Keys go on at the very character at which the guess was made: so they do on both sides.
        let (before, after) = if sequence == next {
            (Some(sequence + 1), Some(sequence))
        } else {
            (self.varies, None)
        };
        let other = KeySample {
            first: behind.clone(),
            last: behind.clone(),
            upper: self.upper.replace(at.clone()),
            varies: after,
            pages: 0,
        };
        self.varies = before;
        other
    }

    fn room<'a>(&self, last: &[char], upper: Option<&'a [char]>) -> Gap<'a> {
        let differ = common(&chars(&self.first), last);
        let listed = (self.pages > 0).then_some(differ);
        let varies = match (listed, self.varies) {
            (Some(listed), Some(varies)) => Some(listed.min(varies)),
            (listed, varies) => listed.or(varies),
        };
        let mut known = upper.map_or(0, |upper| common(last, upper));
        let mut upper = upper;
        // All that begins like the last key, up to this character, and nothing beyond.
        if upper.is_some_and(|upper| beyond_block(last, known).as_deref() == Some(upper)) {
            known += 1;
            upper = None;
        }
        Gap {
            known,
            varies,
            upper,
        }
    }
}

/// The rest of a range: all its keys begin with `known` characters of the last one.
#[derive(Clone, Copy)]
struct Gap<'a> {
    known: usize,
    varies: Option<usize>,
    upper: Option<&'a [char]>,
}

/// The characters that keys are made of, as far as they were seen: at each place, and at all places at
/// which keys differ.
#[derive(Clone, Debug, Default)]
pub struct Alphabet {
    sequences: Vec<Vec<char>>,
    anywhere: Vec<char>,
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
    pub fn note(&mut self, key: &[char]) {
        if self.sequences.len() < key.len() {
            self.sequences.resize(key.len(), Vec::new());
        }
        for (sequence, symbol) in self.sequences.iter_mut().zip(key) {
            note(sequence, *symbol);
        }
    }

    /// What may stand at a place: what was seen there, if that is more than one, and others of the same
    /// kind; else anything.
    fn at(&self, sequence: usize) -> Vec<char> {
        match self.sequences.get(sequence) {
            Some(seen) if seen.len() > 1 => {
                let like = |symbol: &&char| seen.iter().any(|seen| kind(*seen) == kind(**symbol));
                let mut alphabet: Vec<char> = self.anywhere.iter().filter(like).copied().collect();
                for symbol in seen {
                    note(&mut alphabet, *symbol);
                }
                alphabet
            }
            Some(_) | None => self.anywhere.clone(),
        }
    }

    /// Whether only one character was ever seen at a place.
    fn constant(&self, sequence: usize) -> Option<char> {
        match self.sequences.get(sequence)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// What follows the first `known` characters of a text, as a fraction between 0 and 1 in the order
    /// of keys. Keys differ at that place, whatever was seen.
    fn fraction(&self, text: &[char], known: usize) -> f64 {
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

fn note(alphabet: &mut Vec<char>, symbol: char) {
    if let Err(sequence) = alphabet.binary_search(&symbol)
        && alphabet.len() < MOST_SYMBOLS
    {
        alphabet.insert(sequence, symbol);
    }
}

/// Digits, small and capital letters, and the rest.
fn kind(symbol: char) -> u8 {
    match symbol {
        '0'..='9' => 0,
        'a'..='z' => 1,
        'A'..='Z' => 2,
        _ => 3,
    }
}

#[expect(clippy::cast_precision_loss, reason = "characters are few")]
fn number(of: usize) -> f64 {
    of as f64
}

/// The shortest text in the middle between the last key and the end.
fn middle(last: &[char], room: Gap<'_>, alphabet: &Alphabet) -> Option<Vec<char>> {
    let Gap { known, upper, .. } = room;
    let end = upper.map_or(1.0, |upper| alphabet.fraction(upper, known));
    let mut left = f64::midpoint(alphabet.fraction(last, known), end);
    let mut guess = last.get(..known)?.to_vec();
    let mut digits = 0;
    while digits < MOST_DIGITS {
        let sequence = guess.len();
        if sequence > known
            && let Some(only) = alphabet.constant(sequence)
        {
            guess.push(only);
            continue;
        }
        let choice = alphabet.at(sequence);
        left *= number(choice.len());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of symbols"
        )]
        let digit = left as usize;
        left -= number(digit);
        guess.push(*choice.get(digit)?);
        digits += 1;
        let below_end = upper.is_none_or(|upper| guess.as_slice() < upper);
        if guess.as_slice() > last && below_end {
            return Some(guess);
        }
    }
    None
}

/// The first text beyond all that begins like the key, up to and with the character at `sequence`.
fn beyond_block(key: &[char], sequence: usize) -> Option<Vec<char>> {
    let mut text = key.get(..sequence)?.to_vec();
    text.push(after(*key.get(sequence)?)?);
    Some(text)
}

/// The character after this one; surrogates are none.
fn after(symbol: char) -> Option<char> {
    (symbol..=char::MAX).nth(1)
}

fn chars(key: &Key) -> Vec<char> {
    key.as_str().chars().collect()
}

fn common(left: &[char], right: &[char]) -> usize {
    left.iter().zip(right).take_while(|(l, r)| l == r).count()
}
