//! Whatever is in doubt is kept.

use s3_sim::{Effect, Fault, Grant, Verb};
use serde_json::Value;

use super::{DAY, Nights, RULE, aged, all_runs, contents, part};
use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY};

/// A history of one day, whose nights are all old by now.
async fn old_nights(count: usize) -> Nights {
    let mut nights = Nights::new(1, 3);
    nights.nights(count).await;
    nights.world.sim.clock().advance(DAY * 20);
    nights
}

#[tokio::test]
async fn nothing_is_tagged_while_an_index_of_the_history_cannot_be_read() {
    let mut nights = old_nights(25).await;
    let within = nights.indexes()[20].clone();
    let body = nights.world.sim.current(BACKUP, &within).unwrap().content;
    nights.world.sim.put(BACKUP, &within, "damaged");

    let doubtful = nights.night().await;
    let tagged = nights.tagged();
    // Somebody puts it back as it was.
    nights.world.sim.put(BACKUP, &within, body);
    let mended = nights.night().await;

    assert_eq!(doubtful["status"], "complete", "{doubtful}");
    let problem = aged(&doubtful)["problem"].as_str().unwrap();
    assert!(
        problem.contains(&format!("{} is damaged", part(&within))),
        "{problem}"
    );
    assert_eq!(tagged, Vec::<String>::new());
    assert_eq!(aged(&mended)["is_done"], true, "{mended}");
    assert!(!nights.tagged().is_empty());
}

#[tokio::test]
async fn an_index_of_the_history_that_leads_nowhere_keeps_what_it_names() {
    let mut nights = Nights::new(1, 3);
    for _ in 0..25 {
        nights.world.sim.clock().advance(DAY);
        nights.world.backup().await;
    }
    nights.world.sim.clock().advance(DAY * 20);
    // The history begins anew: the chain of tonight has one index, and those before it are within the history.
    let latest = nights.world.sim.keys(BACKUP).into_iter();
    let latest: Vec<String> = latest.filter(|key| key.ends_with("/latest.json")).collect();
    nights.world.sim.put(BACKUP, &latest[0], "damaged");

    let result = nights.night().await;

    assert_eq!(aged(&result)["is_done"], true, "{result}");
    let tagged = nights.tagged();
    for key in &nights.indexes()[16..25] {
        let content = nights.world.sim.current(BACKUP, key).unwrap().content;
        let index: Value = serde_json::from_slice(content.as_bytes().unwrap()).unwrap();
        for segment in index["segments"].as_array().unwrap() {
            let name = segment["key"].as_str().unwrap();
            assert!(!tagged.iter().any(|key| key == name), "{name}");
        }
    }
}

#[tokio::test]
async fn without_a_rule_nothing_is_tagged_and_the_run_warns() {
    let mut nights = old_nights(25).await;
    nights.set_rules(&RULE.replace("Enabled", "Disabled"));

    let result = nights.night().await;
    let doctor = run(
        &nights.world,
        &["doctor", "--source", PRIMARY, "--destination", BACKUP],
    );

    assert_eq!(result["status"], "complete", "{result}");
    let warning = &result["bucket_warnings"][0];
    assert_eq!(warning["code"], "old_state_stays", "{result}");
    assert!(
        warning["message"]
            .as_str()
            .unwrap()
            .contains("the oldest run is of 20")
    );
    assert!(
        warning["advice"]
            .as_str()
            .unwrap()
            .contains("s3-backup:unnamed=true")
    );
    assert_eq!(nights.tagged(), Vec::<String>::new());
    let stdout = text(&doctor.stdout);
    assert!(
        stdout.contains("  ok       old state      stays for ever, because no rule"),
        "{stdout}"
    );

    nights.set_rules(RULE);
    let doctor = run(
        &nights.world,
        &["doctor", "--source", PRIMARY, "--destination", BACKUP],
    );
    let stdout = text(&doctor.stdout);
    assert!(
        stdout.contains(
            "  ok       old state      expires by rule old-state-expires once no run of 365 days"
        ),
        "{stdout}"
    );
    assert_eq!(aged(&nights.night().await)["is_done"], true);
}

