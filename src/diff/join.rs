//! A merge join of two ordered streams. It knows nothing of S3.
//!
//! An error of either side comes out as an error and ends the stream: it is never taken for the end
//! of a side, which would make everything beyond it look missing.

use std::cmp::Ordering;
use std::pin::Pin;
use std::vec;

use futures::{Stream, StreamExt, stream};

/// What stands under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined<L, R> {
    /// Only the left side has it.
    Left(L),
    /// Only the right side has it.
    Right(R),
    /// Both have it.
    Both(L, R),
}

/// Joins two streams of rows, page by page; both ascend strictly by their keys.
pub fn join<L, R, K, E>(
    left: impl Stream<Item = Result<Vec<L>, E>>,
    right: impl Stream<Item = Result<Vec<R>, E>>,
    left_key: impl Fn(&L) -> &K,
    right_key: impl Fn(&R) -> &K,
) -> impl Stream<Item = Result<Vec<Joined<L, R>>, E>>
where
    K: Ord + ?Sized,
{
    let sides = Sides {
        left: Side::new(left),
        right: Side::new(right),
    };
    let keys = (left_key, right_key);
    stream::unfold(Some((sides, keys)), |state| async {
        let (mut sides, keys) = state?;
        match sides.next(&keys.0, &keys.1).await {
            Ok(Some(joined)) => Some((Ok(joined), Some((sides, keys)))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

struct Sides<A, B, L, R> {
    left: Side<A, L>,
    right: Side<B, R>,
}

impl<A, B, L, R, E> Sides<A, B, L, R>
where
    A: Stream<Item = Result<Vec<L>, E>>,
    B: Stream<Item = Result<Vec<R>, E>>,
{
    /// All that is certain once a side has come to the end of its page.
    async fn next<K>(
        &mut self,
        left_key: impl Fn(&L) -> &K,
        right_key: impl Fn(&R) -> &K,
    ) -> Result<Option<Vec<Joined<L, R>>>, E>
    where
        K: Ord + ?Sized,
    {
        self.left.fill().await?;
        self.right.fill().await?;
        let mut joined = Vec::with_capacity(self.left.rows.len().max(self.right.rows.len()));
        loop {
            let order = match (self.left.head(), self.right.head()) {
                (Some(left), Some(right)) => left_key(left).cmp(right_key(right)),
                (Some(_), None) if self.right.over => Ordering::Less,
                (None, Some(_)) if self.left.over => Ordering::Greater,
                (Some(_) | None, None) | (None, Some(_)) => break,
            };
            joined.extend(match order {
                Ordering::Less => self.left.rows.next().map(Joined::Left),
                Ordering::Greater => self.right.rows.next().map(Joined::Right),
                Ordering::Equal => {
                    let pair = self.left.rows.next().zip(self.right.rows.next());
                    pair.map(|(left, right)| Joined::Both(left, right))
                }
            });
        }
        Ok((!joined.is_empty()).then_some(joined))
    }
}

/// One side, with the rows that were read and not yet used.
struct Side<S, T> {
    pages: Pin<Box<stream::Fuse<S>>>,
    rows: vec::IntoIter<T>,
    over: bool,
}

impl<S, T, E> Side<S, T>
where
    S: Stream<Item = Result<Vec<T>, E>>,
{
    fn new(pages: S) -> Self {
        Self {
            pages: Box::pin(pages.fuse()),
            rows: Vec::new().into_iter(),
            over: false,
        }
    }

    /// Reads on until there is a row, unless there are no more.
    async fn fill(&mut self) -> Result<(), E> {
        while self.rows.len() == 0 && !self.over {
            match self.pages.next().await.transpose()? {
                Some(page) => self.rows = page.into_iter(),
                None => self.over = true,
            }
        }
        Ok(())
    }

    fn head(&self) -> Option<&T> {
        self.rows.as_slice().first()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    type Page = Result<Vec<u8>, &'static str>;
    type Row = Result<Joined<u8, u8>, &'static str>;

    fn joined(left: Vec<Page>, right: Vec<Page>) -> Vec<Row> {
        let join = join(
            stream::iter(left),
            stream::iter(right),
            |item| item,
            |item| item,
        );
        let pages: Vec<Result<Vec<_>, _>> = block_on(join.collect());
        let rows = pages.into_iter().flat_map(|page| match page {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        rows.collect()
    }

    /// The items in pages of that size, some of them empty.
    fn paged(items: &BTreeSet<u8>, size: usize) -> Vec<Page> {
        let items: Vec<u8> = items.iter().copied().collect();
        let pages = items.chunks(size).flat_map(|page| [page.to_vec(), vec![]]);
        pages.map(Ok).collect()
    }

    #[test]
    fn an_error_ends_the_stream_and_is_not_taken_for_the_end_of_a_side() {
        let rows = joined(vec![Ok(vec![1]), Err("torn")], vec![Ok(vec![1, 2, 3])]);

        assert_eq!(rows, [Ok(Joined::Both(1, 1)), Err("torn")]);
    }

    proptest! {
        #[test]
        fn agrees_with_sets(
            left: BTreeSet<u8>,
            right: BTreeSet<u8>,
            left_page in 1..9_usize,
            right_page in 1..9_usize,
        ) {
            let expected: Vec<_> = left.union(&right).map(|item| {
                Ok(match (left.contains(item), right.contains(item)) {
                    (true, true) => Joined::Both(*item, *item),
                    (true, false) => Joined::Left(*item),
                    (false, _) => Joined::Right(*item),
                })
            }).collect();

            let rows = joined(paged(&left, left_page), paged(&right, right_page));

            prop_assert_eq!(rows, expected);
        }
    }
}
