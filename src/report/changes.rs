//! What changed between two snapshots, as scripts read it.

use serde::Serialize;

use crate::diff::{Change, ChangeCounts, DifferenceKind};
use crate::model::Timestamp;
use crate::snapshot::{Index, RowRef};

/// Changes of each kind that the one JSON object tells; all are in the lines.
const MOST_TOLD: usize = 100;
/// Bytes of JSON that the changes of one kind may take in it.
const MOST_BYTES: usize = 96 * 1024;

/// A change in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeLine {
    change: &'static str,
    what: Option<&'static str>,
    key: String,
    before: Option<Facts>,
    after: Option<Facts>,
}

/// What a snapshot says of an object, under the names of its columns.
#[derive(Clone, Debug, Serialize)]
struct Facts {
    size: u64,
    source_etag: String,
    source_modified: Timestamp,
    source_version_id: Option<String>,
    backup_etag: String,
    backup_modified: Option<Timestamp>,
    backup_version_id: Option<String>,
    storage_class: String,
    checksum: Option<String>,
}

impl From<RowRef<'_>> for Facts {
    fn from(row: RowRef<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            size: row.size,
            source_etag: row.source_etag.to_owned(),
            source_modified: row.source_modified,
            source_version_id: owned(row.source_version_id),
            backup_etag: row.backup_etag.to_owned(),
            backup_modified: row.backup_modified,
            backup_version_id: owned(row.backup_version_id),
            storage_class: row.storage_class.to_owned(),
            checksum: owned(row.checksum),
        }
    }
}

impl From<&Change> for ChangeLine {
    fn from(change: &Change) -> Self {
        let (name, what, before, after) = match change {
            Change::Added(row) => ("added", None, None, Some(row)),
            Change::Removed(row) => ("removed", None, Some(row), None),
            Change::Changed {
                before,
                after,
                what,
            } => (
                "changed",
                Some(difference_name(*what)),
                Some(before),
                Some(after),
            ),
        };
        let key = after.or(before).map(|row| row.key().to_owned());
        Self {
            change: name,
            what,
            key: key.unwrap_or_default(),
            before: before.map(|row| row.row().into()),
            after: after.map(|row| row.row().into()),
        }
    }
}

/// The name of a kind of difference.
pub fn difference_name(what: DifferenceKind) -> &'static str {
    match what {
        DifferenceKind::Content => "content",
        DifferenceKind::Metadata => "metadata",
        DifferenceKind::Class => "class",
        DifferenceKind::Backup => "backup",
    }
}

/// One of the two snapshots.
#[derive(Clone, Debug, Serialize)]
struct Snapshot {
    run_id: String,
    started_at: Timestamp,
    objects: u64,
    bytes: u64,
}

impl From<&Index> for Snapshot {
    fn from(index: &Index) -> Self {
        Self {
            run_id: index.run_id.clone(),
            started_at: index.started_at,
            objects: index.totals.objects,
            bytes: index.totals.bytes,
        }
    }
}

/// How much changed, in JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChangeFigures {
    /// Objects that only the later one has.
    pub objects_added: u64,
    /// Their size.
    pub bytes_added: u64,
    /// Objects that only the earlier one has.
    pub objects_removed: u64,
    /// Their size.
    pub bytes_removed: u64,
    /// Objects of both that differ.
    pub objects_changed: u64,
    /// The same, by what differs first.
    pub changed_by: ChangedBy,
    /// Objects that are the same in both.
    pub objects_unchanged: u64,
}

/// Changed objects, by what differs first.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChangedBy {
    /// Another ETag or size.
    pub content: u64,
    /// Written anew with the same content.
    pub metadata: u64,
    /// A backup in another storage class.
    pub class: u64,
    /// A backup of another version.
    pub backup: u64,
}

/// All that changed, in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeTotals {
    source: String,
    destination: String,
    from: Snapshot,
    to: Snapshot,
    #[serde(flatten)]
    /// How much changed.
    pub counts: ChangeFigures,
}

