//! Changes for the golden files.

use super::ChangeTotals;
use crate::diff::{Change, ChangeCounts, DifferenceKind};
use crate::model::{ETag, Key, StorageClass, Timestamp, VersionId};
use crate::snapshot::{Index, Row, SegmentRow, samples};

/// A row of 1,536 bytes.
pub(crate) fn row(key: &str) -> Row {
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

/// It, as it is read from a segment.
pub(crate) fn stored(row: Row) -> SegmentRow {
    samples::segment(&[row]).rows().next().unwrap().unwrap()
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

/// One of each kind, and keys that have to be spelled.
pub(crate) fn every_change() -> [Change; 6] {
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
        totals: crate::snapshot::Totals {
            objects,
            bytes: 1536 * objects,
            copied: 1,
            ..crate::snapshot::Totals::default()
        },
        segments: Vec::new(),
        ..samples::index(run_id, None)
    }
}

/// The numbers of changes between two snapshots of nine objects.
pub(crate) fn totals(changes: &[Change]) -> ChangeTotals {
    let mut tally = ChangeCounts::default();
    for change in changes {
        tally.count(change);
    }
    let (from, to) = ("2026-11-20T02-00-00Z-91c0", "2026-11-21T02-00-00Z-7f3a");
    ChangeTotals::of(&index(from, 9), &index(to, 9), &tally)
}
