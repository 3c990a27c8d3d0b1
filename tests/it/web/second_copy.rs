//! A second backup bucket: the page shows it while the first cannot be read, and says so.

use s3_sim::{Effect, Fault, Sim, Verb, Versioning};
use serde_json::json;

use super::Served;
use super::put_back::ended;
use crate::world::{BACKUP, PRIMARY, World};

const SECOND: &str = "second";
const BOTH: &str = "backup,second";

/// Two nights in two backup buckets, after which a file is deleted.
async fn deleted() -> World {
    let world = World::new()
        .with_bucket(SECOND)
        .with("DESTINATION_BUCKET", BOTH);
    world.sim.set_versioning(PRIMARY, Versioning::Enabled);
    world.put("d/gone", "gone");
    world.put("d/kept", "kept");
    world.backup().await;
    world.sim.delete(PRIMARY, "d/gone");
    world
}

fn of_both(world: &World) -> Served {
    let mut served = Served::start(world, &["--destination", BOTH]);
    served.sign_in();
    served
}

fn deny(sim: &Sim, verb: Verb) {
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    sim.fault(Fault::on(verb).bucket(BACKUP), denied);
}

/// The first bucket cannot be read in this way.
fn break_first(sim: &Sim, way: &str) {
    match way {
        "gone" => sim.delete_bucket(BACKUP),
        "denied" => deny(sim, Verb::HeadBucket),
        _ => deny(sim, Verb::GetObject),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_from_the_second_copy_while_the_first_cannot_be_read() {
    for way in ["gone", "denied", "unreadable"] {
        let world = deleted().await;
        break_first(&world.sim, way);
        let served = of_both(&world);

        let runs = served.ask("runs", json!({}));
        assert_eq!(runs["second_copy"], true, "{way}: {runs}");
        let run = &runs["runs"][0]["run"];
        let plan = served.ask(
            "plan",
            json!({"run": run, "files": ["d/gone"], "copy": false}),
        );
        served.ask("confirm", json!({"id": plan["id"]}));
        let progress = ended(&served, &plan["id"]);

        assert_eq!(progress["restore"]["stage"], "complete", "{way}");
        assert!(world.sim.current(PRIMARY, "d/gone").is_some(), "{way}");
        let undo = served.ask("undo", json!({"id": plan["id"]}));
        served.ask("confirm", json!({"id": undo["id"]}));
        ended(&served, &undo["id"]);
        assert!(world.sim.current(PRIMARY, "d/gone").is_none(), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_copy_is_shown_while_it_can_be_read() {
    let world = deleted().await;
    world.sim.delete_bucket(SECOND);

    let served = of_both(&world);

    let runs = served.ask("runs", json!({}));
    assert_eq!(runs["second_copy"], false, "{runs}");
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_first_bucket_hides_no_second_copy() {
    let world = World::new()
        .with_bucket(SECOND)
        .with("DESTINATION_BUCKET", SECOND);
    world.put("a", "1");
    world.backup().await;

    let served = of_both(&world);

    assert_eq!(served.ask("runs", json!({}))["second_copy"], true);
}
