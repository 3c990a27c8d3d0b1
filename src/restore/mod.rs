//! Restores: a request in, a report out, as the run of a backup; and what is done about one that was begun.
//!
//! A restore plans first and writes then. The plan says of each key of the target what is copied there, from
//! which version of the backup, and over what; it lies in the backup bucket before anything is done, so that
//! it can be looked at, confirmed, carried out by several calls, and undone. Whatever is written is bound to
//! what was planned.
//!
//! ```text
//!   snapshot --.
//!              join -> choose -> plan (rows) -> carry out -> done (lines) -> Report
//!   target   --'                                                  `-> undo -> plan
//! ```

mod apply;
mod archive;
mod asked;
mod backups;
mod by_versions;
mod choose;
mod drill;
mod figures;
mod gate;
mod listed;
mod manner;
mod one_version;
mod opening;
mod parts;
mod plan_queue;
mod planning;
mod range_plan;
mod ranges;
mod rows;
mod running;
mod session;
mod session_plan;
mod shelf;
mod site;
mod state;
mod state_error;
mod store;
mod tally;
mod target_keys;
mod target_lease;
mod totals;
mod undo;
mod unfinished;
mod versions;
mod words;

pub use drill::last_passed;
pub use listed::RestoreRow;
pub use shelf::{OpenError, Shelf};
pub use state::{Held, Progress, RequestRecord, Stage};
pub use state_error::StateError;
pub use store::Store;

use asked::Asked;
use backups::{Backups, OpenBackup};
use opening::Source;
use session::Session;

use crate::config::Config;
use crate::model::{Deadline, Timestamp};
use crate::plan::Run;
use crate::report::Report;
use crate::request::{Manner, RestoreId, RestoreRequest, StartRestore, UndoRestore};
use crate::run::{RunResult, StartError};
use crate::s3::{Connections, RunConnections};

/// The longest that a held plan can be confirmed, in seconds.
const CONFIRMED_WITHIN: u64 = 24 * 60 * 60;

/// A call, and what it works with.
struct Call<'a> {
    config: &'a Config,
    connections: &'a RunConnections<'a>,
    backups: Backups<'a>,
    run: Run,
    source: Source,
    /// This moment, by S3's clock.
    now: Timestamp,
}

/// What a call does about a restore that was begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Confirm,
    Continue,
}

/// Answers a request of the restore operation. `watch` sees the report after each object.
///
/// # Errors
/// When nothing could be started: one of both sides cannot be used, another restore is under way, or what was
/// asked for cannot be done.
pub async fn run(
    asked: &RestoreRequest,
    config: &Config,
    run: Run,
    connections: &Connections,
    deadline: Option<Deadline>,
    mut watch: impl FnMut(&Report),
) -> Result<RunResult, StartError> {
    connections.begin_run();
    let connections = connections.for_run(config.max_concurrency, deadline);
    let backups = Backups {
        config,
        connections: &connections,
    };
    let watch = &mut watch;
    match asked {
        RestoreRequest::Start(start) => {
            let call = Call::on_named(backups, run, start.from.as_deref()).await?;
            Box::pin(call.start(start, watch)).await
        }
        RestoreRequest::Drill(drill) => {
            let call = Call::on_named(backups, run, drill.from.as_deref()).await?;
            Box::pin(call.drill(drill, watch)).await
        }
        RestoreRequest::Undo(undo) => {
            let call = Call::about(backups, run, &undo.id).await?;
            Box::pin(call.undo(undo, watch)).await
        }
        RestoreRequest::Confirm(id) => {
            let call = Call::about(backups, run, id).await?;
            Box::pin(call.go_on(id, Next::Confirm, watch)).await
        }
        RestoreRequest::Continue(id) => {
            let call = Call::about(backups, run, id).await?;
            Box::pin(call.go_on(id, Next::Continue, watch)).await
        }
        RestoreRequest::Cancel(id) => {
            let call = Call::about(backups, run, id).await?;
            Box::pin(call.cancel(id)).await
        }
        RestoreRequest::ContinueAll => Box::pin(go_on_with_all(backups, run, watch)).await,
    }
}

/// All restores of all backups that have something left, one after the other.
async fn go_on_with_all(
    backups: Backups<'_>,
    run: Run,
    watch: &mut impl FnMut(&Report),
) -> Result<RunResult, StartError> {
    let (mut last, mut problem) = (None, None);
    for destination in &backups.config.destinations {
        if backups.connections.limit().has_stopped() {
            break;
        }
        let opened = match backups.open(destination).await {
            Ok(opened) => opened,
            // The others can be read.
            Err(error) => {
                let bucket = &destination.location.bucket;
                tracing::warn!(%bucket, %error, "the restores of a backup do not go on");
                problem = Some(error);
                continue;
            }
        };
        let unfinished = match opened.source.shelf.unfinished(false).await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::warn!(%error, "what is left of restores cannot be found");
                problem = Some(backups::refused_list(&error));
                continue;
            }
        };
        let call = Call::new(backups, run.clone(), opened);
        for id in &unfinished {
            if backups.connections.limit().has_stopped() {
                break;
            }
            match Box::pin(call.go_on(id, Next::Continue, watch)).await {
                Ok(result) => last = Some(result),
                // It is under way, or cannot go on: the others can.
                Err(error) => {
                    tracing::warn!(%id, %error, "a restore does not go on");
                    problem = Some(error);
                }
            }
        }
    }
    match (last, problem) {
        (Some(result), _) => Ok(result),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(nothing_to_do(backups.config, &run)),
    }
}

