//! A large object, copied in parts side by side, whole or not at all.
//!
//! One look at the source tells what has to be carried by hand, one more how it is cut, and a last one,
//! before the parts are put together, that all of this was of one and the same object. The parts
//! share the budget of all copies. Whatever goes wrong, the upload is aborted before the error is
//! handed on, and parts in flight are waited for first, which could survive it; only the deadline
//! does not wait.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, stream};

use super::guard::done_or_undone;
use super::until_certain::is_later;
use super::{Copier, Item};
use crate::model::{ETag, HeadDetails, Layout, Object, Part, Properties, SourceParts, whole_etag};
use crate::s3::{
    Cause, Condition, CopyReply, CurrentVersion, MAX_COPY, Operation, S3Error, Upload,
};

/// An upload whose parts are all there.
#[derive(Clone, Copy)]
struct MultipartCopy<'a> {
    item: &'a Item,
    parts: &'a [ETag],
    properties: &'a Properties,
    /// What it will replace.
    over: Option<&'a Object>,
}

/// How often a part is copied whose answer cannot be read, and how often an upload is completed
/// whose answer was lost.
const ATTEMPTS: u32 = 4;

impl Copier {
    /// Copies an item in parts, over what was seen at its target.
    pub(super) async fn copy_in_parts(
        &self,
        item: &Item,
        over: Option<&Object>,
    ) -> Result<CopyReply, S3Error> {
        let object = &item.source;
        let seen = self.source.inspect(item.source()).await?;
        let properties = &seen.properties;
        if properties.object.etag != object.etag {
            return Err(self.changed(object));
        }
        if properties.hidden_metadata > 0 {
            return self.copy_with_hidden_metadata(item, over, properties).await;
        }
        let layout = self.layout(item).await?;
        let tags = self.source.tags(item.source()).await?;
        let redirect = properties.website_redirect.as_deref();
        // It is the completion that writes, and is bound to what lies there.
        let target = Self::target(item, redirect, &Condition::Always);
        let upload = self
            .destination
            .begin_upload(properties, &tags, target)
            .await?;
        let work = async {
            let parts = self.copy_parts(item, &upload, layout).await?;
            self.assert_unchanged(item, &seen).await?;
            let copied = MultipartCopy {
                item,
                parts: &parts,
                properties,
                over,
            };
            self.complete(&upload, copied).await
        };
        done_or_undone(Box::pin(work), Box::pin(self.give_up(&upload))).await
    }

    /// Headers and tags were read one after the other, and the parts are bound to an `ETag` that metadata
    /// have no part in: only if the object is still what it was then do all of them belong together.
    async fn assert_unchanged(&self, item: &Item, seen: &HeadDetails) -> Result<(), S3Error> {
        let now = self.source.inspect(item.source()).await?;
        if now == *seen {
            Ok(())
        } else {
            Err(self.changed(&item.source))
        }
    }

    /// Metadata that S3 does not show cannot be carried by hand, but travels with a copy in one call.
    async fn copy_with_hidden_metadata(
        &self,
        item: &Item,
        over: Option<&Object>,
        properties: &Properties,
    ) -> Result<CopyReply, S3Error> {
        let object = &item.source;
        if object.size <= MAX_COPY {
            let redirect = properties.website_redirect.as_deref();
            return self.copy_with_redirect(item, over, redirect).await;
        }
        let hidden = properties.hidden_metadata;
        let message = format!("S3 hides {hidden} items of its metadata, which would be lost");
        let bucket = self.source.name();
        let error = S3Error::ours(Operation::HeadObject, bucket, Cause::Rejected, message);
        Err(error.about(&object.key))
    }

    async fn layout(&self, item: &Item) -> Result<Layout, S3Error> {
        let object = &item.source;
        if !object.etag.is_multipart() {
            return Ok(Layout::new(object.size, None));
        }
        let parts = self.source.first_part(item.source()).await?;
        let parts = parts.map(|(first, count)| SourceParts { first, count });
        Ok(Layout::new(object.size, parts))
    }

