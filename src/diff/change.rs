//! Two snapshots in, what changed from one to the other out.

use futures::{Stream, TryStreamExt};

use super::join::{Joined, join};
use crate::snapshot::{RowRef, SegmentRow, SnapshotError};

/// What became of an object from one snapshot to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It came.
    Added(SegmentRow),
    /// It went.
    Removed(SegmentRow),
    /// It is another one, or its backup is.
    Changed {
        /// What it was.
        before: SegmentRow,
        /// What it has become.
        after: SegmentRow,
        /// In what it differs.
        what: DifferenceKind,
    },
}

/// In what two rows of a key differ. The first that applies is told; those behind it mostly follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The object's ETag or size is another one.
    Content,
    /// The object was written anew with the same content: its metadata or tags, or the same again.
    Metadata,
    /// The backup is in another storage class.
    Class,
    /// The backup is another version of it: it was copied again, or written over.
    Backup,
}

impl DifferenceKind {
    /// Compares two rows. What only one of them knows is no difference: a run that has lost the last
    /// snapshot records what the listings tell.
    fn between(before: RowRef<'_>, after: RowRef<'_>) -> Option<Self> {
        let differ = |one: Option<&str>, other: Option<&str>| {
            let known = one.zip(other);
            known.is_some_and(|(one, other)| one != other)
        };
        if before.source_etag != after.source_etag || before.size != after.size {
            Some(Self::Content)
        } else if before.source_modified != after.source_modified
            || differ(before.source_version_id, after.source_version_id)
        {
            Some(Self::Metadata)
        } else if before.storage_class != after.storage_class {
            Some(Self::Class)
        } else if before.backup_etag != after.backup_etag
            || before
                .backup_modified
                .zip(after.backup_modified)
                .is_some_and(|(one, other)| one.as_seconds() != other.as_seconds())
            || differ(before.backup_version_id, after.backup_version_id)
            || differ(before.checksum, after.checksum)
        {
            Some(Self::Backup)
        } else {
            None
        }
    }
}

impl Change {
    fn of(rows: Joined<SegmentRow, SegmentRow>) -> Option<Self> {
        match rows {
            Joined::Left(before) => Some(Self::Removed(before)),
            Joined::Right(after) => Some(Self::Added(after)),
            Joined::Both(before, after) => {
                let what = DifferenceKind::between(before.row(), after.row())?;
                Some(Self::Changed {
                    before,
                    after,
                    what,
                })
            }
        }
    }
}

/// What changed, in the order of the keys, from the rows of one snapshot to those of another. Segments
/// that both have may be left out of both.
pub fn changes(
    before: impl Stream<Item = Result<Vec<SegmentRow>, SnapshotError>>,
    after: impl Stream<Item = Result<Vec<SegmentRow>, SnapshotError>>,
) -> impl Stream<Item = Result<Vec<Change>, SnapshotError>> {
    join(before, after, SegmentRow::key, SegmentRow::key)
        .map_ok(|page| page.into_iter().filter_map(Change::of).collect())
}

/// How much changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Objects that came.
    pub added: u64,
    /// The sum of their sizes.
    pub bytes_added: u64,
    /// Objects that went.
    pub removed: u64,
    /// The sum of their sizes.
    pub bytes_removed: u64,
    /// Objects of another content.
    pub content: u64,
    /// Objects that were written anew with the same content.
    pub metadata: u64,
    /// Objects whose backup is in another class.
    pub class: u64,
    /// Objects whose backup is another version.
    pub backup: u64,
}

impl ChangeCounts {
    /// Counts one more.
    pub fn count(&mut self, change: &Change) {
        match change {
            Change::Added(row) => {
                self.added += 1;
                self.bytes_added += row.row().size;
            }
            Change::Removed(row) => {
                self.removed += 1;
                self.bytes_removed += row.row().size;
            }
            Change::Changed { what, .. } => match what {
                DifferenceKind::Content => self.content += 1,
                DifferenceKind::Metadata => self.metadata += 1,
                DifferenceKind::Class => self.class += 1,
                DifferenceKind::Backup => self.backup += 1,
            },
        }
    }

