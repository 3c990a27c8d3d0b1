//! Snapshots of other versions of the program.

use super::damage::assert_survived;
use super::*;

/// A snapshot that the first version wrote: three objects in parts, whose copies have other `ETag`s, so that
/// nothing but a snapshot proves them.
fn world_of_format_1() -> World {
    let world = World::new();
    let at = UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    for (seed, key) in (1..).zip(["a.bin", "b.bin", "c.bin"]) {
        let content = Content::generated(seed, 6 << 20);
        let parts = [5 << 20, 1 << 20];
        let object = Put::new(content.clone()).parts(&parts).modified(at);
        world.put_object(key, object);
        world.sim.put(BACKUP, key, content);
    }
    let files: [(&str, &[u8]); 3] = [
        (
            "latest.json",
            include_bytes!("../../golden/snapshot-format-1/latest.json"),
        ),
        (
            "2026-11-27T05-03-54Z-3739.json",
            include_bytes!("../../golden/snapshot-format-1/2026-11-27T05-03-54Z-3739.json"),
        ),
        (
            "segments/b97a36714ed51390877e01c7efc5c810d7dfa591cb03191a39e01bb4e0f99001.parquet",
            include_bytes!(
                "../../golden/snapshot-format-1/segments/b97a36714ed51390877e01c7efc5c810d7dfa591cb03191a39e01bb4e0f99001.parquet"
            ),
        ),
    ];
    for (name, bytes) in files {
        let key = format!(".s3-backup/primary-8b78bc9b0da96ff7/snapshots/{name}");
        world.sim.put(BACKUP, &key, bytes.to_vec());
    }
    world
}

#[tokio::test]
async fn a_snapshot_of_format_1_is_read_and_not_written_anew_at_once() {
    let world = world_of_format_1();

    let first = world.backup().await;
    let index = Stored::of(&world).index();
    world.put("b.bin", "new");
    let second = world.backup().await;
    world.backup().await;
    let quiet = world.backup().await;

    assert_eq!(counts(&first), [3, 0, 3, 0, 0, 0]);
    assert_eq!(snapshot(&first)["problem"], Value::Null);
    assert_eq!(snapshot(&first)["segments_written"], 0);
    assert_eq!((index.format, index.segments.len()), (3, 1));
    assert_eq!(counts(&second), [3, 1, 2, 0, 0, 0]);
    assert_eq!(snapshot(&second)["segments_written"], 1);
    assert_eq!(snapshot(&quiet)["segments_written"], 0);
    assert_recorded(&world);
}

#[tokio::test]
async fn a_newer_format_of_the_index_is_named() {
    let world = world_of(4);
    world.backup().await;
    let stored = Stored::of(&world);
    let index = stored.index();
    let newer = Index { format: 5, ..index };
    let (bytes, link) = newer.encode().unwrap();
    world.sim.put(BACKUP, &stored.key(&link.key), bytes);
    let latest = Latest::new(stored.job.clone(), link);
    let latest = latest.encode().unwrap();
    world.sim.put(BACKUP, &stored.key(LATEST), latest);

    assert_survived(&world, "has format 5; this version reads up to 4").await;
}
