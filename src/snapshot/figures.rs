//! Snapshots with changes, as they are stored: their bytes for good, and how many there are a night.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::nights::{Edit, MIDDLE, Snapshot, changing, edited};
use super::samples::{self, row};
use super::{
    Builder, ChangesFile, Index, LATEST, Latest, Row, Segment, SegmentEntry, SegmentOutput, Totals,
    format_of,
};

/// The objects of a snapshot of a hundred rows and two nights of changes, by their keys below the job's prefix.
fn golden() -> (BTreeMap<String, Vec<u8>>, BTreeMap<u64, Row>) {
    let mut rows: BTreeMap<u64, Row> = (0..100).map(|number| (number, row(number))).collect();
    let mut snapshot = Snapshot::of(&rows, MIDDLE);
    for night in [
        BTreeMap::from([(3, Edit::Put(1)), (7, Edit::Remove), (90, Edit::Put(1))]),
        BTreeMap::from([(3, Edit::Put(2)), (5, Edit::Remove), (7, Edit::Put(0))]),
    ] {
        rows = edited(&rows, &night);
        snapshot = snapshot.after(&rows, changing(MIDDLE)).0;
    }
    let segments: Vec<SegmentEntry> = snapshot.entries().into_iter().cloned().collect();
    let totals = Totals {
        objects: 99,
        bytes: segments.iter().map(|segment| segment.object_bytes).sum(),
        ..Totals::default()
    };
    let index = Index {
        format: format_of(&segments),
        totals,
        segments,
        orphans: Vec::new(),
        ..samples::index("2026-11-21T02-00-00Z-7f3a", None)
    };
    let (bytes, link) = index.encode().unwrap();
    let latest = Latest::new(index.job.clone(), link.clone());
    let mut objects = BTreeMap::from([
        (LATEST.to_owned(), latest.encode().unwrap()),
        (link.key, bytes),
    ]);
    let segments = snapshot.segments.iter();
    objects.extend(segments.map(|segment| (segment.entry().key(), segment.bytes().to_vec())));
    let files = snapshot.files.iter();
    objects.extend(files.map(|file| (file.entry().key(), file.bytes().to_vec())));
    (objects, rows)
}

/// `scripts/snapshot-query` is tested with it, too.
#[test]
fn a_snapshot_with_changes_has_the_bytes_of_the_first_version() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/snapshot-format-4");
    let (objects, rows) = golden();

    for (key, bytes) in &objects {
        assert!(std::fs::read(folder.join(key)).unwrap() == *bytes, "{key}");
    }
    assert_eq!(rows.len(), 99);
}

const ROWS: u64 = 1_000_000;
const RANGES: usize = 12;

/// A backup of a million rows.
#[derive(Default)]
struct Table {
    stored: BTreeMap<String, Bytes>,
    segments: Vec<SegmentEntry>,
}

/// What a night has written: objects and their bytes, and those of the index.
type Night = [usize; 3];

impl Table {
    fn of_all_rows() -> (Self, Night) {
        let mut builder = Builder::default();
        let mut outputs = Vec::new();
        for number in 0..ROWS {
            outputs.extend(builder.push(row(number).as_ref()).unwrap());
        }
        outputs.extend(builder.finish().unwrap());
        let mut table = Self::default();
        let first = table.keep(outputs);
        (table, first)
    }

    /// A night in which some rows change; none comes or goes.
    fn night(&mut self, night: u64, changed: impl Fn(u64) -> bool) -> Night {
        let mut outputs = Vec::new();
        let mut numbers = 0..ROWS;
        for range in self.segments.chunks(self.segments.len().div_ceil(RANGES)) {
            let mut builder = Builder::beside(ROWS, 1 << 16);
            for kept in range.iter().flat_map(|entry| self.open(entry).rows()) {
                let number = numbers.next().unwrap();
                let changed = changed(number).then(|| row(number));
                outputs.extend(match changed {
                    None => builder.keep(&kept.unwrap()).unwrap(),
                    Some(row) => builder.push(Row { size: night, ..row }.as_ref()).unwrap(),
                });
            }
            outputs.extend(builder.finish().unwrap());
        }
        self.keep(outputs)
    }

