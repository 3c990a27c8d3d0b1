//! Where in a tree of folders the last key of a range lies, by nothing but the key and the end of the range. Pure.

use super::gap::{after, begin_alike};
use crate::model::Key;

/// Folders beside each other: they begin with the same text, and end with the same character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// What they begin with.
    pub prefix: String,
    /// What they end with.
    pub delimiter: char,
}

/// The folder that the last key of a range is in, and beside which others may follow.
#[derive(Clone, Copy, Debug)]
pub struct OpenFolder<'a> {
    /// What all names of its level begin with.
    prefix: &'a str,
    /// What they end with.
    delimiter: char,
    /// Its name, with both.
    pub name: &'a str,
}

impl Level {
    /// The folder of this level that a key is in; the key itself if it is in none, and nothing if it is of another level.
    pub fn name_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = rest.find(self.delimiter);
        let end = end.map_or(rest.len(), |at| at + self.delimiter.len_utf8());
        key.get(..self.prefix.len() + end)
    }

    /// Whether a key of one of these folders lies in a folder within it.
    pub fn is_deeper(&self, key: &str, folder: &str) -> bool {
        let rest = key.get(folder.len()..);
        rest.is_some_and(|rest| rest.contains(self.delimiter))
    }
}

impl<'a> OpenFolder<'a> {
    /// All keys of the rest of a range begin with some bytes of the last one, `known` or more. The name of the folder ends behind
    /// these bytes: with a slash, if the key has one there.
    pub fn of(last: &'a Key, upper: Option<&Key>, known: usize) -> Option<Self> {
        let last = last.as_str();
        let alike = upper.map_or(0, |upper| {
            begin_alike(last.chars(), upper.as_str().chars()).0
        });
        let mut bytes = last.char_indices();
        let common = bytes.nth(alike).map_or(last.len(), |(at, _)| at);
        let (above, rest) = last.split_at_checked(common.max(known))?;
        let delimiter = if rest.contains('/') {
            '/'
        } else {
            rest.chars().find(|symbol| is_separator(*symbol))?
        };
        let ends_name = |symbol: char| match delimiter {
            '/' => symbol == '/',
            _ => is_separator(symbol),
        };
        let start = above.rfind(ends_name).map_or(0, |at| at + 1);
        let end = above.len() + rest.find(delimiter)? + 1;
        Some(Self {
            prefix: last.get(..start)?,
            delimiter,
            name: last.get(..end)?,
        })
    }

    /// Whether it is of this level.
    pub fn is_of(self, level: &Level) -> bool {
        self.prefix == level.prefix && self.delimiter == level.delimiter
    }

    /// Whether its name ends with one of these.
    pub fn ends_with(self, delimiters: &[char]) -> bool {
        delimiters.contains(&self.delimiter)
    }

    /// Its level.
    pub fn level(self) -> Level {
        Level {
            prefix: self.prefix.to_owned(),
            delimiter: self.delimiter,
        }
    }

    /// The first key behind the folder.
    pub fn end(self) -> Option<Key> {
        behind(self.name)
    }
}

/// Characters that may end the name of a folder. Slashes come first: some servers know no other delimiter.
fn is_separator(symbol: char) -> bool {
    symbol.is_ascii_punctuation() || symbol == ' '
}

/// The first text behind all that begins with a name.
pub fn behind(name: &str) -> Option<Key> {
    let mut symbols = name.chars();
    let next = after(symbols.next_back()?)?;
    Some(Key::new(format!("{}{next}", symbols.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text)
    }

    #[test]
    fn the_last_key_is_in_a_folder_beside_which_others_may_follow() {
        for (last, upper, known, expected) in [
            ("logs/2019/03/9f", None, 0, Some(("", '/', "logs/"))),
            (
                "logs/2019/03/9f",
                Some("logs0"),
                0,
                Some(("logs/", '/', "logs/2019/")),
            ),
            (
                "logs/2019/03/9f",
                Some("logs/2021/"),
                0,
                Some(("logs/", '/', "logs/2019/")),
            ),
            (
                "logs/2019/03/9f",
                None,
                7,
                Some(("logs/", '/', "logs/2019/")),
            ),
            ("a-b c/d", None, 0, Some(("", '/', "a-b c/"))),
            ("p/object-01", Some("p0"), 0, Some(("p/", '-', "p/object-"))),
            ("p/object-01", Some("p/object."), 0, None),
            ("資料/人/0", None, 0, Some(("", '/', "資料/"))),
            (
                "資料/人/0",
                Some("資料0"),
                0,
                Some(("資料/", '/', "資料/人/")),
            ),
            ("人人", None, 0, None),
            ("a", Some("b"), 5, None),
        ] {
            let upper = upper.map(key);
            let last = key(last);
            let open = OpenFolder::of(&last, upper.as_ref(), known);

            let found = open
                .as_ref()
                .map(|open| (open.prefix, open.delimiter, open.name));
            assert_eq!(found, expected, "{last:?} {upper:?}");
        }
    }
}
