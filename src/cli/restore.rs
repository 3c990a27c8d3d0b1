//! `s3-backup restore`: arguments in, the payload of the same words out, and a question before it writes in
//! place.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write as _};

use clap::Args;
use serde_json::{Map, Value, json};

use super::buckets::listed;
use super::output::Output;
use super::terminal::{self, printable};
use super::{Exit, Prepared, given, read_price_table, restored, show};
use crate::config::{DESTINATION_BUCKET, MAX_CONCURRENCY, SOURCE_BUCKET};
use crate::handler::HandlerError;
use crate::model::Key;
use crate::report::Summary;
use crate::request;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup restore reports/2026.pdf --run latest --source primary --destination backup
  s3-backup restore --prefix reports/ --at 2026-11-20T14:00Z --dry-run
  s3-backup restore --all --run latest~1 --to s3://scratch/back/
  s3-backup restore --all --run latest --only missing --yes
  s3-backup restore --undo 2026-11-21T02-00-00Z-7f3a
  aws s3 ls s3://primary | awk '{print $4}' | s3-backup restore --keys-from - --run latest --yes

Without --to it restores into the source, as new versions on top, and asks before it does. --source and
--destination name the job, as for `runs`; of several destinations the first one is read.

Exit codes: 0 complete, 1 could not run, 2 wrong usage, 3 incomplete, held, or waiting for archives";

/// Keys that a file may name.
const MOST_KEYS: usize = 100_000;

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
    /// Where to, instead of the source
    #[arg(long, value_name = "S3_URL")]
    to: Option<String>,
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
    let mut payload = match arguments.payload() {
        Ok(payload) => payload,
        Err(Unasked::Nothing) => {
            return show::result("nothing to restore", "nothing to restore", Exit::Complete);
        }
        Err(Unasked::Wrong(problem)) => {
            show::error(&problem);
            return Exit::Usage;
        }
    };
    let asks = arguments.asks();
    if asks {
        payload.insert("hold".to_owned(), Value::Bool(true));
    }
    let request = match request::parse(&Value::Object(payload)) {
        Ok(request) => request,
        Err(error) => return super::refuse(&HandlerError::Request(error)),
    };
    if asks && !io::stdin().is_terminal() {
        show::error(
            "it writes in place, and nobody can be asked here: give --yes, or look with --dry-run",
        );
        return Exit::Usage;
    }
    let mut vars = given([
        (&SOURCE_BUCKET, &arguments.source),
        (&MAX_CONCURRENCY, &arguments.max_concurrency),
    ]);
    vars.extend(listed(&DESTINATION_BUCKET, &arguments.destination));
    match read_price_table(arguments.prices.as_deref()) {
        Ok(table) => vars.extend(table),
        Err(problem) => {
            show::error(&problem);
            return Exit::Usage;
        }
    }
    let prepared = match Prepared::new(vars).await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let output = Output::json(arguments.json);
    let summary = match prepared.answer(&request, output).await {
        Ok(summary) => summary,
        Err(exit) => return exit,
    };
    if asks {
        return arguments.ask(&prepared, summary).await;
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
            Err(error) => return super::refuse(&HandlerError::Request(error)),
        };
        prepared.run(&request, Output::json(self.json)).await
    }

    /// The request in the words of the payload.
    fn payload(&self) -> Result<Map<String, Value>, Unasked> {
        let mut payload = Map::new();
        payload.insert("operation".to_owned(), "restore".into());
        let mut keys = self.keys.clone();
        if let Some(file) = &self.keys_from {
            keys.extend(read_keys(file).map_err(Unasked::Wrong)?);
            if keys.is_empty() {
                return Err(Unasked::Nothing);
            }
        }
        if !keys.is_empty() {
            payload.insert("keys".to_owned(), keys.into());
        }
        let texts = [
            ("prefix", &self.prefix),
            ("run", &self.run),
            ("at", &self.at),
            ("version_id", &self.version_id),
            ("to", &self.to),
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
        Ok(payload)
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

/// The keys of a file, one a line.
fn read_keys(file: &str) -> Result<Vec<String>, String> {
    let lines: Box<dyn BufRead> = if file == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file);
        let opened = opened.map_err(|error| format!("cannot read the keys of {file}: {error}"))?;
        Box::new(BufReader::new(opened))
    };
    let mut keys = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let number = number + 1;
        let line = line.map_err(|error| format!("cannot read line {number} of {file}: {error}"))?;
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            continue;
        }
        if line.len() > Key::MOST_BYTES {
            return Err(format!(
                "line {number} of {file} has {} bytes, and a key has {} at most",
                line.len(),
                Key::MOST_BYTES
            ));
        }
        keys.push(line.to_owned());
        if keys.len() > MOST_KEYS {
            return Err(format!(
                "{file} names more than {MOST_KEYS} keys: restore a prefix or use globs, or cut the file"
            ));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_key_is_named_by_its_number() {
        let file = std::env::temp_dir().join("s3-backup-keys-of-a-test");
        let name = file.to_str().unwrap();
        std::fs::write(&file, format!("a\n\nb c\r\n{}\n", "x".repeat(1025))).unwrap();

        let refused = read_keys(name).unwrap_err();
        std::fs::write(&file, "a\n\nb c\r\n").unwrap();
        let read = read_keys(name);
        std::fs::remove_file(&file).unwrap();

        assert_eq!(
            refused,
            format!("line 4 of {name} has 1025 bytes, and a key has 1024 at most")
        );
        assert_eq!(read, Ok(vec!["a".to_owned(), "b c".to_owned()]));
    }
}
