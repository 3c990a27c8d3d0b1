//! How far a run has come: one line at a terminal, redrawn; elsewhere a line now and then.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::global::Global;
use super::terminal::{bytes, count};
use super::{line, show};
use crate::report::{Phase, Report};

/// How often the line is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// Columns of the bar, with the share behind it and what stands between.
const BAR_COLUMNS: usize = 1 + 14 + 1 + 3 + 1;
/// Steps of the bar, which is as long as the work that is expected.
const STEPS: u64 = 1_000;

/// The line that is shown.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    shown: Instant,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Line(ProgressBar),
    /// A line so often.
    Log(Duration),
    Nothing,
}

impl Progress {
    /// As the flags and stderr have it.
    pub fn begin() -> Self {
        let began = Instant::now();
        let global = Global::get();
        let form = if !global.shows_progress() {
            Form::Nothing
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            line::set(Some(bar.clone()));
            Form::Line(bar)
        } else {
            global.stats().map_or(Form::Nothing, Form::Log)
        };
        Self {
            began,
            shown: began,
            form,
        }
    }

    /// Shows how far it has come, if it is time.
    pub fn update(&mut self, report: &Report) {
        let each = match &self.form {
            Form::Line(_) => REDRAW,
            Form::Log(each) => *each,
            Form::Nothing => return,
        };
        if self.shown.elapsed() < each {
            return;
        }
        self.shown = Instant::now();
        let state = State::of(report, self.began.elapsed());
        match &self.form {
            Form::Line(bar) => state.draw(bar),
            Form::Log(_) => {
                show::stderr_line(&format!("{} {}", state.phase, state.words(usize::MAX)));
            }
            Form::Nothing => {}
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if let Form::Line(bar) = &self.form {
            bar.finish_and_clear();
            line::set(None);
        }
    }
}

/// How far it has come.
struct State {
    phase: &'static str,
    found: u64,
    /// Objects of the last snapshot, where there is one and all of it is gone through.
    expected: Option<u64>,
    /// What else was counted, and its bytes.
    done: (u64, &'static str, u64),
    errors: u64,
    elapsed: Duration,
}

impl State {
    fn of(report: &Report, elapsed: Duration) -> Self {
        let totals = report.totals();
        let (phase, done) = match report.phase() {
            Phase::BackUp => ("backing up", (totals.copied, "copied", totals.bytes_copied)),
            Phase::Plan => ("planning", (totals.due, "to copy", totals.bytes_due)),
            Phase::Verify => ("verifying", (totals.verified.wrong(), "wrong", 0)),
            Phase::Restore => (
                "restoring",
                (totals.copied, "restored", totals.bytes_copied),
            ),
        };
        Self {
            phase,
            found: totals.found,
            expected: report.expected_objects(),
            done,
            errors: totals.errors,
            elapsed,
        }
    }

    /// The share that is done, in a thousand. There may be more than there were.
    fn steps(&self) -> Option<u64> {
        let expected = self.expected.filter(|expected| *expected > 0)?;
        Some((self.found.saturating_mul(STEPS) / expected).min(STEPS - 1))
    }

    fn draw(&self, bar: &ProgressBar) {
        let (template, before) = match self.steps() {
            Some(steps) => {
                bar.set_position(steps);
                ("{prefix} [{bar:12}] {percent:>2}% {wide_msg}", BAR_COLUMNS)
            }
            None => ("{prefix} {wide_msg}", 1),
        };
        let columns = show::columns(io::stderr()).unwrap_or(usize::MAX);
        let room = columns.saturating_sub(self.phase.len() + before);
        // It is constant, and right.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(self.phase);
        bar.set_message(self.words(room));
        bar.tick();
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people"
    )]
    fn words(&self, room: usize) -> String {
        let seconds = self.elapsed.as_secs_f64().max(0.001);
        let rate = self.found as f64 / seconds;
        let found = match self.expected {
            Some(expected) => format!("{}/{}", count(self.found), count(expected)),
            None => format!("{} found", count(self.found)),
        };
        let (number, what, size) = self.done;
        let mut parts = vec![found];
        // A restore looks at what it restores, and seldom at anything else.
        let is_said = what == "restored" && number == self.found;
        if !is_said {
            parts.push(format!("{} {what}", count(number)));
        }
        if size > 0 {
            parts.push(bytes(size));
        }
        if self.errors > 0 {
            let noun = if self.errors == 1 { "error" } else { "errors" };
            parts.push(format!("{} {noun}", count(self.errors)));
        }
        let elapsed = parts.len();
        parts.push(clock(self.elapsed.as_secs()));
        if let Some(left) = self.expected.and_then(|all| all.checked_sub(self.found))
            && self.found > 0
        {
            parts.push(format!("ETA {}", clock((left as f64 / rate).ceil() as u64)));
        }
        parts.push(format!("{}/s", count(rate as u64)));
        // Where there is no room, the rate goes first, then how long it took so far.
        let fits = |parts: &[String]| parts.join(", ").chars().count() <= room;
        if !fits(&parts) {
            parts.pop();
        }
        if !fits(&parts) {
            parts.remove(elapsed);
        }
        parts.join(", ")
    }
}

/// Minutes and seconds, or hours before them.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(found: u64, expected: Option<u64>) -> State {
        State {
            phase: "backing up",
            found,
            expected,
            done: (12, "copied", 3 << 20),
            errors: 0,
            elapsed: Duration::from_secs(10),
        }
    }

    #[test]
    fn the_last_snapshot_tells_how_much_is_left() {
        let half = state(1_000, Some(2_000));

        assert_eq!(half.steps(), Some(500));
        assert_eq!(
            half.words(usize::MAX),
            "1,000/2,000, 12 copied, 3.0 MiB, 0:10, ETA 0:10, 100/s"
        );
    }

    #[test]
    fn without_a_snapshot_nothing_is_foreseen_and_more_than_expected_is_no_end() {
        let unknown = state(1_000, None);
        let more = state(3_000, Some(2_000));

        assert_eq!(unknown.steps(), None);
        assert_eq!(
            unknown.words(usize::MAX),
            "1,000 found, 12 copied, 3.0 MiB, 0:10, 100/s"
        );
        assert_eq!(more.steps(), Some(STEPS - 1));
        let words = more.words(usize::MAX);
        assert!(!words.contains("ETA"), "{words}");
    }

    #[test]
    fn what_has_no_room_is_left_out_as_a_whole() {
        let half = state(1_000, Some(2_000));

        let narrow = half.words(50);
        assert_eq!(narrow, "1,000/2,000, 12 copied, 3.0 MiB, 0:10, ETA 0:10");
        let narrower = half.words(46);
        assert_eq!(narrower, "1,000/2,000, 12 copied, 3.0 MiB, ETA 0:10");
    }

    #[test]
    fn what_was_restored_is_told_once() {
        let restoring = State {
            phase: "restoring",
            done: (6_000, "restored", 13 << 30),
            ..state(6_000, Some(12_000))
        };

        assert_eq!(
            restoring.words(usize::MAX),
            "6,000/12,000, 13.0 GiB, 0:10, ETA 0:10, 600/s"
        );
    }

    #[test]
    fn hours_stand_before_minutes() {
        assert_eq!([59, 61, 3_661].map(clock), ["0:59", "1:01", "1:01:01"]);
    }
}
