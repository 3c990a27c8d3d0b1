//! The message of a run: what a phone shows of it, what a mail says, and what filters of subscriptions see.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{shortened, steers};
use crate::report::{FailureWords, Figures, OperationKind, Status, Summary, VerifiedBlock};

/// Amazon SNS takes less than 100 characters of ASCII, without a line break.
const MOST_SUBJECT_CHARS: usize = 99;
/// The most bytes of a body: nobody reads a longer mail.
const MOST_BODY_BYTES: usize = 8 * 1024;
/// The most characters of a key, or of what S3 says.
const MOST_SHOWN_CHARS: usize = 200;
/// Failures that are named.
const MOST_FAILURES: usize = 10;
/// Bytes of a cursor that is shown.
const MOST_CURSOR_BYTES: usize = 1_024;
/// What ends a body that was cut.
const CUT: &str = "...\n";

/// A message, as Amazon SNS takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// For a phone: ASCII, at most 99 characters.
    pub subject: String,
    /// For a mail: at most 8 KiB.
    pub body: String,
    /// For filter policies of subscriptions: names and values.
    pub attributes: [(&'static str, String); 4],
}

impl Message {
    /// The message about a result.
    pub fn of(summary: &Summary) -> Self {
        Self {
            subject: subject(summary),
            body: body(summary),
            attributes: [
                ("status", summary.status().name().to_owned()),
                ("operation", summary.operation().name().to_owned()),
                ("errors", problems(summary).to_string()),
                ("source", shown(summary.source())),
            ],
        }
    }
}

/// Whether somebody has to look at a result.
pub fn is_problem(summary: &Summary) -> bool {
    let ended_well = matches!(summary.status(), Status::Complete | Status::Waiting);
    !ended_well || !summary.warnings().is_empty()
}

/// Objects that are not as they should be.
fn problems(summary: &Summary) -> u64 {
    let wrong = summary.verified().map_or(0, VerifiedBlock::wrong);
    summary.figures().errors + wrong
}

fn subject(summary: &Summary) -> String {
    let figures = summary.figures();
    let errors = problems(summary);
    let (lead, what) = match summary.operation() {
        OperationKind::Backup => ("", amount(figures.copied, "copied")),
        OperationKind::Verify => ("verify ", amount(figures.unchanged, "equal")),
        OperationKind::Restore => ("restore ", amount(figures.copied, "restored")),
        OperationKind::Drill => ("drill ", amount(figures.copied, "restored")),
        OperationKind::Events => ("events ", amount(figures.copied, "copied")),
    };
    let status = summary.status().name().to_uppercase();
    let noun = if errors == 1 { "error" } else { "errors" };
    let errors = if errors == 0 {
        String::new()
    } else {
        format!(", {errors} {noun}")
    };
    let text = format!(
        "s3-backup {lead}{status}: {what}{errors} ({})",
        summary.source()
    );
    let ascii = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().take(MOST_SUBJECT_CHARS).map(ascii).collect()
}

fn amount(count: u64, what: &str) -> String {
    format!("{count} {what}")
}

fn body(summary: &Summary) -> String {
    let mut text = format!("{}\n\n", shown_long(summary.message()));
    let figures = summary.figures();
    row(&mut text, "source", &shown(summary.source()));
    row(
        &mut text,
        "found",
        &objects(figures.found, figures.bytes_found),
    );
    for (bucket, figures) in summary.figures_by_destination() {
        row(&mut text, bucket, &destination(&figures));
    }
    row(
        &mut text,
        "duration",
        &format!("{:.1} s", summary.duration_seconds()),
    );
    row(
        &mut text,
        "requests cost",
        &format!("about ${}", summary.cost_usd()),
    );
    row(&mut text, "run", summary.run_id());
    for warning in summary.warnings() {
        let _ = writeln!(text, "\nWarning: {}", shown_long(&warning.message));
    }
    text.push_str(&failures(summary));
    text.push_str(&findings(summary));
    text.push_str(&next_step(summary));
    cut(text)
}

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name}: {value}");
}

fn objects(count: u64, bytes: u64) -> String {
    let noun = if count == 1 { "object" } else { "objects" };
    format!("{count} {noun}, {bytes} bytes")
}

