//! What an invocation answers.

use serde::Serialize;

use crate::report::Summary;

/// The answer to an invocation.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The result of what was asked for.
    Result(Box<Summary>),
    /// The messages of a queue that failed.
    Queue(QueueAnswer),
}

/// What a queue reads: it deletes all messages but those that are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueAnswer {
    /// The messages to deliver again.
    pub batch_item_failures: Vec<FailedItem>,
}

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedItem {
    /// Its id.
    pub item_identifier: String,
}

impl Answer {
    /// The answer as people, scripts and queues get it.
    ///
    /// # Errors
    /// Only if serialisation fails, which no field can cause.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Result(summary) => summary.to_json(),
            Self::Queue(answer) => serde_json::to_string(answer),
        }
    }
}
