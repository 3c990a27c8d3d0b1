//! Refusals, and what S3 says about them: HEAD is answered without a body, each code has its own advice,
//! and a policy that denies is named.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use s3_sim::{BucketOptions, Effect, Fault, Put, Verb, Versioning};
use serde_json::{Value, json};

use crate::cli;
use crate::world::{BACKUP, PRIMARY, World, counts};

fn world() -> World {
    let world = World::new();
    world.put("k", "1");
    world
}

/// Why a run of this world does not start.
async fn refusal(world: &World) -> String {
    world.invoke(json!({})).await.unwrap_err().to_string()
}

fn assert_told(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

/// Status, code and message of S3, the cause that is told, and a part of the advice.
const CODES: [(u16, &str, &str, &str, &str); 9] = [
    (
        400,
        "ExpiredToken",
        "The provided token has expired.",
        "no valid credentials",
        "these have expired",
    ),
    (
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        "no valid credentials",
        "check AWS_ACCESS_KEY_ID or the profile",
    ),
    (
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
        "no valid credentials",
        "check AWS_SECRET_ACCESS_KEY or the profile",
    ),
    (
        400,
        "InvalidToken",
        "The provided token is malformed or otherwise invalid.",
        "no valid credentials",
        "check AWS_SESSION_TOKEN",
    ),
    (
        403,
        "AllAccessDisabled",
        "All access to this object has been disabled.",
        "access denied",
        "no grant can help",
    ),
    (
        403,
        "AccountProblem",
        "There is a problem with your AWS account.",
        "access denied",
        "look after the AWS account",
    ),
    (
        400,
        "KMS.DisabledException",
        "The key is disabled.",
        "S3 refused",
        "enable the KMS key",
    ),
    (
        400,
        "KMS.NotFoundException",
        "Invalid keyId 'abc'.",
        "S3 refused",
        "correct BACKUP_KMS_KEY_ID",
    ),
    (
        400,
        "KMS.KMSInvalidStateException",
        "The key is pending deletion.",
        "S3 refused",
        "cancel the deletion of the KMS key",
    ),
];

#[tokio::test]
async fn a_bucket_that_is_refused_is_told_with_the_code_and_its_own_advice() {
    for (status, code, message, cause, advice) in CODES {
        let world = world();
        world
            .sim
            .fault(Fault::on_any(), Effect::status(status, code, message));

        let text = refusal(&world).await;

        let told = format!("cannot reach bucket primary: {cause} ({code}: {message}); ");
        assert_told(&text, &[&told, advice]);
        // Refused credentials are asked for once more; nothing else is repeated.
        let of_credentials = [
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidToken",
            "TokenRefreshRequired",
        ];
        let most = if of_credentials.contains(&code) { 2 } else { 1 };
        let sent = world.sim.ledger();
        for verb in [Verb::HeadBucket, Verb::ListObjectsV2] {
            let count = sent.count(verb);
            assert!((1..=most).contains(&count), "{code}: {count} {verb:?}");
        }
    }
}

#[tokio::test]
async fn an_object_that_is_refused_is_told_with_the_code_and_its_own_advice() {
    for (status, code, message, cause, advice) in CODES {
        let world = world();
        world.backup().await;
        for verb in [Verb::HeadObject, Verb::GetObject] {
            let refused = Effect::status(status, code, message);
            world
                .sim
                .fault(Fault::on(verb).bucket(BACKUP).key("k"), refused);
        }

        let result = world
            .run(json!({"operation": "verify", "deep": true}))
            .await;

        let failure = &result["failures"][0];
        assert_eq!(failure["code"], code, "{result}");
        let told = format!("cannot look at k: {cause} ({code}: {message})");
        assert_told(failure["message"].as_str().unwrap(), &[&told]);
        assert_told(failure["advice"].as_str().unwrap(), &[advice]);
    }
}

#[tokio::test]
async fn a_look_that_stays_without_a_reason_is_told_by_its_status() {
    let world = world();
    world.backup().await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::HeadObject), denied);

    let result = world
        .run(json!({"operation": "verify", "deep": true}))
        .await;

    let failure = &result["failures"][0];
    let told = "cannot look at k: access denied (HTTP status 403)";
    assert_told(failure["message"].as_str().unwrap(), &[told]);
    assert_told(failure["advice"].as_str().unwrap(), &["grant s3:GetObject"]);
}