/// What became of the objects in one backup bucket, or in the target of a restore.
fn destination(figures: &Figures) -> String {
    let copied = format!("{} copied ({} bytes)", figures.copied, figures.bytes_copied);
    let others = [
        (figures.unchanged, "unchanged"),
        (figures.vanished, "vanished"),
        (figures.marked, "marked deleted"),
        (figures.errors, "errors"),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0);
    let others = others.map(|(count, what)| amount(*count, what));
    let parts: Vec<String> = [copied].into_iter().chain(others).collect();
    parts.join(", ")
}

/// The first failures, those of one cause together, with what to do about it.
fn failures(summary: &Summary) -> String {
    let mut by_cause: BTreeMap<(&str, &str, &str), Vec<FailureWords<'_>>> = BTreeMap::new();
    for failure in summary.failure_words() {
        let cause = (
            failure.code.unwrap_or("no reply"),
            failure.operation,
            failure.advice,
        );
        by_cause.entry(cause).or_default().push(failure);
    }
    if by_cause.is_empty() {
        return String::new();
    }
    let mut causes: Vec<_> = by_cause.into_iter().collect();
    causes.sort_by_key(|(_, failures)| std::cmp::Reverse(failures.len()));
    let mut text = "\nFailures:\n".to_owned();
    let mut left = MOST_FAILURES;
    for ((code, operation, advice), failures) in causes {
        if left == 0 {
            break;
        }
        let _ = writeln!(
            text,
            "- {} x {} at {operation}: {}",
            failures.len(),
            shown(code),
            shown(advice)
        );
        for failure in failures.iter().take(left) {
            let object = failure.key.map_or_else(|| shown(failure.message), shown);
            let _ = writeln!(text, "    {object}");
        }
        left = left.saturating_sub(failures.len());
    }
    let named = MOST_FAILURES - left;
    let all = summary.figures().errors.max(named as u64);
    if all > named as u64 {
        let _ = writeln!(text, "  and {} more", all - named as u64);
    }
    text
}

/// The first backups that a verification found not to be as they should be.
fn findings(summary: &Summary) -> String {
    let mut text = String::new();
    let Some(verified) = summary.verified() else {
        return text;
    };
    for (key, what) in verified.findings().take(MOST_FAILURES) {
        let _ = writeln!(text, "  {}: {what}", shown(key));
    }
    if text.is_empty() {
        text
    } else {
        format!("\nFound:\n{text}")
    }
}

/// How to go on from here, where there is something to do.
fn next_step(summary: &Summary) -> String {
    let operation = summary.operation().name();
    if let Some(name) = summary.to_confirm() {
        return format!(
            "\nTo do it all the same: {{\"operation\":\"{operation}\",\"confirm\":\"{name}\"}}\n"
        );
    }
    if let Some(cursor) = summary.cursor() {
        let cursor = serde_json::to_string(cursor).unwrap_or_default();
        return if cursor.is_empty() || cursor.len() > MOST_CURSOR_BYTES {
            "\nTo go on: {\"operation\":\"continue\",\"cursor\":...} with the cursor of the result.\n"
                .to_owned()
        } else {
            let cursor = shown_long(&cursor);
            format!("\nTo go on: {{\"operation\":\"continue\",\"cursor\":{cursor}}}\n")
        };
    }
    let restored = summary
        .restored()
        .filter(|restored| restored.kind == "restore");
    match (
        restored.and_then(|restored| restored.id.as_deref()),
        summary.status(),
    ) {
        (Some(id), Status::Complete | Status::Incomplete) => {
            format!("\nTo take it back: {{\"operation\":\"restore\",\"undo\":\"{id}\"}}\n")
        }
        _ => String::new(),
    }
}

/// A name as a line can show it: what would steer it is written out, and it is not longer than a few lines.
fn shown(text: &str) -> String {
    shown_up_to(text, MOST_SHOWN_CHARS)
}

/// The same of a sentence.
fn shown_long(text: &str) -> String {
    shown_up_to(text, MOST_CURSOR_BYTES)
}

