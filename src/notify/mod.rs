//! A result in, and out to those who wait for it: a message to a topic, a heartbeat to a monitor, metrics.
//!
//! Nothing here changes what a run has done. What cannot be told becomes a warning of the result.

mod heartbeat;
mod message;
mod metrics;
mod sns;
mod watch;

use std::time::{Duration, Instant};

use futures::future;

pub use message::{Message, is_problem};
pub use metrics::{TimeLeft, lines};
pub use watch::{WatchError, WatchResult, watch};

use crate::config::{HeartbeatUrl, Notify, NotifySettings, TopicArn};
use crate::model::Deadline;
use crate::report::{Status, Summary, Warning, WarningCode};
use crate::s3::Outside;

/// How long a message and a heartbeat may take; they are sent side by side.
pub const TO_TELL: Duration = Duration::from_secs(5);
/// The time that the function keeps for its answer.
const TO_ANSWER: Duration = Duration::from_millis(500);

/// Tells of a result those that are configured. `goes_on` is whether an earlier call has told of the same already:
/// a restore that still waits.
pub async fn tell(
    summary: &mut Summary,
    settings: &NotifySettings,
    outside: &Outside,
    deadline: Option<Deadline>,
    goes_on: bool,
) {
    // Nobody goes on with a run whose pieces are missing before somebody has looked.
    let goes_on_by_itself = settings.runs_are_continued && !summary.lacks_pieces();
    let is_end = summary.cursor().is_none() || !goes_on_by_itself;
    let is_repeated = goes_on && summary.status() == Status::Waiting;
    if summary.is_preview() || !is_end || is_repeated {
        return;
    }
    let left = deadline.map_or(TO_TELL, |deadline| {
        let left = deadline.end_at.saturating_duration_since(Instant::now());
        left.saturating_sub(TO_ANSWER).min(TO_TELL)
    });
    let message = message_due(summary, settings);
    let heartbeat = heartbeat_due(summary, settings);
    let (message, heartbeat) = future::join(
        async { publish(outside, message?, Message::of(summary), left).await },
        async { beat(outside, heartbeat?, left).await },
    )
    .await;
    for warning in [message, heartbeat].into_iter().flatten() {
        summary.warn(warning);
    }
}

/// The topic, if it is to be told of a result.
fn message_due<'a>(summary: &Summary, settings: &'a NotifySettings) -> Option<&'a TopicArn> {
    let is_due = match settings.notify {
        Notify::Always => true,
        Notify::Problems => is_problem(summary),
        Notify::Never => false,
    };
    settings.topic.as_ref().filter(|_| is_due)
}

/// The monitor, if a result is what it waits for.
fn heartbeat_due<'a>(summary: &Summary, settings: &'a NotifySettings) -> Option<&'a HeartbeatUrl> {
    let is_backup = summary.restored().is_none() && summary.verified().is_none();
    let is_due = is_backup && summary.status() == Status::Complete;
    settings.heartbeat.as_ref().filter(|_| is_due)
}

async fn publish(
    outside: &Outside,
    topic: &TopicArn,
    message: Message,
    limit: Duration,
) -> Option<Warning> {
    let error = sns::publish(outside, topic, &message, limit).await.err()?;
    let text = format!(
        "no message was sent to {}: {error}; {}",
        topic.as_str(),
        error.advice()
    );
    Some(Warning::of_run(WarningCode::Notification, text))
}

async fn beat(outside: &Outside, url: &HeartbeatUrl, limit: Duration) -> Option<Warning> {
    let error = heartbeat::send(outside, url, limit).await.err()?;
    let text = format!(
        "no heartbeat was sent to {}: {error}; check BACKUP_HEARTBEAT_URL and that server",
        url.host()
    );
    Some(Warning::of_run(WarningCode::Heartbeat, text))
}
