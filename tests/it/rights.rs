//! `policy`: two accounts, each with exactly what is printed. With all of it everything is complete; with one action
//! less, in any of the policies, there is an error that names the action.

use std::collections::BTreeSet;
use std::time::Duration;

use s3_sim::{Content, Effect, Encryption, Fault, Put, Verb, Versioning};
use serde_json::{Value, json};

use crate::cli::{run, run_in, text};
use crate::world::{BACKUP, PRIMARY, World};

const MIB: u64 = 1024 * 1024;
/// The account of the roles; that of the buckets and keys is the other one.
const BACKUP_ROLE: &str = "arn:aws:iam::111122223333:role/backup";
const RESTORE_ROLE: &str = "arn:aws:iam::111122223333:role/restore";
const OTHER_ACCOUNT: &str = "444455556666";
const SOURCE_KEY: &str = "arn:aws:kms:us-east-1:444455556666:key/source";
const BACKUP_KEY: &str = "arn:aws:kms:us-east-1:444455556666:key/backup";
/// The access key of all calls of a world.
const CALLER: &str = "ANOTREAL";

const JOB: [&str; 4] = ["--source", PRIMARY, "--destination", BACKUP];

/// The output of the command.
fn printed() -> Value {
    let world = World::new();
    let words = [
        "policy",
        "--role",
        BACKUP_ROLE,
        "--restore-role",
        RESTORE_ROLE,
    ];
    let more = ["--source-kms-key", SOURCE_KEY, "--restore-marks"];
    let variables = [
        ("BACKUP_KMS_KEY_ID", BACKUP_KEY),
        ("BACKUP_DELETIONS", "mark"),
    ];
    let output = run_in(&world, &[&words[..], &more, &JOB].concat(), &variables);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A right in a policy: whose policy it is, the number of the statement, and of its action.
type Right = (&'static str, String, usize, usize);

/// All rights that a role has, in its own policy and in those of buckets and keys.
fn rights(policies: &Value, role: &str) -> Vec<Right> {
    let mut rights = Vec::new();
    for kind in ["buckets", "keys", "roles"] {
        for (name, document) in policies[kind].as_object().unwrap() {
            let statements = document["Statement"].as_array().unwrap();
            for (number, statement) in statements.iter().enumerate() {
                let is_own = match kind {
                    "roles" => name == role,
                    _ => statement["Principal"]["AWS"] == role,
                };
                let actions = statement["Action"].as_array().unwrap().len();
                let actions = (0..actions).filter(|_| is_own);
                rights.extend(actions.map(|action| (kind, name.clone(), number, action)));
            }
        }
    }
    rights
}

/// The policies without one right, and the action of that.
fn without(policies: &Value, (kind, name, statement, action): &Right) -> (Value, String) {
    let mut policies = policies.clone();
    let statement = &mut policies[kind][name.as_str()]["Statement"][statement];
    let actions = statement["Action"].as_array_mut().unwrap();
    let removed = actions.remove(*action).as_str().unwrap().to_owned();
    (policies, removed)
}

/// Makes a caller the role, and puts the policies where they belong.
fn paste(world: &World, policies: &Value, role: &str) {
    for bucket in [PRIMARY, BACKUP] {
        world.sim.change_options(bucket, |options| {
            OTHER_ACCOUNT.clone_into(&mut options.owner);
        });
        let policy = policies["buckets"][bucket].clone();
        world.sim.set_bucket_policy(bucket, policy);
    }
    for key in [SOURCE_KEY, BACKUP_KEY] {
        world.sim.set_key_policy(key, policies["keys"][key].clone());
    }
    world
        .sim
        .set_role(CALLER, role, policies["roles"][role].clone());
}

fn encrypted(put: Put) -> Put {
    put.encryption(Encryption::Kms {
        key: SOURCE_KEY.to_owned(),
    })
}

fn world(versioned: bool) -> World {
    let world = World::new()
        .with("BACKUP_KMS_KEY_ID", BACKUP_KEY)
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MULTIPART_THRESHOLD", "8 MiB");
    if versioned {
        world.sim.set_versioning(PRIMARY, Versioning::Enabled);
    }
    let large = Put::new(Content::generated(1, 20 * MIB)).parts(&[10 * MIB, 10 * MIB]);
    world.sim.change_options(PRIMARY, |options| {
        options.default_encryption = Encryption::Kms {
            key: SOURCE_KEY.to_owned(),
        };
    });
    world.put_object("small", encrypted(Put::new("1").tag("a", "b")));
    world.put_object("large", encrypted(large.tag("a", "b")));
    world.put_object("archived", encrypted(Put::new("1")));
    world
}

/// What the role of the backup does, and all that is told of it.
async fn back_up(policies: &Value) -> (bool, String) {
    let world = world(false);
    paste(&world, policies, BACKUP_ROLE);
    let lost = Fault::on(Verb::CopyObject).key("small").nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);
    let mut told = Told::default();
    told.add(world.invoke(json!({})).await);
    let deep = json!({"operation": "verify", "deep": true});
    told.add(world.invoke(deep).await);
    world.sim.delete(PRIMARY, "archived");
    told.add(world.invoke(json!({})).await);
    let caller = [("AWS_ACCESS_KEY_ID", CALLER)];
    let doctor = run_in(&world, &[&["doctor"][..], &JOB].concat(), &caller);
    let looked = text(&doctor.stdout) + &text(&doctor.stderr);
    (told.complete, told.text + &looked)
}

/// What the role of restores does, into a bucket that keeps versions or keeps none.
async fn bring_back(policies: &Value, versioned: bool) -> (bool, String) {
    let world = world(versioned);
    world.backup().await;
    world.sim.set_storage_class(BACKUP, "archived", "GLACIER");
    let damaged = Put::new(Content::generated(2, 20 * MIB)).parts(&[10 * MIB, 10 * MIB]);
    world.put_object("small", encrypted(Put::new("damaged").tag("c", "d")));
    world.put_object("large", encrypted(damaged));
    world.sim.delete(PRIMARY, "archived");
    paste(&world, policies, RESTORE_ROLE);
    let mut told = Told::default();
    let asked = json!({"operation": "restore", "all": true, "run": "latest"});
    let id = told.add(world.invoke(asked).await);
    world.sim.clock().advance(Duration::from_hours(13));
    let next = json!({"operation": "restore", "continue": id});
    let id = told.add(world.invoke(next).await);
    let undo = json!({"operation": "restore", "undo": id});
    told.add(world.invoke(undo).await);
    (told.complete, told.text)
}

#[derive(Default)]
struct Told {
    text: String,
    complete: bool,
}

impl Told {
    /// Adds an answer. The id of the restore that it tells of, or one that there is not.
    fn add(&mut self, answer: Result<Value, s3_backup::app::AppError>) -> String {
        match answer {
            Ok(result) => {
                self.text += &result.to_string();
                self.complete = result["status"] == "complete";
                let id = result["restore"]["id"].as_str();
                id.unwrap_or("2026-x").to_owned()
            }
            Err(error) => {
                self.text += &error.to_string();
                self.complete = false;
                "2026-x".to_owned()
            }
        }
    }
}

/// Actions whose lack nobody is told of: that an upload could not be aborted stands in the log.
const UNTOLD: [&str; 1] = ["s3:AbortMultipartUpload"];

/// Actions of restores on the backup bucket that these do not need: a row without a version id, and state that has
/// tags and no version.
const RARE: [&str; 3] = [
    "s3:GetBucketVersioning",
    "s3:GetObjectTagging",
    "s3:ListBucketVersions",
];

/// Whether the lack of an action is told of.
fn is_named(told: &str, action: &str) -> bool {
    UNTOLD.contains(&action) || told.contains(action)
}

#[tokio::test]
async fn with_the_printed_policies_a_run_is_complete_and_each_action_less_is_named() {
    let policies = printed();

    let (complete, told) = back_up(&policies).await;
    assert!(complete, "{told}");
    let mut unnamed = BTreeSet::new();
    for right in rights(&policies, BACKUP_ROLE) {
        let (less, action) = without(&policies, &right);
        let (_, told) = back_up(&less).await;
        if !is_named(&told, &action) {
            unnamed.insert(format!("{} {} {action}", right.0, right.1));
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}

#[tokio::test]
async fn with_the_printed_policies_a_restore_is_complete_and_each_action_less_is_named() {
    let policies = printed();

    for versioned in [true, false] {
        let (complete, told) = bring_back(&policies, versioned).await;
        assert!(complete, "{told}");
    }
    let mut unnamed = BTreeSet::new();
    for right in rights(&policies, RESTORE_ROLE) {
        let (less, action) = without(&policies, &right);
        let (_, versioned) = bring_back(&less, true).await;
        let (_, unversioned) = bring_back(&less, false).await;
        let is_rare = right.1 != PRIMARY && RARE.contains(&action.as_str());
        if !is_rare && !is_named(&versioned, &action) && !is_named(&unversioned, &action) {
            unnamed.insert(format!("{} {} {action}", right.0, right.1));
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}

#[tokio::test]
async fn a_caller_without_the_policies_is_refused_on_both_sides() {
    let policies = printed();
    for kind in ["buckets", "keys"] {
        let mut less = policies.clone();
        for document in less[kind].as_object_mut().unwrap().values_mut() {
            document["Statement"] = json!([]);
        }

        let (complete, told) = back_up(&less).await;

        assert!(
            !complete && told.contains("resource-based policy"),
            "{told}"
        );
    }
}

#[test]
fn the_policy_of_one_bucket_can_be_put_as_it_is_printed() {
    let world = World::new();
    let words = ["policy", "--role", BACKUP_ROLE];
    let of = |name: &str| run(&world, &[&words[..], &["--of", name], &JOB].concat());

    let backup = of(BACKUP);
    let strange = of("nowhere");

    assert_eq!(backup.status.code(), Some(0), "{backup:?}");
    let policy: Value = serde_json::from_slice(&backup.stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap();
    let sids: Vec<&str> = statements
        .iter()
        .map(|statement| statement["Sid"].as_str().unwrap())
        .collect();
    assert_eq!(
        sids,
        ["BackupRoleListBackup", "BackupRoleAddToBackup", "TlsOnly"]
    );
    assert_eq!(statements[0]["Principal"], json!({"AWS": BACKUP_ROLE}));
    assert_eq!(statements[2]["Effect"], "Deny");
    let destroying = [
        "DeleteObject",
        "PutLifecycle",
        "PutBucketVersioning",
        "Bypass",
    ];
    let text_of_policy = text(&backup.stdout);
    assert!(
        destroying
            .iter()
            .all(|action| !text_of_policy.contains(action))
    );
    assert_eq!(strange.status.code(), Some(2));
    let stderr = text(&strange.stderr);
    assert!(
        stderr.contains("allowed: backup, primary, arn:aws:iam:"),
        "{stderr}"
    );
    assert_eq!(world.sim.ledger().total(), 0);
}

#[test]
fn the_role_has_what_the_template_gives_it() {
    let policies = printed();
    let mut actions = BTreeSet::new();
    let document = &policies["roles"][BACKUP_ROLE];
    for statement in document["Statement"].as_array().unwrap() {
        let sid = statement["Sid"].as_str().unwrap();
        let side = if sid.contains("Source") {
            "source"
        } else {
            "destination"
        };
        for action in statement["Action"].as_array().unwrap() {
            actions.insert(format!("{side} {}", action.as_str().unwrap()));
        }
    }

    assert_eq!(actions, crate::policy::granted_with_marking());
}

#[test]
fn what_no_policy_can_name_is_refused() {
    let world = World::new();
    let asked = |words: &[&str], key: &str| {
        let words = [&["policy"], words, &JOB].concat();
        run_in(&world, &words, &[("BACKUP_KMS_KEY_ID", key)])
    };
    let session = "arn:aws:sts::111122223333:assumed-role/backup/session";
    for (words, key, part) in [
        (
            &["--role", session][..],
            BACKUP_KEY,
            "allowed: the ARN of a role",
        ),
        (
            &["--role", "backup"],
            BACKUP_KEY,
            "--role is \"backup\"; allowed: the ARN of a role",
        ),
        (
            &["--role", BACKUP_ROLE],
            "alias/backup",
            "BACKUP_KMS_KEY_ID is \"alias/backup\"; a policy needs the ARN of the key",
        ),
        (
            &["--role", BACKUP_ROLE, "--source-kms-key", "k"],
            BACKUP_KEY,
            "--source-kms-key is \"k\"; a policy needs the ARN of the key",
        ),
    ] {
        let output = asked(words, key);

        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(part), "{stderr}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_prefix_narrows_the_objects_of_the_source() {
    let world = World::new();
    let job = ["s3://primary/data/", "s3://backup/copies/"];

    let output = run(
        &world,
        &[&["policy", "--role", BACKUP_ROLE][..], &job].concat(),
    );

    assert!(output.stdout.starts_with(b"{\n  \"buckets\": {\n"));
    let policies: Value = serde_json::from_slice(&output.stdout).unwrap();
    let read = &policies["buckets"][PRIMARY]["Statement"][1];
    assert_eq!(read["Resource"], json!(["arn:aws:s3:::primary/data/*"]));
}
