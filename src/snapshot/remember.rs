//! From one index to the next: what is remembered of the complete runs.

use super::{ChangedShare, CompleteRun, Index, Past};

/// Complete runs whose changes are remembered.
const MOST_CHANGES: usize = 14;

impl Index {
    /// The index with the past up to its own run, which comes after that index.
    #[must_use]
    pub fn remembering(self, previous: Option<&Self>) -> Self {
        let mut changes = previous.map_or_else(Vec::new, |index| index.past.changes.clone());
        let share = self.changed_share();
        // The first backup has nothing that could have changed.
        if self.totals.errors == 0 && share.known > 0 {
            changes.push(share);
        }
        let surplus = changes.len().saturating_sub(MOST_CHANGES);
        changes.drain(..surplus);
        let past = Past {
            last_complete: previous.and_then(Self::last_complete),
            changes,
        };
        Self { past, ..self }
    }

    /// What its run found changed.
    pub fn changed_share(&self) -> ChangedShare {
        ChangedShare {
            known: self.totals.known,
            changed: self.totals.changed,
        }
    }

    /// The last complete run up to this one; none if nobody knows of one.
    pub fn last_complete(&self) -> Option<CompleteRun> {
        if self.totals.errors > 0 {
            return self.past.last_complete.clone();
        }
        Some(CompleteRun {
            run_id: self.run_id.clone(),
            ended_at: self.ended_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::model::Timestamp;

    fn run(name: &str) -> CompleteRun {
        CompleteRun {
            run_id: name.to_owned(),
            ended_at: Timestamp::from_millis(1_795_226_460_000),
        }
    }

    fn after(previous: Option<&Index>, name: &str, errors: u64, changed: u64) -> Index {
        let mut index = samples::index(name, None);
        index.totals.errors = errors;
        (index.totals.known, index.totals.changed) = (100, changed);
        index.remembering(previous)
    }

    #[test]
    fn a_run_with_errors_is_not_the_last_complete_one() {
        let first = after(None, "1", 0, 0);
        let second = after(Some(&first), "2", 3, 99);
        let third = after(Some(&second), "3", 1, 99);

        assert_eq!(first.last_complete(), Some(run("1")));
        assert_eq!(third.last_complete(), Some(run("1")));
        assert_eq!(third.past.changes.len(), 1, "only complete runs count");
        assert_eq!(after(None, "1", 1, 0).last_complete(), None);
    }

    #[test]
    fn fourteen_runs_are_remembered() {
        let mut index = after(None, "0", 0, 0);
        for n in 1..40 {
            index = after(Some(&index), &n.to_string(), 0, n);
        }

        let changed: Vec<u64> = index
            .past
            .changes
            .iter()
            .map(|share| share.changed)
            .collect();
        assert_eq!(changed, (26..40).collect::<Vec<_>>());
    }

    #[test]
    fn an_index_of_an_earlier_version_has_no_past() {
        let (bytes, link) = samples::index("2026-11-21T02-00-00Z-7f3a", None)
            .encode()
            .unwrap();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("past"));

        let read = Index::parse(&link.key, &bytes, "job").unwrap();

        assert!(read.past.is_empty());
        let (bytes, link) = after(None, "2026-11-21T02-00-00Z-7f3a", 0, 7)
            .encode()
            .unwrap();
        let read = Index::parse(&link.key, &bytes, "job").unwrap();
        assert_eq!(read.past.changes[0].percent().to_string(), "7");
    }
}
