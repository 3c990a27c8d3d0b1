//! What looks wrong about a run over nothing: how the prefix or the filter differs from the keys that exist.

use std::borrow::Cow;

use super::{Warning, WarningCode};
use crate::filter::Filter;
use crate::model::{Key, Location, Prefix, is_similar, shortened};

/// Names that are told where none is close.
const MOST_NAMES: usize = 3;
/// Characters of a name or a glob that are shown, at most.
const MOST_SHOWN: usize = 100;

/// Where to look for what was meant by a prefix that has no objects: the level that its last part is on.
pub fn level_of(prefix: &Prefix) -> Prefix {
    let wanted = wanted(prefix.as_str());
    let parent = wanted.strip_suffix('/').unwrap_or(wanted);
    let end = parent.rfind('/').map_or(0, |slash| slash + 1);
    Prefix::new(&parent[..end])
}

/// What a prefix means if it is no glob and does not begin with a slash.
fn wanted(prefix: &str) -> &str {
    let literal = prefix.split(['*', '?', '[', '{']).next();
    literal.unwrap_or_default().trim_start_matches('/')
}

impl Warning {
    /// The source has no object, and these are the names on the level of its prefix; none if nobody knows.
    pub fn nothing_found(source: &Location, names: Option<&[String]>) -> Self {
        let message = if source.prefix.is_empty() {
            format!("no object was found: bucket {} is empty", source.bucket)
        } else {
            let prefix = source.prefix.as_str();
            let mut parts = vec![format!(
                "no object was found below s3://{}/{}",
                source.bucket,
                shown(prefix)
            )];
            if prefix.starts_with('/') {
                parts.push("the prefix begins with \"/\", and keys seldom do".to_owned());
            }
            if prefix.contains('*') {
                parts.push("a prefix is no glob: \"*\" stands for itself in it".to_owned());
            }
            parts.extend(names.map(|names| names_near(&source.prefix, names)));
            parts.join("; ")
        };
        Self {
            code: WarningCode::NothingFound,
            bucket: Some(source.bucket.clone()),
            objects: 0,
            message,
        }
    }

    /// The filter admits none of so many objects, and these keys are the first; none if nobody knows.
    pub fn nothing_admitted(
        source: &Location,
        found: u64,
        filter: &Filter,
        keys: Option<&[Key]>,
    ) -> Self {
        let objects = if found == 1 { "object" } else { "objects" };
        let mut message =
            format!("no object is admitted by the filter, of {found} {objects} found");
        if let Some(hint) = keys.and_then(|keys| filter_hint(source, filter, keys)) {
            message = format!("{message}; {hint}");
        }
        Self {
            code: WarningCode::NothingAdmitted,
            bucket: Some(source.bucket.clone()),
            objects: found,
            message,
        }
    }
}

/// The name that is closest to what was meant, or those that exist.
fn names_near(prefix: &Prefix, names: &[String]) -> String {
    let wanted = wanted(prefix.as_str());
    let level = level_of(prefix);
    if !wanted.is_empty() && names.iter().any(|name| name.starts_with(wanted)) {
        return format!("there are keys below \"{}\"", shown(wanted));
    }
    let near = names.iter().find(|name| is_similar(name, wanted));
    if let Some(near) = near {
        return format!("did you mean \"{}\"?", shown(near));
    }
    let there = match level.as_str() {
        "" => "the bucket".to_owned(),
        level => format!("\"{}\"", shown(level)),
    };
    if names.is_empty() {
        return format!("{there} has no object either");
    }
    let first = names.iter().take(MOST_NAMES);
    let first: Vec<String> = first.map(|name| format!("\"{}\"", shown(name))).collect();
    let more = if names.len() > MOST_NAMES {
        " and more"
    } else {
        ""
    };
    format!("{there} has {}{more}", first.join(", "))
}

