//! What others write into a bucket, their headers and their keys, is at most the error of one object.

use s3_sim::{Content, Effect, Fault, Put, Verb};
use serde_json::{Value, json};

use crate::tables;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

const MIB: u64 = 1024 * 1024;

/// What S3 tells of an object by headers.
const HEADERS: [&str; 22] = [
    "expires",
    "etag",
    "last-modified",
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "accept-ranges",
    "date",
    "x-amz-version-id",
    "x-amz-copy-source-version-id",
    "x-amz-meta-owner",
    "x-amz-missing-meta",
    "x-amz-tagging-count",
    "x-amz-storage-class",
    "x-amz-mp-parts-count",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-type",
    "x-amz-server-side-encryption",
    "x-amz-website-redirect-location",
    "x-amz-request-id",
];

/// Large and small objects, two of each.
fn world() -> World {
    let world = World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    for key in ["bad", "good"] {
        let large = Put::new(Content::generated(1, 6 * MIB));
        world.put_object(&format!("large {key}"), large);
        world.put(&format!("small {key}"), "1");
    }
    world
}

fn assert_names_the_header(result: &Value, header: &str) {
    let failure = &result["failures"][0];
    let message = failure["message"].as_str().unwrap();
    let named = format!("header {header} is not UTF-8");
    assert!(message.contains(&named), "{message}");
    assert!(
        failure["key"].as_str().unwrap().ends_with("bad"),
        "{failure}"
    );
    let advice = failure["advice"].as_str().unwrap();
    assert!(
        advice.contains("write the object's headers anew"),
        "{advice}"
    );
}

#[tokio::test]
async fn a_header_that_is_not_utf8_is_the_error_of_its_object_and_is_named() {
    for header in ["expires", "x-amz-meta-owner", "content-disposition"] {
        let world = world();
        world.sim.fault(
            Fault::on(Verb::HeadObject).key("large bad"),
            Effect::Header(header.to_owned(), b"r\xe9sum\xe9".to_vec()),
        );

        let result = world.backup().await;
        let verified = world
            .run(json!({"operation": "verify", "deep": true}))
            .await;

        assert_eq!(counts(&result), [4, 3, 0, 0, 0, 1], "{header}: {result}");
        assert_names_the_header(&result, header);
        assert_eq!(count(&verified, "errors"), 1, "{header}: {verified}");
        assert_names_the_header(&verified, header);
        assert_eq!(verified["verified"]["equal"], 3, "{verified}");
        assert_eq!(world.sim.uploads(BACKUP), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_of_any_reply_stops_a_run() {
    let long = vec![b'a'; 64 * 1024];
    let no_text: [&[u8]; 2] = [b"\x80", b"\xff\xfe"];
    let text: [&[u8]; 2] = [b"", &long];
    let verbs = [
        Verb::HeadObject,
        Verb::CopyObject,
        Verb::UploadPartCopy,
        Verb::GetObject,
    ];
    for (row, verb) in verbs.into_iter().enumerate() {
        for (column, header) in HEADERS.into_iter().enumerate() {
            let mut values = tables::share(no_text, row + column);
            values.extend(tables::share(text, row + column));
            for value in values {
                let world = world();
                if verb == Verb::GetObject {
                    world.backup().await;
                }
                let effect = Effect::Header(header.to_owned(), value.to_vec());
                world.sim.fault(Fault::on(verb).first(6), effect);

                let answer = world.invoke(json!({})).await;

                let what = format!("{verb:?} {header} {}", value.len());
                match answer {
                    Ok(result) => assert_adds_up(&result),
                    // It is the lease's, which has no object to be the error of.
                    Err(error) => {
                        assert_eq!(verb, Verb::GetObject, "{what}: {error}");
                        assert_eq!(error.error_type(), "DestinationError", "{what}");
                    }
                }
                world.sim.clear_faults();
                world.let_leases_end();
                assert_eq!(world.backup().await["status"], "complete", "{what}");
                // A header that is text is carried along like any other.
                for key in world.keys(PRIMARY) {
                    let object = world.sim.current(PRIMARY, &key).unwrap();
                    assert_eq!(world.backup_of(&key).content, object.content, "{what}");
                }
            }
        }
    }
}
