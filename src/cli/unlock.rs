//! `s3-backup unlock`: gives back the lease of a run that is gone. A lease ends by itself too, minutes after its
//! holder was killed: this is for whoever cannot wait.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::time::SystemTime;

use clap::Args;

use super::buckets::Buckets;
use super::job::{JobDestination, places};
use super::status::lease_of;
use super::terminal::printable;
use super::{Exit, refuse_destination, show};
use crate::lease::{Holder, UnlockError};
use crate::plan::Run;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup unlock s3://primary s3://backup
  s3-backup unlock s3://primary s3://backup --yes

It says who holds the lease and asks. A holder that is alive renews its lease, which is noticed;
one that only seems dead stops at its next write. Nothing that was copied is lost.

Exit codes: 0 nobody holds the lease now, 1 could not run, or its holder is alive, 2 wrong usage,
as when there is no terminal to ask at, 3 it was left as it is";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    buckets: Buckets,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Gives it back.
pub async fn unlock(arguments: &Arguments) -> Exit {
    arguments.unlock().await.into()
}

impl Arguments {
    async fn unlock(&self) -> Result<(), Exit> {
        for place in places(self.buckets.vars()).await? {
            let lease = lease_of(&place);
            let view = lease
                .look()
                .await
                .map_err(|error| refuse_destination(&error))?;
            let Some(holder) = view.holder else {
                let bucket = &place.destination;
                show::write_unless_quiet(&format!("nobody holds the lease on {bucket}\n"))?;
                continue;
            };
            self.confirm(&place, &holder)?;
            let by = Run::at(SystemTime::now()).on("unlock");
            match lease.unlock(&holder, &by).await {
                Ok(()) => {
                    let given = format!("the lease on {} is given back\n", place.destination);
                    show::write_unless_quiet(&given)?;
                }
                Err(UnlockError::Renewed) => {
                    show::error(
                        "the lease was renewed meanwhile, so its holder is alive: wait for it, or stop it",
                    );
                    return Err(Exit::CouldNotRun);
                }
                Err(UnlockError::S3(error)) => return Err(refuse_destination(&error)),
            }
        }
        Ok(())
    }

    fn confirm(&self, place: &JobDestination, holder: &Holder) -> Result<(), Exit> {
        let whose = whose(place, holder);
        if self.yes {
            show::stderr_line(&whose);
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            show::refusal(
                "UsageError",
                &format!("{whose}; there is no terminal to ask at: add --yes if it is gone"),
            );
            return Err(Exit::Usage);
        }
        show::stderr_line(&whose);
        show::stderr_text("Give it back in its place? Only if that process is gone. [y/N] ");
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let agreed = read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
        if agreed {
            Ok(())
        } else {
            show::stderr_line("left as it is");
            Err(Exit::Incomplete)
        }
    }
}

fn whose(place: &JobDestination, holder: &Holder) -> String {
    let bucket = &place.destination;
    let text = match (&holder.run_id, &holder.process, holder.since) {
        (Some(run), Some(process), Some(since)) => format!(
            "run {run} ({process}) has held the lease on {bucket} since {since}, until {} unless it is \
             renewed",
            holder.until
        ),
        _ => format!(
            "the lease on {bucket} cannot be read, and counts as held until {}",
            holder.until
        ),
    };
    printable(&text)
}
