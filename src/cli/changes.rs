//! What changed between two snapshots, as people read it.

use std::fmt::Write as _;

use super::terminal;
use crate::diff::{Change, DifferenceKind};
use crate::report::{ChangeTotals, difference_name};
use crate::snapshot::RowRef;

/// A change as a line of text.
pub fn text(change: &Change) -> String {
    let (verb, row, fact) = match change {
        Change::Added(row) => ("added", row, String::new()),
        Change::Removed(row) => ("removed", row, String::new()),
        Change::Changed {
            before,
            after,
            what,
        } => (
            "changed",
            after,
            difference(before.row(), after.row(), *what),
        ),
    };
    let key = terminal::printable(row.key());
    let size = terminal::bytes(row.row().size);
    format!("{verb:<7}  {key} ({fact}{size})\n")
}

/// In what two rows differ, up to the size that the object has now.
fn difference(before: RowRef<'_>, after: RowRef<'_>, what: DifferenceKind) -> String {
    match what {
        DifferenceKind::Content if before.size == after.size => "content, ".to_owned(),
        DifferenceKind::Content => format!("content, {} -> ", terminal::bytes(before.size)),
        DifferenceKind::Metadata => "metadata, ".to_owned(),
        DifferenceKind::Class => {
            let classes = format!("{} -> {}", before.storage_class, after.storage_class);
            format!("class {}, ", terminal::printable(&classes))
        }
        DifferenceKind::Backup => "backup, ".to_owned(),
    }
}

/// All that changed, as a line of text.
pub fn totals_text(totals: &ChangeTotals) -> String {
    let counts = &totals.counts;
    let mut text = format!("{} added", counts.objects_added);
    if counts.objects_added > 0 {
        let _ = write!(text, " ({})", terminal::bytes(counts.bytes_added));
    }
    let _ = write!(text, ", {} removed", counts.objects_removed);
    if counts.objects_removed > 0 {
        let _ = write!(text, " ({})", terminal::bytes(counts.bytes_removed));
    }
    let _ = write!(text, ", {} changed", counts.objects_changed);
    let by = &counts.changed_by;
    let kinds = [
        (by.content, DifferenceKind::Content),
        (by.metadata, DifferenceKind::Metadata),
        (by.class, DifferenceKind::Class),
        (by.backup, DifferenceKind::Backup),
    ];
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
    let kinds: Vec<String> = kinds
        .map(|(count, what)| format!("{count} {}", difference_name(what)))
        .collect();
    if !kinds.is_empty() {
        let _ = write!(text, " ({})", kinds.join(", "));
    }
    let _ = writeln!(text, ", {} unchanged", counts.objects_unchanged);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::change_samples::{every_change, totals};

    #[test]
    fn the_text_is_the_one_in_the_golden_file() {
        let changes = every_change();

        let told: String = changes.iter().map(text).collect();

        let told = told + &totals_text(&totals(&changes));
        assert_eq!(told, include_str!("../../tests/golden/diff.txt"));
    }
}
