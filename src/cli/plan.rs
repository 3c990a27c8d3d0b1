//! What a person at a terminal sees of a plan: short tables of what would be copied and of what is stored.

use std::fmt::Write as _;

use super::terminal::{bytes, count, printable, usd};
use crate::report::PlanPart;

/// Objects that are shown; the first hundred are in the JSON.
const MOST_SHOWN: usize = 20;

/// The plan, after the summary of the planning itself.
pub fn tables(plan: &PlanPart) -> String {
    let mut text = String::new();
    let total = plan.copies();
    let _ = writeln!(
        text,
        "\n  {:<20} {:>12} {:>12}",
        "to copy", "objects", "size"
    );
    for (reason, amount) in plan.reasons() {
        let size = bytes(amount.bytes);
        let _ = writeln!(
            text,
            "  {reason:<20} {:>12} {size:>12}",
            count(amount.objects)
        );
    }
    let size = bytes(total.bytes);
    let _ = writeln!(
        text,
        "  {:<20} {:>12} {size:>12}",
        "in all",
        count(total.objects)
    );
    let _ = writeln!(
        text,
        "\n  {:<20} {:>12} {:>12} {:>17}",
        "stored then", "objects", "size", "a month"
    );
    for row in plan.storage() {
        let (class, objects, stored) = row.stored();
        let size = bytes(stored);
        let price = match row.usd_per_month() {
            Some(dollars) => usd(dollars),
            None => "unknown".to_owned(),
        };
        let _ = writeln!(
            text,
            "  {class:<20} {:>12} {size:>12} {price:>17}",
            count(objects)
        );
    }
    text.push('\n');
    for (what, fact) in plan.facts() {
        let _ = writeln!(text, "  {what:<12} {fact}");
    }
    text.push_str(&objects(plan, total.objects));
    text.trim_end().to_owned()
}

/// The first objects, one a line.
fn objects(plan: &PlanPart, total: u64) -> String {
    let mut text = String::from("\n");
    let shown: Vec<_> = plan.objects().take(MOST_SHOWN).collect();
    for (key, reason) in &shown {
        let _ = writeln!(text, "  {reason:<14} {}", printable(key));
    }
    let hidden = total - shown.len() as u64;
    if hidden > 0 {
        let _ = writeln!(text, "  and {} more; --jsonl names all", count(hidden));
    }
    text
}
