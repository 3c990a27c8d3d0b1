//! Cursors that were given out, and what becomes of those that come again or are edited.

use std::time::Duration;

use serde_json::{Value, json};

use super::history::History;
use super::laws::Run;
use super::step::Edit;

/// A cursor that was given out.
#[derive(Clone, Debug)]
pub struct GivenCursor {
    job: usize,
    cursor: Value,
    prefix: &'static str,
    /// How much somebody had touched when the run began that it goes back to.
    touched: usize,
    /// Whether a run has used it to its end; none if that is not known.
    pub is_used: Option<bool>,
}

/// Takes note that an own object was deleted. A cursor may be used once more if it was the one that says by which run
/// the cursor was used.
pub fn forget_use(cursors: &mut [GivenCursor], deleted: &str) {
    let Some(run) = deleted.strip_suffix("/continued.json") else {
        return;
    };
    let (_, run_id) = run.rsplit_once('/').unwrap();
    for given in cursors {
        if given.cursor.to_string().contains(run_id) {
            given.is_used = None;
        }
    }
}

impl History {
    pub async fn stop(&mut self, job: usize, time: Duration, go_on: bool) {
        let touched = self.touched.len();
        self.wait(2);
        let first = self.invoke(&Run::of(job), &json!({}), Some(time)).await;
        // A run that was stopped before it could start may have taken its lease.
        let Ok(result) = first else {
            return self.let_late_lease_end().await;
        };
        if result["cursor"].is_null() {
            return;
        }
        let number = self.give_cursor(job, &result["cursor"], touched);
        if go_on {
            self.use_cursor(number, Some(time)).await;
        }
    }

    /// Keeps a cursor of a run that began when so much had been touched.
    pub fn give_cursor(&mut self, job: usize, cursor: &Value, touched: usize) -> usize {
        self.cursors.push(GivenCursor {
            job,
            cursor: cursor.clone(),
            prefix: "",
            touched,
            is_used: Some(false),
        });
        self.cursors.len() - 1
    }

    pub async fn use_cursor(&mut self, number: usize, time: Option<Duration>) {
        self.wait(2);
        let given = self.cursors[number].clone();
        let payload = json!({"operation": "continue", "cursor": given.cursor});
        let run = self.run_of(&given);
        let before = self.bucket.clone();
        let answer = self.invoke(&run, &payload, time).await;
        self.wait(2);
        let Ok(result) = answer else {
            // It may have been used up by a run that did not come to its end.
            self.cursors[number].is_used = None;
            return self.let_late_lease_end().await;
        };
        if given.is_used == Some(true) {
            assert_eq!(self.bucket, before, "a cursor was used twice: {result}");
            assert!(
                !result["already_continued"].is_null() || result["cursor"].is_object(),
                "{result}"
            );
            return;
        }
        // One that holds its ranges itself proves nothing, and may come as often as it likes. A run that
        // has no time may not come to write down how it has ended.
        let is_bound = given.cursor["format"] == 3 && time.is_none();
        self.cursors[number].is_used = is_bound.then_some(true);
        if result["cursor"].is_object() && result["already_continued"].is_null() {
            let cursor = result["cursor"].clone();
            let is_used = Some(false);
            self.cursors.push(GivenCursor {
                cursor,
                is_used,
                ..given
            });
        }
    }

    /// A run that goes on by a cursor. What was touched since the first one began, it may have passed: also if the
    /// source looks again as it did then.
    fn run_of(&self, given: &GivenCursor) -> Run {
        let mut run = Run::of(given.job);
        run.prefix = given.prefix;
        run.goes_on = true;
        let touched = self.touched[given.touched..].iter();
        let touched = touched.filter(|(job, _)| *job == given.job);
        run.touched = touched.map(|(_, key)| *key).collect();
        run
    }

    pub async fn replay(&mut self, which: usize, edit: Edit) {
        let Some(number) = which.checked_rem(self.cursors.len()) else {
            return;
        };
        let mut given = self.cursors[number].clone();
        match edit {
            Edit::Nothing => return self.use_cursor(number, None).await,
            // One that holds its ranges itself names no source.
            Edit::OtherJob if self.jobs.len() == 1 || given.cursor["format"] != 3 => {}
            Edit::OtherJob => {
                let payload = json!({"operation": "continue", "cursor": given.cursor});
                let other = Run::of((given.job + 1) % self.jobs.len());
                let answer = self.invoke(&other, &payload, None).await;
                assert!(answer.is_err(), "a cursor of another job: {answer:?}");
            }
            Edit::Byte { at, with } => {
                let mut text = given.cursor.to_string().into_bytes();
                let at = at % text.len();
                text[at] = with;
                let Ok(edited) = serde_json::from_slice::<Value>(&text) else {
                    return;
                };
                if edited == given.cursor {
                    return;
                }
                given.cursor = edited;
                let payload = json!({"operation": "continue", "cursor": given.cursor});
                let mut run = self.run_of(&given);
                // Whoever edits ranges makes the run look at others.
                run.is_of_other_ranges = given.cursor["format"] != 3;
                let answer = self.invoke(&run, &payload, None).await;
                if answer.is_ok() {
                    self.cursors[number].is_used = None;
                }
                self.world.let_leases_end();
            }
        }
    }
}
