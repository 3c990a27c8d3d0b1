//! The command line: arguments in, the same run as the Lambda's, and an exit code out.
//!
//! A flag is an environment variable set later: both go through the one parser of `config`.

mod changes;
mod diff;
mod drill;
mod history;
mod job;
mod ls;
mod plan;
mod restore;
mod restored;
mod restores;
mod runs;
mod serve;
mod show;
mod terminal;
mod verify;

use std::process::ExitCode;
use std::{env, fs, io};

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{
    Config, DELETIONS, DESTINATION_BUCKET, EXCLUDE, INCLUDE, MAX_CONCURRENCY, MODE, PRICES,
    SOURCE_BUCKET, Variable,
};
use crate::handler::{self, Handler, HandlerError};
use crate::model::{Prefix, steers};
use crate::report::{Status, Summary};
use crate::request::{BackupRequest, Intent, Request};
use crate::s3::{Connections, profile_problem};

use verify::VerifyArguments;

/// How the command line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything that should be in the backup is.
    Complete = 0,
    /// It could not run: the source cannot be read, a destination is unsafe, or another run is under
    /// way.
    CouldNotRun = 1,
    /// It was called with wrong arguments or settings.
    Usage = 2,
    /// It ran, and something is not in the backup, or deletions are held.
    Incomplete = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that wrote all that it had to write, or ended early.
impl From<Result<(), Self>> for Exit {
    fn from(ended: Result<(), Self>) -> Self {
        ended.err().unwrap_or(Self::Complete)
    }
}

/// Back up an S3 bucket into a versioned one: what is new or changed is copied by S3 itself.
#[derive(Debug, Parser)]
#[command(name = "s3-backup", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  complete: everything that should be in the backup is
  1  could not run: the source cannot be read, a destination is unsafe, or another run is under way
  2  wrong usage: an argument or a setting is not allowed
  3  ran, but incomplete: see the failures; or held: see the deletions";

const RUN_EXAMPLES: &str = "\
Examples:
  s3-backup run --source primary --destination backup
  s3-backup run --source s3://primary/data/ --destination backup --dry-run
  s3-backup run --source primary --destination backup-eu,backup-us --exclude 'tmp/*,*.log'
  s3-backup run --source primary --destination backup --deletions mark --confirm RUN_ID
  s3-backup run --source primary --destination backup --json | jq .objects_copied

Every flag can be set by its environment variable too, and there are more of these: see README.md.
Credentials, region and endpoint come from where the AWS CLI takes them.

Exit codes: 0 complete, 1 could not run, 2 wrong usage, 3 ran but incomplete or held";

const PLAN_EXAMPLES: &str = "\
Examples:
  s3-backup plan --source primary --destination backup
  s3-backup plan --source primary --destination backup --mode full
  s3-backup plan --source primary --destination backup --prices my-region.json
  s3-backup plan --source primary --destination backup --json | jq .plan.cost_usd

It lists both sides, writes nothing, and waits for no other run. The price table that is compiled in
is prices.json of the repository; one of your own has to look like it.

Exit codes: 0 complete, 1 could not run, 2 wrong usage, 3 ran but incomplete";

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy what is new or changed
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Tell what a run would copy and why, and what it and the storage would cost
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArguments),
    /// Compare the backup with the source, and tell what is not as it should be
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArguments),
    /// Bring objects back as they were at a run, or take a restore back
    #[command(after_help = restore::EXAMPLES)]
    Restore(Box<restore::Arguments>),
    /// Rehearse a restore: bring a sample back into a scratch place, compare it, and hide it again
    #[command(after_help = drill::EXAMPLES)]
    Drill(drill::Arguments),
    /// List the restores that were begun, and what is left of them
    #[command(after_help = restores::EXAMPLES)]
    Restores(restores::Arguments),
    /// List the snapshots of the backup: one of each complete run
    #[command(after_help = runs::EXAMPLES)]
    Runs(runs::Arguments),
    /// Tell what changed in the backup from one run to another
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Arguments),
    /// List what the backup held at a run
    #[command(after_help = ls::EXAMPLES)]
    Ls(ls::Arguments),
    /// Open a page where anybody finds a lost file and puts it back
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Arguments),
    /// List the versions of one key in the backup
    #[command(after_help = history::EXAMPLES)]
    History(history::Arguments),
}

/// What is compared and copied, in every command.
#[derive(Debug, Args)]
struct Sides {
    /// The bucket to back up: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The versioned bucket that keeps the backup, or several, separated by commas
    /// [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKETS")]
    destination: Option<String>,
    /// Only keys that match one of these globs, separated by commas [env: BACKUP_INCLUDE]
    #[arg(long, value_name = "GLOBS")]
    include: Option<String>,
    /// No keys that match one of these globs; wins over --include [env: BACKUP_EXCLUDE]
    #[arg(long, value_name = "GLOBS")]
    exclude: Option<String>,
}

