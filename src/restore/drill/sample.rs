//! The sample of a drill: every object of a snapshot in, some of them out, at random, with the largest.
//!
//! Each row gets a random ticket, and those with the lowest tickets are taken: one pass, and no more memory
//! than the sample has.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::model::{Key, StorageClass};
use crate::request::{DrillSample, MOST_OBJECTS};
use crate::snapshot::RowRef;

/// The largest objects that are always in the sample.
const LARGEST: usize = 3;

/// The sample that is drawn from a snapshot.
#[derive(Debug)]
pub struct Draw {
    limit: Limit,
    takes_archived: bool,
    random: fastrand::Rng,
    tickets: BinaryHeap<Ticket>,
    bytes: u64,
    largest: BinaryHeap<Reverse<(u64, Key)>>,
    archived: Option<Ticket>,
    archives: u64,
}

/// What ends a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Objects(u64),
    Bytes(u64),
}

/// An object, and the number that was drawn for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    number: u64,
    key: Key,
    size: u64,
}

/// The sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Its keys, each once and in order.
    pub keys: Vec<Key>,
    /// Those among them that are there because they are the largest.
    pub largest: u64,
    /// Archived objects among them.
    pub archived: u64,
    /// Archived objects that could not be drawn, because they would have to be thawed.
    pub archives_left_out: u64,
}

impl Draw {
    /// A draw from so many objects.
    pub fn new(asked: DrillSample, objects: u64, takes_archived: bool, seed: u64) -> Self {
        let limit = match asked {
            DrillSample::Objects(count) => Limit::Objects(count),
            DrillSample::Share(millionths) => {
                let share = u128::from(objects) * u128::from(millionths);
                let count = u64::try_from(share.div_ceil(1_000_000)).unwrap_or(MOST_OBJECTS);
                Limit::Objects(count.clamp(1, MOST_OBJECTS))
            }
            DrillSample::Bytes(bytes) => Limit::Bytes(bytes),
        };
        Self {
            limit,
            takes_archived,
            random: fastrand::Rng::with_seed(seed),
            tickets: BinaryHeap::new(),
            bytes: 0,
            largest: BinaryHeap::new(),
            archived: None,
            archives: 0,
        }
    }

    /// Draws a number for an object.
    pub fn add(&mut self, row: RowRef<'_>) {
        let number = self.random.u64(..);
        if StorageClass::new(Some(row.storage_class)).is_archive() {
            self.archives += 1;
            let is_lowest = |held: &Ticket| number < held.number;
            if self.takes_archived && self.archived.as_ref().is_none_or(is_lowest) {
                self.archived = Some(ticket(number, row));
            }
            return;
        }
        let is_large = |least: &Reverse<(u64, Key)>| row.size > least.0.0;
        if self.largest.len() < LARGEST || self.largest.peek().is_some_and(is_large) {
            self.largest.push(Reverse((row.size, Key::new(row.key))));
            if self.largest.len() > LARGEST {
                self.largest.pop();
            }
        }
        let is_high = |highest: &Ticket| number >= highest.number;
        if self.is_full() && self.tickets.peek().is_some_and(is_high) {
            return;
        }
        self.bytes += row.size;
        self.tickets.push(ticket(number, row));
        while self.is_over() {
            if let Some(highest) = self.tickets.pop() {
                self.bytes -= highest.size;
            }
        }
    }

    /// Whether what is drawn is enough.
    fn is_full(&self) -> bool {
        let count = self.tickets.len() as u64;
        match self.limit {
            Limit::Objects(most) => count >= most,
            Limit::Bytes(most) => self.bytes >= most || count >= MOST_OBJECTS,
        }
    }

    /// Whether it is enough without the highest number, too.
    fn is_over(&self) -> bool {
        let count = self.tickets.len() as u64;
        let highest = self.tickets.peek().map_or(0, |highest| highest.size);
        match self.limit {
            Limit::Objects(most) => count > most,
            Limit::Bytes(most) => self.bytes - highest >= most || count > MOST_OBJECTS,
        }
    }

