//! What a person at a terminal sees: a progress line, a summary, and no control characters.

use std::borrow::Cow;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic;

use serde::Serialize;
use terminal_size::Width;
use tracing_subscriber::EnvFilter;

use super::global::Global;
use super::terminal::{count, printable, wrapped};
use super::{Exit, failures, line, plan, restored};
use crate::model::{printable_json, steers};
use crate::report::{Summary, VerifiedBlock};

/// Failures that are shown; the rest is in the JSON.
const MOST_SHOWN: usize = 20;

/// Logs go to stderr and only if `RUST_LOG` asks for them: the summary tells the failures anyway.
pub fn log_to_stderr() {
    let asked = Global::get().log_filter().map(OsString::from);
    let wanted = asked
        .or_else(|| env::var_os("RUST_LOG"))
        .unwrap_or_default();
    let wanted = wanted.to_string_lossy();
    let filter = EnvFilter::try_new(if wanted.is_empty() { "off" } else { &wanted });
    let filter = filter.unwrap_or_else(|error| {
        let value = wanted.as_ref();
        stderr_line(&format!(
            "warning: RUST_LOG = {value:?} is not a log filter, nothing is logged: {error}; \
             allowed: such as warn or s3_backup=debug"
        ));
        EnvFilter::new("off")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // With colours, what steers the terminal could not be told from what an object's key holds.
        .with_ansi(false)
        .with_writer(|| Log)
        .log_internal_errors(false)
        .init();
    // A panic repeats what it was about, which may be a key.
    panic::set_hook(Box::new(|panic| error(&panic.to_string())));
}

/// Stderr, for events of the log, each of which is one write.
#[derive(Debug)]
struct Log;

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        stderr_line(String::from_utf8_lossy(event).trim_end());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `error: ` and the text to stderr, if it can be written.
pub fn error(text: &str) {
    stderr_line(&format!("error: {text}"));
}

/// Writes `warning: ` and the text to stderr, if it can be written.
pub fn warning(text: &str) {
    stderr_line(&format!("warning: {text}"));
}

/// Says why nothing was begun: to people on stderr, and to programs that asked for JSON on stdout too, in the
/// form in which Lambda tells a function's error.
pub fn refusal(kind: &str, text: &str) {
    error(text);
    refuse_as_json(kind, text);
}

fn refuse_as_json(kind: &str, text: &str) {
    let asked = env::args_os().any(|argument| argument == "--json" || argument == "--jsonl");
    if asked {
        let refusal = Refusal {
            error_type: kind,
            error_message: text,
        };
        // Why nothing was begun is on stderr already.
        let _ = json(&refusal).and_then(|line| write(&line));
    }
}

/// The same of wrong arguments, which people have been told already.
pub fn usage_as_json(text: &str) {
    refuse_as_json("UsageError", text.trim_start_matches("error: ").trim_end());
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refusal<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

/// Writes a text without a line break to stderr, if it can be written.
pub fn stderr_text(text: &str) {
    to_stderr(&printable(text));
}

/// Writes a line to stderr, if it can be written.
pub fn stderr_line(text: &str) {
    to_stderr(&(printable(text) + "\n"));
}

/// A line that is written here may be lost: a reader who has left, a terminal that is gone or a full disk must not
/// stop a run, and `eprintln!` would.
fn to_stderr(text: &str) {
    line::write_beside(|| drop(io::stderr().write_all(text.as_bytes())));
}

/// Writes to stdout, and makes sure that it has got there.
///
/// # Errors
/// How to end at once: nobody reads on, or it cannot be written.
pub fn write(text: &str) -> Result<(), Exit> {
    match written(text) {
        StdoutResult::Whole => Ok(()),
        StdoutResult::NobodyReads => Err(Exit::Complete),
        StdoutResult::Failed(problem) => {
            error(&format!("cannot write to standard output: {problem}"));
            Err(Exit::CouldNotRun)
        }
    }
}

/// A text for people in lines that fit the terminal of stdout or stderr; as it is where there is none.
pub fn fitted(text: &str, output: impl AsFd) -> String {
    columns(output).map_or_else(|| text.to_owned(), |columns| wrapped(text, columns))
}

/// The columns of a terminal; none where there is none.
pub fn columns(output: impl AsFd) -> Option<usize> {
    let (Width(columns), _) = terminal_size::terminal_size_of(output)?;
    Some(usize::from(columns))
}

/// Writes the result of a run that ended with `exit`, and gives how the command ends. A reader who
/// has left, such as `head`, changes nothing about that.
pub fn result(text: &str, message: &str, exit: Exit) -> Exit {
    match written(&format!("{text}\n")) {
        StdoutResult::Whole | StdoutResult::NobodyReads => exit,
        StdoutResult::Failed(problem) => {
            error(&format!(
                "cannot write the result to standard output: {problem}; the run itself ended: {message}"
            ));
            Exit::CouldNotRun
        }
    }
}

/// Writes a text for people, in lines that fit the terminal.
///
/// # Errors
/// As those of [`write()`].
pub fn write_text(text: &str) -> Result<(), Exit> {
    write(&fitted(text, io::stdout()))
}

/// The same, unless only errors are wanted.
///
/// # Errors
/// As those of [`write()`].
pub fn write_unless_quiet(text: &str) -> Result<(), Exit> {
    if Global::get().is_quiet() {
        return Ok(());
    }
    write_text(text)
}

/// Writes bytes to stdout as they are.
///
/// # Errors
/// As those of [`write()`].
pub fn write_raw(bytes: &[u8]) -> Result<(), Exit> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(problem) if problem.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Complete),
        Err(problem) => {
            error(&format!("cannot write to standard output: {problem}"));
            Err(Exit::CouldNotRun)
        }
    }
}

