//! The token loop as a stream, one page ahead.
//!
//! While a page is worked on the next one is already fetched: without that, copies starve at each
//! page's end (seen: a third more time at 256 copies in flight). A page that cannot be believed is
//! fetched again before the listing fails.

use futures::{Stream, stream};
use tokio::sync::mpsc;

use super::order;
use crate::model::{Key, Prefix};
use crate::s3::{Bucket, Cause, Operation, Page, PageStart, S3Error};

/// How often a page that cannot be believed is fetched.
const ATTEMPTS: u32 = 3;

/// The pages of a listing. The stream ends after an error; dropped, it stops fetching.
pub fn read_ahead(
    bucket: Bucket,
    prefix: Prefix,
    after: Option<Key>,
) -> impl Stream<Item = Result<Page, S3Error>> {
    let (send, mut receive) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut pages = Pages::new(bucket, prefix, after);
        while let Some(page) = pages.next().await {
            let failed = page.is_err();
            if send.send(page).await.is_err() || failed {
                break;
            }
        }
    });
    stream::poll_fn(move |context| receive.poll_recv(context))
}

struct Pages {
    bucket: Bucket,
    prefix: Prefix,
    start: Option<PageStart>,
    last: Option<Key>,
}

impl Pages {
    fn new(bucket: Bucket, prefix: Prefix, after: Option<Key>) -> Self {
        let start = after.map_or(PageStart::Beginning, PageStart::After);
        Self {
            bucket,
            prefix,
            start: Some(start),
            last: None,
        }
    }

    async fn next(&mut self) -> Option<Result<Page, S3Error>> {
        let start = self.start.take()?;
        Some(self.believable(&start).await.inspect(|page| {
            self.start.clone_from(&page.next);
            if let Some(object) = page.objects.last() {
                self.last = Some(object.key.clone());
            }
        }))
    }

    async fn believable(&self, start: &PageStart) -> Result<Page, S3Error> {
        let mut attempt = 1;
        loop {
            match self.fetch(start).await {
                Err(error) if error.cause == Cause::Unreadable && attempt < ATTEMPTS => {
                    tracing::warn!(bucket = %self.bucket.name(), attempt, %error, "a page of the listing is fetched again");
                    tokio::time::sleep(self.bucket.backoff() * attempt).await;
                    attempt += 1;
                }
                page => return page,
            }
        }
    }

    async fn fetch(&self, start: &PageStart) -> Result<Page, S3Error> {
        let page = self.bucket.page(&self.prefix, start).await?;
        match order::ascends(self.last.as_ref(), &page.objects) {
            Ok(()) => Ok(page),
            Err(disorder) => {
                let operation = Operation::ListObjectsV2;
                let bucket = self.bucket.name();
                Err(S3Error::ours(
                    operation,
                    bucket,
                    Cause::Unreadable,
                    disorder,
                ))
            }
        }
    }
}
