//! Listings of versions, over the wire: order, pages, markers, restores, and pages that cannot be believed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use proptest::prelude::*;
use s3_backup::config::BucketAccess;
use s3_backup::list::{Shards, VersionListing, VersionSide, version_listings};
use s3_backup::model::{
    BucketName, Key, KeyRange, Placement, Prefix, Start, ThawState, VersionKind, VersionRow,
};
use s3_backup::s3::{Bucket, S3Error};
use s3_sim::{Class, Effect, Fault, Put, Sim, Verb, Versioning};

use crate::tables;
use crate::world::{BACKUP, World};

/// Keys that are legal and awkward, in their order.
const ODD_KEYS: [&str; 10] = [
    "\u{1}", " ", " a b", "//lead", "a%2Fb", "a+b", "a//b", "é", "日本", "😀",
];

async fn backup(world: &World) -> Bucket {
    let name = BucketName::new(BACKUP).unwrap();
    world
        .connections()
        .bucket(&name, &BucketAccess::default())
        .await
        .unwrap()
}

/// The pages of all shards, each with the number of its shard, in no order.
fn pages(
    side: VersionSide,
    range: &KeyRange,
) -> impl Stream<Item = (usize, Result<Vec<VersionRow>, S3Error>)> + use<> {
    let shards = Shards::of_versions(vec![range.clone()]);
    version_listings(side, shards).flat_map_unordered(None, own_pages)
}

/// The pages of a shard, up to its end.
fn own_pages(
    listing: VersionListing,
) -> BoxStream<'static, (usize, Result<Vec<VersionRow>, S3Error>)> {
    stream::unfold(Some(listing), |listing| async {
        let mut listing = listing?;
        let shard = listing.shard;
        let mut page = match listing.versions.next().await? {
            Ok(page) => page,
            Err(error) => return Some(((shard, Err(error)), None)),
        };
        let own = listing.shards.pass(shard, &page, |row| row.key.as_str());
        let is_over = own.rows < page.len();
        page.truncate(own.rows);
        Some(((shard, Ok(page)), (!is_over).then_some(listing)))
    })
    .boxed()
}

async fn listed(world: &World, prefix: &str, range: &KeyRange) -> Result<Vec<VersionRow>, S3Error> {
    listed_in_shards(world, Placement::default(), prefix, range)
        .await
        .map(|(rows, _)| rows)
}

/// The rows by their keys, and how many shards have keys. No key is in two of them.
async fn listed_in_shards(
    world: &World,
    placement: Placement,
    prefix: &str,
    range: &KeyRange,
) -> Result<(Vec<VersionRow>, usize), S3Error> {
    let side = VersionSide {
        bucket: backup(world).await,
        prefix: Prefix::new(prefix),
        placement,
    };
    let mut pages = Box::pin(pages(side, range));
    let (mut rows, mut keys) = (Vec::new(), BTreeSet::new());
    while let Some((shard, page)) = pages.next().await {
        let page = page?;
        keys.extend(page.iter().map(|row| (row.key.clone(), shard)));
        rows.extend(page);
    }
    let different: BTreeSet<&Key> = keys.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys.len(),
        different.len(),
        "the versions of a key are in two shards"
    );
    let shards: BTreeSet<usize> = keys.iter().map(|(_, shard)| *shard).collect();
    // Stable: what was listed of a key stays in its order.
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    Ok((rows, shards.len()))
}

async fn all(world: &World) -> Vec<VersionRow> {
    listed(world, "", &KeyRange::all()).await.unwrap()
}

/// Key, version id, whether it is the newest and whether it is a marker.
fn told(rows: &[VersionRow]) -> Vec<(String, String, bool, bool)> {
    let rows = rows.iter().map(|row| {
        let (key, id) = (row.key.as_str().to_owned(), row.id.as_str().to_owned());
        (key, id, row.is_latest, row.is_marker())
    });
    rows.collect()
}

/// The same of what the simulator holds.
fn held(world: &World) -> Vec<(String, String, bool, bool)> {
    let versions = world.sim.all_versions(BACKUP).into_iter();
    let versions =
        versions.map(|own| (own.key, own.version_id, own.is_latest, own.is_delete_marker));
    versions.collect()
}