fn shown_up_to(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for c in shortened(text, most).chars() {
        // Amazon SNS cannot deliver the last two to a queue, which takes only what XML allows.
        if steers(c) || matches!(c, '\u{fffe}' | '\u{ffff}') {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// At most as many bytes as a body may have, at the end of a character.
fn cut(mut text: String) -> String {
    if text.len() <= MOST_BODY_BYTES {
        return text;
    }
    let mut end = MOST_BODY_BYTES - CUT.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(CUT);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::model::{Key, Timestamp};
    use crate::outcome::Outcome;
    use crate::plan::Intent;
    use crate::report::Report;
    use crate::report::tests::{every_outcome, failure, report, report_of};
    use crate::s3::Requests;

    fn finished(report: &Report) -> Summary {
        let requests = Requests {
            list: 2,
            copy: 3,
            head: 0,
            thaw: 0,
        };
        report.finish(Timestamp::from_millis(1_795_226_401_753), requests, None)
    }

    fn failed(key: &str, code: &str) -> Outcome {
        Outcome::Failed {
            listed: 1,
            failure: Failure {
                key: Some(Key::new(key)),
                code: Some(code.to_owned()),
                ..failure(Some(key))
            },
        }
    }

    fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Message {
        let report = outcomes
            .into_iter()
            .fold(report("backup"), |report, outcome| report.with(0, outcome));
        Message::of(&finished(&report))
    }

    #[test]
    fn the_message_is_the_one_in_the_golden_file() {
        let failures = (0..12).map(|n| failed(&format!("photos/{n}.jpg"), "AccessDenied"));
        let outcomes = every_outcome().into_iter().chain(failures);
        let report = outcomes.fold(report("backup,second"), |report, outcome| {
            report.with(0, outcome)
        });

        let message = Message::of(&finished(&report));

        let text = format!("Subject: {}\n\n{}", message.subject, message.body);
        assert_eq!(text, include_str!("../../tests/golden/message.txt"));
    }

    #[test]
    fn a_phone_sees_what_happened() {
        let copied = || Outcome::Copied {
            listed: 1,
            copied: 1,
        };

        let cases = [
            (vec![copied()], "s3-backup COMPLETE: 1 copied (primary)"),
            (
                vec![copied(), failed("k", "AccessDenied")],
                "s3-backup INCOMPLETE: 1 copied, 1 error (primary)",
            ),
            (
                vec![failed("k", "AccessDenied"), failed("l", "AccessDenied")],
                "s3-backup INCOMPLETE: 0 copied, 2 errors (primary)",
            ),
        ];

        for (outcomes, subject) in cases {
            let message = of(outcomes);
            assert_eq!(message.subject, subject);
            assert!(message.body.starts_with("Back"), "{}", message.body);
        }
    }

    #[test]
    fn attributes_are_for_filter_policies() {
        let attributes = of([failed("k", "AccessDenied")]).attributes;

        let expected = [
            ("status", "incomplete"),
            ("operation", "backup"),
            ("errors", "1"),
            ("source", "primary"),
        ];
        assert_eq!(
            attributes,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn whatever_the_keys_the_subject_is_ascii_and_the_body_fits() {
        let worst = [
            "\u{1}\n\u{ffff}".repeat(341),
            "\u{202e}\u{10348}".repeat(146),
        ];
        let outcomes = (0..200).map(|n| failed(&worst[n % 2], &format!("Code\n{n}")));

        let message = of(outcomes);

        let subject = &message.subject;
        assert!(subject.len() <= 99 && subject.bytes().all(|b| (32..127).contains(&b)));
        assert!(message.body.len() <= 8 * 1024, "{}", message.body.len());
        let is_odd = |c: &char| *c != '\n' && steers(*c) || *c == '\u{ffff}';
        assert_eq!(message.body.chars().filter(is_odd).count(), 0);
        assert!(message.body.contains("\\u0001\\u000a"));
        let longest = message.body.lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(2_000), "{longest:?}");
    }

    #[test]
    fn what_is_not_complete_or_has_a_warning_is_a_problem() {
        let complete = finished(&report("backup"));
        let failed = finished(&report("backup").with(0, failed("k", "AccessDenied")));

        assert!(!is_problem(&complete));
        assert!(is_problem(&failed));
        assert!(finished(&report_of("backup", Intent::DryRun)).is_preview());
    }
}
