//! A bucket and a prefix in, its objects out: one ordered stream, page by page, never collected.
//!
//! The join that follows rests on the order, so a listing that goes backwards is an error here.

mod order;
mod pages;

use futures::{Stream, StreamExt, TryStreamExt, future, stream};

use crate::model::{Object, Placement, Prefix};
use crate::s3::{Bucket, S3Error};

/// The objects below a prefix, in the order of their keys. The stream ends after an error.
pub fn objects(bucket: Bucket, prefix: Prefix) -> impl Stream<Item = Result<Object, S3Error>> {
    pages::read_ahead(bucket, prefix)
        .map_ok(|page| stream::iter(page.objects.into_iter().map(Ok)))
        .try_flatten()
}

/// The backups of the source objects below a prefix, under the keys of those objects. What is not
/// theirs, the program's own state above all, is left out.
pub fn backups(
    bucket: Bucket,
    placement: Placement,
    source: &Prefix,
) -> impl Stream<Item = Result<Object, S3Error>> + use<> {
    objects(bucket, placement.prefix(source)).filter_map(move |listed| {
        let mapped = match listed {
            Ok(object) => placement
                .source_key(&object.key)
                .map(|key| Ok(Object { key, ..object })),
            Err(error) => Some(Err(error)),
        };
        future::ready(mapped)
    })
}
