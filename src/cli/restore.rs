//! `s3-backup restore`: arguments in, the payload of the same words out, and a question before it writes in
//! place.

use std::io::{self, IsTerminal, Write as _};

use clap::Args;
use serde_json::{Map, Value, json};

use super::buckets::listed;
use super::keys_file::{self, KEYS_OF_BATCH, NamedKeys, SortedKeys};
use super::output::Output;
use super::terminal::{self, printable};
use super::{Exit, Prepared, given, read_price_table, restored, show};
use crate::app::AppError;
use crate::config::{DESTINATION_BUCKET, MAX_CONCURRENCY, SOURCE_BUCKET};
use crate::model::count;
use crate::report::Summary;
use crate::request;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup restore reports/2026.pdf --run latest --source primary --destination backup
  s3-backup restore --prefix reports/ --at 2026-11-20T14:00Z --dry-run
  s3-backup restore --all --run latest~1 --to s3://scratch/back/
  s3-backup restore --all --run latest --only missing --yes
  s3-backup restore --all --run latest --from backup-in-another-region
  s3-backup restore --undo 2026-11-21T02-00-00Z-7f3a
  aws s3 ls s3://primary | awk '{print $4}' | s3-backup restore --keys-from - --run latest --yes

Without --to it restores into the source, as new versions on top, and asks before it does. --source and
--destination name the job, as for `runs`; of several destinations the first one is read, or that of
--from. What was begun goes on with the destination that it was planned from.

Exit codes: 0 complete, 1 could not run, 2 wrong usage, 3 incomplete, held, or waiting for archives";

/// Its arguments.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Arguments {
    /// Restore these keys
    keys: Vec<String>,
    /// Restore all keys that start with it
    #[arg(long)]
    prefix: Option<String>,
    /// Restore all keys
    #[arg(long)]
    all: bool,
    /// Restore the keys that a file names, one a line; `-` reads them from standard input
    #[arg(long, value_name = "FILE")]
    keys_from: Option<String>,
    /// Only those among them that match one of the globs, separated by commas
    #[arg(long, value_name = "GLOBS")]
    include: Vec<String>,
    /// But none that match one of these
    #[arg(long, value_name = "GLOBS")]
    exclude: Vec<String>,
    /// As they were at a run: its id or the beginning of it, `latest`, `latest~1`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// As they were at the last complete run that had ended by then
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// With --at: by the versions alone, where no snapshot tells
    #[arg(long)]
    versions: bool,
    /// In that version of the backup; of one key only
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
    /// The backup bucket to read, of several destinations, instead of the first one
    #[arg(long, value_name = "BUCKET")]
    from: Option<String>,
    /// Where to, instead of the source
    #[arg(long, value_name = "S3_URL")]
    to: Option<String>,
    /// With --to: what the keys, which all begin with it, lose there
    #[arg(long, value_name = "PREFIX")]
    strip_prefix: Option<String>,
    /// Tell what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Store the plan and wait for --confirm
    #[arg(long)]
    hold: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print the result as the Lambda returns it
    #[arg(long)]
    json: bool,
    /// `missing`: leave keys alone that exist
    #[arg(long, value_name = "WHICH", value_parser = ["missing"])]
    only: Option<String>,
    /// What to do about keys that the run does not have: `keep`, or `mark` them as deleted
    #[arg(long, value_name = "WHAT", value_parser = ["keep", "mark"])]
    extra: Option<String>,
    /// Class of the restored objects, or `auto`
    #[arg(long, value_name = "CLASS")]
    storage_class: Option<String>,
    /// How archived versions are asked for: `standard`, `bulk` or `expedited`
    #[arg(long, value_parser = ["standard", "bulk", "expedited"])]
    tier: Option<String>,
    /// Days that archived versions stay readable
    #[arg(long, value_name = "DAYS")]
    thawed_days: Option<u32>,
    /// Refuse to restore what would cost more
    #[arg(long, value_name = "USD")]
    max_cost: Option<f64>,
    /// Do not put aside what a bucket without versions loses
    #[arg(long)]
    discard_replaced: bool,
    /// Do what was planned and held
    #[arg(long, value_name = "ID")]
    confirm: Option<String>,
    /// Go on with a restore that stopped or waits; `all`: with each that has something left
    #[arg(long = "continue", value_name = "ID")]
    continues: Option<String>,
    /// Bring back what stood before a restore
    #[arg(long, value_name = "ID")]
    undo: Option<String>,
    /// Do nothing more of a restore
    #[arg(long, value_name = "ID")]
    cancel: Option<String>,
    /// The bucket that is backed up: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The bucket that keeps the backup [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    destination: Vec<String>,
    /// Upper bound of copies in flight, 1 to 900 [env: BACKUP_MAX_CONCURRENCY]
    #[arg(long, value_name = "NUMBER")]
    max_concurrency: Option<String>,
    /// A file with the price table to count with [env: BACKUP_PRICES]
    #[arg(long, value_name = "FILE")]
    prices: Option<String>,
}

