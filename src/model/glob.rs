//! Globs over whole keys.
//!
//! `*` and `?` match any character, `/` too: keys are flat, so `*.log` covers `a/b/c.log` and
//! `logs/*` all that is below `logs/`. `[abc]` and `{a,b}` work as in a shell.
//!
//! A character is a Unicode scalar value: `caf?` covers `café` where the key has one character for the `é`, and not
//! where it has an `e` and an accent.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use super::{Key, SharedError, shortened};

/// Globs of one list, at most: each key is matched with each of them.
const MOST_GLOBS: usize = 1_000;
/// Bytes of one list, at most. Lambda allows 4 KiB for all variables together.
const MOST_LIST_BYTES: usize = 32 * 1024;
/// Bytes of one glob, at most: twice the longest key, and what a match may cost grows with them.
const MOST_BYTES: usize = 2 * Key::MOST_BYTES;
/// Braces within braces, at most. They are read by recursion.
const MOST_DEPTH: usize = 8;
/// `*` in one glob, at most: what a match may cost grows with them, too.
const MOST_STARS: usize = 64;
/// Bytes that the compiled form of one glob takes, at most: as `globset` has it.
const MOST_REGEX_BYTES: usize = 10 << 20;
/// Characters of a glob that an error shows.
const MOST_SHOWN: usize = 60;

/// A pattern of keys.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    regex: Regex,
}

/// Why a list of globs cannot be used, in words that follow its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// The list is too long.
    #[error("has {bytes} bytes of globs; allowed: at most {MOST_LIST_BYTES}")]
    ListTooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// The list has too many.
    #[error("has {count} globs; allowed: at most {MOST_GLOBS}")]
    TooMany {
        /// The globs.
        count: usize,
    },
    /// One of them cannot be used.
    #[error("has a malformed glob \"{glob}\": {reason}")]
    Malformed {
        /// The glob, or its beginning.
        glob: String,
        /// Why.
        #[source]
        reason: GlobReason,
    },
}

/// Why a glob cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobReason {
    /// It has more of something than a match has time for.
    #[error("{count} {what}; allowed: at most {most}")]
    TooLarge {
        /// The unit that is counted.
        what: &'static str,
        /// How many.
        count: usize,
        /// The most.
        most: usize,
    },
    /// It is no glob.
    #[error("{}", .0.kind())]
    Malformed(#[source] globset::Error),
    /// No expression can be made of it.
    #[error(transparent)]
    Unusable(SharedError),
}

impl GlobReason {
    fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unusable(SharedError::new(error))
    }
}

/// Globs of the same text match the same keys.
impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Glob {}

