//! The Lambda function: an invocation in, the JSON result out, or a function error with a stable type.
//!
//! An error is only what kept a run from starting: Lambda counts it, so that alarms ring. What went
//! wrong with single objects is in the result.

mod answer;
pub mod log;

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::Value;

pub use answer::{Answer, FailedItem, QueueAnswer};

use crate::app::{App, AppError};
use crate::model::Deadline;
use crate::notify::WatchResult;
use crate::report::{Report, Summary};
use crate::request::{self, EventError, EventsRequest, Request, RequestError};
use crate::s3::Connections;

impl From<AppError> for Diagnostic {
    fn from(error: AppError) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Answers invocations. Built once per environment.
#[derive(Debug)]
pub struct Handler {
    app: App,
}

impl Handler {
    /// A handler that works over these connections, configured by these variables.
    ///
    /// # Example
    /// ```no_run
    /// use lambda_runtime::{Context, LambdaEvent};
    /// use s3_backup::lambda::Handler;
    /// use s3_backup::process;
    /// use s3_backup::s3::Connections;
    /// use serde_json::json;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let handler = Handler::new(Connections::from_env().await, process::environment());
    /// let event = LambdaEvent::new(json!({"dry_run": true}), Context::default());
    /// let answer = handler.handle(event).await?;
    /// println!("{}", serde_json::to_string(&answer)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(connections: Connections, vars: Vec<(String, String)>) -> Self {
        Self {
            app: App::new(connections, vars),
        }
    }

    /// [`App::on_cpus`].
    #[must_use]
    pub fn on_cpus(self, cpus: usize) -> Self {
        Self {
            app: self.app.on_cpus(cpus),
        }
    }

    /// [`App::with_changes_from`].
    #[doc(hidden)]
    #[must_use]
    pub fn with_changes_from(self, objects: u64) -> Self {
        let app = self.app.with_changes_from(objects);
        Self { app }
    }

    /// What answers, without Lambda around it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// [`App::answer`].
    ///
    /// # Errors
    /// [`AppError`], when the run could not start.
    pub async fn answer(
        &self,
        request: &Request,
        deadline: Option<Deadline>,
        watch: impl FnMut(&Report),
    ) -> Result<Summary, AppError> {
        self.app.answer(request, deadline, watch).await
    }

    /// [`Connections::interrupt`] of the connections that it works over.
    pub fn interrupt(&self, time: Duration) {
        self.app.connections().interrupt(time);
    }

    /// Answers an invocation, and stops before Lambda would.
    ///
    /// # Errors
    /// [`AppError`], when nothing could be started.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Answer, AppError> {
        let deadline = deadline(&event.context);
        let request = parse(&event.payload)?;
        if let Request::Events(events) = &request {
            return self.handle_events(events, deadline).await;
        }
        let summary = self.app.answer(&request, deadline, |_| {}).await?;
        // A part of a run says nothing of how old the backup is.
        if !request.is_part() {
            self.log_metrics(&summary, deadline);
        }
        log_result(&summary);
        Ok(Answer::Result(Box::new(summary)))
    }

    /// Answers an invocation of the function that answers events, and nothing else.
    ///
    /// # Errors
    /// [`AppError`], when the payload is no event, or nothing could be started.
    pub async fn handle_only_events(&self, event: LambdaEvent<Value>) -> Result<Answer, AppError> {
        if let Request::Events(events) = parse(&event.payload)? {
            return self.handle_events(&events, deadline(&event.context)).await;
        }
        let problem = EventError::NothingElse;
        let error = AppError::from(RequestError::BadEvent { problem });
        error.log();
        Err(error)
    }

    /// A queue is told exactly which of its messages failed: it delivers them again, and no others.
    async fn handle_events(
        &self,
        events: &EventsRequest,
        deadline: Option<Deadline>,
    ) -> Result<Answer, AppError> {
        let (summary, failed) = self.app.answer_events(events, deadline).await?;
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

    /// Answers an invocation of the function that watches, whatever its payload is.
    ///
    /// # Errors
    /// [`AppError`], when nobody knows how old a backup is. The metrics of the others are written.
    pub async fn handle_watch(&self, event: LambdaEvent<Value>) -> Result<WatchResult, AppError> {
        let watched = self.app.watch(deadline(&event.context)).await;
        let watched = watched.inspect_err(AppError::log)?;
        // A log that cannot be written is a metric that is missing, which the alarm knows.
        drop(watched.write_metrics(SystemTime::now().into(), &mut io::stdout()));
        let complete = watched.complete().map_err(AppError::from);
        complete.inspect_err(AppError::log)
    }

    /// The metrics, each line bare: CloudWatch reads nothing else.
    fn log_metrics(&self, summary: &Summary, deadline: Option<Deadline>) {
        for line in self.app.metrics(summary, deadline) {
            drop(writeln!(io::stdout(), "{line}"));
        }
    }
}

fn parse(payload: &Value) -> Result<Request, AppError> {
    let request = request::parse(payload).map_err(AppError::from);
    request.inspect_err(AppError::log)
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