#[tokio::test]
async fn every_version_and_marker_is_listed_in_s3s_order_on_pages_of_any_size() {
    for page_size in [1, 2, 3, 7, 1_000] {
        let world = World::around(Sim::builder().page_size_max(page_size).start());
        for key in ODD_KEYS {
            world.sim.put(BACKUP, key, "1");
            world.sim.delete(BACKUP, key);
            world.sim.put(BACKUP, key, "22");
        }
        world.sim.delete(BACKUP, "a//b");
        world.sim.set_versioning(BACKUP, Versioning::Suspended);
        world.sim.put(BACKUP, "é", "333");

        let rows = all(&world).await;

        assert_eq!(told(&rows), held(&world), "pages of {page_size}");
        let null = rows.iter().find(|row| row.id.as_str() == "null").unwrap();
        assert_eq!(null.key.as_str(), "é");
    }
}

#[tokio::test]
async fn pages_of_markers_only_are_no_end() {
    let world = World::around(Sim::builder().page_size_max(5).start());
    for n in 0..20 {
        world.sim.delete(BACKUP, &format!("gone-{n:02}"));
    }
    world.sim.put(BACKUP, "kept", "1");

    let rows = all(&world).await;

    assert_eq!(rows.len(), 21);
    assert_eq!(rows.iter().filter(|row| row.is_marker()).count(), 20);
    assert_eq!(rows.last().map(|row| row.key.as_str()), Some("kept"));
}

#[tokio::test]
async fn a_range_is_listed_without_what_lies_around_it() {
    let world = World::around(Sim::builder().page_size_max(3).start());
    for n in 0..50 {
        let key = format!("k{n:02}");
        world.sim.put(BACKUP, &key, "1");
        world.sim.put(BACKUP, &key, "2");
    }
    let until = Some(Key::new("k14"));
    let starts = [
        (Start::At(Key::new("k12")), 12),
        (Start::After(Key::new("k12")), 13),
    ];

    for (start, first) in starts {
        world.sim.ledger().clear();
        let range = KeyRange {
            start,
            until: until.clone(),
        };

        let rows = listed(&world, "k", &range).await.unwrap();

        let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let expected: Vec<String> = (first..=14).map(|n| format!("k{n:02}")).collect();
        let expected: Vec<&str> = expected.iter().flat_map(|key| [key.as_str(); 2]).collect();
        assert_eq!(keys, expected);
        // A page or two behind the end; not the rest of the bucket.
        assert!(world.sim.ledger().count(Verb::ListObjectVersions) < 16);
    }
}

#[tokio::test]
async fn the_programs_own_state_is_leapt_over_unless_it_is_asked_for() {
    let world = World::around(Sim::builder().page_size_max(2).start());
    for n in 0..40 {
        world
            .sim
            .put(BACKUP, &format!(".s3-backup/job/{n:02}"), "1");
    }
    world.sim.put(BACKUP, ".a", "1");
    world.sim.put(BACKUP, ".s3-backups", "1");

    let rows = all(&world).await;

    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, [".a", ".s3-backups"]);
    assert_eq!(world.sim.ledger().count(Verb::ListObjectVersions), 2);
    let own = listed(&world, ".s3-backup/", &KeyRange::all())
        .await
        .unwrap();
    assert_eq!(own.len(), 40);
}

#[tokio::test]
async fn the_versions_of_a_key_are_its_own_and_not_those_of_keys_that_it_begins() {
    let world = World::around(Sim::builder().page_size_max(2).start());
    for n in 0..5 {
        world.sim.put(BACKUP, "a", n.to_string());
        world.sim.put(BACKUP, "a/b", n.to_string());
    }
    world.sim.delete(BACKUP, "a");
    let bucket = backup(&world).await;

    let versions = bucket.versions_of(&Key::new("a")).await.unwrap();

    assert_eq!(versions.len(), 6);
    assert!(versions[0].is_marker() && versions[0].is_latest);
    let nothing = bucket.versions_of(&Key::new("A")).await.unwrap();
    assert_eq!(nothing, []);
}

