//! The form in which a result is printed, and objects one by one in constant memory.

use clap::Args;

use super::{Exit, show};
use crate::report::Report;

/// Bytes of lines that are gathered before they are written.
const AT_ONCE: usize = 64 * 1024;

/// The flags.
#[derive(Debug, Args)]
pub struct OutputArguments {
    /// Print the result as the Lambda returns it
    #[arg(long)]
    json: bool,
    /// Print one JSON object for each object with its reason or verdict, as it is found, and the result in the
    /// last line
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
}

/// The form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// The result as the Lambda returns it.
    Json,
    /// All objects, one a line.
    Lines,
}

impl From<&OutputArguments> for Output {
    fn from(arguments: &OutputArguments) -> Self {
        match (arguments.json, arguments.jsonl) {
            (true, _) => Self::Json,
            (false, true) => Self::Lines,
            (false, false) => Self::Text,
        }
    }
}

impl Output {
    /// JSON, or a text for people.
    pub fn json(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// The lines of objects on their way to stdout.
#[derive(Debug, Default)]
pub struct Lines {
    gathered: String,
    /// How it ended: nobody reads on, or it cannot be written.
    ended: Option<Exit>,
}

impl Lines {
    /// Takes what a report tells of its last object.
    pub fn take(&mut self, report: &Report) {
        if self.ended.is_some() {
            return;
        }
        for row in report.told() {
            match show::json(row) {
                Ok(line) => self.gathered.push_str(&line),
                Err(exit) => self.ended = Some(exit),
            }
        }
        if self.gathered.len() >= AT_ONCE {
            self.write();
        }
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// How to end: not all lines could be written.
    pub fn finish(mut self) -> Result<(), Exit> {
        if self.ended.is_none() {
            self.write();
        }
        self.ended.map_or(Ok(()), Err)
    }

    fn write(&mut self) {
        self.ended = show::write(&self.gathered).err();
        self.gathered.clear();
    }
}
