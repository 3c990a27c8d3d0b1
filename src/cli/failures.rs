//! What went wrong, grouped by its cause: a thousand objects that one policy denies are one line.

use std::fmt::Write as _;

use super::terminal::{in_flags, objects, printable};
use crate::report::FailureWords;

/// Keys that stand for the others.
const MOST_EXAMPLES: usize = 3;
/// Causes that are told.
const MOST_CAUSES: usize = 20;

/// Objects with which the same thing went wrong.
struct Group<'a> {
    /// Before and after the key.
    around: (&'a str, &'a str),
    advice: &'a str,
    keys: Vec<&'a str>,
}

/// The lines of a summary that tell of failures, and how many failures they do not tell.
pub fn lines<'a>(failures: impl Iterator<Item = FailureWords<'a>>) -> (String, u64) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for failure in failures {
        let (around, key) = split(failure);
        let same = |group: &&mut Group<'_>| {
            group.around == around && group.advice == failure.advice && key.is_some()
        };
        match (groups.iter_mut().find(same), key) {
            (Some(group), Some(key)) => group.keys.push(key),
            _ => groups.push(Group {
                around,
                advice: failure.advice,
                keys: key.into_iter().collect(),
            }),
        }
    }
    let mut text = String::new();
    for group in groups.iter().take(MOST_CAUSES) {
        group.write(&mut text);
    }
    let hidden = groups.iter().skip(MOST_CAUSES);
    (
        text,
        hidden.map(|group| group.keys.len().max(1) as u64).sum(),
    )
}

/// A message without its key, and the key.
fn split(failure: FailureWords<'_>) -> ((&str, &str), Option<&str>) {
    let key = failure.key.filter(|key| !key.is_empty());
    let apart = key.and_then(|key| Some((failure.message.split_once(key)?, key)));
    match apart {
        Some((around, key)) => (around, Some(key)),
        None => ((failure.message, ""), None),
    }
}

impl Group<'_> {
    fn write(&self, text: &mut String) {
        let (before, after) = self.around;
        let advice = in_flags(self.advice);
        let what = match self.keys.as_slice() {
            [] => String::new(),
            [key] => (*key).to_owned(),
            keys => objects(keys.len() as u64),
        };
        let message = format!("{before}{what}{after}");
        let _ = writeln!(text, "error: {}", printable(&message));
        if self.keys.len() > 1 {
            let examples = self.keys.iter().take(MOST_EXAMPLES);
            let examples: Vec<String> = examples.map(|key| printable(key)).collect();
            let more = if self.keys.len() > MOST_EXAMPLES {
                ", ..."
            } else {
                ""
            };
            let _ = writeln!(text, "  such as {}{more}", examples.join(", "));
        }
        let _ = writeln!(text, "  next: {}", printable(&advice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure<'a>(key: &'a str, message: &'a str) -> FailureWords<'a> {
        FailureWords {
            key: (!key.is_empty()).then_some(key),
            operation: "CopyObject",
            code: None,
            message,
            advice: "lower BACKUP_MAX_CONCURRENCY",
        }
    }

    #[test]
    fn failures_of_one_cause_are_one_line_with_three_examples() {
        let messages: Vec<(String, String)> = (0..1_200)
            .map(|n| (format!("k{n}"), format!("cannot copy k{n}: too busy")))
            .collect();
        let many = messages.iter().map(|(key, message)| failure(key, message));
        let others = [
            failure("a", "cannot copy a: access denied"),
            failure("", "cannot list bucket backup: access denied"),
        ];

        let (text, hidden) = lines(many.chain(others));

        assert_eq!(
            text,
            "error: cannot copy 1,200 objects: too busy\n  such as k0, k1, k2, ...\n  \
             next: lower --max-concurrency\n\
             error: cannot copy a: access denied\n  next: lower --max-concurrency\n\
             error: cannot list bucket backup: access denied\n  next: lower --max-concurrency\n"
        );
        assert_eq!(hidden, 0);
    }
}
