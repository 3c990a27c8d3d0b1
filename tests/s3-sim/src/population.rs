//! Keys that exist without being stored: a bucket of ten million objects that
//! needs no memory. Key, size and content follow from the index alone; a key
//! that is written or deleted becomes an ordinary stored one.

use crate::content::Content;
use crate::digest::{self, Algorithm};
use crate::object::{Encryption, SystemHeaders};
use crate::shapes::Form;
use crate::stamp::Stamp;
use crate::version::{Chain, Checksum, ETag, Properties, Stored, Version, VersionId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How keys lie in the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `object-000000000042`: one long directory.
    Flat,
    /// `00/00/00/00/00/42.dat`: a hundred entries in each directory.
    Deep,
    /// Nine of ten below `hot/`, the rest spread over a thousand prefixes.
    Skewed,
    /// Folders of many sizes.
    Folders(&'static Form),
}

/// A key space that is generated on demand. Two populations that are equal hold
/// equal objects: give it to source and backup for a night without changes.
#[derive(Clone, Debug)]
pub struct Population {
    /// How the keys look.
    pub shape: Shape,
    /// How many there are.
    pub count: u64,
    /// Bytes in each object.
    pub size: u64,
    /// What the content depends on, besides the index.
    pub seed: u64,
    /// The date of every object.
    pub modified: SystemTime,
    /// How many versions each has in a versioned bucket, each a day older than the one before.
    pub versions: u64,
}

/// Ids of generated versions lie above all others.
const GENERATED: u64 = 1 << 63;
/// Where the age of a generated version stands in its id, above the index.
const AGE_SHIFT: u32 = 48;
const DAY: Duration = Duration::from_secs(86_400);

impl Population {
    /// `count` objects of 1,000 bytes, written in January 2026.
    pub fn new(shape: Shape, count: u64) -> Population {
        Population {
            shape,
            count,
            size: 1_000,
            seed: 1,
            modified: UNIX_EPOCH + Duration::from_secs(1_767_225_600),
            versions: 1,
        }
    }

    /// The key at an index; ascends with the index.
    pub fn key(&self, index: u64) -> String {
        let mut key = String::with_capacity(24);
        match self.shape {
            Shape::Folders(form) => return form.key(index, self.count),
            Shape::Flat => {
                key.push_str("object-");
                push_digits(&mut key, index, 12);
            }
            Shape::Deep => {
                for place in (1..=5).rev() {
                    push_digits(&mut key, index / 100u64.pow(place) % 100, 2);
                    key.push('/');
                }
                push_digits(&mut key, index % 100, 2);
                key.push_str(".dat");
            }
            Shape::Skewed => {
                let hot = self.count / 10 * 9;
                match index.checked_sub(hot) {
                    None => {
                        key.push_str("hot/");
                        push_digits(&mut key, index, 12);
                    }
                    Some(rest) => {
                        let share = (self.count - hot).div_ceil(1_000);
                        key.push('p');
                        push_digits(&mut key, rest / share, 3);
                        key.push('/');
                        push_digits(&mut key, rest % share, 12);
                    }
                }
            }
        }
        key
    }

    /// The index of the first key that is not below `key`.
    pub(crate) fn at_or_after(&self, key: &str) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle).as_str() < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub(crate) fn index_of(&self, key: &str) -> Option<u64> {
        let index = self.at_or_after(key);
        (index < self.count && self.key(index) == key).then_some(index)
    }

    /// The parts of an object that do not depend on the index.
    pub(crate) fn properties(&self) -> Arc<Properties> {
        Arc::new(Properties {
            headers: SystemHeaders {
                content_type: Some("application/octet-stream".to_owned()),
                ..SystemHeaders::default()
            },
            metadata: BTreeMap::new(),
            storage_class: "STANDARD".to_owned(),
            encryption: Encryption::SseS3,
        })
    }

    pub(crate) fn chain(&self, index: u64, properties: &Arc<Properties>, versioned: bool) -> Chain {
        if !versioned {
            return Chain::of(self.version(VersionId::NULL, index, 0, properties));
        }
        let version = |age| {
            let id = VersionId(GENERATED | age << AGE_SHIFT | index);
            self.version(id, index, age, properties)
        };
        let oldest = self.versions.saturating_sub(1);
        let mut chain = Chain::of(version(oldest));
        for age in (0..oldest).rev() {
            chain.push(version(age));
        }
        chain
    }

    /// What was written so many days before the newest.
    fn version(
        &self,
        id: VersionId,
        index: u64,
        age: u64,
        properties: &Arc<Properties>,
    ) -> Version {
        let seed = self.seed ^ digest::mix(index) ^ (age << AGE_SHIFT);
        let content = Content::generated(digest::mix(seed), self.size);
        Version {
            id,
            modified: Stamp::from(self.modified - DAY * age as u32),
            stored: Some(Stored {
                etag: ETag {
                    digest: digest::md5(&content),
                    parts: 0,
                },
                content,
                properties: Arc::clone(properties),
                tags: None,
                parts: None,
                checksum: Some(Checksum::full(Algorithm::Crc64Nvme)),
                tier: None,
                restore: None,
            }),
        }
    }
}

/// Without `format!`: a listing makes a thousand keys a page.
fn push_digits(key: &mut String, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    for digit in digits[..width].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    for digit in &digits[..width] {
        key.push(char::from(*digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend_and_are_found_again() {
        for shape in [Shape::Flat, Shape::Deep, Shape::Skewed] {
            let population = Population::new(shape, 5_000);

            let keys: Vec<String> = (0..5_000).map(|index| population.key(index)).collect();

            assert!(keys.is_sorted_by(|left, right| left < right), "{shape:?}");
            assert_eq!(population.index_of(&keys[4_321]), Some(4_321));
            assert_eq!(population.index_of("nowhere"), None);
        }
    }
}