    /// Objects that are in both, and differ.
    pub fn changed(&self) -> u64 {
        self.content + self.metadata + self.class + self.backup
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use futures::executor::block_on;
    use futures::stream;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ETag, Key, StorageClass, Timestamp, VersionId};
    use crate::snapshot::samples::segment;
    use crate::snapshot::{Index, Row, SNAPSHOT_FORMAT, Segment, SegmentEntry, Totals};

    /// The row of a key, as it is, or with one thing about it changed.
    fn row(key: &str, changed: Option<DifferenceKind>) -> Row {
        let differs = |what| changed == Some(what);
        Row {
            key: Key::new(key),
            size: if differs(DifferenceKind::Content) {
                2
            } else {
                1
            },
            source_etag: ETag::new("e"),
            source_modified: Timestamp::from_millis(
                i64::from(differs(DifferenceKind::Metadata)) * 1000,
            ),
            source_version_id: None,
            backup_etag: ETag::new("e"),
            backup_modified: None,
            backup_version_id: Some(VersionId::new(if differs(DifferenceKind::Backup) {
                "2"
            } else {
                "1"
            })),
            storage_class: StorageClass::new(
                differs(DifferenceKind::Class).then_some("GLACIER_IR"),
            ),
            checksum: None,
        }
    }

    type Rows = BTreeMap<u8, Option<DifferenceKind>>;

    fn rows() -> impl Strategy<Value = Rows> {
        let what = prop_oneof![
            6 => Just(None),
            1 => Just(Some(DifferenceKind::Content)),
            1 => Just(Some(DifferenceKind::Metadata)),
            1 => Just(Some(DifferenceKind::Class)),
            1 => Just(Some(DifferenceKind::Backup)),
        ];
        prop::collection::btree_map(0..60_u8, what, 0..50)
    }

    /// A snapshot, cut behind keys that are the same whatever the others are.
    struct Snapshot {
        index: Index,
        segments: Vec<Arc<Segment>>,
    }

    impl Snapshot {
        fn of(rows: &Rows) -> Self {
            let rows: Vec<Row> = rows
                .iter()
                .map(|(number, changed)| row(&format!("{number:03}"), *changed))
                .collect();
            let cut = |before: &Row, _: &Row| !before.key.as_str().ends_with(['3', '7']);
            let segments: Vec<_> = rows.chunk_by(cut).map(segment).collect();
            let entries: Vec<SegmentEntry> = segments.iter().map(|s| s.entry().clone()).collect();
            let index = Index {
                format: SNAPSHOT_FORMAT,
                job: "job".to_owned(),
                source: "primary".to_owned(),
                destination: "backup".to_owned(),
                run_id: "run".to_owned(),
                started_at: Timestamp::from_millis(0),
                ended_at: Timestamp::from_millis(0),
                totals: Totals::default(),
                segments: entries,
                orphans: Vec::new(),
                previous: None,
                past: crate::snapshot::Past::default(),
            };
            Self { index, segments }
        }

        /// The rows that another snapshot does not have in the same segments, a page each.
        fn beside(&self, other: &Self) -> Vec<Result<Vec<SegmentRow>, SnapshotError>> {
            let named = self.index.segments_beside(&other.index);
            let read = self.segments.iter().filter(|s| named.contains(s.entry()));
            read.map(|segment| segment.rows().collect()).collect()
        }
    }

    fn compare(before: &Rows, after: &Rows) -> (Vec<Change>, usize) {
        let (before, after) = (Snapshot::of(before), Snapshot::of(after));
        let (one, other) = (before.beside(&after), after.beside(&before));
        let read = one.len() + other.len();
        let pages = changes(stream::iter(one), stream::iter(other));
        let pages: Vec<Vec<Change>> = block_on(pages.try_collect()).unwrap();
        (pages.concat(), read)
    }