impl Glob {
    /// Reads globs that are separated by commas; commas within braces separate alternatives.
    ///
    /// # Errors
    /// The first glob that is malformed or too large, and why; or that there are too many.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, GlobError> {
        if text.len() > MOST_LIST_BYTES {
            let bytes = text.len();
            return Err(GlobError::ListTooLong { bytes });
        }
        let mut globs = split_outside_braces(text);
        globs.retain(|glob| !glob.is_empty());
        if globs.len() > MOST_GLOBS {
            let count = globs.len();
            return Err(GlobError::TooMany { count });
        }
        let named = |glob: &str, reason| GlobError::Malformed {
            glob: shortened(glob, MOST_SHOWN).into_owned(),
            reason,
        };
        let parse = |glob| Self::parse(glob).map_err(|reason| named(glob, reason));
        globs.into_iter().map(parse).collect()
    }

    fn parse(text: &str) -> Result<Self, GlobReason> {
        let (depth, stars) = (depth(text), text.matches('*').count());
        let limits = [
            ("bytes", text.len(), MOST_BYTES),
            ("braces within braces", depth, MOST_DEPTH),
            ("stars", stars, MOST_STARS),
        ];
        if let Some((what, count, most)) = limits.into_iter().find(|(_, count, most)| count > most)
        {
            return Err(GlobReason::TooLarge { what, count, most });
        }
        let glob = globset::Glob::new(text).map_err(GlobReason::Malformed)?;
        let config = Regex::config().nfa_size_limit(Some(MOST_REGEX_BYTES));
        let regex = Regex::builder()
            .syntax(syntax::Config::new().dot_matches_new_line(true))
            .configure(config)
            .build(&of_characters(glob.regex())?)
            .map_err(GlobReason::unusable)?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// Whether the whole key matches.
    pub fn matches(&self, key: &Key) -> bool {
        self.regex.is_match(key.as_str())
    }

    /// The glob's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The regular expression of a glob over characters. `globset` writes it over bytes, because paths need not be
/// text: there `?` is a byte, and `[é]` one of the two bytes of `é`, each written as `\xNN`.
fn of_characters(of_bytes: &str) -> Result<String, GlobReason> {
    let mut text = Vec::with_capacity(of_bytes.len());
    let mut rest = of_bytes.strip_prefix("(?-u)").unwrap_or(of_bytes).bytes();
    while let Some(symbol) = rest.next() {
        match (symbol, rest.clone().next()) {
            (b'\\', Some(b'x')) => {
                rest.next();
                text.extend(hex(&mut rest));
            }
            (b'\\', Some(escaped)) => {
                rest.next();
                text.extend([symbol, escaped]);
            }
            _ => text.push(symbol),
        }
    }
    String::from_utf8(text).map_err(GlobReason::unusable)
}

fn hex(digits: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || char::from(digits.next()?).to_digit(16);
    let value = digit()? * 16 + digit()?;
    value.try_into().ok()
}

/// How deep braces stand within braces.
fn depth(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '\\' => drop(symbols.next()),
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn split_outside_braces(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(glob: &str) -> Glob {
        Glob::parse_list(glob).unwrap().remove(0)
    }

    #[test]
    fn globs_cover_whole_keys() {
        let cases = [
            ("*.log", "a/b/c.log", true),
            ("*.log", "a/b/c.txt", false),
            ("logs/*", "logs/2026/x", true),
            ("logs/*", "logs", false),
            ("tmp/*", "a/tmp/x", false),
            ("a?c", "a/c", true),
            ("a[0-9]", "a7", true),
            ("A*", "abc", false),
            ("*.{jpg,png}", "a/b.png", true),
            ("caf?", "caf\u{e9}", true),
            ("caf?", "cafe\u{301}", false),
            ("?", "\u{1f600}", true),
            ("??", "\u{1f600}", false),
            ("caf[\u{e9}\u{e8}]", "caf\u{e8}", true),
            ("caf[\u{e0}-\u{e9}]", "caf\u{e8}", true),
            ("caf[\u{e0}-\u{e9}]", "caf\u{ea}", false),
            ("caf[!\u{e9}]", "caf\u{e8}", true),
            ("caf[!\u{e9}]", "caf\u{e9}", false),
            (r"\\xc3\xa9", r"\xc3xa9", true),
            ("{caf\u{e9},th\u{e9}}/*", "th\u{e9}/a", true),
        ];

        for (glob, key, matches) in cases {
            assert_eq!(one(glob).matches(&Key::new(key)), matches, "{glob} {key}");
        }
    }

    #[test]
    fn odd_keys_are_matched_as_they_are() {
        for middle in ["\n", "\u{1}", "//", "/../", "😀", " ", "%2F", "/"] {
            assert!(one("*").matches(&Key::new(middle)), "{middle:?}");
            assert!(
                one("x*.txt").matches(&Key::new(format!("x{middle}.txt"))),
                "{middle:?}"
            );
        }
    }

    #[test]
    fn commas_separate_but_not_within_braces() {
        assert_eq!(Glob::parse_list(" *.a , *.{b,c} ,, ").unwrap().len(), 2);
        assert_eq!(Glob::parse_list("").unwrap().len(), 0);
    }

    #[test]
    fn a_malformed_glob_is_named() {
        let error = Glob::parse_list("*.log,a[b").unwrap_err().to_string();

        assert!(
            error.starts_with("has a malformed glob \"a[b\": "),
            "{error}"
        );
    }

    #[test]
    fn a_glob_beyond_its_limits_is_named_with_the_limit() {
        let nested = |depth| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        let cases = [
            (nested(9), "\": 9 braces within braces; allowed: at most 8"),
            (nested(250), "...\": 250 braces within braces"),
            (nested(15_000), "...\": 30001 bytes; allowed: at most 2048"),
            ("{".repeat(30_000), "...\": 30000 bytes"),
            (
                "a".repeat(2_049),
                "...\": 2049 bytes; allowed: at most 2048",
            ),
            ("*a".repeat(65), "...\": 65 stars; allowed: at most 64"),
            ("a,".repeat(1_001), "has 1001 globs; allowed: at most 1000"),
            (
                nested(60_000),
                "has 120001 bytes of globs; allowed: at most 32768",
            ),
        ];

        for (globs, part) in cases {
            let error = Glob::parse_list(&globs).unwrap_err().to_string();

            assert!(error.contains(part), "{part:?} is not in {error:?}");
            assert!(error.len() < 200, "{error}");
        }
        assert!(Glob::parse_list(&nested(8)).is_ok());
        assert!(Glob::parse_list(r"\{\{\{\{\{\{\{\{\{\{a").is_ok());
        assert!(Glob::parse_list(&"a*b,".repeat(1_000)).is_ok());
    }

    /// Globs that somebody may write who means harm, up to far beyond the limits.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            r"[*?a-c/é,!^\-]{1,8}",
            r"\[[a-c!^\]\-é]{0,5}\]?",
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just("{a,".to_owned()),
            Just("**/".to_owned()),
            Just(r"\".to_owned()),
            Just("[".to_owned()),
            "[*]{1,80}",
            "[?]{1,80}",
            "[{]{1,12}",
            any::<char>().prop_map(String::from),
        ];
        let text = proptest::collection::vec(piece, 1..60).prop_map(|pieces| pieces.concat());
        (text, prop_oneof![9 => Just(1), 1 => 2..2_000_usize])
            .prop_map(|(text, times)| text.repeat(times))
    }

    proptest! {
        #[test]
        fn hostile_globs_are_refused_or_match_in_time(globs in hostile()) {
            let began = std::time::Instant::now();
            let longest = [Key::new("a".repeat(1_024)), Key::new("aé/".repeat(256))];

            if let Ok(globs) = Glob::parse_list(&globs) {
                prop_assert!(globs.len() <= MOST_GLOBS);
                for glob in globs {
                    prop_assert!(glob.as_str().len() <= MOST_BYTES);
                    for key in &longest {
                        let _ = glob.matches(key);
                    }
                }
            }

            prop_assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        }
    }
}
