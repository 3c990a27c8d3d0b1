//! How a bucket differs from the one it should be the copy of: the last word on
//! a backup. One pass over both, so that millions of keys take no memory.

use crate::bucket::Bucket;
use crate::version::Chain;
use std::borrow::Cow;
use std::ops::Bound;

/// The differences between a bucket and its copy, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Current objects of the bucket.
    pub objects: u64,
    /// Those without a current object of their key in the copy.
    pub missing: u64,
    /// Those whose copy has another content, other headers, metadata or tags.
    pub wrong: u64,
    /// Current objects of the copy that the bucket does not have.
    pub extra: u64,
}

impl Difference {
    pub(crate) fn between(bucket: &Bucket, copy: &Bucket) -> Difference {
        let mut found = Difference::default();
        let mut copies = current(copy).peekable();
        for (key, chain) in current(bucket) {
            while copies.next_if(|(other, _)| *other < key).is_some() {
                found.extra += 1;
            }
            found.objects += 1;
            match copies.next_if(|(other, _)| *other == key) {
                Some((_, copy)) if same(&chain, &copy) => {}
                Some(_) => found.wrong += 1,
                None => found.missing += 1,
            }
        }
        found.extra += copies.count() as u64;
        found
    }
}

/// Keys with a current object, in byte order.
fn current(bucket: &Bucket) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, Chain>)> {
    let walk = bucket.walk(Bound::Unbounded);
    walk.filter(|(_, chain)| chain.newest().stored.is_some())
}

/// By what a copy carries along, not by what it is given anew.
fn same(chain: &Chain, copy: &Chain) -> bool {
    let (Some(own), Some(other)) = (&chain.newest().stored, &copy.newest().stored) else {
        return false;
    };
    own.content == other.content
        && own.tags == other.tags
        && own.properties.headers == other.properties.headers
        && own.properties.metadata == other.properties.metadata
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BucketOptions, Put, Sim};

    #[test]
    fn every_kind_of_difference_is_counted_and_a_deleted_copy_is_missing() {
        let sim = Sim::start();
        sim.create_bucket("primary");
        sim.create_bucket_with("backup", BucketOptions::versioned());
        for key in ["deleted", "missing", "retagged", "rewritten", "same"] {
            sim.put("primary", key, "x");
            sim.put("backup", key, if key == "rewritten" { "y" } else { "x" });
        }
        sim.put("backup", "a", "before all others");
        sim.put("backup", "z", "behind all others");
        sim.set_tags("primary", "retagged", &[("team", "birds")]);
        sim.delete("backup", "deleted");
        let missing = sim.current("backup", "missing").unwrap();
        sim.delete_version("backup", "missing", &missing.version_id);

        let difference = sim.compare("primary", "backup");

        let expected = Difference {
            objects: 5,
            missing: 2,
            wrong: 2,
            extra: 2,
        };
        assert_eq!(difference, expected);
    }

    #[test]
    fn what_does_not_travel_is_no_difference() {
        let sim = Sim::start();
        sim.create_bucket("primary");
        sim.create_bucket_with("backup", BucketOptions::versioned());
        sim.put_object("primary", "k", Put::new("x").storage_class("STANDARD_IA"));
        sim.put_object("backup", "k", Put::new("x"));

        let difference = sim.compare("primary", "backup");

        assert_eq!((difference.missing, difference.wrong), (0, 0));
    }
}