#[tokio::test]
async fn one_page_tells_which_of_its_archived_versions_can_be_read() {
    let world = World::new();
    for key in ["asked", "cold"] {
        world
            .sim
            .put_object(BACKUP, key, Put::new("1").storage_class("GLACIER"));
    }
    let thawed = Put::new("1").storage_class("DEEP_ARCHIVE").restored();
    world.sim.put_object(BACKUP, "thawed", thawed);
    world.sim.put(BACKUP, "warm", "1");
    let bucket = backup(&world).await;
    let asked = &bucket.versions_of(&Key::new("asked")).await.unwrap()[0];
    let VersionKind::Object { class, .. } = &asked.kind else {
        panic!("a marker");
    };
    let tier = "standard".parse().unwrap();
    let thaw = bucket.thaw(&asked.key, Some(&asked.id), class, tier, 3);
    thaw.await.unwrap();

    let states: Vec<Option<ThawState>> = all(&world)
        .await
        .into_iter()
        .map(|row| match row.kind {
            VersionKind::Object { thaw, .. } => thaw,
            VersionKind::Marker => None,
        })
        .collect();

    assert_eq!(
        states[..2],
        [Some(ThawState::UnderWay), Some(ThawState::Frozen)]
    );
    assert!(matches!(
        states[2],
        Some(ThawState::Thawed { until: Some(_) })
    ));
    assert_eq!(states[3], Some(ThawState::NotArchived));
}

