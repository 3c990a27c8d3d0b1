//! The application that answers requests of this terminal.

use tokio::signal::unix::{SignalKind, signal};

use super::environment::{connect, environment};
use super::output::{Lines, Output};
use super::progress::Progress;
use super::{Exit, finish, refuse, show};
use crate::app::App;
use crate::config::Config;
use crate::process;
use crate::report::Summary;
use crate::request::Request;

/// The application.
pub struct Prepared(pub App);

impl Prepared {
    /// Answers a request, and writes the result.
    pub async fn run(&self, request: &Request, output: Output) -> Exit {
        match self.answer(request, output).await {
            Ok(summary) => finish(&summary, output),
            Err(exit) => exit,
        }
    }

    /// One that is configured by the environment, and by these settings over it.
    ///
    /// # Errors
    /// How to end: a setting is wrong. It has been said which.
    pub async fn new(settings: Vec<(String, String)>) -> Result<Self, Exit> {
        let mut vars = environment();
        vars.extend(settings);
        // Before the SDK reads them, which panics at some that are malformed, and waits for others.
        if let Err(error) = Config::from_vars(vars.iter().cloned()) {
            return Err(refuse(&error.into()));
        }
        let connections = connect(&vars).await?;
        outlive_terminal();
        Ok(Self(App::new(connections, vars).on_cpus(process::cpus())))
    }

    /// Answers a request, with a line that shows how far it has come.
    ///
    /// # Errors
    /// How to end: nothing could be started. It has been said why.
    pub async fn answer(&self, request: &Request, output: Output) -> Result<Summary, Exit> {
        let mut progress = Progress::begin();
        let mut lines = Lines::default();
        let answer = self.0.answer(request, None, |report| {
            progress.update(report);
            if output == Output::Lines {
                lines.take(report);
            }
        });
        let connections = self.0.connections();
        let result = process::until_interrupted(connections, answer, show::stderr_line).await;
        progress.clear();
        let summary = result.map_err(|error| refuse(&error))?;
        lines.finish()?;
        Ok(summary)
    }
}

/// Lets the run go on when its terminal goes away: a connection that breaks in the middle of the night
/// is no reason to leave a backup half made. An interrupt and `kill` still end it.
fn outlive_terminal() {
    // A signal handler that nobody asks is enough to replace the default, which is to end at once.
    if let Err(error) = signal(SignalKind::hangup()) {
        tracing::debug!(%error, "cannot catch SIGHUP");
    }
}
