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

/// Pages as a stream that fetches the next one while the last is worked on. It ends after an error, and
/// when the watcher has seen enough; dropped, it stops fetching.
pub fn read_ahead(
    mut pages: Pages,
    mut watch: impl FnMut(&Page) -> Enough + Send + 'static,
) -> impl Stream<Item = Result<Page, S3Error>> {
    let (send, mut receive) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(page) = pages.next().await {
            let enough = page.as_ref().map_or(Enough::Yes, &mut watch);
            if send.send(page).await.is_err() || enough == Enough::Yes {
                break;
            }
        }
    });
    stream::poll_fn(move |context| receive.poll_recv(context))
}

/// Whether more pages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// No more.
    Yes,
    /// One more, if there is one.
    No,
}

/// A listing that is read page by page.
#[derive(Debug)]
pub struct Pages {
    bucket: Bucket,
    prefix: Prefix,
    /// Where the next page begins; none after the last one.
    start: Option<PageStart>,
    /// A page that was fetched and not yet handed on.
    fetched: Option<Page>,
    last: Option<Key>,
}

impl Pages {
    /// The listing of a prefix, from behind a key on.
    pub fn new(bucket: Bucket, prefix: Prefix, after: Option<Key>) -> Self {
        let start = after.map_or(PageStart::Beginning, PageStart::After);
        Self {
            bucket,
            prefix,
            start: Some(start),
            fetched: None,
            last: None,
        }
    }

    /// The first key of the next page, which is kept for [`Pages::next`]; none if there is none.
    pub async fn first_key(&mut self) -> Result<Option<Key>, S3Error> {
        let page = self.next().await.transpose()?;
        let first = page.as_ref().and_then(|page| page.objects.first());
        let key = first.map(|object| object.key.clone());
        self.fetched = page;
        Ok(key)
    }

    /// The next page; none after the last one, and after an error.
    pub async fn next(&mut self) -> Option<Result<Page, S3Error>> {
        if let Some(page) = self.fetched.take() {
            return Some(Ok(page));
        }
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
