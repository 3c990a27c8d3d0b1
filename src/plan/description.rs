//! A run as its stored state, its cursor and its report describe it.

use super::{Marking, Plan, Run, Task};
use crate::model::Location;
use crate::request::Mode;

/// Which run it is, and what it was asked for. A cursor is of the same source, mode and task, or it is refused.
#[derive(Clone, Copy, Debug)]
pub struct RunDescription<'a> {
    /// Its name and beginning.
    pub run: &'a Run,
    /// The first of the runs that it goes on with, if it does.
    pub first_run: Option<&'a str>,
    /// The bucket and prefix that are backed up.
    pub source: &'a Location,
    /// Objects that are new or changed, or all.
    pub mode: Mode,
    /// The work on each key.
    pub task: &'a Task,
}

impl RunDescription<'_> {
    /// The held run that it was asked to confirm.
    pub fn confirm(&self) -> Option<String> {
        let marking: Option<&Marking> = self.task.marking();
        marking.and_then(|marking| marking.confirm.clone())
    }
}

impl Plan {
    /// The run, as others describe it.
    pub fn description(&self) -> RunDescription<'_> {
        RunDescription {
            run: &self.run,
            first_run: self.first_run.as_deref(),
            source: &self.source,
            mode: self.scope.mode,
            task: &self.task,
        }
    }
}
