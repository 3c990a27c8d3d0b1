//! What a restore tells: its part of the result.

use super::by_versions::CANNOT_KNOW;
use super::choose::Why;
use super::figures::Figures;
use super::session::Session;
use super::state::{Kind, TargetRecord};
use crate::report::{AmountRow, KeyRow, PointWords, RestorePlanWords, Restored};
use crate::request::{Extra, Point, StartRestore, What};

/// Keys that a command names before it refers to the request.
const MOST_KEYS: usize = 20;

impl Session<'_> {
    /// What a restore tells, and why it is held and what to confirm then.
    pub(super) fn words(&self, held: Option<String>, confirm: Option<String>) -> Restored {
        let session = self;
        let progress = &session.held.progress;
        let tally = progress.tally();
        let request = &session.request;
        let dry_run = !session.held.is_written();
        Restored {
            id: (!dry_run).then(|| request.id.clone()),
            kind: match (request.kind, &request.drill) {
                (Kind::Restore, None) => "restore",
                (Kind::Restore, Some(_)) => "drill",
                (Kind::Undo, _) => "undo",
            },
            drill: session.drilled.clone(),
            undoes: request.undoes.clone(),
            point: session.start().map(|start| point(start, session)),
            from: session.site.backup.name().to_string(),
            is_one_of_several: session.config().destinations.len() > 1,
            places: session.places.clone(),
            target: target(&request.target),
            stage: (!dry_run).then(|| progress.stage.name()),
            waiting: tally.waiting,
            ready_at: progress.ready_at.filter(|_| tally.waiting > 0),
            replaced: tally.replaced,
            created: tally.created,
            marked: tally.marked,
            changed_meanwhile: tally.changed_meanwhile,
            extra: progress.figures.extra.objects,
            left_alone: progress.figures.left_alone_keys.clone(),
            held,
            confirm,
            plan: session.tells_plan().then(|| plan(session)),
        }
    }
}

fn point(start: &StartRestore, session: &Session<'_>) -> PointWords {
    let recorded = session.request.point.as_ref();
    let ended_at = recorded.map(|point| point.ended_at);
    let (asked, earlier) = match &start.point {
        Point::Run(run) => (run.clone(), None),
        Point::At(at) => (
            at.to_string(),
            ended_at.map(|ended| at.since(ended).as_secs()),
        ),
        Point::Versions(at) => (at.to_string(), None),
        Point::Version(version) => (version.as_str().to_owned(), None),
    };
    let by_versions = matches!(start.point, Point::Versions(_));
    PointWords {
        run: recorded.map(|point| point.run_id.clone()),
        ended_at,
        asked,
        earlier_by_seconds: earlier,
        cannot_know: by_versions.then_some(CANNOT_KNOW),
    }
}

/// The target as people write it.
fn target(record: &TargetRecord) -> String {
    match record.prefix.as_str() {
        "" => format!("s3://{}", record.bucket),
        prefix => format!("s3://{}/{prefix}", record.bucket),
    }
}

fn plan(session: &Session<'_>) -> RestorePlanWords {
    let figures = &session.held.progress.figures;
    let outlay = session.outlay();
    RestorePlanWords {
        happens: happens(figures),
        classes: figures
            .classes
            .iter()
            .map(|(class, amount)| AmountRow {
                name: class.clone(),
                objects: amount.objects,
                bytes: amount.bytes,
            })
            .collect(),
        hours: outlay.hours,
        cost_usd: outlay.usd,
        next_backup_cost_usd: outlay.next_backup_usd,
        keys: figures
            .keys
            .iter()
            .map(|(key, happens)| KeyRow {
                key: key.clone(),
                happens: happens.clone(),
            })
            .collect(),
        command: command(session),
    }
}

fn happens(figures: &Figures) -> Vec<AmountRow> {
    let written = Why::ALL
        .into_iter()
        .map(|why| (why.name(), figures.of(why)));
    let written = written.filter(|(name, _)| *name != "extra");
    let rest = [("extra", figures.extra), ("unchanged", figures.unchanged)];
    let rows = written.chain(rest).filter(|(_, amount)| amount.objects > 0);
    rows.map(|(name, amount)| AmountRow {
        name: name.to_owned(),
        objects: amount.objects,
        bytes: amount.bytes,
    })
    .collect()
}

/// The command that does what was planned.
fn command(session: &Session<'_>) -> String {
    let config = session.config();
    let mut words = vec!["s3-backup restore".to_owned()];
    match session.start() {
        None => {
            let undoes = session.request.undoes.clone().unwrap_or_default();
            words.push(format!("--undo {undoes}"));
        }
        Some(start) => words.extend(words_of(start, session)),
    }
    words.push(format!("--source {}", quoted(&config.source.to_string())));
    let backup = session.site.destination.location.to_string();
    words.push(format!("--destination {}", quoted(&backup)));
    words.join(" ")
}

fn words_of(start: &StartRestore, session: &Session<'_>) -> Vec<String> {
    let mut words = Vec::new();
    match &start.what {
        What::All => words.push("--all".to_owned()),
        What::Prefix(prefix) => words.push(format!("--prefix {}", quoted(prefix.as_str()))),
        What::Keys(keys) if keys.len() > MOST_KEYS => words.push("--keys-from FILE".to_owned()),
        What::Keys(keys) => words.extend(keys.iter().map(|key| quoted(key.as_str()))),
    }
    let run = session
        .request
        .point
        .as_ref()
        .map(|point| point.run_id.as_str());
    words.push(match (&start.point, run) {
        (Point::Version(version), _) => format!("--version-id {}", quoted(version.as_str())),
        (Point::Versions(at), _) => format!("--at {at} --versions"),
        (_, Some(run)) => format!("--run {run}"),
        (Point::Run(run), None) => format!("--run {}", quoted(run)),
        (Point::At(at), None) => format!("--at {at}"),
    });
    let text = |name: &str| {
        session
            .request
            .request
            .get(name)
            .and_then(|value| value.as_str())
    };
    for (field, flag) in [
        ("include", "--include"),
        ("exclude", "--exclude"),
        ("to", "--to"),
        ("strip_prefix", "--strip-prefix"),
        ("storage_class", "--storage-class"),
        ("tier", "--tier"),
    ] {
        words.extend(text(field).map(|value| format!("{flag} {}", quoted(value))));
    }
    if start.only_missing {
        words.push("--only missing".to_owned());
    }
    if start.extra == Extra::Mark {
        words.push("--extra mark".to_owned());
    }
    if !start.keeps_replaced {
        words.push("--discard-replaced".to_owned());
    }
    words
}

/// The text as a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_are_quoted_as_a_shell_needs_it() {
        assert_eq!(quoted("a/b-c.txt"), "a/b-c.txt");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted("-rf"), "'-rf'");
        assert_eq!(quoted(""), "''");
    }
}
