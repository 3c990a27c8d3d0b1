//! A merge join of two ordered streams. It knows nothing of S3.
//!
//! An error of either side comes out as an error and ends the stream: it is never taken for the end
//! of a side, which would make everything beyond it look missing.

use std::cmp::Ordering;
use std::pin::Pin;

use futures::{Stream, StreamExt, stream};

/// What stands under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined<T> {
    /// Only the left side has it.
    Left(T),
    /// Only the right side has it.
    Right(T),
    /// Both have it.
    Both(T, T),
}

/// Joins two streams that ascend strictly by their keys.
pub fn join<T, K, E>(
    left: impl Stream<Item = Result<T, E>>,
    right: impl Stream<Item = Result<T, E>>,
    key: impl Fn(&T) -> &K,
) -> impl Stream<Item = Result<Joined<T>, E>>
where
    K: Ord + ?Sized,
{
    let sides = Sides {
        left: Side::new(left),
        right: Side::new(right),
    };
    stream::unfold(Some((sides, key)), |state| async {
        let (mut sides, key) = state?;
        match sides.next(&key).await {
            Ok(Some(joined)) => Some((Ok(joined), Some((sides, key)))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

struct Sides<L, R, T> {
    left: Side<L, T>,
    right: Side<R, T>,
}

impl<L, R, T, E> Sides<L, R, T>
where
    L: Stream<Item = Result<T, E>>,
    R: Stream<Item = Result<T, E>>,
{
    async fn next<K>(&mut self, key: impl Fn(&T) -> &K) -> Result<Option<Joined<T>>, E>
    where
        K: Ord + ?Sized,
    {
        let left = self.left.head().await?;
        let right = self.right.head().await?;
        Ok(match (left, right) {
            (None, None) => None,
            (Some(left), None) => Some(Joined::Left(left)),
            (None, Some(right)) => Some(Joined::Right(right)),
            (Some(left), Some(right)) => Some(match key(&left).cmp(key(&right)) {
                Ordering::Less => {
                    self.right.head = Some(right);
                    Joined::Left(left)
                }
                Ordering::Greater => {
                    self.left.head = Some(left);
                    Joined::Right(right)
                }
                Ordering::Equal => Joined::Both(left, right),
            }),
        })
    }
}

/// One side, with the item that was read and not yet used.
struct Side<S, T> {
    stream: Pin<Box<stream::Fuse<S>>>,
    head: Option<T>,
}

impl<S, T, E> Side<S, T>
where
    S: Stream<Item = Result<T, E>>,
{
    fn new(stream: S) -> Self {
        Self {
            stream: Box::pin(stream.fuse()),
            head: None,
        }
    }

    async fn head(&mut self) -> Result<Option<T>, E> {
        match self.head.take() {
            Some(item) => Ok(Some(item)),
            None => self.stream.next().await.transpose(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    type Item = Result<u8, &'static str>;

    fn joined(left: Vec<Item>, right: Vec<Item>) -> Vec<Result<Joined<u8>, &'static str>> {
        let join = join(stream::iter(left), stream::iter(right), |item| item);
        block_on(join.collect())
    }

    #[test]
    fn an_error_ends_the_stream_and_is_not_taken_for_the_end_of_a_side() {
        let rows = joined(vec![Ok(1), Err("torn")], vec![Ok(1), Ok(2), Ok(3)]);

        assert_eq!(rows, [Ok(Joined::Both(1, 1)), Err("torn")]);
    }

    proptest! {
        #[test]
        fn agrees_with_sets(left: BTreeSet<u8>, right: BTreeSet<u8>) {
            let expected: Vec<_> = left.union(&right).map(|item| {
                Ok(match (left.contains(item), right.contains(item)) {
                    (true, true) => Joined::Both(*item, *item),
                    (true, false) => Joined::Left(*item),
                    (false, _) => Joined::Right(*item),
                })
            }).collect();

            let rows = joined(left.iter().copied().map(Ok).collect(), right.iter().copied().map(Ok).collect());

            prop_assert_eq!(rows, expected);
        }
    }
}