#[tokio::test]
async fn a_look_that_is_refused_once_is_made_again() {
    let world = world();
    world.put("empty", "");
    world.backup().await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    for key in ["k", "empty"] {
        let first = Fault::on(Verb::HeadObject).bucket(BACKUP).key(key).nth(1);
        world.sim.fault(first, denied.clone());
    }

    let result = world
        .run(json!({"operation": "verify", "deep": true}))
        .await;

    assert_eq!(result["verified"]["equal"], 2, "{result}");
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_what_s3_says() {
    for wrong in [Duration::from_hours(1), Duration::from_hours(72)] {
        let world = world();
        world.sim.clock().advance(wrong);
        world.sim.check_clocks();

        assert_eq!(counts(&world.backup().await), [1, 1, 0, 0, 0, 0]);
    }
}

/// A server that answers everything with this status and document, and never with a date. Gives its URL.
pub fn server(status: &'static str, document: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(length) if length > 0 => request.extend_from_slice(&chunk[..length]),
                    _ => break,
                }
            }
            let length = document.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n"
            );
            let body = if request.starts_with(b"HEAD ") {
                ""
            } else {
                document
            };
            drop(stream.write_all((head + body).as_bytes()));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_wrong_clock_that_cannot_be_corrected_is_told_with_both_times() {
    let endpoint = server(
        "403 Forbidden",
        "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time \
         and the current time is too large.</Message><RequestTime>20261121T020000Z</RequestTime>\
         <ServerTime>2026-11-21T05:00:00Z</ServerTime></Error>",
    );
    let world = World::new();

    let output = cli::run_in(&world, &cli::RUN, &[("AWS_ENDPOINT_URL", &endpoint)]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_told(
        &cli::text(&output.stderr),
        &[
            "this machine's clock differs from S3's (RequestTimeTooSkewed: ",
            "set the clock of this machine: it says 20261121T020000Z, and S3 says 2026-11-21T05:00:00Z",
        ],
    );
}

#[test]
fn a_page_of_a_proxy_is_no_reason() {
    let endpoint = server("403 Forbidden", "<html>\n<h1>Forbidden</h1>\n</html>");
    let world = World::new();

    let output = cli::run_in(&world, &cli::RUN, &[("AWS_ENDPOINT_URL", &endpoint)]);

    let stderr = cli::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_told(
        &stderr,
        &["cannot reach bucket primary: access denied (HTTP status 403)"],
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn a_region_that_is_told_by_a_refusal_is_followed() {
    let world = world().with("DESTINATION_BUCKET", "far");
    let options = BucketOptions {
        region: "me-south-1".to_owned(),
        versioning: Versioning::Enabled,
        ..BucketOptions::default()
    };
    world.sim.create_bucket_with("far", options);

    assert_eq!(counts(&world.backup().await), [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        world
            .sim
            .keys("far")
            .iter()
            .filter(|key| *key == "k")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_region_that_only_a_body_tells_is_followed() {
    let world = world().with("DESTINATION_BUCKET", "far");
    let options = BucketOptions {
        region: "me-south-1".to_owned(),
        versioning: Versioning::Enabled,
        ..BucketOptions::default()
    };
    world.sim.create_bucket_with("far", options);
    let malformed = Effect::status(400, "AuthorizationHeaderMalformed", "wrong region");
    let first = Fault::on(Verb::HeadBucket).bucket("far").nth(1);
    world.sim.fault(first, malformed);

    assert_eq!(counts(&world.backup().await), [1, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_region_that_is_none_of_the_buckets_is_told_and_not_followed_for_ever() {
    let world = world();
    let elsewhere = BucketOptions {
        region: "me-south-1".to_owned(),
        ..BucketOptions::default()
    };
    world.sim.create_bucket_with(PRIMARY, elsewhere);
    let malformed = Effect::status(400, "AuthorizationHeaderMalformed", "wrong region");
    world.sim.fault(Fault::on(Verb::HeadBucket), malformed);

    let text = refusal(&world).await;

    assert_told(&text, &["cannot reach bucket primary: "]);
    assert!(world.sim.ledger().total() < 8, "{text}");
}

const USER: &str =
    "User: arn:aws:sts::111122223333:assumed-role/backup/s3-backup is not authorized to perform:";

/// The failure of a copy that S3 denies with this ending of its message.
async fn denied_copy(action: &str, ending: &str) -> Value {
    let world = world();
    let message = format!("{USER} {action} on resource: \"arn:aws:s3:::backup/k\" {ending}");
    let denied = Effect::status(403, "AccessDenied", &message);
    world.sim.fault(Fault::on(Verb::CopyObject), denied);
    world.backup().await["failures"][0].clone()
}

#[tokio::test]
async fn a_policy_that_denies_is_named_and_no_grant_advised() {
    let cases = [
        (
            "with an explicit deny in a service control policy",
            "a service control policy of the organization denies s3:PutObject, and no grant to the role can help",
        ),
        (
            "with an explicit deny in a service control policy: arn:aws:organizations::111122223333:policy/o-1/p-2",
            "a service control policy of the organization, arn:aws:organizations::111122223333:policy/o-1/p-2 denies s3:PutObject",
        ),
        (
            "with an explicit deny in a resource control policy",
            "a resource control policy of the organization denies s3:PutObject",
        ),
        (
            "with an explicit deny in a resource-based policy",
            "the bucket's own policy (resource-based policy) denies s3:PutObject",
        ),
        (
            "with an explicit deny in a VPC endpoint policy",
            "the VPC endpoint policy of the network denies s3:PutObject",
        ),
        (
            "with an explicit deny in a permissions boundary",
            "the role's permissions boundary denies s3:PutObject",
        ),
        (
            "with an explicit deny in a session policy",
            "the session policy of the assumed role denies s3:PutObject",
        ),
        (
            "because no permissions boundary allows the s3:PutObject action",
            "allow s3:PutObject in the role's permissions boundary; a grant to the role alone cannot help",
        ),
        (
            "because no VPC endpoint policy allows the s3:PutObject action",
            "allow s3:PutObject in the VPC endpoint policy of the network",
        ),
        (
            "because no service control policy allows the s3:PutObject action",
            "allow s3:PutObject in a service control policy of the organization",
        ),
    ];

    for (ending, part) in cases {
        let failure = denied_copy("s3:PutObject", ending).await;

        let advice = failure["advice"].as_str().unwrap();
        assert_told(advice, &[part]);
        assert!(!advice.starts_with("grant "), "{advice}");
    }
}

#[tokio::test]
async fn a_role_without_a_grant_is_advised_to_get_one() {
    let missing = "because no identity-based policy allows the s3:PutObject action";
    let denied = "with an explicit deny in an identity-based policy";

    let missing = denied_copy("s3:PutObject", missing).await;
    let denied = denied_copy("s3:PutObject", denied).await;

    let grant = "grant s3:PutObject to the role that runs the backup";
    assert_eq!(missing["advice"], grant);
    assert_eq!(denied["advice"], grant);
}

#[tokio::test]
async fn a_bucket_policy_that_may_demand_an_encryption_header_is_told() {
    let deny = "with an explicit deny in a resource-based policy";
    let explained = denied_copy("s3:PutObject", deny).await;
    let world = world();
    let bare = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::CopyObject), bare);
    let bare = world.backup().await["failures"][0].clone();

    for failure in [explained, bare] {
        let advice = failure["advice"].as_str().unwrap();
        assert_told(advice, &["encryption header", "BACKUP_KMS_KEY_ID"]);
    }
}

#[tokio::test]
async fn a_requester_pays_source_is_told() {
    let messages = [
        (
            "Access Denied",
            "a requester-pays bucket of another account",
        ),
        (
            "The bucket is configured with Requester Pays.",
            "the bucket is requester-pays: set BACKUP_REQUEST_PAYER",
        ),
    ];
    for (message, advice) in messages {
        let world = world();
        let denied = Effect::status(403, "AccessDenied", message);
        world.sim.fault(Fault::on_any().bucket(PRIMARY), denied);

        assert_told(&refusal(&world).await, &[advice]);
    }
}

#[tokio::test]
async fn an_object_under_a_customers_key_is_recognised_by_a_look_too() {
    let world = world();
    world.put_object("secret", Put::new("1"));
    world.backup().await;
    let message = "The object was stored using a form of Server Side Encryption. The correct \
                   parameters must be provided to retrieve the object.";
    for verb in [Verb::HeadObject, Verb::GetObject] {
        let refused = Effect::status(400, "InvalidRequest", message);
        world
            .sim
            .fault(Fault::on(verb).bucket(PRIMARY).key("secret"), refused);
    }

    let result = world
        .run(json!({"operation": "verify", "deep": true}))
        .await;

    let advice = result["failures"][0]["advice"].as_str().unwrap();
    assert_told(advice, &["customer-provided key (SSE-C)"]);
}

#[tokio::test]
async fn a_store_that_lists_out_of_order_is_told_which_rule_of_s3_it_breaks() {
    let world = world();
    world.put("a", "1");
    let listings = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    world.sim.fault(listings, Effect::KeysOutOfOrder);

    let text = refusal(&world).await;

    let rule = "key a is listed after k, and S3 lists each key once, in the order of UTF-8 bytes";
    assert_told(&text, &["cannot list bucket primary: ", rule]);
}

#[tokio::test]
async fn a_store_that_answers_with_another_document_is_told_what_it_is() {
    let world = world();
    let other = "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>";
    let listings = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    world.sim.fault(listings, Effect::Body(other.to_owned()));

    let text = refusal(&world).await;

    let parts = [
        "cannot list bucket primary: ",
        "ListAllMyBucketsResult",
        "ListBucketResult",
    ];
    assert_told(&text, &parts);
}
