//! The token loop as a stream, one page ahead.
//!
//! While a page is worked on the next one is already fetched: without that, copies starve at each
//! page's end (seen: a third more time at 256 copies in flight). A page that cannot be believed is
//! fetched again before the listing fails.

use futures::future::Either;
use futures::{Stream, StreamExt, stream};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::order;
use crate::model::{Key, Prefix};
use crate::s3::{Bucket, Cause, Operation, Page, PageStart, S3Error};

/// How often a page that cannot be believed is fetched.
pub(super) const ATTEMPTS: u32 = 3;
/// Pages in a row without a key, after which a listing is not believed any more. S3 may have some, where
/// many objects were deleted; a server whose tokens go in a circle has them for ever.
pub(super) const MOST_EMPTY: u32 = 1_000;

/// Pages as a stream that fetches the next one while the last is worked on. It ends after an error, and
/// when the watcher has seen enough; dropped, it stops fetching.
pub fn read_ahead(
    pages: Pages,
    watch: impl FnMut(&Page) -> ReadMore + Send + 'static,
) -> impl Stream<Item = Result<Page, S3Error>> {
    let died = pages.broken("the task that lists it has died, so nobody knows what follows");
    let pages = stream::unfold(pages, |mut pages| async {
        let page = pages.next().await?;
        Some((page, pages))
    });
    in_a_task(pages, watch, died)
}

/// What the task of a listing says.
enum PageMessage<P> {
    Page(Result<P, S3Error>),
    /// There is no more, or no more is wanted.
    End,
}

/// Reads pages in a task of its own. The end is a word of the task: silence is none, for a task that
/// panicked or was cancelled is silent too.
pub(super) fn in_a_task<P: Send + 'static>(
    pages: impl Stream<Item = Result<P, S3Error>> + Send + 'static,
    mut watch: impl FnMut(&P) -> ReadMore + Send + 'static,
    died: S3Error,
) -> impl Stream<Item = Result<P, S3Error>> {
    let (send, receive) = mpsc::channel(1);
    let reads = async move {
        let mut pages = Box::pin(pages);
        while let Some(page) = pages.next().await {
            let more = page.as_ref().map_or(ReadMore::No, &mut watch);
            if send.send(PageMessage::Page(page)).await.is_err() {
                return;
            }
            if more == ReadMore::No {
                break;
            }
        }
        // Nobody waits for it if this fails.
        let _ = send.send(PageMessage::End).await;
    };
    // Its lines of the log are those of the run.
    tokio::spawn(reads.in_current_span());
    stream::unfold(Some((receive, died)), |state| async {
        let (mut receive, died) = state?;
        match receive.recv().await {
            Some(PageMessage::Page(Ok(page))) => Some((Ok(page), Some((receive, died)))),
            Some(PageMessage::Page(Err(error))) => Some((Err(error), None)),
            Some(PageMessage::End) => None,
            None => Some((Err(died), None)),
        }
    })
}

/// The same pages. With several CPUs a task of its own works on them. With one CPU a task would gain nothing, and hold two pages
/// more while copies are waited for.
pub fn on_all_cpus<P: Send + 'static>(
    pages: impl Stream<Item = Result<P, S3Error>> + Send + 'static,
    died: S3Error,
) -> impl Stream<Item = Result<P, S3Error>> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        Either::Left(pages)
    } else {
        Either::Right(in_a_task(pages, |_| ReadMore::Yes, died))
    }
}

/// Whether more pages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMore {
    /// One more, if there is one.
    Yes,
    /// No more.
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
    /// All keys that follow come after this one.
    last: Option<Key>,
    /// Pages without a key since the last one with any.
    empty: u32,
    leap: SkipAhead,
}

/// Where a listing goes on behind keys that nobody wants, if this key is one of them.
type SkipAhead = fn(&Key) -> Option<Key>;

impl Pages {
    /// The listing of a prefix, from behind a key on.
    pub fn new(bucket: Bucket, prefix: Prefix, after: Option<Key>) -> Self {
        Self {
            bucket,
            prefix,
            start: Some(start_after(after.clone())),
            fetched: None,
            last: after,
            empty: 0,
            leap: |_| None,
        }
    }