#[tokio::test]
async fn a_rule_that_cannot_be_seen_or_is_for_other_objects_too_lets_nothing_age() {
    let everywhere = RULE.replace("<Prefix>.s3-backup/</Prefix>", "<Prefix></Prefix>");
    let other_tag = RULE.replace("unnamed", "other");
    for rules in [everywhere, other_tag] {
        let mut nights = old_nights(15).await;
        nights.set_rules(&rules);
        nights.world.sim.clock().advance(DAY * 20);

        let result = nights.night().await;

        assert!(
            result["bucket_warnings"]
                .to_string()
                .contains("old_state_stays"),
            "{result}"
        );
        assert_eq!(nights.tagged(), Vec::<String>::new());
    }
    let mut nights = old_nights(25).await;
    nights.world.sim.deny("s3:GetLifecycleConfiguration");

    let result = nights.night().await;

    assert_eq!(result["status"], "complete", "{result}");
    let problem = aged(&result)["problem"].as_str().unwrap();
    assert!(
        problem.contains("s3:GetLifecycleConfiguration"),
        "{problem}"
    );
    assert_eq!(nights.tagged(), Vec::<String>::new());
}

#[tokio::test]
async fn a_tag_that_is_denied_is_told_and_is_no_error_of_the_run() {
    let mut nights = old_nights(25).await;
    nights
        .world
        .sim
        .deny(Grant::on("s3:PutObjectTagging", BACKUP));

    let result = nights.night().await;

    assert_eq!(result["status"], "complete", "{result}");
    let problem = aged(&result)["problem"].as_str().unwrap();
    assert!(
        problem.contains("access denied") && problem.contains("s3:PutObjectTagging"),
        "{problem}"
    );
    assert_eq!(aged(&result)["is_done"], false);
}

#[tokio::test]
async fn the_last_complete_run_stays_however_long_ago_it_was() {
    let mut nights = Nights::new(1, 3);
    nights.nights(2).await;
    let complete = nights.runs.last().unwrap().clone();
    nights.world.put("denied", "by its policy");
    nights.world.sim.fault(
        Fault::on(Verb::CopyObject).key("denied"),
        Effect::status(403, "AccessDenied", "Access Denied"),
    );
    for _ in 0..60 {
        let result = nights.night().await;
        assert_eq!(result["status"], "incomplete", "{result}");
        nights.expire();
    }

    nights.assert_restores(&complete).await;
    let first = nights.kept()[0].0.clone();
    assert_eq!(first, complete.0, "the run before it has aged out");
}

#[tokio::test]
async fn a_record_of_the_last_pass_that_is_damaged_is_written_anew() {
    let mut nights = Nights::new(1, 3);
    nights.nights(45).await;
    let key = nights
        .world
        .sim
        .keys(BACKUP)
        .into_iter()
        .find(|key| key.ends_with("/aged.json"));
    nights.world.sim.put(BACKUP, &key.unwrap(), "{");

    let result = nights.night().await;

    assert_eq!(aged(&result)["is_done"], true, "{result}");
}

#[tokio::test]
async fn a_shorter_history_ages_out_and_a_longer_one_later_has_the_runs_that_are_left() {
    let mut nights = Nights::new(20, 3);
    nights.nights(60).await;
    nights.world = nights.world.with("BACKUP_HISTORY_DAYS", "1");
    nights.nights(8).await;
    let short = nights.kept().len();
    nights.world = nights.world.with("BACKUP_HISTORY_DAYS", "365");
    nights.nights(20).await;

    let listed = all_runs(&nights);

    assert!(short <= 39, "{short}");
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    assert!(nights.kept().len() >= 50, "{}", nights.kept().len());
    nights.assert_restores(nights.kept()[0]).await;
    assert_eq!(contents(&nights.world, PRIMARY).len(), 3);
}
