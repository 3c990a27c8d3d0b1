//! The state of restores, which ages out with the runs if they are over.

use serde_json::{Value, json};

use super::{DAY, Nights, TARGET};
use crate::world::BACKUP;

async fn restored(nights: &Nights, fields: Value) -> String {
    let mut request = fields;
    request["operation"] = json!("restore");
    request["all"] = json!(true);
    request["run"] = json!("latest");
    let result = nights.world.run(request).await;
    result["restore"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{result}"))
        .to_owned()
}

fn is_tagged(nights: &Nights, id: &str) -> (usize, usize) {
    let folder = format!("restores/{id}/");
    let tagged = nights
        .tagged()
        .iter()
        .filter(|key| key.starts_with(&folder))
        .count();
    let all = nights.world.sim.keys(BACKUP);
    (
        tagged,
        all.iter().filter(|key| key.contains(&folder)).count(),
    )
}

#[tokio::test]
async fn an_old_restore_that_is_over_ages_out_and_one_that_put_something_aside_stays() {
    let mut nights = Nights::new(1, 5);
    nights.nights(2).await;
    let to_target = json!({"to": format!("s3://{TARGET}/")});
    let over = restored(&nights, to_target.clone()).await;
    // A target that keeps no versions would lose what is replaced.
    nights.world.sim.create_bucket("plain");
    nights.world.sim.put("plain", "0000", "the only copy");
    let aside = restored(&nights, json!({"to": "s3://plain/"})).await;
    nights.world.sim.clock().advance(DAY * 40);
    let young = restored(&nights, to_target).await;

    let result = nights.night().await;

    assert_eq!(super::aged(&result)["is_done"], true, "{result}");
    let (tagged, all) = is_tagged(&nights, &over);
    assert!(tagged == all && all > 0, "{tagged} of {all}");
    assert_eq!(is_tagged(&nights, &aside).0, 0);
    assert_eq!(is_tagged(&nights, &young).0, 0);
}

#[tokio::test]
async fn an_old_restore_that_has_something_left_stays() {
    let mut nights = Nights::new(1, 5);
    nights.nights(2).await;
    let id = restored(&nights, json!({"to": format!("s3://{TARGET}/")})).await;
    let keys = nights.world.sim.keys(BACKUP);
    let lease = keys.iter().find_map(|key| key.strip_suffix("/lease.json"));
    let open = format!("{}/restores/open.json", lease.unwrap());
    let list = json!({"format": 1, "restores": [id]}).to_string();
    nights.world.sim.put(BACKUP, &open, list);
    nights.world.sim.clock().advance(DAY * 40);

    let result = nights.night().await;

    assert_eq!(super::aged(&result)["is_done"], true, "{result}");
    let (tagged, all) = is_tagged(&nights, &id);
    assert!(tagged == 0 && all > 0, "{tagged} of {all}");
}

/// The lease is all that knows of it: a small restore is in no list.
#[tokio::test]
async fn an_old_restore_that_the_lease_of_its_target_names_stays() {
    let mut nights = Nights::new(1, 5);
    nights.nights(2).await;
    nights
        .world
        .sim
        .set_storage_class(BACKUP, "0000", "GLACIER");
    let id = restored(&nights, json!({"to": format!("s3://{TARGET}/")})).await;
    let keys = nights.world.sim.keys(BACKUP);
    assert!(
        !keys.iter().any(|key| key.ends_with("/open.json")),
        "{keys:?}"
    );
    nights.world.sim.clock().advance(DAY * 40);

    let result = nights.night().await;

    assert_eq!(super::aged(&result)["is_done"], true, "{result}");
    let (tagged, all) = is_tagged(&nights, &id);
    assert!(tagged == 0 && all > 0, "{tagged} of {all}");
}