fn nothing_to_do(config: &Config, run: &Run) -> RunResult {
    let target = &config.source.bucket;
    let first = config.destinations.first();
    let backup = first.map_or(target, |to| &to.location.bucket);
    let report = Report::of_restore(run, backup, target, &config.prices, false);
    RunResult {
        report: report.restored(totals::nothing(&config.source, backup)),
        cursor: None,
    }
}

impl<'a> Call<'a> {
    /// A call on the backup of that name, else on the first one.
    async fn on_named(
        backups: Backups<'a>,
        run: Run,
        name: Option<&str>,
    ) -> Result<Self, StartError> {
        let opened = backups.open_named(name).await?;
        Ok(Self::new(backups, run, opened))
    }

    /// A call about a restore that was begun, on the backup in which it lies.
    async fn about(backups: Backups<'a>, run: Run, id: &RestoreId) -> Result<Self, StartError> {
        let opened = Box::pin(backups.open_with(id)).await?;
        let listed = opened.source.shelf.open().await;
        listed.map_err(|error| backups::refused_list(&error))?;
        Ok(Self::new(backups, run, opened))
    }

    fn new(backups: Backups<'a>, run: Run, opened: OpenBackup) -> Self {
        Self {
            config: backups.config,
            connections: backups.connections,
            backups,
            run,
            source: opened.source,
            now: opened.now,
        }
    }
}

impl Call<'_> {
    /// A new restore.
    async fn start(
        &self,
        start: &StartRestore,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        let record = opening::target_of(start, self.config)?;
        let asked = Asked::Start(Box::new(start.clone()));
        let session = Box::pin(Session::open(self, asked, record)).await?;
        Box::pin(self.begin(session, start.manner, watch)).await
    }

    /// What stood before a restore, brought back.
    async fn undo(
        &self,
        undo: &UndoRestore,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        let undone = undo::find(&self.source.shelf, &undo.id).await?;
        let record = undone.request.target.clone();
        let asked = Asked::Undo(undo.clone(), Box::new(undone));
        let session = Box::pin(Session::open(self, asked, record)).await?;
        Box::pin(self.begin(session, undo.manner, watch)).await
    }

    async fn begin(
        &self,
        session: Session<'_>,
        manner: Manner,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        if manner == Manner::DryRun {
            return Box::pin(session.dry_run()).await;
        }
        self.under_lease(
            &session.lease(),
            Box::pin(async { Box::pin(session.plan_and_run(manner, watch)).await }),
        )
        .await
    }

    /// A restore that was begun by an earlier call.
    async fn go_on(
        &self,
        id: &RestoreId,
        next: Next,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        let store = Store::of(&self.source.shelf, id);
        let (request, held) = store.read().await.map_err(refused)?;
        if let Some(problem) = cannot_go_on(&held, next) {
            if held.progress.stage == Stage::Cancelled {
                // A call that was killed may have left it among what is open.
                store.note(false).await.map_err(refused)?;
            }
            return Err(StartError::request(&format!("restore {id} {problem}")));
        }
        let mut session = Box::pin(Session::reopen(self, store, request, held)).await?;
        let manner = session.manner();
        self.under_lease(
            &session.lease(),
            Box::pin(async {
                session.refresh().await?;
                if let Some(problem) = cannot_go_on(&session.held, next) {
                    return Err(StartError::request(&format!("restore {id} {problem}")));
                }
                if next == Next::Confirm {
                    session.confirm().await?;
                    return Box::pin(session.carry_out(watch)).await;
                }
                Box::pin(session.plan_and_run(manner, watch)).await
            }),
        )
        .await
    }

    /// Nothing more of a restore is done. What it wrote stays.
    async fn cancel(&self, id: &RestoreId) -> Result<RunResult, StartError> {
        let store = Store::of(&self.source.shelf, id);
        let (request, held) = store.read().await.map_err(refused)?;
        if matches!(held.progress.stage, Stage::Complete | Stage::Cancelled) {
            let stage = held.progress.stage.name();
            return Err(StartError::request(&format!(
                "restore {id} is {stage}: there is nothing to cancel"
            )));
        }
        let mut session = Box::pin(Session::reopen(self, store, request, held)).await?;
        self.under_lease(
            &session.lease(),
            Box::pin(async {
                session.refresh().await?;
                Box::pin(session.cancel()).await
            }),
        )
        .await
    }
}

/// Why a call cannot go on with a restore; none if it can.
fn cannot_go_on(held: &Held, next: Next) -> Option<String> {
    let progress = &held.progress;
    let stage = progress.stage.name();
    match (progress.stage, next) {
        (Stage::Held, Next::Confirm) => {
            let planned = progress.planned_at.unwrap_or(progress.updated_at);
            let age = held.at.since(planned).as_secs();
            (age > CONFIRMED_WITHIN).then(|| {
                format!(
                    "was planned {} hours ago, and a plan can be confirmed for 24; start a new one",
                    age / 3600
                )
            })
        }
        (Stage::Held, Next::Continue) => Some("is held: confirm it, or cancel it".to_owned()),
        (_, Next::Confirm) => Some(format!("is {stage}: there is nothing to confirm")),
        (Stage::Cancelled, Next::Continue) => {
            Some(format!("is {stage}: nothing more is done of it"))
        }
        (
            Stage::Planning | Stage::Running | Stage::Waiting | Stage::Incomplete | Stage::Complete,
            Next::Continue,
        ) => None,
    }
}

/// The error of state that cannot be used.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: StateError) -> StartError {
    match &error {
        StateError::S3 { .. } => StartError::Destination {
            problem: error.to_string(),
        },
        StateError::Unknown { .. }
        | StateError::Damaged { .. }
        | StateError::NewerFormat { .. }
        | StateError::NewerOpen { .. } => StartError::request(&error.to_string()),
    }
}