/// Why the arguments ask for nothing.
enum Unasked {
    /// There is nothing to do.
    Nothing,
    /// They are wrong.
    Wrong(String),
}

/// Restores.
pub async fn restore(arguments: &Arguments) -> Exit {
    let (keys, more) = match arguments.keys() {
        Ok(keys) => keys,
        Err(Unasked::Nothing) => {
            return show::result("nothing to restore", "nothing to restore", Exit::Complete);
        }
        Err(Unasked::Wrong(problem)) => {
            show::error(&problem);
            return Exit::Usage;
        }
    };
    let asks = arguments.asks();
    if let Some(keys) = more {
        return match Box::pin(arguments.restore_batches(keys)).await {
            Ok(exit) | Err(exit) => exit,
        };
    }
    let mut payload = arguments.payload(keys);
    if asks {
        payload.insert("hold".to_owned(), Value::Bool(true));
    }
    let request = match request::parse(&Value::Object(payload)) {
        Ok(request) => request,
        Err(error) => return super::refuse(&AppError::Request(error)),
    };
    if asks && !io::stdin().is_terminal() {
        show::error(
            "it writes in place, and nobody can be asked here: give --yes, or look with --dry-run",
        );
        return Exit::Usage;
    }
    let prepared = match arguments.prepared().await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let output = Output::json(arguments.json);
    let summary = match prepared.answer(&request, output).await {
        Ok(summary) => summary,
        Err(exit) => return exit,
    };
    if asks {
        return Box::pin(arguments.ask(&prepared, summary)).await;
    }
    super::finish(&summary, output)
}

impl Arguments {
    /// Whether somebody is asked before anything is written: in place, and for an undo.
    fn asks(&self) -> bool {
        let acts = !self.dry_run && !self.hold && !self.yes;
        let later = [&self.confirm, &self.continues, &self.cancel];
        let begins = later.iter().all(|verb| verb.is_none());
        acts && begins && (self.to.is_none() || self.undo.is_some())
    }

    /// Shows what was planned and asks; then it is done, or cancelled.
    async fn ask(&self, prepared: &Prepared, planned: Summary) -> Exit {
        let Some(id) = planned
            .restored()
            .and_then(|restored| restored.confirm.clone())
        else {
            return super::finish(&planned, Output::json(self.json));
        };
        for line in before(&planned).lines() {
            show::stderr_line(line);
        }
        let verb = if confirmed(&question(&planned)) {
            "confirm"
        } else {
            "cancel"
        };
        let payload = json!({"operation": "restore", verb: id});
        let request = match request::parse(&payload) {
            Ok(request) => request,
            Err(error) => return super::refuse(&AppError::Request(error)),
        };
        prepared.run(&request, Output::json(self.json)).await
    }

    /// The keys that are named, or those of a file that one restore does not take.
    fn keys(&self) -> Result<(Vec<String>, Option<SortedKeys>), Unasked> {
        let mut keys = self.keys.clone();
        let Some(file) = &self.keys_from else {
            return Ok((keys, None));
        };
        match keys_file::read(file).map_err(|error| Unasked::Wrong(error.to_string()))? {
            NamedKeys::Few(named) => keys.extend(named),
            NamedKeys::Many(_) if !keys.is_empty() => {
                return Err(Unasked::Wrong(format!(
                    "{file} names more keys than one restore takes: give the others in the file, too"
                )));
            }
            NamedKeys::Many(sorted) => {
                self.can_be_cut(file, sorted.count)?;
                return Ok((keys, Some(sorted)));
            }
        }
        if keys.is_empty() {
            return Err(Unasked::Nothing);
        }
        Ok((keys, None))
    }

    /// Whether a file of so many keys can be restored batch by batch.
    fn can_be_cut(&self, file: &str, keys: u64) -> Result<(), Unasked> {
        let (keys, batch) = (count(keys), count(KEYS_OF_BATCH as u64));
        let begin =
            format!("{file} names {keys} keys, which are restored {batch} at a time at most");
        if self.asks() {
            return Err(Unasked::Wrong(format!(
                "{begin}, and nobody is asked for each time: give --yes, or look with --dry-run"
            )));
        }
        if self.max_cost.is_some() {
            return Err(Unasked::Wrong(format!(
                "{begin}, and --max-cost is for one restore: look with --dry-run, and leave it out"
            )));
        }
        Ok(())
    }

