//! What lies between the last key that was listed and the end of a range, and the texts there by which it can be cut. Pure.

use super::alphabet::{Alphabets, MOST_DIGITS, number};

/// Characters by which a guess beyond an alphabet of thousands of them goes further than what was seen.
const STRIDE: u32 = 4;
/// Code points without a character, in a row, at most: the surrogates.
const SURROGATES: usize = 0x800;

/// Where a range shall be cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutPoint {
    /// So much of what is left shall lie before it.
    pub share: f64,
    /// It is told by so many characters at least in which keys differ.
    pub least_digits: usize,
}

impl CutPoint {
    /// In the middle, by the shortest text.
    pub const MIDDLE: Self = Self {
        share: 0.5,
        least_digits: 1,
    };
}

/// The rest of a range: all its keys begin with `known` characters of the last one.
#[derive(Clone, Copy)]
pub struct Gap<'a> {
    pub known: usize,
    pub upper: Option<&'a [char]>,
}

impl<'a> Gap<'a> {
    pub fn new(last: &[char], upper: Option<&'a [char]>) -> Self {
        let Some(end) = upper else {
            return Self { known: 0, upper };
        };
        let (known, is_block) = begin_alike(last.iter().copied(), end.iter().copied());
        let upper = upper.filter(|_| !is_block);
        Self { known, upper }
    }

    /// The character at the place `known` with which nothing of the range begins any more.
    pub fn end(&self) -> Option<char> {
        self.upper.and_then(|upper| upper.get(self.known)).copied()
    }
}

/// How many characters all keys from the last one up to the end of a range begin with, and whether the range is all that begins
/// with these.
pub fn begin_alike(
    mut last: impl Iterator<Item = char> + Clone,
    upper: impl Iterator<Item = char> + Clone,
) -> (usize, bool) {
    let pairs = last.clone().zip(upper.clone());
    let alike = pairs.take_while(|(one, other)| one == other).count();
    match last.nth(alike).and_then(after) {
        Some(end) if upper.skip(alike).eq([end]) => (alike + 1, true),
        _ => (alike, false),
    }
}

/// A text that begins with a character that is not known, behind those that are. Of alphabets of thousands
/// of characters few were seen, so that a guess goes far, and then halves the way.
pub fn beyond_alphabet(last: &[char], gap: Gap<'_>, alphabet: Alphabets<'_>) -> Option<Vec<char>> {
    let own = *last.get(gap.known)?;
    let seen = alphabet.at(gap.known);
    let most = seen.last().copied().unwrap_or(own).max(own);
    let symbol = match gap.end() {
        Some(end) => code_between(own, end)?,
        None if own.is_ascii() => half_of_letters(most).or_else(|| after(most))?,
        None => {
            let lowest = seen.iter().copied().find(|symbol| !symbol.is_ascii());
            let lowest = lowest.unwrap_or(own).min(own);
            let far = u32::from(most) + STRIDE * (u32::from(most) - u32::from(lowest)) + 1;
            (far..)
                .take(SURROGATES + 1)
                .find_map(char::from_u32)
                .or_else(|| after(most))?
        }
    };
    let mut text = last.get(..gap.known)?.to_vec();
    text.push(symbol);
    Some(text)
}

/// Halfway from a letter to the last one.
fn half_of_letters(symbol: char) -> Option<char> {
    let end = match symbol {
        'a'..='z' => '{',
        'A'..='Z' => '[',
        _ => return None,
    };
    code_between(symbol, end)
}

/// A character halfway between two; none if they are neighbours.
pub fn code_between(own: char, end: char) -> Option<char> {
    let middle = u32::midpoint(u32::from(own), u32::from(end));
    let symbol = (middle..u32::from(end)).find_map(char::from_u32)?;
    (symbol > own).then_some(symbol)
}

/// The shortest text between the last key and the end that lies there.
pub fn between(
    last: &[char],
    gap: Gap<'_>,
    alphabet: Alphabets<'_>,
    point: CutPoint,
) -> Option<Vec<char>> {
    let Gap { known, upper } = gap;
    let start = alphabet.fraction(last, known);
    let end = upper.map_or(1.0, |upper| alphabet.fraction(upper, known));
    let mut left = start + (end - start) * point.share;
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
        if digits >= point.least_digits && guess.as_slice() > last && below_end {
            return Some(guess);
        }
    }
    None
}

/// The first text beyond all that begins like the key, up to and with the character at `sequence`.
pub fn beyond_block(key: &[char], sequence: usize) -> Option<Vec<char>> {
    let mut text = key.get(..sequence)?.to_vec();
    text.push(after(*key.get(sequence)?)?);
    Some(text)
}

/// The character after this one; surrogates are none.
pub fn after(symbol: char) -> Option<char> {
    (symbol..=char::MAX).nth(1)
}
