//! Every verb of a restore crossed with every fault: what is reported is there, and the next call ends it.

use s3_sim::{Effect, Fault, Verb};
use serde_json::json;

use super::{asking, assert_adds_up, restore, state, world};
use crate::world::PRIMARY;

const VERBS: [Verb; 7] = [
    Verb::HeadBucket,
    Verb::GetBucketVersioning,
    Verb::ListObjectsV2,
    Verb::HeadObject,
    Verb::GetObject,
    Verb::PutObject,
    Verb::CopyObject,
];

#[tokio::test]
async fn no_fault_of_any_call_makes_a_restore_say_what_is_not_so() {
    for verb in VERBS {
        for effect in Effect::all() {
            let world = world().impatient();
            for key in ["deleted", "changed", "same size", "kept"] {
                world.put(key, &format!("body of {key}"));
            }
            world.backup().await;
            let before = state(&world, PRIMARY);
            world.sim.delete(PRIMARY, "deleted");
            world.put("changed", "x");
            world.put("same size", "BODY of same size");
            let case = format!("{verb:?} {effect:?}");
            world.sim.fault(Fault::on(verb).nth(1), effect);

            let request = asking(json!({"all": true, "run": "latest"}));
            let first = world.invoke(request.clone()).await;
            world.sim.clear_faults();

            if let Ok(result) = &first {
                assert_adds_up(result);
                if result["status"] == "complete" {
                    assert_eq!(state(&world, PRIMARY), before, "{case}: {result}");
                }
            }
            world.let_leases_end();
            let again = world.run(request).await;
            assert_eq!(again["status"], "complete", "{case}: {again}");
            assert_eq!(state(&world, PRIMARY), before, "{case}");
        }
    }
}

#[tokio::test]
async fn rows_that_fail_for_a_passing_reason_are_tried_again_while_others_succeed() {
    let world = world().with("BACKUP_MAX_CONCURRENCY", "16");
    for n in 0..200 {
        world.put(&format!("{n:03}"), "1");
    }
    world.backup().await;
    let before = state(&world, PRIMARY);
    for n in 0..200 {
        world.sim.delete(PRIMARY, &format!("{n:03}"));
    }
    let busy = Fault::on(Verb::CopyObject).bucket(PRIMARY);
    let unlucky = busy.clone().key("003").first(5);
    let strikes = world.sim.fault(unlucky, Effect::InternalError);
    world
        .sim
        .fault(busy.probability(0.3, 7), Effect::ConnectionReset);

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    // Four attempts, and one of a sweep.
    assert_eq!(strikes.count(), 5);
    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(state(&world, PRIMARY), before);
}
