//! A listing of versions as a stream, one page ahead, as listings of objects are.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::pages::{ATTEMPTS, MOST_EMPTY, ReadMore, in_a_task};
use crate::model::{Key, KeyRange, Placement, Prefix, VersionRow};
use crate::s3::{Bucket, Cause, Operation, S3Error, VersionPage, VersionPageStart};

/// The versions and delete markers of a range of keys below a prefix, page by page: keys ascending, within a
/// key the newest first. The program's own state is passed over unless the prefix lies in it. An error ends
/// the stream.
pub fn versions(
    bucket: Bucket,
    prefix: Prefix,
    range: &KeyRange,
) -> BoxStream<'static, Result<Vec<VersionRow>, S3Error>> {
    let pages = VersionPages::new(bucket, prefix, range);
    let died = pages.broken("the task that lists it has died, so nobody knows what follows");
    let (range, until) = (range.clone(), range.until.clone());
    let pages = stream::unfold(pages, |mut pages| async {
        let page = pages.next().await?;
        Some((page, pages))
    });
    let watch = move |page: &VersionPage| {
        let last = page.rows.last().map(|row| &row.key);
        match (last, &until) {
            (Some(last), Some(until)) if last > until => ReadMore::No,
            _ => ReadMore::Yes,
        }
    };
    in_a_task(pages, watch, died)
        .map_ok(move |page| {
            let mut rows = page.rows;
            rows.retain(|row| range.admits(&row.key));
            rows
        })
        .boxed()
}

/// A listing of versions that is read page by page.
struct VersionPages {
    bucket: Bucket,
    prefix: Prefix,
    /// Where the next page begins; none after the last one.
    start: Option<VersionPageStart>,
    /// Whether the program's own state is listed.
    lists_state: bool,
    /// Pages without a row since the last one with any.
    empty: u32,
}

impl VersionPages {
    fn new(bucket: Bucket, prefix: Prefix, range: &KeyRange) -> Self {
        let lists_state = behind_state(&Key::new(prefix.as_str())).is_some();
        let after = range.start.list_after();
        let after = after.map(|after| {
            behind_state(&after)
                .filter(|_| !lists_state)
                .unwrap_or(after)
        });
        Self {
            bucket,
            prefix,
            start: Some(after.map_or_else(VersionPageStart::beginning, VersionPageStart::after)),
            lists_state,
            empty: 0,
        }
    }

    /// The next page; none after the last one, and after an error.
    async fn next(&mut self) -> Option<Result<VersionPage, S3Error>> {
        let start = self.start.take()?;
        let page = self.believable(&start).await;
        Some(page.and_then(|page| self.go_on_behind(page)))
    }

    fn go_on_behind(&mut self, mut page: VersionPage) -> Result<VersionPage, S3Error> {
        self.empty = if page.rows.is_empty() {
            self.empty + 1
        } else {
            0
        };
        if self.empty >= MOST_EMPTY && page.next.is_some() {
            let many = format!("{MOST_EMPTY} pages in a row have no key, and more are to follow");
            return Err(self.broken(&many));
        }
        let mut next = page.next.clone();
        if !self.lists_state {
            let behind = page.rows.last().and_then(|row| behind_state(&row.key));
            if let (Some(behind), true) = (behind, next.is_some()) {
                next = Some(VersionPageStart::after(behind));
            }
            page.rows.retain(|row| behind_state(&row.key).is_none());
        }
        self.start = next;
        Ok(page)
    }

    async fn believable(&self, start: &VersionPageStart) -> Result<VersionPage, S3Error> {
        let mut attempt = 1;
        loop {
            match self.bucket.version_page(&self.prefix, start).await {
                Err(error) if error.cause == Cause::Unreadable && attempt < ATTEMPTS => {
                    tracing::warn!(bucket = %self.bucket.name(), attempt, %error, "a page of the listing of versions is fetched again");
                    self.bucket.back_off(attempt).await;
                    attempt += 1;
                }
                page => return page,
            }
        }
    }

    fn broken(&self, why: &str) -> S3Error {
        let (operation, bucket) = (Operation::ListObjectVersions, self.bucket.name());
        S3Error::ours(operation, bucket, Cause::Unreadable, why.to_owned())
    }
}

fn behind_state(key: &Key) -> Option<Key> {
    Placement::behind_state(key)
}
