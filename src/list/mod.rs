//! A bucket and a prefix in, its objects out: one ordered stream, page by page, never collected.
//!
//! The join that follows rests on the order, so a listing that goes backwards is an error here.

mod order;
mod pages;

use futures::{Stream, StreamExt, TryStreamExt, future, stream};

use crate::model::{Key, Object, Placement, Prefix, Start};
use crate::s3::{Bucket, S3Error};

/// The objects below a prefix from a key on, in the order of their keys. The stream ends after an
/// error.
pub fn objects(
    bucket: Bucket,
    prefix: Prefix,
    start: Start,
) -> impl Stream<Item = Result<Object, S3Error>> {
    let listed = listing(bucket, prefix, start.list_after());
    listed.try_filter(move |object| future::ready(start.admits(&object.key)))
}

/// The backups of the source objects below a prefix from a key on, under the keys of those objects.
/// What is not theirs, the program's own state above all, is left out.
pub fn backups(
    bucket: Bucket,
    placement: Placement,
    source: &Prefix,
    start: Start,
) -> impl Stream<Item = Result<Object, S3Error>> + use<> {
    let after = start.list_after().map(|key| placement.backup_key(&key));
    let listed = listing(bucket, placement.prefix(source), after);
    listed.try_filter_map(move |object| {
        let key = placement.source_key(&object.key);
        let ours = key.filter(|key| start.admits(key));
        future::ok(ours.map(|key| Object { key, ..object }))
    })
}

fn listing(
    bucket: Bucket,
    prefix: Prefix,
    after: Option<Key>,
) -> impl Stream<Item = Result<Object, S3Error>> {
    pages::read_ahead(bucket, prefix, after)
        .map_ok(|page| stream::iter(page.objects.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
}
