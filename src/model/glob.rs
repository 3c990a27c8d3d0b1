//! Globs over whole keys.
//!
//! `*` and `?` match any character, `/` too: keys are flat, so `*.log` covers `a/b/c.log` and
//! `logs/*` all that is below `logs/`. `[abc]` and `{a,b}` work as in a shell.

use globset::GlobMatcher;

use super::Key;

/// A pattern of keys.
#[derive(Clone, Debug)]
pub struct Glob(GlobMatcher);

impl Glob {
    /// Reads globs that are separated by commas; commas within braces separate alternatives.
    ///
    /// # Errors
    /// The first glob that is malformed, and why.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let globs = split_outside_braces(text).into_iter();
        globs
            .filter(|glob| !glob.is_empty())
            .map(|glob| match globset::Glob::new(glob) {
                Ok(glob) => Ok(Self(glob.compile_matcher())),
                Err(error) => Err(format!("glob \"{glob}\": {}", error.kind())),
            })
            .collect()
    }

    /// Whether the whole key matches.
    pub fn matches(&self, key: &Key) -> bool {
        self.0.is_match(key.as_str())
    }
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
        let error = Glob::parse_list("*.log,a[b").unwrap_err();

        assert!(error.starts_with("glob \"a[b\": "), "{error}");
    }
}
