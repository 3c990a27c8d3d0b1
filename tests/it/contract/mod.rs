//! What we rely on in S3, a check each. It runs on the simulator always, and on any other endpoint:
//!
//! ```text
//! CONTRACT_ENDPOINT=https://localhost:4566 CONTRACT_SERVER=ministack \
//!     cargo test --test it contract -- --ignored
//! ```
//!
//! Without `CONTRACT_SERVER` nothing may differ. The checks make two buckets and remove none.

mod buckets;
mod copies;
mod listings;
mod parts;
mod store;

use aws_config::{BehaviorVersion, SdkConfig};
use futures::future::BoxFuture;

use crate::world::World;
use buckets::{
    a_bucket_of_another_owner_is_denied, a_creation_is_refused_where_something_is,
    a_replacement_is_refused_unless_it_names_what_is_there,
    a_reply_is_dated_by_the_clock_that_dates_objects,
    an_overwrite_in_a_versioned_bucket_keeps_what_it_replaces,
};
use copies::{
    a_copy_goes_to_standard_unless_told_otherwise, a_copy_in_one_call_has_one_part,
    a_copy_is_not_older_than_its_object, a_copy_keeps_headers_metadata_and_tags,
    a_copy_leaves_the_website_redirect_behind, a_copy_of_a_changed_object_is_refused,
    a_copy_of_an_archived_object_is_refused, a_copy_of_what_is_not_there_is_not_found,
    a_copy_source_is_decoded_once,
};
use listings::{
    a_page_counts_its_keys_and_says_whether_it_is_the_last,
    listings_ascend_by_bytes_from_page_to_page, listings_encode_keys_when_asked_to,
};
use parts::{
    a_completion_of_another_size_is_refused, a_completion_with_another_checksum_is_refused,
    a_completion_with_the_sources_checksum_is_accepted, a_look_at_part_one_tells_the_layout,
    a_part_of_a_changed_object_is_refused, an_aborted_upload_leaves_nothing,
    an_upload_keeps_the_tags_that_it_was_begun_with, parts_cut_alike_have_the_same_etag,
};
pub use store::Store;

const MIB: usize = 1024 * 1024;

type Check = fn(Store) -> BoxFuture<'static, ()>;

/// A promise of S3, by its name.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), (|store| Box::pin($name(store))) as Check)),*]
    };
}

const PROMISES: [(&str, Check); 25] = promises![
    listings_ascend_by_bytes_from_page_to_page,
    listings_encode_keys_when_asked_to,
    a_page_counts_its_keys_and_says_whether_it_is_the_last,
    a_copy_keeps_headers_metadata_and_tags,
    a_copy_goes_to_standard_unless_told_otherwise,
    a_copy_leaves_the_website_redirect_behind,
    a_copy_of_a_changed_object_is_refused,
    a_copy_source_is_decoded_once,
    a_copy_of_what_is_not_there_is_not_found,
    a_copy_of_an_archived_object_is_refused,
    a_copy_in_one_call_has_one_part,
    a_copy_is_not_older_than_its_object,
    a_look_at_part_one_tells_the_layout,
    parts_cut_alike_have_the_same_etag,
    a_part_of_a_changed_object_is_refused,
    an_upload_keeps_the_tags_that_it_was_begun_with,
    a_completion_with_the_sources_checksum_is_accepted,
    a_completion_of_another_size_is_refused,
    a_completion_with_another_checksum_is_refused,
    an_aborted_upload_leaves_nothing,
    an_overwrite_in_a_versioned_bucket_keeps_what_it_replaces,
    a_bucket_of_another_owner_is_denied,
    a_creation_is_refused_where_something_is,
    a_replacement_is_refused_unless_it_names_what_is_there,
    a_reply_is_dated_by_the_clock_that_dates_objects,
];

/// Where MiniStack 1.5 differs from S3, and why that does no harm here.
const MINISTACK: [(&str, &str); 8] = [
    (
        "a_copy_goes_to_standard_unless_told_otherwise",
        "it carries the class; ours is always named",
    ),
    (
        "a_copy_leaves_the_website_redirect_behind",
        "it carries the redirect; ours is the same",
    ),
    (
        "a_copy_of_an_archived_object_is_refused",
        "it copies archived objects",
    ),
    (
        "a_copy_in_one_call_has_one_part",
        "it keeps the ETag of the parts",
    ),
    (
        "a_look_at_part_one_tells_the_layout",
        "it ignores part numbers; ours cuts by itself then",
    ),
    (
        "an_upload_keeps_the_tags_that_it_was_begun_with",
        "it drops them: tags of large objects are tested on the simulator only",
    ),
    (
        "a_completion_with_the_sources_checksum_is_accepted",
        "it compares with a checksum of checksums, and refuses; nothing false is reported",
    ),
    (
        "a_bucket_of_another_owner_is_denied",
        "it knows one owner only",
    ),
];

/// The settings for the server that the environment names.
pub async fn named_endpoint() -> SdkConfig {
    let endpoint = std::env::var("CONTRACT_ENDPOINT").expect("CONTRACT_ENDPOINT names a server");
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).endpoint_url(endpoint);
    let loader = loader.http_client(s3_backup::s3::http_client());
    loader.load().await
}

/// Runs all checks; the names of those that fail.
async fn broken(sdk: &SdkConfig) -> Vec<&'static str> {
    let store = Store::make(sdk).await;
    let mut broken = Vec::new();
    for (name, check) in PROMISES {
        let prefix = name.to_owned();
        let store = Store {
            prefix,
            ..store.clone()
        };
        if tokio::spawn(check(store)).await.is_err() {
            broken.push(name);
        }
    }
    broken
}

#[tokio::test]
async fn the_simulator_keeps_every_promise() {
    let world = World::new();

    assert_eq!(broken(&world.sdk()).await, Vec::<&str>::new());
}

#[tokio::test]
#[ignore = "needs CONTRACT_ENDPOINT: make test names a local AWS"]
async fn the_named_endpoint_keeps_every_promise_or_differs_as_known() {
    let server = std::env::var("CONTRACT_SERVER").unwrap_or_default();
    let known: Vec<&str> = match server.as_str() {
        "" => Vec::new(),
        "ministack" => MINISTACK.map(|(name, _)| name).to_vec(),
        other => panic!("no differences are known of {other:?}; known: ministack"),
    };

    let broken = broken(&named_endpoint().await).await;

    assert_eq!(
        broken, known,
        "broken promises, and those that are known to be"
    );
}
