//! One pass over the keys of a bucket in byte order: stored keys and generated
//! ones merged, the stored one winning.

use crate::bucket::Generated;
use crate::version::Chain;
use std::borrow::Cow;
use std::collections::{BTreeSet, btree_map};
use std::iter::Peekable;
use std::ops::Bound;

pub(crate) struct Walk<'a> {
    stored: Peekable<btree_map::Range<'a, Box<str>, Box<Chain>>>,
    gone: &'a BTreeSet<Box<str>>,
    generated: Option<Ahead<'a>>,
}

/// The next generated key, already spelled.
struct Ahead<'a> {
    keys: &'a Generated,
    index: u64,
    key: String,
}

impl<'a> Ahead<'a> {
    fn at(keys: &'a Generated, index: u64) -> Option<Ahead<'a>> {
        let population = &keys.population;
        (index < population.count).then(|| Ahead {
            keys,
            index,
            key: population.key(index),
        })
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        stored: btree_map::Range<'a, Box<str>, Box<Chain>>,
        gone: &'a BTreeSet<Box<str>>,
        generated: Option<&'a Generated>,
        from: Bound<&str>,
    ) -> Walk<'a> {
        let generated = generated.and_then(|keys| {
            let population = &keys.population;
            let index = match from {
                Bound::Unbounded => 0,
                Bound::Included(key) => population.at_or_after(key),
                Bound::Excluded(key) => {
                    let index = population.at_or_after(key);
                    index + u64::from(index < population.count && population.key(index) == key)
                }
            };
            Ahead::at(keys, index)
        });
        Walk {
            stored: stored.peekable(),
            gone,
            generated,
        }
    }

    fn take_generated(&mut self) -> Option<Ahead<'a>> {
        let taken = self.generated.take()?;
        self.generated = Ahead::at(taken.keys, taken.index + 1);
        Some(taken)
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (Cow<'a, str>, Cow<'a, Chain>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (Some(ahead), stored) = (&self.generated, self.stored.peek()) else {
                let (key, chain) = self.stored.next()?;
                return Some((Cow::Borrowed(key), Cow::Borrowed(chain.as_ref())));
            };
            let hidden = stored.is_some_and(|(key, _)| ***key == *ahead.key)
                || (!self.gone.is_empty() && self.gone.contains(ahead.key.as_str()));
            let stored_first = stored.is_some_and(|(key, _)| ***key < *ahead.key);
            if stored_first {
                let (key, chain) = self.stored.next()?;
                return Some((Cow::Borrowed(key), Cow::Borrowed(chain.as_ref())));
            }
            let taken = self.take_generated()?;
            if !hidden {
                let chain = taken.keys.chain(taken.index);
                return Some((Cow::Owned(taken.key), Cow::Owned(chain)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bucket::{Bucket, BucketOptions};
    use crate::population::{Population, Shape};
    use crate::stamp::Stamp;
    use crate::version::VersionId;
    use std::ops::Bound;

    fn keys(bucket: &Bucket, from: Bound<&str>) -> Vec<String> {
        let walk = bucket.walk(from);
        walk.map(|(key, _)| key.into_owned()).collect()
    }

    #[test]
    fn a_changed_generated_key_is_seen_once_and_an_erased_one_never() {
        let mut bucket = Bucket::new(BucketOptions {
            population: Some(Population::new(Shape::Flat, 4)),
            ..BucketOptions::default()
        });
        let third = "object-000000000002";
        bucket.write("object-000000000001", VersionId(1), Stamp(0), None);
        bucket.write("object-0000000000015", VersionId(2), Stamp(0), None);
        bucket.erase(third, VersionId::NULL);

        assert_eq!(
            keys(&bucket, Bound::Unbounded),
            [
                "object-000000000000",
                "object-000000000001",
                "object-0000000000015",
                "object-000000000003",
            ]
        );
        assert_eq!(keys(&bucket, Bound::Excluded(third)).len(), 1);
    }
}
