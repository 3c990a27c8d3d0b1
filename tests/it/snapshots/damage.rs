//! State that cannot be read: it is named, nothing of it is believed, and the next run replaces it.

use super::*;

/// The last snapshot is spoilt: the run says what is wrong, copies what it cannot prove, loses nothing,
/// and the one after it is quiet again.
pub async fn assert_survived(world: &World, said: &str) {
    let run = world.backup().await;
    let next = world.backup().await;

    let found = world.keys(PRIMARY).len() as u64;
    assert!(
        problem(&run).contains(said),
        "{said:?} is not in {:?}",
        problem(&run)
    );
    assert_eq!(run["status"], "complete");
    assert_eq!(
        counts(&run),
        [found, found, 0, 0, 0, 0],
        "KMS: only a snapshot proves it"
    );
    assert_eq!(counts(&next), [found, 0, found, 0, 0, 0]);
    assert_eq!(snapshot(&next)["problem"], Value::Null);
    world.assert_backed_up();
    assert_recorded(world);
}

async fn spoilt(part: impl Fn(&Stored) -> String, spoil: impl Fn(&mut Vec<u8>)) -> World {
    let world = world_of(4);
    world.backup().await;
    let stored = Stored::of(&world);
    let part = part(&stored);
    let mut bytes = stored.get(&part).to_vec();
    spoil(&mut bytes);
    world.sim.put(BACKUP, &stored.key(&part), bytes);
    world
}

fn segment(stored: &Stored) -> String {
    stored.index().segments[0].key()
}

#[tokio::test]
async fn one_flipped_byte_of_a_segment_is_found_and_named() {
    let world = spoilt(segment, |bytes| bytes[40] ^= 1).await;

    assert_survived(&world, ".parquet is damaged: its ").await;
}

#[tokio::test]
async fn a_cut_index_is_found_and_named() {
    let world = spoilt(|stored| stored.index().key(), |bytes| bytes.truncate(100)).await;

    assert_survived(
        &world,
        ".json is damaged: its 100 bytes are not those that were written",
    )
    .await;
}

#[tokio::test]
async fn a_damaged_pointer_is_found_and_named() {
    let world = spoilt(|_| LATEST.to_owned(), |bytes| bytes.truncate(10)).await;

    assert_survived(&world, "snapshots/latest.json is damaged: ").await;
}

#[tokio::test]
async fn what_records_nothing_names_a_damaged_snapshot_too() {
    let world = spoilt(segment, |bytes| bytes[40] ^= 1).await;
    let before = Stored::of(&world);

    for asked in [
        json!({"operation": "plan"}),
        json!({"operation": "verify"}),
        json!({"dry_run": true}),
        json!({"prefix": "0"}),
    ] {
        let run = world.run(asked.clone()).await;

        let told = problem(&run);
        assert!(
            told.contains(".parquet is damaged: its "),
            "{asked}: {told:?}"
        );
        assert_eq!(snapshot(&run)["key"], Value::Null, "{asked}");
    }
    assert_eq!(Stored::of(&world).get(LATEST), before.get(LATEST));
}

#[tokio::test]
async fn a_missing_segment_is_named() {
    let world = world_of(4);
    world.backup().await;
    let stored = Stored::of(&world);
    world.sim.delete(BACKUP, &stored.key(&segment(&stored)));

    assert_survived(
        &world,
        ".parquet is missing; the two listings are compared alone",
    )
    .await;
}

#[tokio::test]
async fn a_newer_format_is_named() {
    let spoil = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("\"format\":1", "\"format\":2").into_bytes();
    };
    let world = spoilt(|_| LATEST.to_owned(), spoil).await;

    assert_survived(&world, "has format 2; this version reads up to 1").await;
}

#[tokio::test]
async fn a_snapshot_of_another_job_is_named() {
    let spoil = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replacen("primary-", "foreign-", 1).into_bytes();
    };
    let world = spoilt(|_| LATEST.to_owned(), spoil).await;

    assert_survived(&world, "is of job \"foreign-").await;
}

#[tokio::test]
async fn a_snapshot_that_may_not_be_read_is_named_and_replaced() {
    let world = world_of(2);
    world.backup().await;
    let key = Stored::of(&world).key(LATEST);
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let never = Fault::on(Verb::GetObject).key(&key).always();
    world.sim.fault(never, denied);

    let result = world.backup().await;
    world.sim.clear_faults();
    let written = Stored::of(&world).index();
    let next = world.backup().await;

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0]);
    assert!(
        problem(&result).contains("latest.json could not be read: "),
        "{result}"
    );
    assert_eq!(written.run_id, result["run_id"], "it was replaced unread");
    assert_eq!(counts(&next), [2, 0, 2, 0, 0, 0]);
    assert_eq!(snapshot(&next)["problem"], Value::Null);
}

#[tokio::test]
async fn a_pointer_of_hundreds_of_megabytes_is_damage_and_replaced() {
    let world = world_of(2);
    world.backup().await;
    let key = Stored::of(&world).key(LATEST);
    // A pattern that takes no memory in the simulator.
    let huge = Content::generated(1, 300 << 20);
    world.sim.put(BACKUP, &key, huge);
    let sent = sent_of(&world, &key);

    let result = world.backup().await;
    let read = sent_of(&world, &key) - sent;
    let next = world.backup().await;

    let said = "latest.json is damaged: it has 314572800 bytes, more than 1048576";
    assert!(problem(&result).contains(said), "{result}");
    assert!(read <= 1, "it was read {read} times");
    assert_eq!(snapshot(&next)["problem"], Value::Null);
    assert_recorded(&world);
}

fn sent_of(world: &World, key: &str) -> usize {
    let reads = world.sim.ledger().of(Verb::GetObject);
    reads.iter().filter(|read| read.key == key).count()
}

#[tokio::test]
async fn a_segment_of_another_size_is_damage() {
    let world = spoilt(segment, |bytes| bytes.resize(bytes.len() + 1000, 0)).await;

    assert_survived(&world, ".parquet is damaged: it has ").await;
}
