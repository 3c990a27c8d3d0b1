//! What a person at a terminal sees of a restore: what happens, what it costs, and what can be done next.

use std::fmt::Write as _;

use super::terminal::{bytes, count, printable, usd};
use crate::report::{AmountRow, Restored};

/// The lines of a summary that only a restore has.
pub fn lines(restored: &Restored) -> String {
    let mut text = String::new();
    if let Some(plan) = &restored.plan {
        let _ = writeln!(
            text,
            "\n  {:<20} {:>12} {:>12}",
            "what happens", "objects", "size"
        );
        for AmountRow {
            name,
            objects,
            bytes: size,
        } in &plan.happens
        {
            let _ = writeln!(
                text,
                "  {name:<20} {:>12} {:>12}",
                count(*objects),
                bytes(*size)
            );
        }
        let cost = plan.cost_usd.map_or_else(|| "unknown".to_owned(), usd);
        let _ = writeln!(text, "\n  {:<12} {cost}", "cost");
        let _ = writeln!(
            text,
            "  {:<12} {}",
            "next backup",
            usd(plan.next_backup_cost_usd)
        );
        if plan.hours > 0 {
            let _ = writeln!(
                text,
                "  {:<12} {} hours until the last is ready",
                "archives", plan.hours
            );
        }
        if restored.id.is_none() {
            let _ = writeln!(text, "  {:<12} {}", "command", printable(&plan.command));
        }
    }
    if let Some(id) = &restored.id {
        let next = match restored.stage {
            Some("complete") if restored.kind == "drill" => return text,
            Some("held") => format!("s3-backup restore --confirm {id}"),
            Some("waiting" | "incomplete" | "running" | "planning") => {
                format!("s3-backup restore --continue {id}")
            }
            Some("complete") if restored.replaced + restored.created + restored.marked > 0 => {
                format!("s3-backup restore --undo {id} takes it back")
            }
            Some(_) | None => return text,
        };
        let _ = writeln!(text, "  {:<12} {next}", "next");
    }
    text
}