fn filter_hint(source: &Location, filter: &Filter, keys: &[Key]) -> Option<String> {
    let first = keys.first()?;
    if keys.iter().any(|key| filter.admits(key)) {
        return Some("objects need the tags of BACKUP_INCLUDE_TAGS".to_owned());
    }
    if let Some(glob) = filter.excluding(first) {
        let (glob, first) = (shown(glob), shown(first.as_str()));
        return Some(format!("\"{glob}\" excludes \"{first}\", the first key"));
    }
    if let Some((glob, better)) = filter.close_glob(source, keys) {
        let (glob, better) = (shown(glob), shown(&better));
        return Some(format!(
            "did you mean \"{better}\" in place of \"{glob}\"? globs are of whole keys"
        ));
    }
    let first = shown(first.as_str());
    Some(format!(
        "the first key is \"{first}\", and globs are of whole keys"
    ))
}

fn shown(text: &str) -> Cow<'_, str> {
    shortened(text, MOST_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Selection;
    use crate::model::Glob;

    #[test]
    fn a_prefix_without_objects_tells_what_looks_wrong() {
        let cases = [
            ("s3://src", "", "bucket src is empty"),
            (
                "s3://src//data/",
                "data/ logs/",
                "begins with \"/\", and keys seldom do; there are keys below \"data/\"",
            ),
            (
                "s3://src/data/*",
                "data/2025/ data/2026/",
                "\"*\" stands for itself in it; there are keys below \"data/\"",
            ),
            ("s3://src/dta/", "archive/ data/", "did you mean \"data/\"?"),
            (
                "s3://src/Data/",
                "archive/ data/",
                "did you mean \"data/\"?",
            ),
            (
                "s3://src/data/repots/",
                "data/reports/",
                "did you mean \"data/reports/\"?",
            ),
            (
                "s3://src/x/",
                "a b c d",
                "the bucket has \"a\", \"b\", \"c\" and more",
            ),
            ("s3://src/x/y", "", "\"x/\" has no object either"),
        ];

        for (source, names, part) in cases {
            let source = Location::parse(source).unwrap();
            let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();

            let message = Warning::nothing_found(&source, Some(&names)).message;

            assert!(message.starts_with("no object was found"), "{message}");
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }

    #[test]
    fn the_level_is_that_of_the_last_part() {
        let cases = [
            ("dta/", ""),
            ("/data/", ""),
            ("data/2026/repots/", "data/2026/"),
            ("data/2026/re", "data/2026/"),
            ("data/*/x", ""),
            ("*", ""),
            ("/", ""),
        ];

        for (prefix, level) in cases {
            assert_eq!(
                level_of(&Prefix::new(prefix)),
                Prefix::new(level),
                "{prefix}"
            );
        }
    }

    #[test]
    fn a_filter_that_admits_nothing_tells_what_looks_wrong() {
        let cases = [
            (
                "/data/*",
                "",
                "did you mean \"data/*\" in place of \"/data/*\"?",
            ),
            ("s3://src/data/*", "", "did you mean \"data/*\""),
            ("data/", "", "did you mean \"data/*\""),
            ("a.txt", "", "did you mean \"data/a.txt\""),
            ("*.TXT", "", "did you mean \"*.txt\""),
            (
                "x/*",
                "",
                "the first key is \"data/a.txt\", and globs are of whole keys",
            ),
            ("", "*", "\"*\" excludes \"data/a.txt\", the first key"),
            ("", "", "need the tags of BACKUP_INCLUDE_TAGS"),
        ];
        let source = Location::parse("s3://src/data/").unwrap();
        let keys = [Key::new("data/a.txt")];

        for (include, exclude, part) in cases {
            let filter = Filter::new(Selection {
                include: Glob::parse_list(include).unwrap(),
                exclude: Glob::parse_list(exclude).unwrap(),
            });

            let message = Warning::nothing_admitted(&source, 1, &filter, Some(&keys)).message;

            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }
}
