//! Texts as a terminal may show them: no control characters, and numbers for people.

use std::time::Duration;

use textwrap::{Options, WordSeparator, WordSplitter};

pub use crate::model::{bytes, count, objects, usd};

use super::not_allowed::NotAllowed;
use crate::config;
use crate::model::steers;

/// Text with its control characters made visible: keys may hold what steers a terminal.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A time as people say it, in its largest unit: `13 hours`.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [
        (172_800, 86_400, "day"),
        (7_200, 3_600, "hour"),
        (120, 60, "minute"),
    ];
    let fitting = units.iter().find(|(from, ..)| seconds >= *from);
    let (number, unit) = fitting.map_or((seconds, "second"), |(_, each, unit)| {
        (seconds / each, *unit)
    });
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// Reads a time such as `26h`, `90m`, `30s` or `2d`.
///
/// # Errors
/// The answers that are allowed.
pub fn parse_duration(text: &str) -> Result<Duration, NotAllowed> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    });
    let parsed = parsed.map(Duration::from_secs);
    parsed.ok_or(NotAllowed("a number and s, m, h or d, such as 26h"))
}

/// Advice in the words of the command line: flags in the place of variables, where there is one.
pub fn in_flags(advice: &str) -> String {
    let ours = config::flags();
    let shared = [
        ("AWS_ENDPOINT_URL", "--endpoint-url"),
        ("AWS_REGION", "--region"),
        ("AWS_PROFILE", "--profile"),
    ];
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut said = advice.to_owned();
    for (name, flag) in ours.chain(shared) {
        let mut rest = std::mem::take(&mut said);
        while let Some((before, after)) = rest.split_once(name) {
            // Another variable may begin or end with the same words.
            let is_whole = !before.ends_with(word) && !after.starts_with(word);
            said.push_str(before);
            said.push_str(if is_whole { flag } else { name });
            rest = after.to_owned();
        }
        said.push_str(&rest);
    }
    said
}

/// Lines that fit a terminal of so many columns: a longer one is broken between words and goes on below its value.
/// A line with a command stays whole, for it would not be one command any more when it is pasted.
pub fn wrapped(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            if line.chars().count() <= columns || line.contains("s3-backup ") {
                return line.to_owned();
            }
            let indent = " ".repeat(value_column(line).min(columns / 2));
            let options = Options::new(columns)
                .subsequent_indent(&indent)
                .word_separator(WordSeparator::AsciiSpace)
                .word_splitter(WordSplitter::NoHyphenation)
                .break_words(false);
            textwrap::fill(line, options)
        })
        .collect();
    lines.join("\n")
}

/// Where the value of `  name    value` begins; 2 in any other line.
fn value_column(line: &str) -> usize {
    let named = line
        .strip_prefix("  ")
        .filter(|rest| !rest.starts_with(' '));
    let gap = named.and_then(|rest| rest.find("  ").map(|at| (rest, at)));
    gap.map_or(2, |(rest, at)| {
        let value = rest[at..].trim_start_matches(' ');
        line.len() - value.len()
    })
}

/// A word as a shell takes it, in quotes if it needs them.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,~{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nü"), "a\\u{1b}[2Jb\\u{a}ü");
    }

    #[test]
    fn times_are_read_and_shown_in_one_unit() {
        let shown =
            ["90s", "119m", "26h", "2d", "1s"].map(|text| age(parse_duration(text).unwrap()));

        assert_eq!(
            shown,
            [
                "90 seconds",
                "119 minutes",
                "26 hours",
                "2 days",
                "1 second"
            ]
        );
        for wrong in ["", "h", "26", "1.5h", "-1h", "1w", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn advice_names_flags_and_leaves_other_variables_alone() {
        assert_eq!(
            in_flags("exclude it: BACKUP_EXCLUDE='.s3-backup/*', or set BACKUP_DESTINATION_PREFIX"),
            "exclude it: --exclude='.s3-backup/*', or set BACKUP_DESTINATION_PREFIX"
        );
        assert_eq!(
            in_flags("AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL"),
            "AWS_ENDPOINT_URL_S3, --endpoint-url"
        );
    }

    #[test]
    fn a_long_line_goes_on_below_its_value_and_a_command_stays_whole() {
        let text = "Backed up 5 objects, all of them\n  found        5 objects, 7.1 MiB\n  next         s3-backup \
                    run s3://a\n/a-word-that-is-longer-than-the-line";

        assert_eq!(
            wrapped(text, 24),
            "Backed up 5 objects, all\n  of them\n  found        5\n            objects, 7.1\n            MiB\n  next         \
             s3-backup run s3://a\n/a-word-that-is-longer-than-the-line"
        );
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("s3://a/b"), "s3://a/b");
        assert_eq!(quoted("it's *"), r"'it'\''s *'");
    }
}