    /// Restores the keys of a file, one batch after the other, all as they were at the same point.
    async fn restore_batches(&self, mut keys: SortedKeys) -> Result<Exit, Exit> {
        let output = Output::json(self.json);
        let prepared = self.prepared().await?;
        let mut payload = self.payload(Vec::new());
        let mut worst = Exit::Complete;
        loop {
            let batch = keys.batch().map_err(|error| {
                show::error(&error.to_string());
                Exit::CouldNotRun
            })?;
            if batch.is_empty() {
                return Ok(worst);
            }
            payload.insert("keys".to_owned(), batch.into());
            let request = request::parse(&Value::Object(payload.clone()));
            let request = request.map_err(|error| super::refuse(&AppError::Request(error)))?;
            let summary = prepared.answer(&request, output).await?;
            let exit = super::finish(&summary, output);
            if summary.cursor().is_some() {
                return Ok(exit);
            }
            if exit != Exit::Complete {
                worst = exit;
            }
            // A backup may end between two batches.
            let point = summary
                .restored()
                .and_then(|restored| restored.point.clone());
            if let Some(run) = point.and_then(|point| point.run) {
                payload.remove("at");
                payload.insert("run".to_owned(), run.into());
            }
        }
    }

    /// The job, as the arguments and the environment name it.
    async fn prepared(&self) -> Result<Prepared, Exit> {
        let mut vars = given([
            (&SOURCE_BUCKET, &self.source),
            (&MAX_CONCURRENCY, &self.max_concurrency),
        ]);
        vars.extend(listed(&DESTINATION_BUCKET, &self.destination));
        let table = read_price_table(self.prices.as_deref()).map_err(|error| {
            show::error(&error.to_string());
            Exit::Usage
        })?;
        vars.extend(table);
        Prepared::new(vars).await
    }

    /// The request in the words of the payload.
    fn payload(&self, keys: Vec<String>) -> Map<String, Value> {
        let mut payload = Map::new();
        payload.insert("operation".to_owned(), "restore".into());
        if !keys.is_empty() {
            payload.insert("keys".to_owned(), keys.into());
        }
        let texts = [
            ("prefix", &self.prefix),
            ("run", &self.run),
            ("at", &self.at),
            ("version_id", &self.version_id),
            ("from", &self.from),
            ("to", &self.to),
            ("strip_prefix", &self.strip_prefix),
            ("only", &self.only),
            ("extra", &self.extra),
            ("storage_class", &self.storage_class),
            ("tier", &self.tier),
            ("confirm", &self.confirm),
            ("continue", &self.continues),
            ("undo", &self.undo),
            ("cancel", &self.cancel),
        ];
        for (name, value) in texts {
            let value = value.as_ref().map(|value| Value::from(value.as_str()));
            payload.extend(value.map(|value| (name.to_owned(), value)));
        }
        for (name, globs) in [("include", &self.include), ("exclude", &self.exclude)] {
            if !globs.is_empty() {
                payload.insert(name.to_owned(), globs.join(",").into());
            }
        }
        let flags = [
            ("all", self.all),
            ("versions", self.versions),
            ("dry_run", self.dry_run),
            ("hold", self.hold),
        ];
        for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
            payload.insert(name.to_owned(), Value::Bool(true));
        }
        if self.discard_replaced {
            payload.insert("replaced".to_owned(), "discard".into());
        }
        let days = self
            .thawed_days
            .map(|days| ("thawed_days".to_owned(), days.into()));
        payload.extend(days);
        let cost = self
            .max_cost
            .map(|cost| ("max_cost".to_owned(), cost.into()));
        payload.extend(cost);
        payload
    }
}

/// What somebody sees before the question.
fn before(planned: &Summary) -> String {
    let due = planned.objects_to_copy();
    let restored = planned.restored();
    let text = restored.map_or_else(String::new, |restored| restored::before(restored, due));
    show::fitted(&text, io::stderr())
}

/// The question: `restore 1,204 objects into s3://primary? type yes`.
fn question(planned: &Summary) -> String {
    let target = planned.restored().map(|restored| restored.target.clone());
    let objects = terminal::objects(planned.objects_to_copy());
    format!(
        "restore {objects} into {}? type yes: ",
        printable(&target.unwrap_or_default())
    )
}

fn confirmed(question: &str) -> bool {
    let mut stderr = io::stderr();
    if write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .is_err()
    {
        return false;
    }
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}