/// The settings of a run, or of a plan of one.
#[derive(Debug, Args)]
struct Settings {
    #[command(flatten)]
    sides: Sides,
    /// `incremental`, or `full`: copy everything again [env: BACKUP_MODE]
    #[arg(long)]
    mode: Option<String>,
    /// What to do about objects that are gone from the source: `keep`, or `mark` them as deleted
    /// in the backup, whose versions stay [env: BACKUP_DELETIONS]
    #[arg(long)]
    deletions: Option<String>,
    /// Upper bound of copies in flight, 1 to 900 [env: BACKUP_MAX_CONCURRENCY]
    #[arg(long, value_name = "NUMBER")]
    max_concurrency: Option<String>,
    /// Only keys that start with it, in this run
    #[arg(long)]
    prefix: Option<String>,
    /// A file with the price table to count with; the variable holds the table itself
    /// [env: BACKUP_PRICES]
    #[arg(long, value_name = "FILE")]
    prices: Option<String>,
}

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    settings: Settings,
    /// Mark the deletions that held this run
    #[arg(long, value_name = "RUN_ID")]
    confirm: Option<String>,
    /// Compare, and tell what would be copied, but copy nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as the Lambda returns it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PlanArguments {
    #[command(flatten)]
    settings: Settings,
    /// Print the result as the Lambda returns it
    #[arg(long)]
    json: bool,
}

impl Settings {
    fn vars(&self) -> Vec<(String, String)> {
        let flags: [(&Variable, &Option<String>); 7] = [
            (&SOURCE_BUCKET, &self.sides.source),
            (&DESTINATION_BUCKET, &self.sides.destination),
            (&INCLUDE, &self.sides.include),
            (&EXCLUDE, &self.sides.exclude),
            (&MODE, &self.mode),
            (&DELETIONS, &self.deletions),
            (&MAX_CONCURRENCY, &self.max_concurrency),
        ];
        given(flags)
    }

    /// The variable of the price table, read from its file; none if no file is named.
    fn price_table(&self) -> Result<Option<(String, String)>, String> {
        read_price_table(self.prices.as_deref())
    }

    fn request(&self, intent: Intent, confirm: Option<String>) -> Request {
        Request::Backup(BackupRequest {
            prefix: self.prefix.as_deref().map(Prefix::new),
            confirm,
            intent,
            ..BackupRequest::default()
        })
    }
}

/// The variable of the price table of a file; none if no file is named.
fn read_price_table(file: Option<&str>) -> Result<Option<(String, String)>, String> {
    let Some(file) = file else {
        return Ok(None);
    };
    let table = fs::read_to_string(file).map_err(|error| {
        format!("cannot read the price table {file}: {error}; name a file like prices.json")
    })?;
    // An empty variable would mean the table that is compiled in.
    if table.is_empty() {
        return Err(format!(
            "the price table {file} is empty; name a file like prices.json"
        ));
    }
    Ok(Some((PRICES.name.to_owned(), table)))
}

/// The variables of the flags that were given.
fn given<'a>(
    flags: impl IntoIterator<Item = (&'a Variable, &'a Option<String>)>,
) -> Vec<(String, String)> {
    let given = flags.into_iter().filter_map(|(variable, value)| {
        let value = value.as_ref()?;
        Some((variable.name.to_owned(), value.clone()))
    });
    given.collect()
}

/// The command line's entry point.
pub async fn main() -> Exit {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(error) => return usage(&error),
    };
    show::log_to_stderr();
    match command {
        Command::Run(arguments) => {
            let intent = if arguments.dry_run {
                Intent::DryRun
            } else {
                Intent::Copy
            };
            let request = arguments.settings.request(intent, arguments.confirm);
            back_up(&arguments.settings, request, arguments.json).await
        }
        Command::Plan(arguments) => {
            let request = arguments.settings.request(Intent::Plan, None);
            back_up(&arguments.settings, request, arguments.json).await
        }
        Command::Verify(arguments) => {
            run(arguments.settings(), &arguments.request(), arguments.json).await
        }
        Command::Restore(arguments) => restore::restore(&arguments).await,
        Command::Drill(arguments) => drill::drill(&arguments).await,
        Command::Restores(arguments) => restores::list(&arguments).await,
        Command::Runs(arguments) => runs::list(&arguments).await,
        Command::Diff(arguments) => diff::tell(&arguments).await,
        Command::Ls(arguments) => ls::list(&arguments).await,
        Command::Serve(arguments) => serve::serve(&arguments).await,
        Command::History(arguments) => history::list(&arguments).await,
    }
}

