//! A Lambda invocation in, the JSON result out, or a function error with a stable type.
//!
//! An error is only what kept a run from starting: Lambda counts it, so that alarms ring. What went
//! wrong with single objects is in the result.

pub mod log;
mod signals;

use std::io::Write;
use std::num::NonZero;
use std::time::{Duration, Instant, SystemTime};
use std::{io, thread};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::{self, Runtime};
use tracing::Instrument;

use crate::config::{Config, ConfigError, NOT_UTF8};
use crate::model::Deadline;
use crate::notify::{self, TimeLeft, WatchError, WatchResult};
use crate::plan::{self, Run};
use crate::report::{Report, Summary};
use crate::request::{self, BackupRequest, EventsRequest, Request, RequestError, RestoreRequest};
use crate::restore;
use crate::run::{self, EventBuckets, EventsResult, RunResult, StartError};
use crate::s3::Connections;

/// Answers invocations. Built once per environment.
#[derive(Debug)]
pub struct Handler {
    connections: Connections,
    vars: Vec<(String, String)>,
    event_buckets: EventBuckets,
}

/// Why an invocation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The payload is wrong.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The run could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The age of the backup could not be found out.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl HandlerError {
    /// The name that alarms and scripts know the error by. It never changes.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Config(_) => "ConfigError",
            Self::Request(_) | Self::Start(StartError::Request { .. }) => "RequestError",
            Self::Start(StartError::Source { .. }) => "SourceError",
            Self::Start(StartError::Destination { .. }) | Self::Watch(_) => "DestinationError",
            Self::Start(StartError::AlreadyRunning { .. }) => "AlreadyRunning",
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

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

/// The environment's variables. A value that is not UTF-8 is marked as such, and refused where it matters.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            let value = value.into_string();
            let value =
                value.unwrap_or_else(|value| format!("{NOT_UTF8}{}", value.to_string_lossy()));
            (name.to_string_lossy().into_owned(), value)
        })
        .collect()
}

/// Memory, in MiB, at which Lambda gives a function one vCPU: below it, it gives a share of one, though
/// two are shown. From AWS's guide to configuring a function's memory.
const MEMORY_OF_ONE_CPU: usize = 1769;

/// The runtime that fits the CPUs there are: one thread on one vCPU or less, where more would only get
/// into each other's way; else one for each.
///
/// # Errors
/// When the system has no threads to give.
pub fn runtime() -> io::Result<Runtime> {
    let lambda_memory = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    let lambda_memory = lambda_memory.ok().and_then(|mib| mib.parse().ok());
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let mut runtime = if cpus_given(lambda_memory, cpus) == 1 {
        runtime::Builder::new_current_thread()
    } else {
        runtime::Builder::new_multi_thread()
    };
    runtime.enable_all().build()
}

fn cpus_given(lambda_memory: Option<usize>, cpus: usize) -> usize {
    match lambda_memory {
        Some(mib) if mib <= MEMORY_OF_ONE_CPU => 1,
        Some(_) | None => cpus,
    }
}

