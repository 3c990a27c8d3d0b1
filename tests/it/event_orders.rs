//! Events in every order and number: the backup ends as the source is, or as the next run makes it.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use s3_sim::{Put, Verb};
use serde_json::{Value, json};

use crate::event_buckets::deliver;
use crate::events::{created, events, failed, queue, record};
use crate::world::{PRIMARY, World, count};

/// What happens to a key, and what becomes of the events that wait.
#[derive(Clone, Debug)]
enum Step {
    Write { key: u8, body: u8, meta: u8 },
    Delete { key: u8 },
    Deliver { from: usize, copies: usize },
    Lose { from: usize },
    Night,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, 0..3_u8, 0..2_u8).prop_map(|(key, body, meta)| Step::Write { key, body, meta }),
        2 => (0..3_u8).prop_map(|key| Step::Delete { key }),
        4 => (0..8_usize, 1..3_usize).prop_map(|(from, copies)| Step::Deliver { from, copies }),
        1 => (0..8_usize).prop_map(|from| Step::Lose { from }),
        1 => Just(Step::Night),
    ]
}

fn name(key: u8) -> String {
    format!("key {key}+%")
}

fn event(key: &str, event_name: &str) -> Value {
    json!({"Records": [record(PRIMARY, key, event_name)]})
}

fn is_equal(world: &World) -> bool {
    world.equal() == world.keys(PRIMARY).len() as u64
}

async fn play(steps: Vec<Step>) {
    let world = World::new();
    let handler = world.handler();
    let mut waiting: Vec<Value> = Vec::new();
    let (mut writes, mut was_lost) = (0, false);
    let mut versions = world.backup_versions();
    for step in steps {
        world.sim.clock().advance(Duration::from_secs(2));
        match step {
            Step::Write { key, body, meta } => {
                let put = Put::new(format!("body {body}")).meta("m", &meta.to_string());
                world.put_object(&name(key), put);
                waiting.push(event(&name(key), "ObjectCreated:Put"));
                writes += 1;
            }
            Step::Delete { key } => {
                world.sim.delete(PRIMARY, &name(key));
                waiting.push(event(&name(key), "ObjectRemoved:Delete"));
            }
            Step::Deliver { from, copies } if !waiting.is_empty() => {
                let event = waiting.remove(from % waiting.len());
                let answered = deliver(&world, &handler, queue(&vec![event; copies])).await;
                assert_eq!(failed(&answered), [""; 0]);
            }
            Step::Lose { from } if !waiting.is_empty() => {
                waiting.remove(from % waiting.len());
                was_lost = true;
            }
            Step::Night => {
                let night = world.backup().await;
                assert_eq!(night["status"], "complete");
                assert!(is_equal(&world), "{night}");
            }
            Step::Deliver { .. } | Step::Lose { .. } => {}
        }
        let now = world.backup_versions();
        assert!(now.is_superset(&versions), "a version is gone");
        versions = now;
    }
    waiting.reverse();
    if !waiting.is_empty() {
        deliver(&world, &handler, queue(&waiting)).await;
    }
    assert!(was_lost || is_equal(&world), "all events were delivered");
    world.backup().await;
    assert!(is_equal(&world), "a night has passed");
    assert_eq!(count(&world.backup().await, "objects_copied"), 0);
    assert!(
        world.backup_versions().len() <= writes,
        "a write was copied twice"
    );
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Put(&'static str),
    Delete,
}

/// Put, overwrite and delete in an order, each event delivered twice: `lead` tells how many of the changes were made
/// before each delivery at least.
async fn play_one_key(changes: &[Change], deliveries: Vec<usize>, lead: Vec<usize>) {
    let world = World::new();
    let handler = world.handler();
    let mut made = 0;
    for (event_of, lead) in deliveries.into_iter().zip(lead) {
        while made <= event_of.max(lead) {
            world.sim.clock().advance(Duration::from_secs(2));
            match changes[made] {
                Change::Put(body) => world.put("k", body),
                Change::Delete => world.sim.delete(PRIMARY, "k"),
            }
            made += 1;
        }
        let payload = match changes[event_of] {
            Change::Put(_) => event("k", "ObjectCreated:Put"),
            Change::Delete => event("k", "ObjectRemoved:Delete"),
        };
        deliver(&world, &handler, payload).await;
    }
    assert!(is_equal(&world), "each event was delivered");
    assert!(world.backup_versions().len() <= 2);
    let night = world.backup().await;
    assert_eq!(count(&night, "objects_copied"), 0, "{night}");
    assert!(is_equal(&world));
}

fn block_on(future: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_the_backup_ends_as_the_source_is(steps in prop::collection::vec(step(), 1..25)) {
        block_on(play(steps));
    }

    #[test]
    fn put_overwrite_and_delete_of_a_key_end_in_the_backup_in_every_order_and_twice(
        changes in Just(vec![Change::Put("1"), Change::Put("2"), Change::Delete]).prop_shuffle(),
        deliveries in Just(vec![0, 0, 1, 1, 2, 2]).prop_shuffle(),
        lead in prop::collection::vec(0..3_usize, 6),
    ) {
        block_on(play_one_key(&changes, deliveries, lead));
    }
}

/// Numbers that look random and are the same each time: Knuth's linear congruential generator of 64 bits.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }
}