    fn keep(&mut self, outputs: Vec<SegmentOutput>) -> Night {
        self.segments.clear();
        let (mut objects, mut bytes) = (0, 0);
        for output in outputs {
            self.segments.extend(output.entries().iter().cloned());
            if let Some((key, body)) = output.into_stored() {
                objects += 1;
                bytes += body.len();
                self.stored.insert(key, body);
            }
        }
        self.segments
            .sort_by(|one, other| one.first_key.cmp(&other.first_key));
        let index = Index {
            format: format_of(&self.segments),
            segments: self.segments.clone(),
            ..samples::index("2026", None)
        };
        [objects, bytes, index.encode().unwrap().0.len()]
    }

    fn open(&self, entry: &SegmentEntry) -> Arc<Segment> {
        let files = entry.changes.iter().map(|changes| {
            let body = self.stored[&changes.file.key()].clone();
            ChangesFile::open(body, changes.file).unwrap()
        });
        let files: Vec<Arc<ChangesFile>> = files.collect();
        Segment::open_changed(self.stored[&entry.key()].clone(), entry.clone(), &files).unwrap()
    }
}

/// Figures: `cargo test --lib -- --ignored --nocapture nights_over_a_million_rows`.
#[test]
#[ignore = "takes minutes"]
fn nights_over_a_million_rows() {
    type Change = fn(u64, u64) -> bool;
    let cases: [(&str, u64, Change); 3] = [
        ("10,000 scattered", 30, |night, row| {
            (row * 7919 + night * 104_729).is_multiple_of(100)
        }),
        ("100 scattered", 10, |night, row| {
            (row * 7919 + night * 104_729).is_multiple_of(10_000)
        }),
        ("10,000 in one folder", 10, |night, row| {
            row / 10_000 == night * 37 % 100
        }),
    ];
    for (name, nights, change) in cases {
        let (mut table, first) = Table::of_all_rows();
        let nights: Vec<Night> = (1..=nights)
            .map(|night| table.night(night, |row| change(night, row)))
            .collect();
        let mean =
            [0, 1, 2].map(|at| nights.iter().map(|night| night[at]).sum::<usize>() / nights.len());
        let most = nights.iter().map(|night| night[1]).max();
        println!("{name}: first {first:?}, then {mean:?} a night, {most:?} at most, {nights:?}");
    }
}

/// The time that this thread has had on a processor: others on the machine do not count.
fn cpu_nanos() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    times.split(' ').next().unwrap().parse().unwrap()
}

/// Figures: `cargo test --release --lib -- --ignored --nocapture a_million_rows`.
#[test]
#[ignore = "takes a while, and means something only in release mode on Linux"]
fn a_million_rows() {
    const COUNT: u64 = 1_000_000;
    let mut builder = Builder::default();
    let mut written: Vec<SegmentOutput> = (0..COUNT)
        .flat_map(|number| builder.push(row(number).as_ref()).unwrap())
        .collect();
    written.extend(builder.finish().unwrap());
    let bytes: u64 = written.iter().map(|done| done.entries()[0].bytes).sum();
    println!("{} segments, {} bytes a row", written.len(), bytes / COUNT);
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    let mut measure = |what: &str, work: &mut dyn FnMut(&mut Vec<Arc<Segment>>)| {
        let began = cpu_nanos();
        work(&mut segments);
        println!("{what}: {} ns a row", (cpu_nanos() - began) / COUNT);
    };

    measure("prove and open", &mut |segments| {
        for finished in written.drain(..) {
            if let SegmentOutput::Written(entry, bytes) = finished {
                segments.push(Segment::open(bytes, entry).unwrap());
            }
        }
    });
    measure("read", &mut |segments| {
        let rows = segments.iter().flat_map(Segment::rows);
        assert_eq!(rows.map(Result::unwrap).count() as u64, COUNT);
    });
    measure("read and compare", &mut |segments| {
        let mut rows = segments.iter().flat_map(Segment::rows).map(Result::unwrap);
        assert!(rows.all(|row| row.row() == row.clone().row()));
    });
    measure("read and keep", &mut |segments| {
        let mut builder = Builder::default();
        for row in segments.iter().flat_map(Segment::rows) {
            let finished = builder.keep(&row.unwrap()).unwrap();
            assert!(!matches!(finished[..], [SegmentOutput::Written(..)]));
        }
    });
    measure("read and write", &mut |segments| {
        let mut builder = Builder::default();
        for row in segments.iter().flat_map(Segment::rows) {
            builder.push(row.unwrap().row()).unwrap();
        }
    });
}
