//! The command line: arguments in, the same run as the Lambda's, and an exit code out.
//!
//! A flag is an environment variable set later: both go through the one parser of `config`.

mod arguments;
mod buckets;
mod changes;
mod completion;
mod diff;
mod doctor;
mod drill;
mod environment;
mod failures;
mod global;
mod history;
mod job;
mod keys_error;
mod keys_file;
mod line;
mod ls;
mod not_allowed;
mod output;
mod plan;
mod policy;
mod prepared;
mod price_file;
mod progress;
mod restore;
mod restored;
mod restores;
mod rights;
mod runs;
mod serve;
mod settings;
mod show;
mod status;
mod terminal;
mod unlock;
mod verify;

use std::process::ExitCode;
use std::{env, io};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::app::AppError;
use crate::config::Variable;
use crate::model::steers;
use crate::report::{Status, Summary};
use crate::request::{Intent, Request};
use crate::run::StartError;
use crate::s3::S3Error;

use global::Global;
use output::{Output, OutputArguments};
use prepared::Prepared;
use price_file::read_price_table;
use settings::Settings;
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
    #[command(flatten)]
    global: Global,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  complete: everything that should be in the backup is
  1  could not run: the source cannot be read, a destination is unsafe, or another run is under way
  2  wrong usage: an argument or a setting is not allowed
  3  ran, but incomplete: see the failures; or held: see the deletions";

const RUN_EXAMPLES: &str = "\
Examples:
  s3-backup run s3://primary s3://backup
  s3-backup run s3://primary/data/ s3://backup --dry-run
  s3-backup run s3://primary s3://backup-eu s3://backup-us --exclude 'tmp/*' --exclude '*.log'
  s3-backup run s3://primary s3://backup --deletions mark --confirm RUN_ID
  s3-backup run s3://primary s3://backup --dry-run --jsonl | jq -r 'select(.reason) | .key'
  s3-backup run --source primary --destination backup --json | jq .objects_copied

Every flag can be set by its environment variable too, and there are more of these: see
docs/configuration.md. A variable BACKUP_... that is unknown is ignored, with a warning.
Credentials, region and endpoint come from where the AWS CLI takes them.

Exit codes: 0 complete, 1 could not run, 2 wrong usage, 3 ran but incomplete or held";

const PLAN_EXAMPLES: &str = "\
Examples:
  s3-backup plan s3://primary s3://backup
  s3-backup plan s3://primary s3://backup --mode full
  s3-backup plan s3://primary s3://backup --prices my-region.json
  s3-backup plan s3://primary s3://backup --json | jq .plan.cost_usd
  s3-backup plan s3://primary s3://backup --jsonl | jq -r 'select(.reason) | [.reason, .key] | @tsv'

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
    /// Tell how old the last complete run is, what is under way, and what to do next
    #[command(after_help = status::EXAMPLES)]
    Status(status::Arguments),
    /// Look at the settings of the backup buckets, and tell what to cure
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Arguments),
    /// Print the policies that let the roles into buckets and keys of other accounts
    #[command(after_help = policy::EXAMPLES)]
    Policy(policy::Arguments),
    /// Give back the lease of a run that is gone
    #[command(after_help = unlock::EXAMPLES)]
    Unlock(unlock::Arguments),
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
    /// Print a script that completes commands and flags in a shell
    #[command(after_help = completion::EXAMPLES)]
    Completion(completion::Arguments),
    /// Write the manual's pages
    #[command(hide = true)]
    Man(completion::ManArguments),
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
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
struct PlanArguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    output: OutputArguments,
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
        Ok(arguments) => {
            arguments.global.set();
            arguments.command
        }
        Err(error) => return usage(&error),
    };
    show::log_to_stderr();
    match &command {
        Command::Completion(_) | Command::Man(_) => {}
        _ => environment::warn_of_unknown_variables(),
    }
    match command {
        Command::Run(arguments) => {
            let output = Output::from(&arguments.output);
            let intent = match (arguments.dry_run, output) {
                (false, Output::Lines) => return usage(&lines_without_dry_run()),
                (false, Output::Text | Output::Json) => Intent::Copy,
                // Only a plan knows the reason for each object.
                (true, Output::Lines) => Intent::Plan,
                (true, Output::Text | Output::Json) => Intent::DryRun,
            };
            let request = arguments.settings.request(intent, arguments.confirm);
            back_up(&arguments.settings, request, output).await
        }
        Command::Plan(arguments) => {
            let request = arguments.settings.request(Intent::Plan, None);
            let output = Output::from(&arguments.output);
            back_up(&arguments.settings, request, output).await
        }
        Command::Verify(arguments) => {
            let output = Output::from(&arguments.output);
            run(arguments.settings(), &arguments.request(), output).await
        }
        Command::Restore(arguments) => Box::pin(restore::restore(&arguments)).await,
        Command::Drill(arguments) => drill::drill(&arguments).await,
        Command::Restores(arguments) => restores::list(&arguments).await,
        Command::Runs(arguments) => runs::list(&arguments).await,
        Command::Diff(arguments) => diff::tell(&arguments).await,
        Command::Ls(arguments) => ls::list(&arguments).await,
        Command::Serve(arguments) => serve::serve(&arguments).await,
        Command::History(arguments) => history::list(&arguments).await,
        Command::Status(arguments) => status::tell(&arguments).await,
        Command::Doctor(arguments) => doctor::tell(&arguments).await,
        Command::Policy(arguments) => policy::print(&arguments),
        Command::Unlock(arguments) => unlock::unlock(&arguments).await,
        Command::Completion(arguments) => completion::print(&arguments),
        Command::Man(arguments) => completion::write_man_pages(&arguments),
    }
}

