//! The snapshots before the last one: each index names the one before it, and proves it by its digest.
//!
//! None is found by listing, which would show what was never complete. A chain that is broken ends with
//! what is wrong: nothing behind it can be proven.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::History;
use crate::snapshot::{Index, SelectorError, SnapshotError, SnapshotSearch, SnapshotSelector};

impl History {
    /// The indexes of all snapshots, the last one first, each read when it is asked for. An error is
    /// the last item.
    pub fn indexes(&self) -> BoxStream<'static, Result<Index, SnapshotError>> {
        let last = match self.last() {
            Some((index, _)) => Ok(Some(index.clone())),
            None => self.problem().map_or(Ok(None), Err),
        };
        let previous = last.as_ref().ok().and_then(Option::as_ref);
        let previous = previous.and_then(|index| index.previous.clone());
        let history = self.clone();
        let earlier = stream::try_unfold(previous, move |link| {
            let history = history.clone();
            async move {
                let Some(link) = link else { return Ok(None) };
                let index = history.index(&link).await?;
                let previous = index.previous.clone();
                Ok(Some((index, previous)))
            }
        });
        stream::iter(last.transpose()).chain(earlier).boxed()
    }

    /// The snapshots that are meant, in one walk along the chain, which ends once no other can be.
    pub async fn at<const N: usize>(
        &self,
        wanted: [SnapshotSelector; N],
    ) -> [Result<Index, SelectorError>; N] {
        let mut searches = wanted.map(SnapshotSearch::new);
        let mut indexes = self.indexes();
        let mut broken = None;
        while !searches.iter().all(SnapshotSearch::is_settled) {
            match indexes.try_next().await {
                Ok(Some(index)) => searches.iter_mut().for_each(|search| search.pass(&index)),
                Ok(None) => break,
                Err(problem) => {
                    broken = Some(problem);
                    break;
                }
            }
        }
        searches.map(|search| search.finish(broken.as_ref()))
    }
}