/// A day: objects are written and deleted, their events come late, doubled, in another order, or not at all.
struct Day<'a> {
    world: &'a World,
    numbers: &'a mut Numbers,
    waiting: Vec<Value>,
    /// Keys whose last write nobody told of.
    lost: BTreeSet<String>,
    writes: u64,
}

impl Day<'_> {
    fn hour(&mut self) {
        for _ in 0..self.numbers.below(8) {
            let key = format!("k{:02}", self.numbers.below(40));
            self.world.sim.clock().advance(Duration::from_secs(90));
            if self.numbers.below(10) == 0 {
                self.world.sim.delete(PRIMARY, &key);
                self.lost.remove(&key);
                self.waiting
                    .push(record(PRIMARY, &key, "ObjectRemoved:Delete"));
                continue;
            }
            self.writes += 1;
            self.world.put(&key, &self.numbers.0.to_string());
            if self.numbers.below(20) == 0 {
                self.lost.insert(key);
                continue;
            }
            self.lost.remove(&key);
            for _ in 0..=self.numbers.below(2) {
                self.waiting.push(created(&key)["Records"][0].clone());
            }
        }
    }

    fn batch(&mut self) -> Value {
        let most = self.waiting.len().min(1 + self.numbers.index(5));
        let mut taken = Vec::new();
        for _ in 0..most {
            let place = self.numbers.index(self.waiting.len());
            taken.push(self.waiting.swap_remove(place));
        }
        json!({ "Records": taken })
    }
}

#[tokio::test]
async fn a_week_of_events_and_nights_loses_nothing_and_copies_nothing_twice() {
    let world = World::new().with("BACKUP_EVENTS", "yes");
    let handler = world.handler();
    let mut numbers = Numbers(7);
    let (mut writes, mut missed_in_all) = (0, 0);
    for number in 0..7 {
        world.sim.ledger().clear();
        let mut day = Day {
            world: &world,
            numbers: &mut numbers,
            waiting: Vec::new(),
            lost: BTreeSet::new(),
            writes: 0,
        };
        let [mut copied, mut unchanged, mut vanished] = [0; 3];
        for hour in 0..24 {
            day.hour();
            let left = if hour == 23 { 0 } else { 6 };
            while day.waiting.len() > left {
                let batch = day.batch();
                let result = deliver(&world, &handler, batch).await;
                let [_, _, new, same, gone, errors] = events(&result);
                assert_eq!(errors, 0, "{result}");
                (copied, unchanged, vanished) = (copied + new, unchanged + same, vanished + gone);
            }
        }
        let (lost, written) = (day.lost.len() as u64, day.writes);
        writes += written;

        let ledger = world.sim.ledger();
        let opened = ledger.count(Verb::GetBucketVersioning);
        assert_eq!(
            ledger.count(Verb::HeadObject),
            2 * (copied + unchanged) + vanished
        );
        assert_eq!(ledger.count(Verb::CopyObject), copied);
        let looks = ledger.count(Verb::HeadObject) + ledger.count(Verb::HeadBucket);
        assert_eq!(ledger.count(Verb::HeadBucket), 2 * opened);
        assert_eq!(ledger.total(), looks + copied + opened);
        assert!(copied <= written, "day {number}");

        let before = world.backup_versions().len() as u64;
        let night = world.backup().await;
        let missed = count(&night, "missed_by_events");
        assert!(missed <= lost, "day {number}: {night}");
        assert_eq!(world.backup_versions().len() as u64, before + missed);
        missed_in_all += missed;
        world.assert_backed_up();
    }
    assert!(missed_in_all > 0, "no event was lost");
    assert!(world.backup_versions().len() as u64 <= writes);
}