#[tokio::test]
async fn no_fault_of_a_page_loses_a_version() {
    for effect in Effect::all() {
        if matches!(
            effect,
            Effect::Stall | Effect::StallAfterWork | Effect::StallAfterHeaders
        ) {
            continue;
        }
        for nth in 1..=4 {
            let world = World::around(Sim::builder().page_size_max(3).start());
            for n in 0..3 {
                let key = format!("k{n}");
                world.sim.put(BACKUP, &key, "1");
                world.sim.put(BACKUP, &key, "2");
                world.sim.delete(BACKUP, &key);
            }
            world
                .sim
                .fault(Fault::on(Verb::ListObjectVersions).nth(nth), effect.clone());

            let rows = listed(&world, "", &KeyRange::all()).await;

            match rows {
                Ok(rows) => assert_eq!(told(&rows), held(&world), "{effect:?} {nth}"),
                // Told from a failure that is gone at the next attempt.
                Err(error) => assert!(error.to_string().contains("access denied"), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_believed_again_and_again_fails_the_listing() {
    let effects = [
        (
            Effect::MissingIsTruncated,
            "does not say whether it is the last one",
        ),
        (Effect::MissingToken, "does not say where"),
        (Effect::KeysOutOfOrder, "is not the first that is listed"),
        (Effect::DuplicateKey, "is not the first that is listed"),
        (
            Effect::Body("<ListVersionsResult/>".to_owned()),
            "does not say whether it is the last one",
        ),
    ];
    for (effect, text) in effects {
        let world = World::around(Sim::builder().page_size_max(3).start());
        for body in ["1", "2", "3", "4"] {
            world.sim.put(BACKUP, "a", body);
        }
        world.sim.fault(Fault::on(Verb::ListObjectVersions), effect);

        let error = listed(&world, "", &KeyRange::all()).await.unwrap_err();

        let told = error.to_string();
        assert!(
            told.starts_with(
                "cannot list the versions in bucket backup: the answer cannot be trusted"
            ),
            "{told}"
        );
        assert!(told.contains(text), "{told}");
    }
}

#[tokio::test]
async fn tokens_that_go_in_a_circle_end_in_an_error() {
    let world = World::around(Sim::builder().page_size_max(2).start());
    for n in 0..4 {
        world.sim.put(BACKUP, &format!("k{n}"), "1");
    }
    let page = "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k0</NextKeyMarker>\
                <NextVersionIdMarker>v</NextVersionIdMarker></ListVersionsResult>";
    world.sim.fault(
        Fault::on(Verb::ListObjectVersions),
        Effect::Body(page.to_owned()),
    );

    let error = listed(&world, "", &KeyRange::all()).await.unwrap_err();

    assert!(
        error.to_string().contains("where the page itself began"),
        "{error}"
    );
}

#[tokio::test]
async fn who_may_not_list_versions_is_told_which_right_is_missing() {
    let world = World::new();
    world.sim.deny("s3:ListBucketVersions");

    let error = listed(&world, "", &KeyRange::all()).await.unwrap_err();

    assert!(
        error.advice().contains("grant s3:ListBucketVersions"),
        "{}",
        error.advice()
    );
}

#[tokio::test]
async fn pages_of_versions_are_fetched_ahead_and_counted_as_listings() {
    let world = World::around(Sim::builder().page_size_max(1).start());
    for n in 0..3 {
        world.sim.put(BACKUP, &format!("k{n}"), "1");
    }
    let connections = world.connections();
    let name = BucketName::new(BACKUP).unwrap();
    let bucket = connections
        .bucket(&name, &BucketAccess::default())
        .await
        .unwrap();

    let side = VersionSide {
        bucket,
        prefix: Prefix::default(),
        placement: Placement::default(),
    };
    let mut pages = Box::pin(pages(side, &KeyRange::all()).map(|(_, page)| page));
    pages.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    // The one that was taken, the one that waits, and the one behind it.
    assert_eq!(world.sim.ledger().count(Verb::ListObjectVersions), 3);
    assert_eq!(connections.requests().list, 3);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Keys of several forms, each with what happened to it: written or deleted, once or several times.
fn histories() -> impl Strategy<Value = Vec<(String, Vec<bool>)>> {
    let key = prop_oneof![
        3 => (0..300_u32).prop_map(|n| format!("object-{n:08}")),
        1 => "[a-c]{1,5}",
        1 => "[\u{1}-\u{3}é日😀\u{ffee}\u{10ffff} +%/]{1,4}",
    ];
    let changes = prop_oneof![
        proptest::collection::vec(prop::bool::weighted(0.7), 1..4),
        // More than some pages of one key.
        proptest::collection::vec(prop::bool::weighted(0.7), 1..30),
    ];
    proptest::collection::btree_map(key, changes, 1..200_usize)
        .prop_map(|keys| keys.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if tables::are_whole() { 100 } else { 25 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cutting_lists_each_version_once_and_those_of_a_key_in_order(
        histories in histories(),
        page in 1..6_usize,
        below in prop::bool::ANY,
        busy in proptest::option::of(5..12_u64),
    ) {
        runtime().block_on(async {
            let world = World::around(Sim::builder().page_size_max(page).start()).persistent();
            let before = if below { "nightly/" } else { "" };
            for (key, changes) in &histories {
                for written in changes {
                    let key = format!("{before}{key}");
                    if *written {
                        world.sim.put(BACKUP, &key, "1");
                    } else {
                        world.sim.delete(BACKUP, &key);
                    }
                }
            }
            if below {
                world.sim.put(BACKUP, "before", "1");
                world.sim.put(BACKUP, "zz", "1");
            }
            if let Some(every) = busy {
                let fault = Fault::on(Verb::ListObjectVersions).every(every);
                world.sim.fault(fault, Effect::status(503, "SlowDown", "slow down"));
            }

            let placement = Placement::below(Prefix::new(before));
            let (rows, _) = listed_in_shards(&world, placement, "", &KeyRange::all())
                .await
                .unwrap();

            let expected: Vec<_> = held(&world)
                .into_iter()
                .filter_map(|(key, id, latest, marker)| {
                    let key = key.strip_prefix(before)?.to_owned();
                    Some((key, id, latest, marker))
                })
                .collect();
            prop_assert_eq!(told(&rows), expected);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn versions_are_listed_side_by_side_at_little_cost() {
    let sim = Sim::builder()
        .page_size_max(10)
        .latency(Class::List, Duration::from_millis(10))
        .start();
    let world = World::around(sim);
    for n in 0..10_000 {
        let key = format!("object-{n:012}");
        world.sim.put(BACKUP, &key, "1");
        world.sim.put(BACKUP, &key, "2");
        world.sim.delete(BACKUP, &key);
    }

    let (rows, shards) = listed_in_shards(&world, Placement::default(), "", &KeyRange::all())
        .await
        .unwrap();

    assert_eq!(rows.len(), 30_000);
    assert!(shards >= 12, "{shards} shards");
    let at_once = world
        .sim
        .ledger()
        .max_in_flight_of(Verb::ListObjectVersions);
    assert!(at_once >= 12, "{at_once} pages at once");
    // 3,000 pages are needed.
    let pages = world.sim.ledger().count(Verb::ListObjectVersions);
    assert!(pages <= 3_060, "{pages} pages");
}