impl Handler {
    /// A handler that works over these connections, configured by these variables.
    ///
    /// # Example
    /// ```no_run
    /// use lambda_runtime::{Context, LambdaEvent};
    /// use s3_backup::handler::{self, Handler};
    /// use s3_backup::s3::Connections;
    /// use serde_json::json;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let handler = Handler::new(Connections::from_env().await, handler::environment());
    /// let event = LambdaEvent::new(json!({"dry_run": true}), Context::default());
    /// let answer = handler.handle(event).await?;
    /// println!("{}", serde_json::to_string(&answer)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(connections: Connections, vars: Vec<(String, String)>) -> Self {
        Self {
            connections,
            vars,
            event_buckets: EventBuckets::default(),
        }
    }

    /// The way to S3 that it works over.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Tells all runs to stop now and to be gone after that time. Their cursors have the rest.
    pub fn interrupt(&self, time: Duration) {
        self.connections.interrupt(time);
    }

    /// Answers an invocation, and stops before Lambda would.
    ///
    /// # Errors
    /// [`HandlerError`], when nothing could be started.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Answer, HandlerError> {
        let deadline = deadline(&event.context);
        let request = request::parse(&event.payload)
            .map_err(HandlerError::from)
            .inspect_err(Self::log)?;
        if let Request::Events(events) = &request {
            return self.handle_events(events, deadline).await;
        }
        let summary = self.answer(&request, deadline, |_| {}).await?;
        // A part of a run says nothing of how old the backup is.
        if !request.is_part() {
            self.log_metrics(&summary, deadline);
        }
        log_result(&summary);
        Ok(Answer::Result(Box::new(summary)))
    }

    /// A queue is told exactly which of its messages failed: it delivers them again, and no others.
    async fn handle_events(
        &self,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<Answer, HandlerError> {
        let (summary, failed) = self.answer_events(events, deadline).await?;
        self.log_metrics(&summary, deadline);
        log_result(&summary);
        let item = |item_identifier| FailedItem { item_identifier };
        Ok(if events.from_queue {
            Answer::Queue(QueueAnswer {
                batch_item_failures: failed.into_iter().map(item).collect(),
            })
        } else {
            Answer::Result(Box::new(summary))
        })
    }

    async fn answer_events(
        &self,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<(Summary, Vec<String>), HandlerError> {
        let run = self.begin();
        let span = log::span_of(&run);
        Box::pin(self.answer_events_as(run, events, deadline))
            .instrument(span)
            .await
    }

    async fn answer_events_as(
        &self,
        run: Run,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<(Summary, Vec<String>), HandlerError> {
        let sent_before = self.connections.requests();
        let answered = self.back_up_events(run, events, deadline).await;
        let EventsResult { report, failed } = answered.inspect_err(Self::log)?;
        let sent = self.connections.requests().since(sent_before);
        let summary = report.finish(SystemTime::now().into(), sent, None);
        for warning in summary.warnings() {
            tracing::warn!(code = ?warning.code, "{}", warning.message);
        }
        Ok((summary, failed))
    }

    async fn back_up_events(
        &self,
        run: Run,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<EventsResult, HandlerError> {
        let mut config = self.config()?;
        config.max_concurrency = self.connections.fitting(config.max_concurrency);
        let plan = plan::make(&BackupRequest::default(), &config, run, deadline)?;
        let buckets = &self.event_buckets;
        let answered = run::answer_events(events, &plan, config.events, &self.connections, buckets);
        Ok(Box::pin(answered).await?)
    }

    /// Answers an invocation of the function that answers events, and nothing else.
    ///
    /// # Errors
    /// [`HandlerError`], when the payload is no event, or nothing could be started.
    pub async fn handle_only_events(
        &self,
        event: LambdaEvent<Value>,
    ) -> Result<Answer, HandlerError> {
        let request = request::parse(&event.payload).map_err(HandlerError::from);
        if let Request::Events(events) = request.inspect_err(Self::log)? {
            return self.handle_events(&events, deadline(&event.context)).await;
        }
        let problem = "it is none of S3, and this function answers nothing else".to_owned();
        let error = HandlerError::from(RequestError::BadEvent { problem });
        Self::log(&error);
        Err(error)
    }

    /// Answers an invocation of the function that watches, whatever its payload is.
    ///
    /// # Errors
    /// [`HandlerError`], when nobody knows how old the backup is.
    pub async fn handle_watch(
        &self,
        event: LambdaEvent<Value>,
    ) -> Result<WatchResult, HandlerError> {
        let watched = self.watch(deadline(&event.context)).await;
        watched.inspect_err(Self::log)
    }

    async fn watch(&self, deadline: Option<Deadline>) -> Result<WatchResult, HandlerError> {
        let (config, now) = (self.config()?, SystemTime::now().into());
        let watched = notify::watch(&config, &self.connections, deadline, now);
        let watched = Box::pin(watched).await?;
        // A log that cannot be written is a metric that is missing, which the alarm knows.
        drop(watched.write_metrics(now, &mut io::stdout()));
        Ok(watched)
    }

    /// The metrics, each line bare: CloudWatch reads nothing else.
    fn log_metrics(&self, summary: &Summary, deadline: Option<Deadline>) {
        // Without a configuration there is no result.
        let Ok(config) = self.config() else {
            return;
        };
        let left = |deadline: Deadline| deadline.end_at.saturating_duration_since(Instant::now());
        let time = TimeLeft {
            seconds: deadline.map(|deadline| left(deadline).as_secs_f64()),
            is_continued: config.notify.runs_are_continued,
        };
        for line in notify::lines(&config.job_name(), summary, time) {
            drop(writeln!(io::stdout(), "{line}"));
        }
    }

    /// What it is configured to do.
    ///
    /// # Errors
    /// Every mistake of the variables at once.
    pub fn config(&self) -> Result<Config, ConfigError> {
        Config::from_vars(self.vars.iter().cloned())
    }

    /// Does what was asked for, until the deadline. `watch` sees the report after each object.
    ///
    /// # Errors
    /// [`HandlerError`], when the run could not start.
    pub async fn answer(
        &self,
        request: &Request,
        deadline: Option<Deadline>,
        watch: impl FnMut(&Report),
    ) -> Result<Summary, HandlerError> {
        let run = self.begin();
        let span = log::span_of(&run);
        Box::pin(self.answer_as(run, request, deadline, watch))
            .instrument(span)
            .await
    }

    async fn answer_as(
        &self,
        run: Run,
        request: &Request,
        deadline: Option<Deadline>,
        watch: impl FnMut(&Report),
    ) -> Result<Summary, HandlerError> {
        let sent_before = self.connections.requests();
        let config = self.config().map_err(HandlerError::from);
        let config = config.inspect_err(Self::log)?;
        let told = config.notify.clone();
        let ended = self
            .run(run, request, config, deadline, watch)
            .await
            .inspect_err(Self::log)?;
        let sent = self.connections.requests().since(sent_before);
        let now = SystemTime::now().into();
        let mut summary = ended.report.finish(now, sent, ended.cursor);
        // Events come by the thousand; the nightly run tells of all that they missed.
        if !matches!(request, Request::Events(_)) && !request.is_part() {
            let outside = self.connections.outside();
            Box::pin(notify::tell(
                &mut summary,
                &told,
                &outside,
                deadline,
                goes_on(request),
            ))
            .await;
        }
        for warning in summary.warnings() {
            tracing::warn!(code = ?warning.code, "{}", warning.message);
        }
        tracing::info!("{}", summary.message());
        Ok(summary)
    }

    async fn run(
        &self,
        run: Run,
        request: &Request,
        mut config: Config,
        deadline: Option<Deadline>,
        watch: impl FnMut(&Report),
    ) -> Result<RunResult, HandlerError> {
        config.max_concurrency = self.connections.fitting(config.max_concurrency);
        let plan = match request {
            Request::Backup(request) => plan::make(request, &config, run, deadline)?,
            Request::Verify(request) => plan::verify(request, &config, run, deadline)?,
            Request::Continue(request) => plan::resume(request, &config, run, deadline)?,
            Request::Ranges(request) => plan::ranges(request, &config, run, deadline)?,
            Request::Events(events) => {
                let EventsResult { report, .. } =
                    self.back_up_events(run, events, deadline).await?;
                return Ok(RunResult {
                    report,
                    cursor: None,
                });
            }
            Request::Restore(request) => {
                tracing::info!(run = run.id, "restore begins");
                let restored =
                    restore::run(request, &config, run, &self.connections, deadline, watch);
                return Ok(Box::pin(restored).await?);
            }
        };
        let begins = match plan.task.check() {
            None => "backup begins",
            Some(_) => "verification begins",
        };
        tracing::info!(run = plan.run.id, source = %plan.source, "{begins}");
        // It is large, and the stack of a thread is not.
        Ok(Box::pin(run::run(&plan, &self.connections, watch)).await?)
    }

    fn begin(&self) -> Run {
        Run::begin(SystemTime::now().into(), fastrand::u16(..)).on(&self.holder())
    }

    /// Where a run of this handler goes on: its function, or its process.
    fn holder(&self) -> String {
        let value = |name: &str| {
            let mut named = self.vars.iter().filter(|(known, _)| known == name);
            named.next_back().map(|(_, value)| value.as_str())
        };
        let process = std::process::id();
        match (value("AWS_LAMBDA_FUNCTION_NAME"), value("HOSTNAME")) {
            (Some(function), _) => format!("function {function}"),
            (None, Some(host)) => format!("process {process} on {host}"),
            (None, None) => format!("process {process}"),
        }
    }

    fn log(error: &HandlerError) {
        tracing::error!(error_type = error.error_type(), "{error}");
    }
}

/// Whether a request goes on with a restore that was told of before.
fn goes_on(request: &Request) -> bool {
    match request {
        Request::Restore(request) => match request {
            RestoreRequest::Continue(_) | RestoreRequest::ContinueAll => true,
            RestoreRequest::Start(_)
            | RestoreRequest::Drill(_)
            | RestoreRequest::Undo(_)
            | RestoreRequest::Confirm(_)
            | RestoreRequest::Cancel(_) => false,
        },
        Request::Backup(_)
        | Request::Verify(_)
        | Request::Continue(_)
        | Request::Events(_)
        | Request::Ranges(_) => false,
    }
}

/// When to stop, by what Lambda says of its own deadline. A day is more than any function has.
fn deadline(context: &Context) -> Option<Deadline> {
    let known = context.deadline > 0;
    let left = context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let left = left.min(Duration::from_hours(24));
    known.then(|| Deadline::within(Instant::now(), left))
}

/// The result as a line of its own, so that filters and queries of the log see its fields.
fn log_result(summary: &Summary) {
    match summary.to_json() {
        // A log that cannot be written must not lose the answer.
        Ok(result) => drop(writeln!(io::stdout(), "{result}")),
        Err(error) => tracing::error!(%error, "cannot write the result as JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_cpu_is_one_thread() {
        assert_eq!(cpus_given(Some(512), 2), 1);
        assert_eq!(cpus_given(Some(1769), 2), 1);
        assert_eq!(cpus_given(Some(3008), 2), 2);
        assert_eq!(cpus_given(None, 8), 8);
    }
}
