//! What a person at a terminal sees of a restore: what happens, what it costs, and what can be done next.

use std::fmt::Write as _;

use super::terminal::{bytes, count, objects, printable, usd};
use crate::report::{AmountRow, PointWords, Restored};

/// The lines of a summary that only a restore has.
pub fn lines(restored: &Restored) -> String {
    let mut text = plan(restored);
    text.push_str(&places(restored));
    if let Some(next) = next(restored) {
        let _ = writeln!(text, "  {:<12} {next}", "next");
    }
    text
}

/// What somebody has to know who is asked before so many objects are written: into which place, as of when, and
/// what it costs.
pub fn before(restored: &Restored, due: u64) -> String {
    let verb = if restored.kind == "undo" {
        "Undo"
    } else {
        "Restore"
    };
    let mut text = format!("{verb} of {} ", objects(due));
    if restored.is_one_of_several {
        let _ = write!(text, "from {} ", restored.from);
    }
    let _ = write!(text, "into {}", restored.target);
    let point = restored.point.as_ref();
    if let Some(clause) = point.and_then(PointWords::clause) {
        let _ = write!(text, ", {clause}");
    }
    format!(
        "{}\n{}{}",
        printable(&text),
        plan(restored),
        places(restored)
    )
}

/// Which backups have the run, where there are several.
fn places(restored: &Restored) -> String {
    let clause = restored.places_clause();
    clause.map_or_else(String::new, |places| {
        format!("  {:<12} {}\n", "run is in", printable(&places))
    })
}

/// The tables of a plan.
fn plan(restored: &Restored) -> String {
    let Some(plan) = &restored.plan else {
        return String::new();
    };
    let mut text = format!(
        "\n  {:<20} {:>12} {:>12}\n",
        "what happens", "objects", "size"
    );
    for row in &plan.happens {
        let AmountRow { name, .. } = row;
        let (number, size) = (count(row.objects), bytes(row.bytes));
        let _ = writeln!(text, "  {name:<20} {number:>12} {size:>12}");
    }
    let cost = plan.cost_usd.map_or_else(|| "unknown".to_owned(), usd);
    let next_backup = usd(plan.next_backup_cost_usd);
    let _ = writeln!(text, "\n  {:<12} {cost}", "cost");
    let _ = writeln!(text, "  {:<12} {next_backup}", "next backup");
    if plan.hours > 0 {
        let hours = plan.hours;
        let _ = writeln!(
            text,
            "  {:<12} {hours} hours until the last is ready",
            "archives"
        );
    }
    if restored.id.is_none() {
        let _ = writeln!(text, "  {:<12} {}", "command", printable(&plan.command));
    }
    text
}

/// The command that goes on with it.
fn next(restored: &Restored) -> Option<String> {
    let id = restored.id.as_ref()?;
    let written = restored.replaced + restored.created + restored.marked;
    match restored.stage {
        Some("complete") if restored.kind == "drill" => None,
        Some("held") => Some(format!("s3-backup restore --confirm {id}")),
        Some("waiting" | "incomplete" | "running" | "planning") => {
            Some(format!("s3-backup restore --continue {id}"))
        }
        Some("complete") if written > 0 => {
            Some(format!("s3-backup restore --undo {id} takes it back"))
        }
        Some(_) | None => None,
    }
}
