//! What changed between two snapshots, as people and scripts read it.

use std::fmt::Write as _;

use serde::Serialize;

use super::terminal;
use crate::diff::{Change, ChangeCounts, DifferenceKind};
use crate::model::Timestamp;
use crate::snapshot::{Index, RowRef};

/// Changes of each kind that the one JSON object tells; all are in the lines.
const MOST_TOLD: usize = 100;
/// Bytes of JSON that the changes of one kind may take in it.
const MOST_BYTES: usize = 96 * 1024;

/// A change in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
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

impl From<&Change> for Line {
    fn from(change: &Change) -> Self {
        let (name, what, before, after) = match change {
            Change::Added(row) => ("added", None, None, Some(row)),
            Change::Removed(row) => ("removed", None, Some(row), None),
            Change::Changed {
                before,
                after,
                what,
            } => ("changed", Some(name(*what)), Some(before), Some(after)),
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

fn name(what: DifferenceKind) -> &'static str {
    match what {
        DifferenceKind::Content => "content",
        DifferenceKind::Metadata => "metadata",
        DifferenceKind::Class => "class",
        DifferenceKind::Backup => "backup",
    }
}

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
struct Counts {
    objects_added: u64,
    bytes_added: u64,
    objects_removed: u64,
    bytes_removed: u64,
    objects_changed: u64,
    changed_by: ChangedBy,
    objects_unchanged: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ChangedBy {
    content: u64,
    metadata: u64,
    class: u64,
    backup: u64,
}

/// All that changed, in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    source: String,
    destination: String,
    from: Snapshot,
    to: Snapshot,
    #[serde(flatten)]
    counts: Counts,
}

/// The last one of the lines.
#[derive(Debug, Serialize)]
pub struct LastLine<'a> {
    totals: &'a Totals,
}

impl Totals {
    /// What was counted between these two.
    pub fn of(from: &Index, to: &Index, tally: &ChangeCounts) -> Self {
        let in_both = from.totals.objects.saturating_sub(tally.removed);
        Self {
            source: to.source.clone(),
            destination: to.destination.clone(),
            from: from.into(),
            to: to.into(),
            counts: Counts {
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

    /// As a line of text.
    pub fn text(&self) -> String {
        let counts = &self.counts;
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
            .map(|(count, what)| format!("{count} {}", name(what)))
            .collect();
        if !kinds.is_empty() {
            let _ = write!(text, " ({})", kinds.join(", "));
        }
        let _ = writeln!(text, ", {} unchanged", counts.objects_unchanged);
        text
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
    lines: Vec<Line>,
    #[serde(skip)]
    bytes: usize,
}

/// The one JSON object.
#[derive(Debug, Serialize)]
pub struct Difference<'a> {
    #[serde(flatten)]
    totals: &'a Totals,
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
            let line = Line::from(change);
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
    pub fn with<'a>(&'a self, totals: &'a Totals) -> Difference<'a> {
        let first = self;
        Difference { totals, first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Key, StorageClass, VersionId};
    use crate::snapshot::samples::segment;
    use crate::snapshot::{Row, SNAPSHOT_FORMAT, SegmentRow};

    fn row(key: &str) -> Row {
        Row {
            key: Key::new(key),
            size: 1536,
            source_etag: ETag::new("9e107d9d372bb6826bd81d3542a419d6"),
            source_modified: Timestamp::from_millis(1_795_226_400_000),
            source_version_id: None,
            backup_etag: ETag::new("9e107d9d372bb6826bd81d3542a419d6"),
            backup_modified: None,
            backup_version_id: Some(VersionId::new("3sL4kqtJlcpXroDTDmJ")),
            storage_class: StorageClass::new(None),
            checksum: Some("crc64nvme:AAECAwQFBgc=".to_owned()),
        }
    }

    fn stored(row: Row) -> SegmentRow {
        segment(&[row]).rows().next().unwrap().unwrap()
    }

    fn changed(key: &str, what: DifferenceKind, change: fn(&mut Row)) -> Change {
        let mut after = row(key);
        change(&mut after);
        Change::Changed {
            before: stored(row(key)),
            after: stored(after),
            what,
        }
    }

    fn every_change() -> [Change; 6] {
        [
            Change::Added(stored(row("a\u{1b}[2J"))),
            changed("b", DifferenceKind::Content, |row| {
                row.size = 7;
                row.source_etag = ETag::new("e4d909c290d0fb1ca068ffaddf22cbd0");
            }),
            changed("c", DifferenceKind::Metadata, |row| {
                row.source_modified = Timestamp::from_millis(1_795_312_800_000);
            }),
            changed("d", DifferenceKind::Class, |row| {
                row.storage_class = StorageClass::new(Some("GLACIER_IR"));
            }),
            changed("e", DifferenceKind::Backup, |row| {
                row.backup_version_id = Some(VersionId::new("l8CMGp1y0wtQVDwX"));
            }),
            Change::Removed(stored(row("f"))),
        ]
    }

    fn index(run_id: &str, objects: u64) -> Index {
        Index {
            format: SNAPSHOT_FORMAT,
            job: "job".to_owned(),
            source: "primary".to_owned(),
            destination: "backup".to_owned(),
            run_id: run_id.to_owned(),
            started_at: Timestamp::from_millis(1_795_226_400_000),
            ended_at: Timestamp::from_millis(1_795_226_460_000),
            totals: crate::snapshot::Totals {
                objects,
                bytes: 1536 * objects,
                copied: 1,
                errors: 0,
                ..crate::snapshot::Totals::default()
            },
            segments: Vec::new(),
            orphans: Vec::new(),
            previous: None,
            past: crate::snapshot::Past::default(),
        }
    }

    fn totals(changes: &[Change]) -> Totals {
        let mut tally = ChangeCounts::default();
        for change in changes {
            tally.count(change);
        }
        let (from, to) = ("2026-11-20T02-00-00Z-91c0", "2026-11-21T02-00-00Z-7f3a");
        Totals::of(&index(from, 9), &index(to, 9), &tally)
    }

    #[test]
    fn the_text_is_the_one_in_the_golden_file() {
        let changes = every_change();

        let told: String = changes.iter().map(text).collect();

        let told = told + &totals(&changes).text();
        assert_eq!(told, include_str!("../../tests/golden/diff.txt"));
    }

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
