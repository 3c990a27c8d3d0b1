//! Two runs, one last snapshot; and runs that write none.

use super::*;

#[tokio::test]
async fn two_runs_cannot_both_become_the_last() {
    let world = world_of(2);
    world.backup().await;
    let key = Stored::of(&world).key(LATEST);
    let other = String::from_utf8(Stored::of(&world).get(LATEST).to_vec()).unwrap() + " ";
    let by_the_other = (key.clone(), other.clone());
    world.put("new", "1");
    // Between what the run has read at its start and what it writes at its end.
    world.sim.fault(
        Fault::on(Verb::PutObject).key(&key).first(1),
        Effect::before(move |sim| {
            let (key, body) = by_the_other.clone();
            sim.put(BACKUP, &key, body);
        }),
    );

    let result = world.backup().await;

    assert_eq!(result["status"], "complete");
    assert!(
        problem(&result).contains("no snapshot was written: "),
        "{result}"
    );
    let stored = Stored::of(&world);
    assert_eq!(stored.get(LATEST), other.as_bytes());
}

#[tokio::test]
async fn two_first_runs_cannot_both_become_the_last() {
    let world = world_of(2);
    let job = s3_backup::model::Job::new(
        &s3_backup::model::Location::parse(PRIMARY).unwrap(),
        &s3_backup::model::Placement::default(),
    );
    let key = job.key(LATEST).as_str().to_owned();
    let named = key.clone();
    world.sim.fault(
        Fault::on(Verb::PutObject).key(&key).first(1),
        Effect::before(move |sim| drop(sim.put(BACKUP, &named, "the other's"))),
    );

    let result = world.backup().await;

    assert!(
        problem(&result).contains("no snapshot was written: "),
        "{result}"
    );
    assert_eq!(Stored::of(&world).get(LATEST), b"the other's");
}

#[tokio::test]
async fn a_run_whose_listing_broke_off_writes_no_snapshot() {
    for bucket in [PRIMARY, BACKUP] {
        let world = World::around(Sim::builder().page_size_max(3).start());
        for n in 0..20 {
            world.put(&n.to_string(), "1");
        }
        let first = world.backup().await;
        world.put("new", "1");
        let listed = |sim: &Sim| sim.ledger().of(Verb::ListObjectsV2).len();
        let before = listed(&world.sim);
        let broken = Effect::status(403, "AccessDenied", "Access Denied");
        // One alone could strike a request that only tries where to cut, and breaks nothing off.
        let third_page = Fault::on(Verb::ListObjectsV2).bucket(bucket).since(3);
        world.sim.fault(third_page, broken);

        let result = world.backup().await;

        assert!(listed(&world.sim) > before);
        assert_eq!(result["status"], "incomplete", "{bucket}: {result}");
        assert_eq!(snapshot(&result)["key"], Value::Null, "{bucket}");
        let stored = Stored::of(&world);
        assert_eq!(stored.index().run_id, first["run_id"], "{bucket}");
    }
}

#[tokio::test]
async fn a_backup_that_changed_and_could_not_be_copied_is_not_recorded_and_looked_at_again() {
    let world = world_of(3);
    world.backup().await;
    world.sim.put(BACKUP, "0001", "2");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let copy = Fault::on(Verb::CopyObject).key("0001").always();
    world.sim.fault(copy, denied);

    let failed = world.backup().await;
    world.sim.clear_faults();
    let recorded = Stored::of(&world).rows();
    let last = world.backup().await;

    assert_eq!(counts(&failed), [3, 0, 2, 0, 0, 1]);
    let keys: Vec<&str> = recorded.iter().map(|(key, _, _)| key.as_str()).collect();
    assert_eq!(keys, ["0000", "0002"], "of 0001 nothing is known");
    assert_eq!(counts(&last), [3, 1, 2, 0, 0, 0]);
    assert_recorded(&world);
}
