//! Rows for tests.

use std::sync::Arc;

use bytes::Bytes;

use super::changes::RowChange;
use super::writer::Writer;
use super::{
    ChangesEntry, Digest, Index, Link, Past, Row, Segment, SegmentChanges, SegmentEntry, Totals,
};
use crate::model::{ETag, Key, StorageClass, Timestamp, VersionId};

/// The row of that number. Their keys are in the order of the numbers, and look like those of people.
pub(crate) fn row(number: u64) -> Row {
    let digest = Digest::of(&number.to_le_bytes()).to_string();
    let (etag, rest) = digest.split_at(32);
    let modified = 1_795_226_400_000 + 1000 * (number * 31 % 86_400);
    let there = |one_in: u64, text: &str| number.is_multiple_of(one_in).then(|| text.to_owned());
    Row {
        key: Key::new(format!("logs/é/{:04}/part-{number:08}.gz", number / 1000)),
        size: number * 977 % 1_000_003,
        source_etag: ETag::new(etag),
        source_modified: Timestamp::from_millis(modified.cast_signed()),
        source_version_id: there(3, rest).map(VersionId::new),
        backup_etag: ETag::new(etag),
        backup_modified: (!number.is_multiple_of(11))
            .then(|| Timestamp::from_millis(modified.cast_signed() + 60_000)),
        backup_version_id: there(2, rest).map(VersionId::new),
        storage_class: StorageClass::new(there(7, "GLACIER_IR").as_deref()),
        checksum: there(5, "crc64nvme:AAECAwQFBgc="),
    }
}

/// So many rows.
pub(super) fn rows(count: u64) -> Vec<Row> {
    (0..count).map(row).collect()
}

/// The bytes of the segment of these rows, and what its index says.
pub(super) fn encoded(rows: &[Row]) -> (Bytes, SegmentEntry) {
    let mut writer = Writer::new().unwrap();
    for row in rows {
        writer.push(row.as_ref()).unwrap();
    }
    let last = rows.last().unwrap().key.clone();
    writer.finish(last).unwrap()
}

/// The segment of these rows.
pub(crate) fn segment(rows: &[Row]) -> Arc<Segment> {
    let (bytes, entry) = encoded(rows);
    Segment::open(bytes, entry).unwrap()
}

/// The bytes of a file of these changes, and what an index says of it.
pub(super) fn encoded_changes(changes: &[(RowChange, Row)]) -> (Bytes, ChangesEntry) {
    let mut writer = Writer::of_changes().unwrap();
    for (change, row) in changes {
        writer.push_change(*change, row.as_ref()).unwrap();
    }
    writer.finish_changes().unwrap()
}

/// The index of the same segments, the first of which has changes of two nights, and the orphans of the second.
pub(super) fn changed_index(run_id: &str, previous: Option<Link>) -> Index {
    let mut index = index(run_id, previous);
    let changes = |night: u64, from| SegmentChanges {
        file: ChangesEntry {
            bytes: 2000 + night,
            sha256: Digest::of(&(100 + night).to_le_bytes()),
        },
        from,
        rows: 1,
    };
    index.segments[0].changes = vec![changes(1, 0), changes(2, 0)];
    index.orphans[0].changes = vec![changes(2, 1)];
    index.format = 4;
    index
}

/// The index of two segments, of a run of that id.
pub(crate) fn index(run_id: &str, previous: Option<Link>) -> Index {
    let entry = |first, last| SegmentEntry {
        first_key: row(first).key,
        last_key: row(last).key,
        rows: last - first + 1,
        object_bytes: 10 * first,
        bytes: 1000 + first,
        sha256: Digest::of(&first.to_le_bytes()),
        changes: Vec::new(),
    };
    Index {
        format: 3,
        job: "job".to_owned(),
        source: "primary".to_owned(),
        destination: "backup".to_owned(),
        run_id: run_id.to_owned(),
        started_at: Timestamp::from_millis(1_795_226_400_000),
        ended_at: Timestamp::from_millis(1_795_226_460_000),
        totals: Totals {
            objects: 5,
            bytes: 100,
            copied: 2,
            errors: 0,
            ..Totals::default()
        },
        segments: vec![entry(0, 2), entry(3, 4)],
        orphans: vec![entry(5, 9)],
        previous,
        past: Past::default(),
    }
}