/// Prints the help that was asked for, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> Exit {
    let asked = !error.use_stderr();
    let strange = env::args_os().any(|argument| argument.to_string_lossy().contains(steers));
    let printed = if asked || !strange {
        error.print()
    } else {
        // clap repeats an argument as it is.
        for line in error.to_string().lines() {
            show::stderr_line(line);
        }
        Ok(())
    };
    match printed {
        Err(problem) if asked && problem.kind() != io::ErrorKind::BrokenPipe => {
            show::error(&format!("cannot write to standard output: {problem}"));
            Exit::CouldNotRun
        }
        _ if asked => Exit::Complete,
        _ => Exit::Usage,
    }
}

async fn back_up(settings: &Settings, request: Request, json: bool) -> Exit {
    let mut vars = settings.vars();
    match settings.price_table() {
        Ok(table) => vars.extend(table),
        Err(problem) => {
            show::error(&problem);
            return Exit::Usage;
        }
    }
    run(vars, &request, json).await
}

async fn run(settings: Vec<(String, String)>, request: &Request, json: bool) -> Exit {
    let prepared = match Prepared::new(settings).await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    prepared.run(request, json).await
}

/// A handler that answers requests of this terminal.
struct Prepared(Handler);

impl Prepared {
    /// Answers a request, and writes the result.
    async fn run(&self, request: &Request, json: bool) -> Exit {
        match self.answer(request).await {
            Ok(summary) => finish(&summary, json),
            Err(exit) => exit,
        }
    }

    /// One that is configured by the environment, and by these settings over it.
    async fn new(settings: Vec<(String, String)>) -> Result<Self, Exit> {
        let mut vars = handler::environment();
        vars.extend(settings);
        // Before the SDK reads them, which panics at some that are malformed, and waits for others.
        if let Err(error) = Config::from_vars(vars.iter().cloned()) {
            return Err(refuse(&error.into()));
        }
        let connections = connect(&vars).await?;
        outlive_terminal();
        Ok(Self(Handler::new(connections, vars)))
    }

    /// Answers a request, with a line that shows how far it has come. An error was told already.
    async fn answer(&self, request: &Request) -> Result<Summary, Exit> {
        let mut progress = show::Progress::on_terminal();
        let answer = self
            .0
            .answer(request, None, |report| progress.update(report));
        let result = self.0.until_interrupted(answer, show::stderr_line).await;
        progress.clear();
        result.map_err(|error| refuse(&error))
    }
}

/// The way to S3, with the profile that is asked for.
async fn connect(vars: &[(String, String)]) -> Result<Connections, Exit> {
    let profile = vars.iter().find(|(name, _)| name == "AWS_PROFILE");
    if let Some((_, name)) = profile
        && let Some(problem) = profile_problem(name).await
    {
        show::error(&problem);
        return Err(Exit::Usage);
    }
    Ok(Connections::from_env().await)
}

/// Lets the run go on when its terminal goes away: a connection that breaks in the middle of the night
/// is no reason to leave a backup half made. An interrupt and `kill` still end it.
fn outlive_terminal() {
    // A handler that nobody asks is enough to replace the default, which is to end at once.
    if let Err(error) = signal(SignalKind::hangup()) {
        tracing::debug!(%error, "cannot catch SIGHUP");
    }
}

fn finish(summary: &Summary, json: bool) -> Exit {
    let exit = match summary.status() {
        Status::Complete => Exit::Complete,
        Status::Incomplete | Status::Held | Status::Waiting => Exit::Incomplete,
    };
    let text = if json {
        summary.to_json()
    } else {
        Ok(show::summary(summary))
    };
    match text {
        Ok(text) => show::result(&text, summary.message(), exit),
        Err(error) => show::unwritable(&error),
    }
}

fn refuse(error: &HandlerError) -> Exit {
    show::error(&error.to_string());
    match error {
        HandlerError::Config(_) | HandlerError::Request(_) => Exit::Usage,
        HandlerError::Start(_) | HandlerError::Watch(_) => Exit::CouldNotRun,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_flag_is_its_variable() {
        let parsed = Arguments::try_parse_from([
            "s3-backup",
            "run",
            "--source",
            "primary",
            "--destination",
            "backup",
            "--include",
            "a*",
            "--exclude",
            "b*",
            "--mode",
            "full",
            "--deletions",
            "keep",
            "--max-concurrency",
            "7",
        ]);

        let Command::Run(run) = parsed.unwrap().command else {
            panic!("no run");
        };

        let expected = [
            ("SOURCE_BUCKET", "primary"),
            ("DESTINATION_BUCKET", "backup"),
            ("BACKUP_INCLUDE", "a*"),
            ("BACKUP_EXCLUDE", "b*"),
            ("BACKUP_MODE", "full"),
            ("BACKUP_DELETIONS", "keep"),
            ("BACKUP_MAX_CONCURRENCY", "7"),
        ];
        assert_eq!(
            run.settings.vars(),
            expected.map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}