/// Each object that is copied is in no list: only what would be.
fn lines_without_dry_run() -> clap::Error {
    let mut command = Arguments::command();
    command.error(
        ErrorKind::MissingRequiredArgument,
        "--jsonl needs --dry-run: a run tells its result, a dry run each object",
    )
}

/// Prints the help that was asked for, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> Exit {
    let asked = !error.use_stderr();
    if !asked && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        show::usage_as_json(&error.to_string());
    }
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

async fn back_up(settings: &Settings, request: Request, output: Output) -> Exit {
    let mut vars = settings.vars();
    match settings.price_table() {
        Ok(table) => vars.extend(table),
        Err(error) => {
            show::refusal("ConfigError", &error.to_string());
            return Exit::Usage;
        }
    }
    run(vars, &request, output).await
}

async fn run(settings: Vec<(String, String)>, request: &Request, output: Output) -> Exit {
    let prepared = match Prepared::new(settings).await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    prepared.run(request, output).await
}

fn finish(summary: &Summary, output: Output) -> Exit {
    let exit = match summary.status() {
        Status::Complete => Exit::Complete,
        Status::Incomplete | Status::Held | Status::Waiting => Exit::Incomplete,
    };
    if exit == Exit::Complete && output == Output::Text && Global::get().is_quiet() {
        return exit;
    }
    let text = match output {
        Output::Json | Output::Lines => summary.to_json(),
        Output::Text => Ok(show::fitted(&show::summary(summary), io::stdout())),
    };
    match text {
        Ok(text) => show::result(&text, summary.message(), exit),
        Err(error) => show::unwritable(&error),
    }
}

/// Says why S3 does not let a destination be looked at.
fn refuse_destination(error: &S3Error) -> Exit {
    refuse(&StartError::destination(error).into())
}

fn refuse(error: &AppError) -> Exit {
    let text = match error {
        AppError::Request(_) | AppError::Start(StartError::Request { .. }) => {
            arguments::in_arguments(&error.to_string())
        }
        other => other.to_string(),
    };
    show::refusal(error.error_type(), &text);
    match error {
        AppError::Config(_) | AppError::Request(_) => Exit::Usage,
        AppError::Start(_) | AppError::Watch(_) => Exit::CouldNotRun,
    }
}

#[cfg(test)]
mod tests {
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
