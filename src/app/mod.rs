//! The application: a request in, its summary out, whoever asks.
//!
//! The Lambda, the terminal and the page all ask here. An [`AppError`] is only what kept a run from
//! starting. What went wrong with single objects is in the summary.

mod error;

use std::time::{Instant, SystemTime};

use tracing::{Instrument, Span};

pub use error::AppError;

use crate::config::{Config, ConfigError};
use crate::history::IndexCache;
use crate::model::Deadline;
use crate::notify::{self, TimeLeft, WatchResult};
use crate::plan::{self, Run};
use crate::report::{Report, Summary};
use crate::request::{BackupRequest, EventsRequest, Request, RestoreRequest};
use crate::restore;
use crate::run::{self, EventBuckets, EventsResult, RunResult};
use crate::s3::Connections;

/// Answers requests. Built once per process.
#[derive(Debug)]
pub struct App {
    connections: Connections,
    vars: Vec<(String, String)>,
    cpus: usize,
    event_buckets: EventBuckets,
    index_cache: IndexCache,
    fewest_with_changes: Option<u64>,
}

impl App {
    /// One that works over these connections, configured by these variables.
    ///
    /// # Example
    /// ```no_run
    /// use s3_backup::app::App;
    /// use s3_backup::process;
    /// use s3_backup::request::{BackupRequest, Request};
    /// use s3_backup::s3::Connections;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = App::new(Connections::from_env().await, process::environment());
    /// let request = Request::Backup(BackupRequest::default());
    /// let summary = app.answer(&request, None, |_| {}).await?;
    /// println!("{}", summary.message());
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(connections: Connections, vars: Vec<(String, String)>) -> Self {
        Self {
            connections,
            vars,
            cpus: 1,
            event_buckets: EventBuckets::default(),
            index_cache: IndexCache::default(),
            fewest_with_changes: None,
        }
    }

    /// The same, whose snapshots have changes from so many objects on: tests have few.
    #[doc(hidden)]
    #[must_use]
    pub fn with_changes_from(self, objects: u64) -> Self {
        let fewest_with_changes = Some(objects);
        Self {
            fewest_with_changes,
            ..self
        }
    }

    /// The same, for so many CPUs: the more there are, the more is listed at once.
    #[must_use]
    pub fn on_cpus(self, cpus: usize) -> Self {
        Self { cpus, ..self }
    }

    /// The way to S3 that it works over.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What it is configured to do.
    ///
    /// # Errors
    /// Every mistake of the variables at once.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let config = Config::from_vars(self.vars.iter().cloned())?;
        Ok(Config {
            cpus: self.cpus,
            ..config
        })
    }

    /// Does what was asked for, until the deadline. `watch` sees the report after each object.
    ///
    /// # Errors
    /// [`AppError`], when the run could not start.
    pub async fn answer(
        &self,
        request: &Request,
        deadline: Option<Deadline>,
        watch: impl FnMut(&Report),
    ) -> Result<Summary, AppError> {
        let run = self.begin();
        let span = span_of(&run);
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
    ) -> Result<Summary, AppError> {
        let sent_before = self.connections.requests();
        let config = self.config().map_err(AppError::from);
        let config = config.inspect_err(AppError::log)?;
        let told = config.notify.clone();
        let ended = self
            .run(run, request, config, deadline, watch)
            .await
            .inspect_err(AppError::log)?;
        let sent = self.connections.requests().since(sent_before);
        let now = SystemTime::now().into();
        let mut summary = ended.report.finish(now, sent, ended.cursor);
        // Events come by the thousand; the nightly run tells of all that they missed.
        if !matches!(request, Request::Events(_)) && !request.is_part() {
            let outside = self.connections.outside();
            let goes_on = goes_on(request);
            Box::pin(notify::tell(
                &mut summary,
                &told,
                &outside,
                deadline,
                goes_on,
            ))
            .await;
        }
        log_warnings(&summary);
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
    ) -> Result<RunResult, AppError> {
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
        let run = run::run(&plan, &self.connections, &self.index_cache, watch);
        Ok(Box::pin(run).await?)
    }

    /// Backs up what events name, until the deadline. Beside the summary are the ids of the messages of a
    /// queue that failed.
    ///
    /// # Errors
    /// [`AppError`], when nothing could be started.
    pub async fn answer_events(
        &self,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<(Summary, Vec<String>), AppError> {
        let run = self.begin();
        let span = span_of(&run);
        Box::pin(self.answer_events_as(run, events, deadline))
            .instrument(span)
            .await
    }

    async fn answer_events_as(
        &self,
        run: Run,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<(Summary, Vec<String>), AppError> {
        let sent_before = self.connections.requests();
        let answered = self.back_up_events(run, events, deadline).await;
        let EventsResult { report, failed } = answered.inspect_err(AppError::log)?;
        let sent = self.connections.requests().since(sent_before);
        let summary = report.finish(SystemTime::now().into(), sent, None);
        log_warnings(&summary);
        Ok((summary, failed))
    }

    async fn back_up_events(
        &self,
        run: Run,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<EventsResult, AppError> {
        let mut config = self.config()?;
        config.max_concurrency = self.connections.fitting(config.max_concurrency);
        let plan = plan::make(&BackupRequest::default(), &config, run, deadline)?;
        let buckets = &self.event_buckets;
        let answered = run::answer_events(events, &plan, config.events, &self.connections, buckets);
        Ok(Box::pin(answered).await?)
    }

    /// Finds out how old the last backup of each job is. What could not be looked at is in the result.
    ///
    /// # Errors
    /// [`AppError`], when the configuration is wrong.
    pub async fn watch(&self, deadline: Option<Deadline>) -> Result<WatchResult, AppError> {
        let (config, now) = (self.config()?, SystemTime::now().into());
        let watched = notify::watch(&config, &self.connections, deadline, now);
        Ok(Box::pin(watched).await)
    }

    /// The metrics of a result, a line each.
    pub fn metrics(&self, summary: &Summary, deadline: Option<Deadline>) -> Vec<String> {
        // Without a configuration there is no result.
        let Ok(config) = self.config() else {
            return Vec::new();
        };
        let left = |deadline: Deadline| deadline.end_at.saturating_duration_since(Instant::now());
        let time = TimeLeft {
            seconds: deadline.map(|deadline| left(deadline).as_secs_f64()),
            is_continued: config.notify.runs_are_continued,
        };
        notify::lines(&config.job_name(), summary, time)
    }

    fn begin(&self) -> Run {
        let run = Run::at(SystemTime::now()).on(&self.holder());
        Run {
            fewest_with_changes: self.fewest_with_changes,
            ..run
        }
    }

    /// Where a run goes on: the function, or the process.
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
}

/// What each line of the log of a run has beside its message: the id by which its lines are found.
fn span_of(run: &Run) -> Span {
    tracing::info_span!("run", run_id = run.id)
}

fn log_warnings(summary: &Summary) {
    for warning in summary.warnings() {
        tracing::warn!(code = ?warning.code, "{}", warning.message);
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
