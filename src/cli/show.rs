//! What a person at a terminal sees: a progress line, a summary, and no control characters.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::terminal::{bytes, printable};
use super::{Exit, plan, restored};
use crate::model::{printable_json, steers};
use crate::report::{Report, Summary, VerifiedBlock};

/// How often the progress line is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// Failures that are shown; the rest is in the JSON.
const MOST_SHOWN: usize = 20;

/// Logs go to stderr and only if `RUST_LOG` asks for them: the summary tells the failures anyway.
pub fn log_to_stderr() {
    let wanted = env::var_os("RUST_LOG").unwrap_or_default();
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

/// Writes a line to stderr, if it can be written.
pub fn stderr_line(text: &str) {
    to_stderr(&(printable(text) + "\n"));
}

/// What is told here may be lost: a reader who has left, a terminal that is gone or a full disk must not
/// stop a run, and `eprintln!` would.
fn to_stderr(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
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

/// What became of a text for stdout.
enum StdoutResult {
    Whole,
    NobodyReads,
    Failed(io::Error),
}

/// Writes lines to stdout. Only line breaks of our own get here: keys and messages have theirs escaped.
fn written(text: &str) -> StdoutResult {
    let mut stdout = io::stdout().lock();
    let sent = if text.contains(|c| c != '\n' && steers(c)) {
        let lines: Vec<String> = text.split('\n').map(printable).collect();
        stdout.write_all(lines.join("\n").as_bytes())
    } else {
        stdout.write_all(text.as_bytes())
    };
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
            let _ = writeln!(text, "  and {hidden} more; --json shows the first 100");
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
    let failures: Vec<_> = summary.failures().collect();
    for (message, advice) in failures.iter().take(MOST_SHOWN) {
        let _ = writeln!(
            text,
            "error: {}\n  next: {}",
            printable(message),
            printable(advice)
        );
    }
    let hidden = failures.len().saturating_sub(MOST_SHOWN) as u64 + summary.failures_omitted();
    if hidden > 0 {
        let _ = writeln!(
            text,
            "and {hidden} more; --json shows the first 100, RUST_LOG=warn all"
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
        let _ = writeln!(text, "and {hidden} more; --json shows the first 100");
    }
}

/// A line that is redrawn while a run goes on.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// When it was drawn last; none where nobody looks.
    drawn: Option<Instant>,
}

impl Progress {
    /// Draws to stderr, if that is a terminal.
    pub fn on_terminal() -> Self {
        let began = Instant::now();
        let drawn = io::stderr().is_terminal().then_some(began);
        Self { began, drawn }
    }

    /// Draws the line anew, if it is time.
    pub fn update(&mut self, report: &Report) {
        if self.drawn.is_some_and(|drawn| drawn.elapsed() >= REDRAW) {
            self.drawn = Some(Instant::now());
            let line = line(report, self.began.elapsed());
            to_stderr(&format!("\r\u{1b}[K{line}"));
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.drawn.is_some() {
            to_stderr("\r\u{1b}[K");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn line(report: &Report, elapsed: Duration) -> String {
    let totals = report.totals();
    let rate = totals.found as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} found, {} copied ({}), {} errors, {rate:.0} objects/s",
        totals.found,
        totals.copied,
        bytes(totals.bytes_copied),
        totals.errors
    )
}
