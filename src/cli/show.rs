//! What a person at a terminal sees: a progress line, a summary, and no control characters.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::{Exit, plan};
use crate::report::{Report, Summary, VerifiedBlock};

/// How often the progress line is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// Failures that are shown; the rest is in the JSON.
const MOST_SHOWN: usize = 20;

/// Logs go to stderr and only if `RUST_LOG` asks for them: the summary tells the failures anyway.
pub fn log_to_stderr() {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off")),
        )
        .with_writer(io::stderr)
        .init();
}

/// Text with its control characters made visible: keys may hold what steers a terminal.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Prints to stdout. A reader who has left, such as `head`, is no error.
pub fn print(text: &str) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        tracing::debug!(%error, "cannot print");
    }
}

/// Prints as [`print()`] does, for what is long.
///
/// # Errors
/// How to end at once: nobody reads on, or it cannot be written.
pub fn write(text: &str) -> Result<(), Exit> {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Complete),
        Err(error) => {
            eprintln!("error: cannot print: {error}");
            Err(Exit::CouldNotRun)
        }
    }
}

/// A line of JSON.
///
/// # Errors
/// How to end: it cannot be written.
pub fn json(value: &impl Serialize) -> Result<String, Exit> {
    let line = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    Ok(line + "\n")
}

/// Says that something cannot be written as JSON.
pub fn unwritable(error: &serde_json::Error) -> Exit {
    eprintln!("error: cannot write the result as JSON: {error}");
    Exit::CouldNotRun
}

/// The summary of a run.
pub fn summary(summary: &Summary) -> String {
    let mut text = format!("{}\n", printable(summary.message()));
    for (what, fact) in summary.facts() {
        let _ = writeln!(text, "  {what:<12} {fact}");
    }
    if let Some(plan) = summary.plan() {
        let _ = writeln!(text, "{}", plan::tables(plan));
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
            eprint!("\r\u{1b}[K{line}");
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.drawn.is_some() {
            eprint!("\r\u{1b}[K");
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

/// Bytes in the largest binary unit that leaves at least one.
#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut amount = count as f64;
    let mut shown = format!("{count} B");
    for unit in units {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        shown = format!("{amount:.1} {unit}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nü"), "a\\u{1b}[2Jb\\u{a}ü");
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (5 << 30, "5.0 GiB"),
            (1 << 60, "1024.0 PiB"),
        ];

        for (count, shown) in cases {
            assert_eq!(bytes(count), shown);
        }
    }
}