    /// The sample.
    pub fn end(self) -> Sample {
        let (largest, archived) = (self.largest.len() as u64, self.archived.is_some());
        let mut keys: BTreeSet<Key> = self.tickets.into_iter().map(|ticket| ticket.key).collect();
        keys.extend(self.largest.into_iter().map(|Reverse((_, key))| key));
        keys.extend(self.archived.map(|ticket| ticket.key));
        Sample {
            keys: keys.into_iter().collect(),
            largest,
            archived: u64::from(archived),
            archives_left_out: self.archives - u64::from(archived),
        }
    }
}

fn ticket(number: u64, row: RowRef<'_>) -> Ticket {
    Ticket {
        number,
        key: Key::new(row.key),
        size: row.size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Timestamp};
    use crate::snapshot::Row;

    fn row(number: u64, size: u64, class: &str) -> Row {
        Row {
            key: Key::new(format!("key {number:04}")),
            size,
            source_etag: ETag::new("e"),
            source_modified: Timestamp::from_millis(0),
            source_version_id: None,
            backup_etag: ETag::new("e"),
            backup_modified: None,
            backup_version_id: None,
            storage_class: StorageClass::new(Some(class)),
            checksum: None,
        }
    }

    fn drawn(asked: DrillSample, takes_archived: bool, seed: u64) -> Sample {
        let mut draw = Draw::new(asked, 1_000, takes_archived, seed);
        for number in 0..1_000 {
            let class = if number % 100 == 7 {
                "GLACIER"
            } else {
                "STANDARD"
            };
            draw.add(row(number, number, class).as_ref());
        }
        draw.end()
    }

    #[test]
    fn a_sample_has_the_largest_and_as_many_others_as_were_asked_for() {
        for seed in 0..50 {
            let sample = drawn(DrillSample::Objects(20), false, seed);

            assert!((20..=23).contains(&sample.keys.len()), "{sample:?}");
            for large in 997..1_000 {
                assert!(sample.keys.contains(&Key::new(format!("key {large:04}"))));
            }
            assert!(sample.keys.is_sorted());
            assert_eq!((sample.archived, sample.archives_left_out), (0, 10));
            let archived = |key: &Key| key.as_str().ends_with("07");
            assert!(!sample.keys.iter().any(archived), "{sample:?}");
        }
        let share = drawn(DrillSample::Share(20_000), false, 1);
        assert!((20..=23).contains(&share.keys.len()), "{share:?}");
    }

    #[test]
    fn a_sample_of_bytes_has_as_few_objects_as_are_enough() {
        for seed in 0..50 {
            let sample = drawn(DrillSample::Bytes(5_000), false, seed);
            // The largest are beside it.
            assert!((6..=60).contains(&sample.keys.len()), "{sample:?}");
        }
        let whole = drawn(DrillSample::Bytes(u64::MAX), false, 1);
        assert_eq!(whole.keys.len(), 990);
    }

    #[test]
    fn one_archived_object_is_in_the_sample_if_it_may_be_thawed() {
        let archived = |sample: &Sample| {
            let keys = sample.keys.iter();
            let keys: Vec<Key> = keys
                .filter(|key| key.as_str().ends_with("07"))
                .cloned()
                .collect();
            keys
        };
        let samples: Vec<Sample> = (0..50)
            .map(|seed| drawn(DrillSample::Objects(5), true, seed))
            .collect();

        for sample in &samples {
            assert_eq!(archived(sample).len(), 1, "{sample:?}");
            assert_eq!((sample.archived, sample.archives_left_out), (1, 9));
        }
        let others: BTreeSet<Vec<Key>> = samples.iter().map(archived).collect();
        assert!(others.len() > 5, "not always the same one");
    }

    #[test]
    fn each_object_is_drawn_as_often_as_any_other() {
        let mut times = vec![0_u32; 1_000];
        for seed in 0..400 {
            for key in drawn(DrillSample::Objects(100), false, seed).keys {
                let number: usize = key.as_str()[4..].parse().unwrap();
                times[number] += 1;
            }
        }
        // Forty times each on the average, with a deviation of six.
        let usual = times.iter().enumerate();
        let usual = usual.filter(|(number, _)| number % 100 != 7 && *number < 997);
        for (number, times) in usual {
            assert!((12..=72).contains(times), "{number}: {times}");
        }
    }
}
