//! Least privilege, proved: the role of the template has exactly the actions that the product uses.

use std::collections::BTreeSet;
use std::path::Path;

use s3_sim::{Content, Effect, Encryption, Fault, Put, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, counts};

const MIB: u64 = 1024 * 1024;
const SOURCE_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/source";
const BACKUP_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/backup";

/// An action on the bucket or the key of a side: `source s3:GetObject`.
type Permissions = BTreeSet<String>;

/// The choices of a deployment that change what the role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletions {
    Keep,
    Mark,
}

const BOTH: [Deletions; 2] = [Deletions::Keep, Deletions::Mark];

/// What the product was seen to use, in runs that take every way there is.
async fn used(deletions: Deletions) -> Permissions {
    let world = World::new()
        .with("BACKUP_KMS_KEY_ID", BACKUP_KEY)
        .with("BACKUP_MULTIPART_THRESHOLD", "8 MiB");
    let kms = || Encryption::Kms {
        key: SOURCE_KEY.to_owned(),
    };
    let large = || Put::new(Content::generated(1, 20 * MIB)).parts(&[10 * MIB, 10 * MIB]);
    world.put_object("small", Put::new("1").tag("a", "b").encryption(kms()));
    world.put_object("large", large().tag("a", "b").encryption(kms()));
    world.put("lost", "1");
    world.put_object("torn", large());
    let lost = Fault::on(Verb::CopyObject).key("lost").nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::UploadPartCopy).key("torn").nth(1), denied);

    let result = world.backup().await;

    assert_eq!(counts(&result), [4, 3, 0, 0, 0, 1], "{result}");
    let asked = json!({"operation": "verify", "deep": true});
    let verified = world.invoke(asked).await.unwrap();
    assert_eq!(verified["verified"]["equal"], 3, "{verified}");
    world.sim.clear_faults();
    let world = match deletions {
        Deletions::Keep => world,
        Deletions::Mark => mark(world).await,
    };
    let side = |resource: &str| match resource {
        PRIMARY | SOURCE_KEY => "source",
        BACKUP | BACKUP_KEY => "destination",
        other => panic!("{other} is on no side"),
    };
    let actions = world.sim.ledger().actions().into_iter();
    actions
        .map(|action| format!("{} {}", side(&action.resource), action.name))
        .collect()
}

/// Marks what is gone: held at first and then confirmed, with an answer that is lost.
async fn mark(world: World) -> World {
    let world = world
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "0");
    // Few are never held.
    let more: Vec<String> = (0..9).map(|n| format!("gone {n}")).collect();
    for key in &more {
        world.put(key, "1");
    }
    world.backup().await;
    for key in more.iter().map(String::as_str).chain(["small", "lost"]) {
        world.sim.delete(PRIMARY, key);
    }
    let lost = Fault::on(Verb::DeleteObject).nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);

    let held = world.backup().await;
    let confirm = json!({"confirm": held["deletions"]["confirm"]});
    let result = world.run(confirm).await;

    assert_eq!(result["objects_marked_deleted"], 11, "{result}");
    world
}

/// What the template grants on buckets and keys.
fn granted(deletions: Deletions) -> Permissions {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("cdk/cloudformation/s3-backup.template.json");
    let template: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut granted = Permissions::new();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let condition = resource["Condition"].as_str().unwrap_or_default();
        if condition.starts_with("DeletionsIsMark") && deletions == Deletions::Keep {
            continue;
        }
        // The functions that restore, answer events and show the page have roles of their own, and a worker has one like
        // this.
        let of_others = ["Restore", "Events", "Web", "Distributed"];
        if of_others.iter().any(|other| condition.starts_with(other)) {
            continue;
        }
        let properties = &resource["Properties"];
        let documents = match resource["Type"].as_str().unwrap() {
            "AWS::IAM::Role" => {
                assert_eq!(properties["ManagedPolicyArns"], Value::Null, "{name}");
                let inline = properties["Policies"].as_array().unwrap();
                inline
                    .iter()
                    .map(|policy| &policy["PolicyDocument"])
                    .collect()
            }
            "AWS::IAM::Policy" => vec![&properties["PolicyDocument"]],
            _ => continue,
        };
        for statement in documents
            .iter()
            .flat_map(|document| document["Statement"].as_array().unwrap())
        {
            grant(&mut granted, statement);
        }
    }
    granted
}

/// The same of a deployment that marks deletions.
pub fn granted_with_marking() -> Permissions {
    granted(Deletions::Mark)
}

fn grant(granted: &mut Permissions, statement: &Value) {
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let actions = match &statement["Action"] {
        Value::Array(actions) => actions
            .iter()
            .map(|action| action.as_str().unwrap())
            .collect(),
        one => vec![one.as_str().unwrap()],
    };
    // Statements are named for what they allow: ListSource, ReadSource, AddToBackup, BackupKey ...
    let sid = statement["Sid"].as_str().unwrap();
    let side = if sid.contains("Source") {
        "source"
    } else {
        "destination"
    };
    for action in actions {
        if action.starts_with("s3:") || action.starts_with("kms:") {
            granted.insert(format!("{side} {action}"));
        }
    }
}

#[tokio::test]
async fn the_role_has_what_the_product_uses_and_nothing_else() {
    for deletions in BOTH {
        let used = used(deletions).await;
        let granted = granted(deletions);

        let missing: Vec<_> = used.difference(&granted).collect();
        let needless: Vec<_> = granted.difference(&used).collect();
        assert!(
            missing.is_empty(),
            "{deletions:?}: the role lacks {missing:?}"
        );
        assert!(
            needless.is_empty(),
            "{deletions:?}: the role has, and nothing uses, {needless:?}"
        );
    }
}

#[test]
fn marking_deletions_brings_the_one_action_that_places_a_marker() {
    let [keep, mark] = BOTH.map(granted);

    let added: Vec<_> = mark.difference(&keep).collect();

    assert_eq!(added, ["destination s3:DeleteObject"]);
    assert!(mark.is_superset(&keep));
}

#[test]
fn nothing_in_the_role_can_destroy_a_backup() {
    let destroyers = [
        "s3:DeleteObjectVersion",
        "s3:PutLifecycleConfiguration",
        "s3:PutBucketVersioning",
        "s3:BypassGovernanceRetention",
    ];
    for permission in granted(Deletions::Mark) {
        let (_, action) = permission.split_once(' ').unwrap();
        assert!(
            !destroyers.contains(&action) && !action.contains('*'),
            "{permission}"
        );
    }
}