/// What became of a text for stdout.
enum StdoutResult {
    Whole,
    NobodyReads,
    Failed(io::Error),
}

/// Writes lines to stdout. Only line breaks of our own get here: keys and messages have theirs escaped.
fn written(text: &str) -> StdoutResult {
    let mut stdout = io::stdout().lock();
    let shown = if text.contains(|c| c != '\n' && steers(c)) {
        let lines: Vec<String> = text.split('\n').map(printable).collect();
        Cow::Owned(lines.join("\n"))
    } else {
        Cow::Borrowed(text)
    };
    let sent = stdout.write_all(shown.as_bytes());
    match sent.and_then(|()| stdout.flush()) {
        Ok(()) => StdoutResult::Whole,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => StdoutResult::NobodyReads,
        Err(error) => StdoutResult::Failed(error),
    }
}

/// A line of JSON.
///
/// # Errors
/// How to end: it cannot be written.
pub fn json(value: &impl Serialize) -> Result<String, Exit> {
    let line = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    Ok(printable_json(&line).into_owned() + "\n")
}

/// JSON over several lines, for people to read and paste.
pub fn pretty_json(value: &impl Serialize) -> Result<String, Exit> {
    let text = serde_json::to_string_pretty(value).map_err(|error| unwritable(&error))?;
    Ok(text
        .lines()
        .flat_map(|line| [printable_json(line), "\n".into()])
        .collect())
}

/// Says that something cannot be written as JSON.
pub fn unwritable(problem: &serde_json::Error) -> Exit {
    error(&format!("cannot write the result as JSON: {problem}"));
    Exit::CouldNotRun
}

/// The summary of a run.
pub fn summary(summary: &Summary) -> String {
    let mut text = format!("{}\n", printable(summary.message()));
    for (what, fact) in summary.facts() {
        let _ = writeln!(text, "  {what:<12} {}", printable(&fact));
    }
    if let Some(plan) = summary.plan() {
        let _ = writeln!(text, "{}", plan::tables(plan));
    }
    if let Some(restore) = summary.restored() {
        text.push_str(&restored::lines(restore));
    }
    if let Some(deletions) = summary.deletions() {
        for key in deletions.keys.iter().take(MOST_SHOWN) {
            let _ = writeln!(text, "  gone         {}", printable(key));
        }
        let hidden = deletions.due.saturating_sub(MOST_SHOWN as u64);
        if hidden > 0 && !deletions.keys.is_empty() {
            let _ = writeln!(
                text,
                "  and {} more; --json shows the first 100",
                count(hidden)
            );
        }
    }
    if let Some(verified) = summary.verified() {
        findings(&mut text, verified);
    }
    for warning in summary.warnings() {
        if !warning.code.is_told_in_message() {
            let _ = writeln!(text, "warning: {}", printable(&warning.message));
        }
    }
    for warning in summary.bucket_warnings() {
        let (bucket, message) = (&warning.bucket, &warning.message);
        let line = format!("bucket {bucket}: {message}; {}", warning.advice);
        let _ = writeln!(text, "warning: {}", printable(&line));
    }
    let (failures, hidden) = failures::lines(summary.failure_words());
    text.push_str(&failures);
    let hidden = hidden + summary.failures_omitted();
    if hidden > 0 {
        let _ = writeln!(
            text,
            "and {} more; --json shows the first 100, RUST_LOG=warn all",
            count(hidden)
        );
    }
    text.trim_end().to_owned()
}

/// What a verification has found, a line for each object.
fn findings(text: &mut String, verified: &VerifiedBlock) {
    let findings: Vec<_> = verified.findings().collect();
    for (key, what) in findings.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "{}: {what}", printable(key));
    }
    let hidden = findings.len().saturating_sub(MOST_SHOWN) as u64 + verified.omitted();
    if hidden > 0 {
        let _ = writeln!(
            text,
            "and {} more; --json shows the first 100, --jsonl all",
            count(hidden)
        );
    }
}
