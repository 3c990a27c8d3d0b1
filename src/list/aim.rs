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

/// What is known of a range that is being listed.
#[derive(Clone, Debug)]
pub struct Seen {
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

impl Seen {
    /// A key between the last one and the end, with about as many keys before it as behind; none if
    /// there is no room.
    pub fn cut(&self, symbols: &Symbols) -> Option<Key> {
        let (last, upper) = (chars(&self.last), self.upper.as_ref().map(chars));
        let room = self.room(&last, upper.as_deref());
        let guess = match room.varies {
            Some(varies) if room.known < varies => {
                beyond_block(&last, usize::midpoint(room.known, varies))
            }
            Some(_) | None => middle(&last, room, symbols),
        }?;
        let guess = Key::new(guess.into_iter().collect::<String>());
        let fits = guess > self.last
            && self.upper.as_ref().is_none_or(|upper| guess < *upper)
            && guess.as_str().len() <= Key::MOST_BYTES;
        fits.then_some(guess)
    }

    /// How many pages are left, if keys lie as densely as those that were listed; none if nothing
    /// speaks for any number.
    pub fn left(&self, symbols: &Symbols) -> Option<f64> {
        let (first, last) = (chars(&self.first), chars(&self.last));
        let upper = self.upper.as_ref().map(chars);
        let room = self.room(&last, upper.as_deref());
        if room.varies.is_none_or(|varies| room.known < varies) {
            return None;
        }
        let from = symbols.fraction(&first, room.known);
        let to = symbols.fraction(&last, room.known);
        let end = room
            .upper
            .map_or(1.0, |upper| symbols.fraction(upper, room.known));
        // What was listed may begin before the block that is left: then its share of it is unknown.
        let same_block = first.get(..room.known) == last.get(..room.known);
        if !same_block || to <= from {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        Some(self.pages as f64 * (end - to).max(0.0) / (to - from))
    }

    /// Cuts off what lies behind `at`, where `behind` is the first key, and says what is known of it.
    pub fn cut_off(&mut self, at: &Key, behind: &Key) -> Seen {
        let last = chars(&self.last);
        let place = common(&last, &chars(at));
        let next = common(&last, &chars(behind));
        // Keys go on at the very character at which the guess was made: so they do on both sides.
        let (before, after) = if place == next {
            (Some(place + 1), Some(place))
        } else {
            (self.varies, None)
        };
        let other = Seen {
            first: behind.clone(),
            last: behind.clone(),
            upper: self.upper.replace(at.clone()),
            varies: after,
            pages: 0,
        };
        self.varies = before;
        other
    }

    fn room<'a>(&self, last: &[char], upper: Option<&'a [char]>) -> Room<'a> {
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
        Room {
            known,
            varies,
            upper,
        }
    }
}

/// What is left of a range: all its keys begin with `known` characters of the last one.
#[derive(Clone, Copy)]
struct Room<'a> {
    known: usize,
    varies: Option<usize>,
    upper: Option<&'a [char]>,
}

/// The characters that keys are made of, as far as they were seen: at each place, and at all places at
/// which keys differ.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    places: Vec<Vec<char>>,
    anywhere: Vec<char>,
}

impl Symbols {
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
        if self.places.len() < key.len() {
            self.places.resize(key.len(), Vec::new());
        }
        for (place, symbol) in self.places.iter_mut().zip(key) {
            note(place, *symbol);
        }
    }

    /// What may stand at a place: what was seen there, if that is more than one, and others of the same
    /// kind; else anything.
    fn at(&self, place: usize) -> Vec<char> {
        match self.places.get(place) {
            Some(seen) if seen.len() > 1 => {
                let like = |symbol: &&char| seen.iter().any(|seen| kind(*seen) == kind(**symbol));
                let mut symbols: Vec<char> = self.anywhere.iter().filter(like).copied().collect();
                for symbol in seen {
                    note(&mut symbols, *symbol);
                }
                symbols
            }
            Some(_) | None => self.anywhere.clone(),
        }
    }

    /// Whether only one character was ever seen at a place.
    fn constant(&self, place: usize) -> Option<char> {
        match self.places.get(place)?.as_slice() {
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
        for (place, symbol) in text.iter().enumerate().skip(known) {
            if place > known && self.constant(place) == Some(*symbol) {
                continue;
            }
            let symbols = self.at(place);
            unit /= number(symbols.len().max(1));
            sum += unit * number(symbols.partition_point(|known| known < symbol));
            digits += 1;
            if digits == MOST_DIGITS {
                break;
            }
        }
        sum
    }
}

fn note(symbols: &mut Vec<char>, symbol: char) {
    if let Err(place) = symbols.binary_search(&symbol)
        && symbols.len() < MOST_SYMBOLS
    {
        symbols.insert(place, symbol);
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
fn middle(last: &[char], room: Room<'_>, symbols: &Symbols) -> Option<Vec<char>> {
    let Room { known, upper, .. } = room;
    let end = upper.map_or(1.0, |upper| symbols.fraction(upper, known));
    let mut left = f64::midpoint(symbols.fraction(last, known), end);
    let mut guess = last.get(..known)?.to_vec();
    let mut digits = 0;
    while digits < MOST_DIGITS {
        let place = guess.len();
        if place > known
            && let Some(only) = symbols.constant(place)
        {
            guess.push(only);
            continue;
        }
        let choice = symbols.at(place);
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

/// The first text beyond all that begins like the key, up to and with the character at `place`.
fn beyond_block(key: &[char], place: usize) -> Option<Vec<char>> {
    let mut text = key.get(..place)?.to_vec();
    text.push(after(*key.get(place)?)?);
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
