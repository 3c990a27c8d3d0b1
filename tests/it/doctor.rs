//! `bucket_warnings` and `doctor`: what is wrong with a backup bucket although a run can write to it.

use s3_sim::{Effect, Encryption, Fault, Verb};
use serde_json::{Value, json};

use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, World};

const LOOKS: [Verb; 5] = [
    Verb::GetBucketEncryption,
    Verb::GetBucketLifecycleConfiguration,
    Verb::GetObjectLockConfiguration,
    Verb::GetPublicAccessBlock,
    Verb::GetBucketReplication,
];

/// A rule of S3's that does this to keys that begin so.
fn rule(id: &str, prefix: &str, action: &str) -> String {
    format!(
        "<Rule><ID>{id}</ID><Status>Enabled</Status><Filter><Prefix>{prefix}</Prefix></Filter>{action}</Rule>"
    )
}

const EXPIRES: &str = "<Expiration><Days>30</Days></Expiration>";

fn codes(result: &Value) -> Vec<&str> {
    let warnings = result["bucket_warnings"].as_array();
    let warnings = warnings.into_iter().flatten();
    warnings
        .map(|warning| warning["code"].as_str().unwrap())
        .collect()
}

fn out_of_order(world: &World) {
    let rules = [
        rule("old", "", EXPIRES),
        rule(
            "cold",
            ".s3-backup/",
            "<Transition><Days>90</Days><StorageClass>GLACIER</StorageClass></Transition>",
        ),
    ];
    world.sim.change_options(BACKUP, |options| {
        options.lifecycle = Some(rules.concat());
        options.blocks_public_access = false;
        options.bucket_key = false;
        options.default_encryption = Encryption::Kms {
            key: "arn:aws:kms:us-east-1:111122223333:key/k1".to_owned(),
        };
        options.replication = Some(format!(
            "<Role>arn:aws:iam::111122223333:role/r</Role><Rule><Status>Enabled</Status><Destination>\
             <Bucket>arn:aws:s3:::{PRIMARY}</Bucket></Destination></Rule>"
        ));
    });
}

#[tokio::test]
async fn a_run_warns_of_a_bucket_that_would_take_backups_away() {
    let world = World::new();
    world.put("a", "1");
    out_of_order(&world);

    let result = world.backup().await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(
        codes(&result),
        [
            "bucket_key_off",
            "public_access",
            "lifecycle_expires_backups",
            "lifecycle_expires_state",
            "lifecycle_archives_state",
            "replicates_to_source",
        ]
    );
    let first = &result["bucket_warnings"][2];
    assert_eq!(first["bucket"], BACKUP);
    assert_eq!(
        first["message"],
        "lifecycle: rule old expires current versions, the only backup of objects that do not change"
    );
    assert!(first["advice"].as_str().unwrap().contains("noncurrent"));
}

#[tokio::test]
async fn a_run_looks_once_with_five_requests_and_finds_nothing_wrong_with_a_new_bucket() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    world.sim.ledger().clear();

    let result = world.backup().await;

    assert_eq!(result.get("bucket_warnings"), None, "{result}");
    for verb in LOOKS {
        assert_eq!(world.sim.ledger().count(verb), 1, "{verb:?}");
    }
    assert_eq!(world.sim.ledger().count(Verb::GetBucketVersioning), 1);
    assert_eq!(result["requests"], json!({"list": 2, "copy": 0, "head": 0}));
}

#[tokio::test]
async fn a_run_that_may_not_look_or_gets_no_answer_is_complete_without_warnings() {
    for effect in [
        Effect::status(403, "AccessDenied", "Access Denied"),
        Effect::status(501, "NotImplemented", "not here"),
        Effect::status(400, "InvalidRequest", "no"),
        Effect::Stall,
    ] {
        let world = World::new().impatient();
        world.put("a", "1");
        out_of_order(&world);
        for verb in LOOKS {
            world.sim.fault(Fault::on(verb), effect.clone());
        }

        let result = world.backup().await;

        assert_eq!(result["status"], "complete", "{result}");
        assert_eq!(codes(&result), [""; 0], "{effect:?}");
    }
}

#[tokio::test]
async fn only_a_whole_run_that_copies_looks() {
    let world = World::new();
    world.put("data/a", "1");

    for request in [
        json!({"dry_run": true}),
        json!({"operation": "plan"}),
        json!({"operation": "verify"}),
        json!({"prefix": "data/"}),
    ] {
        world.run(request).await;
    }

    for verb in LOOKS {
        assert_eq!(world.sim.ledger().count(verb), 0, "{verb:?}");
    }
}

const SIDES: [&str; 3] = ["doctor", "s3://primary", "s3://backup"];

#[test]
fn doctor_says_what_is_wrong_and_the_cure_and_changes_nothing() {
    let world = World::new();
    let healthy = run(&world, &SIDES);
    out_of_order(&world);

    let ill = run(&world, &SIDES);
    let as_json = run(&world, &[&SIDES[..], &["--json"]].concat());
    let run_of_backup = run(&world, &["run", "s3://primary", "s3://backup"]);

    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    let stdout = text(&healthy.stdout);
    for line in [
        "backup\n",
        "  ok       versioning     enabled\n",
        "  ok       encryption     AES256\n",
        "  ok       public access  blocked in all four ways\n",
        "  ok       lifecycle      current versions stay, and replaced ones are kept for ever\n",
        "  ok       replication    off\n",
        "  ok       old state      stays for ever, because no rule expires it; lifecycle-policy.json has one\n",
    ] {
        assert!(stdout.contains(line), "{line:?} is missing in {stdout}");
    }
    assert_eq!(ill.status.code(), Some(3), "{ill:?}");
    let stdout = text(&ill.stdout);
    assert!(
        stdout.contains("  warning  lifecycle      rule old expires current versions"),
        "{stdout}"
    );
    assert!(
        stdout.contains("NoncurrentVersionExpiration"),
        "the cure is missing in {stdout}"
    );
    assert_eq!(as_json.status.code(), Some(3));
    let told: Value = serde_json::from_slice(&as_json.stdout).unwrap();
    assert_eq!(told["healthy"], false);
    let checks = told["buckets"][0]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 9, "{told}");
    assert_eq!(checks[0]["setting"], "versioning");
    assert_eq!(checks[0]["result"], "ok");
    let stdout = text(&run_of_backup.stdout);
    assert!(
        stdout.contains("warning: bucket backup: lifecycle: rule old expires"),
        "{stdout}"
    );
    let written = [Verb::PutBucketVersioning, Verb::CreateBucket];
    assert!(
        written
            .iter()
            .all(|verb| world.sim.ledger().count(*verb) == 0)
    );
}

#[test]
fn doctor_names_what_it_may_not_look_at() {
    let world = World::new();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::GetBucketLifecycleConfiguration), denied);

    let output = run(&world, &SIDES);

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("  unknown  lifecycle      left out: S3 does not tell\n"),
        "{stdout}"
    );
    assert!(stdout.contains("s3:GetLifecycleConfiguration"), "{stdout}");
}