    fn told(change: &Change) -> (String, &'static str) {
        let (row, told) = match change {
            Change::Added(row) => (row, "added"),
            Change::Removed(row) => (row, "removed"),
            Change::Changed { after, what, .. } => (after, name(*what)),
        };
        (row.key().to_owned(), told)
    }

    fn name(what: DifferenceKind) -> &'static str {
        match what {
            DifferenceKind::Content => "content",
            DifferenceKind::Metadata => "metadata",
            DifferenceKind::Class => "class",
            DifferenceKind::Backup => "backup",
        }
    }

    #[test]
    fn what_only_one_of_two_rows_knows_is_no_difference() {
        let known = row("k", None);
        let unknown = Row {
            backup_version_id: None,
            ..known.clone()
        };
        let checked = Row {
            checksum: Some("crc64nvme:AAECAwQFBgc=".to_owned()),
            source_version_id: Some(VersionId::new("v")),
            ..known.clone()
        };

        for other in [&unknown, &checked] {
            assert_eq!(
                DifferenceKind::between(known.as_ref(), other.as_ref()),
                None
            );
            assert_eq!(
                DifferenceKind::between(other.as_ref(), known.as_ref()),
                None
            );
        }
    }

    #[test]
    fn another_etag_or_second_of_the_backup_alone_is_another_backup() {
        let written = |etag, millis| Row {
            backup_etag: ETag::new(etag),
            backup_modified: Some(Timestamp::from_millis(millis)),
            ..row("k", None)
        };
        let before = written("e", 1_000);
        let another = Some(DifferenceKind::Backup);
        for (after, expected) in [
            (written("f", 1_000), another),
            (written("e", 2_000), another),
            // S3 tells whole seconds in some replies, and milliseconds in others.
            (written("e", 1_999), None),
        ] {
            let what = DifferenceKind::between(before.as_ref(), after.as_ref());
            assert_eq!(what, expected, "{after:?}");
        }
    }

    #[test]
    fn another_version_in_the_same_second_is_a_difference() {
        let version = |id| Row {
            source_version_id: Some(VersionId::new(id)),
            ..row("k", None)
        };
        let (one, other) = (version("1"), version("2"));

        let what = DifferenceKind::between(one.as_ref(), other.as_ref());

        assert_eq!(what, Some(DifferenceKind::Metadata));
    }

    #[test]
    fn the_same_twice_reads_nothing() {
        let rows: Rows = (0..60).map(|number| (number, None)).collect();

        let (changes, read) = compare(&rows, &rows);

        assert_eq!((changes, read), (vec![], 0));
    }

    proptest! {
        #[test]
        fn agrees_with_maps(before in rows(), after in rows()) {
            let keys = before.keys().chain(after.keys());
            let keys: BTreeSet<&u8> = keys.collect();
            let order = [DifferenceKind::Content, DifferenceKind::Metadata, DifferenceKind::Class, DifferenceKind::Backup];
            let expected: Vec<_> = keys.into_iter().filter_map(|key| {
                let told = match (before.get(key), after.get(key)) {
                    (Some(one), Some(other)) if one == other => return None,
                    (Some(one), Some(other)) => {
                        let differs = |what: &DifferenceKind| [*one, *other].contains(&Some(*what));
                        order.into_iter().find(differs).map(name)
                    }
                    (Some(_), None) => Some("removed"),
                    (None, _) => Some("added"),
                };
                Some((format!("{key:03}"), told.unwrap()))
            }).collect();
            let mut tally = ChangeCounts::default();

            let (changes, _) = compare(&before, &after);
            for change in &changes {
                tally.count(change);
            }

            prop_assert_eq!(changes.iter().map(told).collect::<Vec<_>>(), expected);
            let after_all = before.len() as u64 - tally.removed + tally.added;
            prop_assert_eq!(after_all, after.len() as u64);
            prop_assert_eq!(tally.added + tally.removed + tally.changed(), changes.len() as u64);
        }
    }
}