    /// All parts, or the first error. After an error no part is begun, and those in flight are
    /// waited for: a part that outlives its upload's abort is billed and seen by nobody.
    async fn copy_parts(
        &self,
        item: &Item,
        upload: &Upload,
        layout: Layout,
    ) -> Result<Vec<ETag>, S3Error> {
        let stopped = &AtomicBool::new(false);
        let copies = layout.parts().map(|part| async move {
            if stopped.load(Ordering::Relaxed) {
                return None;
            }
            let copied = self.copy_part(item, upload, part).await;
            if copied.is_err() {
                stopped.store(true, Ordering::Relaxed);
            }
            Some(copied)
        });
        let in_flight = stream::iter(copies).buffered(self.parts_at_once);
        let parts: Vec<_> = in_flight.collect().await;
        parts.into_iter().flatten().collect()
    }

    async fn copy_part(&self, item: &Item, upload: &Upload, part: Part) -> Result<ETag, S3Error> {
        let mut attempts = self.destination.attempts(ATTEMPTS);
        loop {
            let source = self.copy_source(item);
            match self.destination.copy_part(source, upload, part).await {
                Err(error) if attempts.may_read_again(&error) => attempts.next().await,
                copied => return copied,
            }
        }
    }

    /// Puts the parts together. If the answer is lost it is looked whether that was done, by the
    /// `ETag` that only these parts make; if not, it is asked for again.
    async fn complete(
        &self,
        upload: &Upload,
        copied: MultipartCopy<'_>,
    ) -> Result<CopyReply, S3Error> {
        let MultipartCopy {
            parts,
            properties,
            over,
            ..
        } = copied;
        let condition = Condition::of(over);
        let mut doubt = None;
        let mut attempts = self.destination.attempts(ATTEMPTS);
        loop {
            let completed = self
                .destination
                .complete_upload(upload, parts, properties, &condition)
                .await;
            let error = match completed {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            // A completion whose answer was lost may be what a second one now meets.
            let is_own = doubt.is_some()
                && matches!(
                    error.cause,
                    Cause::NoUpload | Cause::ChangedMeanwhile | Cause::Missing
                );
            if !error.cause.leaves_doubt() && !is_own {
                return Err(error);
            }
            if let Some(written) = self.completed(copied).await? {
                return Ok(written);
            }
            if is_own {
                return Err(error);
            }
            if attempts.is_last() {
                return Err(error);
            }
            attempts.next().await;
            doubt = Some(error);
        }
    }

    async fn completed(&self, copied: MultipartCopy<'_>) -> Result<Option<CopyReply>, S3Error> {
        let object = &copied.properties.object;
        let now = self.destination.current(&copied.item.target).await?;
        let etag = whole_etag(copied.parts);
        let written = now.filter(|CurrentVersion { object: now, .. }| {
            let is_copy = now.size == object.size && Some(&now.etag) == etag.as_ref();
            is_copy && is_later(now, copied.over)
        });
        let operation = Operation::CompleteMultipartUpload;
        let found = written.map(|now| self.destination.found(operation, now));
        let found = found.transpose();
        found.map_err(|error| error.about(&object.key))
    }

    /// What cannot be aborted is left to the bucket's lifecycle, which aborts after seven days.
    async fn give_up(&self, upload: &Upload) {
        if let Err(error) = self.destination.abort_upload(upload).await {
            tracing::warn!(%error, advice = error.advice(), "an upload was left unfinished");
        }
    }

    fn changed(&self, object: &Object) -> S3Error {
        let message = "it is not what was listed any more".to_owned();
        let (operation, cause) = (Operation::HeadObject, Cause::ChangedMeanwhile);
        S3Error::ours(operation, self.source.name(), cause, message).about(&object.key)
    }
}