/// The last one of the lines.
#[derive(Debug, Serialize)]
pub struct LastLine<'a> {
    totals: &'a ChangeTotals,
}

impl ChangeTotals {
    /// What was counted between these two.
    pub fn of(from: &Index, to: &Index, tally: &ChangeCounts) -> Self {
        let in_both = from.totals.objects.saturating_sub(tally.removed);
        Self {
            source: to.source.clone(),
            destination: to.destination.clone(),
            from: from.into(),
            to: to.into(),
            counts: ChangeFigures {
                objects_added: tally.added,
                bytes_added: tally.bytes_added,
                objects_removed: tally.removed,
                bytes_removed: tally.bytes_removed,
                objects_changed: tally.changed(),
                changed_by: ChangedBy {
                    content: tally.content,
                    metadata: tally.metadata,
                    class: tally.class,
                    backup: tally.backup,
                },
                objects_unchanged: in_both.saturating_sub(tally.changed()),
            },
        }
    }

    /// As a line that says it is the last.
    pub fn as_last_line(&self) -> LastLine<'_> {
        LastLine { totals: self }
    }
}

/// The first changes of each kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FirstChanges {
    added: FirstOfKind,
    removed: FirstOfKind,
    changed: FirstOfKind,
    omitted: u64,
}

/// The first changes of one kind.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
struct FirstOfKind {
    lines: Vec<ChangeLine>,
    #[serde(skip)]
    bytes: usize,
}

/// The one JSON object.
#[derive(Debug, Serialize)]
pub struct Difference<'a> {
    #[serde(flatten)]
    totals: &'a ChangeTotals,
    #[serde(flatten)]
    first: &'a FirstChanges,
}

impl FirstChanges {
    /// Keeps a change, if there is room for it.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn add(&mut self, change: &Change) -> serde_json::Result<()> {
        let few = match change {
            Change::Added(_) => &mut self.added,
            Change::Removed(_) => &mut self.removed,
            Change::Changed { .. } => &mut self.changed,
        };
        if few.lines.len() < MOST_TOLD {
            let line = ChangeLine::from(change);
            let bytes = few.bytes + serde_json::to_string(&line)?.len();
            if bytes <= MOST_BYTES {
                few.bytes = bytes;
                few.lines.push(line);
                return Ok(());
            }
        }
        self.omitted += 1;
        Ok(())
    }

    /// They, with the numbers of all.
    pub fn with<'a>(&'a self, totals: &'a ChangeTotals) -> Difference<'a> {
        let first = self;
        Difference { totals, first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::change_samples::{every_change, row, stored, totals};

    #[test]
    fn the_json_is_the_one_in_the_golden_file() {
        let changes = every_change();
        let mut first = FirstChanges::default();

        for change in &changes {
            first.add(change).unwrap();
        }

        let totals = totals(&changes);
        let json = serde_json::to_string_pretty(&first.with(&totals)).unwrap();
        assert_eq!(
            json,
            include_str!("../../tests/golden/diff.json").trim_end()
        );
    }

    #[test]
    fn a_hundred_changes_of_each_kind_are_kept_and_the_rest_counted() {
        let mut first = FirstChanges::default();

        for change in every_change().iter().cycle().take(900) {
            first.add(change).unwrap();
        }

        let kept = [&first.added, &first.removed, &first.changed].map(|few| few.lines.len());
        assert_eq!(kept, [100, 100, 100]);
        assert_eq!(first.omitted, 900 - 300);
    }

    #[test]
    fn long_keys_do_not_make_the_json_long() {
        let mut first = FirstChanges::default();
        let added = Change::Added(stored(row(&"\u{1}".repeat(1024))));

        for _ in 0..100 {
            first.add(&added).unwrap();
        }

        let json = serde_json::to_string(&first).unwrap();
        assert!(json.len() < MOST_BYTES + 1000, "{}", json.len());
        assert!(first.omitted > 0);
    }
}