    /// The listing, which does not go through keys that nobody wants, but leaps over them.
    #[must_use]
    pub fn leaping(self, leap: SkipAhead) -> Self {
        let last = self.last.map(|last| leap(&last).unwrap_or(last));
        Self {
            start: Some(start_after(last.clone())),
            last,
            leap,
            ..self
        }
    }

    /// The first key of the next page, which is kept for [`Pages::next`]; none if there is none.
    ///
    /// # Errors
    /// Why the page cannot be listed.
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
        let page = self.believable(&start).await;
        Some(page.and_then(|page| self.go_on_behind(page)))
    }

    fn go_on_behind(&mut self, page: Page) -> Result<Page, S3Error> {
        let mut next = page.next.clone();
        match page.objects.last() {
            Some(object) => {
                self.empty = 0;
                let behind = (self.leap)(&object.key);
                if next.is_some() && behind.is_some() {
                    next = Some(start_after(behind.clone()));
                }
                self.last = Some(behind.unwrap_or_else(|| object.key.clone()));
            }
            None => self.empty += 1,
        }
        if self.empty >= MOST_EMPTY && next.is_some() {
            let many = format!("{MOST_EMPTY} pages in a row have no key, and more are to follow");
            return Err(self.broken(&many));
        }
        self.start = next;
        Ok(page)
    }

    async fn believable(&self, start: &PageStart) -> Result<Page, S3Error> {
        let mut attempts = self.bucket.attempts(ATTEMPTS);
        loop {
            match self.fetch(start).await {
                Err(error) if attempts.may_read_again(&error) => {
                    let attempt = attempts.number();
                    tracing::warn!(bucket = %self.bucket.name(), attempt, %error, "a page of the listing is fetched again");
                    attempts.next().await;
                }
                read => return read,
            }
        }
    }

    async fn fetch(&self, start: &PageStart) -> Result<Page, S3Error> {
        let page = self.bucket.page(&self.prefix, start).await?;
        match order::ascends(self.last.as_ref(), &page.objects) {
            Ok(()) => Ok(page),
            Err(disordered) => Err(self.broken(&disordered.to_string())),
        }
    }

    pub(super) fn broken(&self, why: &str) -> S3Error {
        let (operation, bucket) = (Operation::ListObjectsV2, self.bucket.name());
        S3Error::ours(operation, bucket, Cause::Unreadable, why.to_owned())
    }
}

fn start_after(key: Option<Key>) -> PageStart {
    key.map_or(PageStart::Beginning, PageStart::After)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BucketName;

    fn empty_page() -> Page {
        Page {
            objects: Vec::new(),
            next: None,
        }
    }

    /// How a listing ends whose pages are these, and whose watcher does this.
    fn ends(
        pages: impl Stream<Item = Result<Page, S3Error>> + Send + 'static,
        watch: impl FnMut(&Page) -> ReadMore + Send + 'static,
    ) -> (usize, Option<String>) {
        let bucket = BucketName::new("primary").unwrap();
        let operation = Operation::ListObjectsV2;
        let died = S3Error::ours(operation, &bucket, Cause::Unreadable, "died".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let all: Vec<_> = runtime
            .unwrap()
            .block_on(async { in_a_task(pages, watch, died).collect().await });
        let errors = all.iter().filter_map(|page| page.as_ref().err());
        let said: Vec<_> = errors
            .filter_map(|error| error.reply.message.clone())
            .collect();
        (all.len() - said.len(), said.first().cloned())
    }

    #[test]
    fn a_listing_ends_by_a_word_and_not_by_silence() {
        let pages = || stream::iter([Ok(empty_page()), Ok(empty_page())]);
        let dying = pages().chain(stream::once(async { panic!("a bug") }));

        assert_eq!(ends(pages(), |_| ReadMore::Yes), (2, None));
        assert_eq!(ends(pages(), |_| ReadMore::No), (1, None));
        assert_eq!(ends(dying, |_| ReadMore::Yes), (2, Some("died".to_owned())));
        assert_eq!(
            ends(pages(), |_| panic!("a bug")),
            (0, Some("died".to_owned()))
        );
    }
}
