//! A year of nights, and some more: how many objects of the program's own are there, and how large they are.

use std::time::{Duration, SystemTime};

use super::Nights;
use crate::tables;
use crate::world::BACKUP;

/// Objects of a year: as many as a year of debug builds goes through in some minutes.
const OBJECTS: usize = 2_000;

/// Current objects of the program's own and their bytes, and all versions of them and their bytes.
fn state(nights: &Nights) -> [u64; 4] {
    let versions = nights.chains().into_values().flatten();
    versions.fold([0; 4], |[objects, bytes, versions, all], version| {
        let size = version.size();
        let current = u64::from(version.is_latest && !version.is_delete_marker);
        [
            objects + current,
            bytes + current * size,
            versions + 1,
            all + size,
        ]
    })
}

/// One in a hundred objects changes at scattered keys.
fn change(nights: &Nights, night: usize, objects: usize) {
    for number in (0..objects).filter(|number| number * 7919 % 100 == night * 37 % 100) {
        nights
            .world
            .put(&format!("{number:04}"), &format!("{night}"));
    }
}

async fn nights_of(history_days: u32, count: usize, objects: usize) -> (Nights, Vec<[u64; 4]>) {
    let mut nights = Nights::new(history_days, objects);
    let mut states = Vec::new();
    for night in 0..count {
        nights.world.sim.clock().advance(super::DAY);
        change(&nights, night, objects);
        let result = nights.world.backup().await;
        assert_eq!(result["status"], "complete", "{result}");
        nights.note(&result);
        nights.expire();
        states.push(state(&nights));
    }
    (nights, states)
}

/// `make tables` plays 500 nights of a history of a year; `make test` a quarter of a year of a history of two weeks.
#[tokio::test]
async fn state_of_a_year_of_nights_does_not_grow_any_more_once_it_ages_out() {
    let began = SystemTime::now();
    let (days, count, objects) = if tables::are_whole() {
        (365, 500, OBJECTS)
    } else {
        (14, 90, 300)
    };
    let (nights, states) = nights_of(days, count, objects).await;

    let kept_for = days as usize + 30;
    let [before, after] = [kept_for, count - 1].map(|night| states[night]);
    println!("a history of {days} days over {objects} objects, 1 % of which change each night");
    for night in (0..count).step_by(30).chain([count - 1]) {
        let [current, bytes, versions, all] = states[night];
        println!(
            "night {night}: {current} objects of {bytes} bytes, {versions} versions of {all} bytes"
        );
    }
    println!("played in {:?}", began.elapsed().unwrap_or(Duration::ZERO));
    // A week between two passes, thirty days to the expiry of replaced versions, and some nights.
    let kept_nights = kept_for as u64;
    for kind in [0, 1] {
        let most = before[kind] * (kept_nights + 11) / kept_nights + 10;
        assert!(after[kind] <= most, "{before:?} {after:?}");
    }
    let kept = nights.kept();
    assert!(
        kept.len() >= kept_for && kept.len() <= kept_for + 9,
        "{}",
        kept.len()
    );
    nights.assert_restores(kept[0]).await;
    nights.assert_restores(kept[kept.len() / 2]).await;
    let last = nights.world.sim.current(BACKUP, &nights.indexes()[0]);
    assert!(last.is_some());
}
