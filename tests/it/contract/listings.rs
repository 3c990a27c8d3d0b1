//! Checks of listings.

use aws_sdk_s3::types::EncodingType;
use s3_backup::model::Key;

use super::store::Store;

pub(super) async fn listings_ascend_by_bytes_from_page_to_page(store: Store) {
    let mut keys = [
        "a", "a!", "a/b", "a//b", "Z", "é", "\u{ffee}", "😀", " ", "z/",
    ]
    .map(|key| store.key(key));
    for key in &keys {
        store
            .s3
            .put_object()
            .bucket(&store.source)
            .key(key)
            .send()
            .await
            .unwrap();
    }

    let call = store
        .s3
        .list_objects_v2()
        .bucket(&store.source)
        .prefix(store.key(""))
        .max_keys(3);
    let mut pages = call.into_paginator().send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(
            page.unwrap()
                .contents()
                .iter()
                .map(|row| row.key().unwrap().to_owned()),
        );
    }

    keys.sort();
    assert_eq!(listed, keys);
}

pub(super) async fn listings_encode_keys_when_asked_to(store: Store) {
    let key = "a b+c%2Fd/\u{1}é";
    store.put(key, "1").await;

    let call = store
        .s3
        .list_objects_v2()
        .bucket(&store.source)
        .prefix(store.key(""));
    let reply = call.encoding_type(EncodingType::Url).send().await.unwrap();

    let listed = reply.contents()[0].key().unwrap();
    assert_eq!(reply.encoding_type(), Some(&EncodingType::Url));
    assert_eq!(
        Key::from_url_encoded(listed.to_owned()),
        Ok(Key::new(store.key(key))),
        "{listed}"
    );
    assert!(listed.is_ascii() && !listed.contains('\u{1}'), "{listed}");
}

pub(super) async fn a_page_counts_its_keys_and_says_whether_it_is_the_last(store: Store) {
    for key in ["a", "b", "c"] {
        store.put(key, "1").await;
    }

    let call = || {
        store
            .s3
            .list_objects_v2()
            .bucket(&store.source)
            .prefix(store.key(""))
    };
    let first = call().max_keys(2).send().await.unwrap();
    let token = first.next_continuation_token().unwrap();
    let last = call()
        .max_keys(2)
        .continuation_token(token)
        .send()
        .await
        .unwrap();

    assert_eq!(
        (first.key_count(), first.is_truncated()),
        (Some(2), Some(true))
    );
    assert_eq!(
        (last.key_count(), last.is_truncated()),
        (Some(1), Some(false))
    );
    assert_eq!(last.next_continuation_token(), None);
}
