//! How snapshots hang together: each index names the one before it with its digest, and one small
//! object names the last one.
//!
//! The last one is not found by listing: a listing of years is long, and would show an index whose run
//! was killed before it was done. [`Latest`] is written last, and only over the one that was read at the
//! start of the run (`If-Match`, or `If-None-Match` for the first). Until then the snapshot before is
//! the valid one, whatever has been stored.

use serde::{Deserialize, Serialize};

use super::damage::{ChainDamage, Damage};
use super::index::{from_json, to_json};
use super::{Digest, Index, SnapshotError};

/// The format of [`Latest`]. It has not changed since the first one.
const LATEST_FORMAT: u64 = 1;

/// The key of [`Latest`], below the job's prefix.
pub const LATEST: &str = "snapshots/latest.json";

/// An index by its key below the job's prefix, and the digest of its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The key.
    pub key: String,
    /// The digest.
    pub sha256: Digest,
}

impl Link {
    /// A link to these bytes under this key.
    pub fn to(key: String, bytes: &[u8]) -> Self {
        let sha256 = Digest::of(bytes);
        Self { key, sha256 }
    }

    /// Reads the index that it leads to, if these are its bytes.
    ///
    /// # Errors
    /// When they are not, or the index cannot be used.
    pub fn follow(&self, bytes: &[u8], job: &str) -> Result<Index, SnapshotError> {
        if Digest::of(bytes) != self.sha256 {
            let bytes = bytes.len();
            return Err(SnapshotError::damaged(
                &self.key,
                Damage::OtherIndex { bytes },
            ));
        }
        Index::parse(&self.key, bytes, job)
    }
}

/// The name of the last complete snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// Its format, which is not that of the index.
    pub format: u64,
    /// As in the index.
    pub job: String,
    /// The index.
    pub index: Link,
}

impl Latest {
    /// Names this index.
    pub fn new(job: String, index: Link) -> Self {
        let format = LATEST_FORMAT;
        Self { format, job, index }
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        to_json(self)
    }

    /// Reads what is stored.
    ///
    /// # Errors
    /// When it is damaged, of another job, or a later version of the program wrote it.
    pub fn parse(bytes: &[u8], job: &str) -> Result<Self, SnapshotError> {
        let latest: Self = from_json(LATEST, bytes, LATEST_FORMAT)?;
        if latest.job == job {
            Ok(latest)
        } else {
            Err(SnapshotError::Foreign {
                object: LATEST.to_owned(),
                job: latest.job,
            })
        }
    }
}

/// Proves that these stored indexes, the oldest first, follow each other without a gap, and none was
/// changed since the next was written. The first may follow one that is not among them.
///
/// # Errors
/// The first one that cannot be used, or does not follow.
pub fn verify_chain<'a>(
    job: &str,
    oldest_first: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), SnapshotError> {
    let mut before: Option<Link> = None;
    for (key, bytes) in oldest_first {
        let index = Index::parse(key, bytes, job)?;
        if before.is_some() && index.previous != before {
            let problem = match (&index.previous, &before) {
                (Some(named), Some(before)) if named.key == before.key => {
                    let before = before.key.clone();
                    ChainDamage::OtherContent { before }
                }
                (Some(named), _) => {
                    let named = named.key.clone();
                    ChainDamage::OtherOrder { named }
                }
                (None, _) => ChainDamage::FollowsNone,
            };
            let object = key.to_owned();
            return Err(SnapshotError::Unlinked { object, problem });
        }
        before = Some(Link::to(key.to_owned(), bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::index;
    use super::*;

    type Stored = (String, Vec<u8>);

    /// Three indexes, each of which names the one before it.
    fn history() -> Vec<Stored> {
        let mut previous = None;
        let runs = [
            "2026-11-19T02-00-00Z-1",
            "2026-11-20T02-00-00Z-2",
            "2026-11-21T02-00-00Z-3",
        ];
        runs.map(|run| {
            let (bytes, link) = index(run, previous.take()).encode().unwrap();
            let key = link.key.clone();
            previous = Some(link);
            (key, bytes)
        })
        .to_vec()
    }

    fn verify(history: &[Stored]) -> Result<(), String> {
        let stored = history
            .iter()
            .map(|(key, bytes)| (key.as_str(), bytes.as_slice()));
        verify_chain("job", stored).map_err(|error| error.to_string())
    }

    #[test]
    fn a_history_is_whole_from_any_index_on() {
        let history = history();

        assert_eq!(verify(&history), Ok(()));
        assert_eq!(verify(&history[1..]), Ok(()));
        assert_eq!(verify(&[]), Ok(()));
    }

    #[test]
    fn a_history_that_was_changed_is_broken() {
        let whole = history();
        let gap = [whole[0].clone(), whole[2].clone()];
        let turned = [whole[1].clone(), whole[0].clone()];
        let mut rewritten = whole.clone();
        rewritten[1].1.push(b' ');
        let cases = [
            (
                gap.to_vec(),
                "snapshots/2026-11-21T02-00-00Z-3.json follows snapshots/2026-11-20T02-00-00Z-2.json, \
                 which is not before it",
            ),
            (
                turned.to_vec(),
                "snapshots/2026-11-19T02-00-00Z-1.json follows none, though there are earlier ones",
            ),
            (
                rewritten,
                "snapshots/2026-11-21T02-00-00Z-3.json was written after another content of \
                 snapshots/2026-11-20T02-00-00Z-2.json",
            ),
        ];

        for (history, problem) in cases {
            let expected = format!("the history of snapshots is broken: {problem}");
            assert_eq!(verify(&history), Err(expected));
        }
    }

    #[test]
    fn the_last_snapshot_is_named_and_followed() {
        let (key, bytes) = history().remove(2);
        let latest = Latest::new("job".to_owned(), Link::to(key, &bytes));

        let read = Latest::parse(&latest.encode().unwrap(), "job").unwrap();

        assert_eq!(read, latest);
        assert!(read.index.follow(&bytes, "job").is_ok());
    }

    #[test]
    fn a_name_that_cannot_be_used_says_why() {
        let (key, bytes) = history().remove(0);
        let latest = Latest::new("job".to_owned(), Link::to(key, &bytes));
        let newer = Latest {
            format: 2,
            ..latest.clone()
        };
        let bytes = latest.encode().unwrap();
        let object = LATEST.to_owned();

        let foreign = Latest::parse(&bytes, "other").unwrap_err();
        let newer = Latest::parse(&newer.encode().unwrap(), "job").unwrap_err();
        let damaged = Latest::parse(&bytes[1..], "job").unwrap_err();

        let job = "job".to_owned();
        assert_eq!(
            foreign,
            SnapshotError::Foreign {
                object: object.clone(),
                job
            }
        );
        assert_eq!(newer, SnapshotError::newer(&object, 2, 1));
        assert!(matches!(damaged, SnapshotError::Damaged { .. }));
    }
}
