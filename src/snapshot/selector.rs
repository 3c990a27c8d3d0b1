//! Which snapshot is meant: by how many runs ago it was, or by the id of its run. It is looked for along
//! the chain, the last one first.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::{Index, SnapshotError};

/// The name of the last snapshot; with `~` and a number, of one so many before it.
const LAST: &str = "latest";
/// Runs that are named when several could be meant.
const MOST_NAMED: usize = 3;

/// The snapshot that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotSelector {
    /// So many before the last one.
    Ago(usize),
    /// That of the run of this id, or of the only one whose id begins with it.
    Run(String),
}

/// A text that names no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "allowed: the id of a run or its beginning, latest, or latest~1 for the one before the latest"
)]
pub struct NotASelector;

impl FromStr for SnapshotSelector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        if text == LAST {
            return Ok(Self::Ago(0));
        }
        if let Some(number) = text.strip_prefix("latest~") {
            return number.parse().map(Self::Ago).map_err(|_| NotASelector);
        }
        let usual = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.is_empty() || !text.chars().all(usual) {
            return Err(NotASelector);
        }
        Ok(Self::Run(text.to_owned()))
    }
}

impl fmt::Display for SnapshotSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(0) => f.write_str(LAST),
            Self::Ago(number) => write!(f, "{LAST}~{number}"),
            Self::Run(id) => f.write_str(id),
        }
    }
}

/// Why a snapshot that is meant cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// There is no snapshot at all.
    #[error("no snapshot of run {which}: there is none yet; a complete run writes the first one")]
    NoneYet {
        /// What was asked for.
        which: SnapshotSelector,
    },
    /// There are others.
    #[error("no snapshot of run {which}{}; `s3-backup runs` lists them", named(.nearest.as_ref()))]
    Unknown {
        /// What was asked for.
        which: SnapshotSelector,
        /// The run that is next to it in time, if one was asked for by its id.
        nearest: Option<String>,
    },
    /// Several could be meant.
    #[error("run {which} could be {candidates}; give more of its id, `s3-backup runs` lists them")]
    Ambiguous {
        /// What was asked for.
        which: SnapshotSelector,
        /// Those that could be meant, or the first of them.
        candidates: String,
    },
    /// It is none of those that can be reached.
    #[error("no snapshot of run {which} can be reached: {problem}; {}", problem.remedy())]
    OutOfReach {
        /// What was asked for.
        which: SnapshotSelector,
        /// The problem of the first one that cannot be.
        problem: SnapshotError,
    },
}

fn named(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |run| format!("; the nearest is {run}"))
}

/// A look for one snapshot. It holds one index, however long the chain is.
#[derive(Clone, Debug)]
pub struct SnapshotSearch {
    which: SnapshotSelector,
    passed: usize,
    found: Option<Index>,
    /// No other one can be meant.
    settled: bool,
    candidates: Vec<String>,
    more: usize,
    nearest: Option<String>,
}

impl SnapshotSearch {
    /// Looks for this one.
    pub fn new(which: SnapshotSelector) -> Self {
        Self {
            which,
            passed: 0,
            found: None,
            settled: false,
            candidates: Vec::new(),
            more: 0,
            nearest: None,
        }
    }

    /// Whether the rest of the chain need not be looked at.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Looks at the next snapshot of the chain.
    pub fn pass(&mut self, index: &Index) {
        if self.settled {
            return;
        }
        let (surely, perhaps) = match &self.which {
            SnapshotSelector::Ago(number) => (*number == self.passed, false),
            SnapshotSelector::Run(id) => {
                (index.run_id == *id, index.run_id.starts_with(id.as_str()))
            }
        };
        self.passed += 1;
        self.note_nearest(index);
        self.settled = surely;
        if surely || (perhaps && self.candidates.is_empty()) {
            self.found = Some(index.clone());
        }
        if perhaps && self.candidates.len() < MOST_NAMED {
            self.candidates.push(index.run_id.clone());
        } else if perhaps {
            self.more += 1;
        }
    }

    /// The chain goes back in time, and ids begin with the time: the nearest is the last one that is later, or
    /// the first one that is earlier if it has more of its beginning in common.
    fn note_nearest(&mut self, index: &Index) {
        let SnapshotSelector::Run(id) = &self.which else {
            return;
        };
        let common = |run: &str| {
            run.bytes()
                .zip(id.bytes())
                .take_while(|(a, b)| a == b)
                .count()
        };
        let is_nearer = match self.nearest.as_deref() {
            None => true,
            Some(nearest) if nearest > id.as_str() => {
                index.run_id > *id || common(&index.run_id) > common(nearest)
            }
            Some(_) => false,
        };
        if is_nearer {
            self.nearest = Some(index.run_id.clone());
        }
    }

    /// The snapshot, now that the chain is at its end, or broken there.
    ///
    /// # Errors
    /// When there is none, or several could be meant.
    pub fn finish(self, broken: Option<&SnapshotError>) -> Result<Index, SelectorError> {
        let which = self.which;
        if !self.settled && self.candidates.len() > 1 {
            let mut candidates = self.candidates.join(", ");
            if self.more > 0 {
                let _ = write!(candidates, " and {} more", self.more);
            }
            return Err(SelectorError::Ambiguous { which, candidates });
        }
        match (self.found, broken) {
            (Some(index), _) => Ok(index),
            (None, Some(problem)) => Err(SelectorError::OutOfReach {
                which,
                problem: problem.clone(),
            }),
            (None, None) if self.passed == 0 => Err(SelectorError::NoneYet { which }),
            (None, None) => Err(SelectorError::Unknown {
                which,
                nearest: self.nearest,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::index;
    use super::*;

    const RUNS: [&str; 6] = [
        "2026-11-22T02-00-00Z-7f3a",
        "2026-11-21T02-00-00Z-91c0",
        "2026-10-04T02-00-00Z-0001",
        "2026-10-03T02-00-00Z-0002",
        "2026-10-02T02-00-00Z-0003",
        "2026-10-01T02-00-00Z-0004",
    ];

    fn search(text: &str, runs: &[&str], broken: Option<&SnapshotError>) -> Result<String, String> {
        let mut search = SnapshotSearch::new(text.parse().unwrap());
        for run in runs {
            search.pass(&index(run, None));
        }
        let found = search.finish(broken).map(|index| index.run_id);
        found.map_err(|absent| absent.to_string())
    }

    #[test]
    fn a_snapshot_is_named_by_its_place_or_by_its_run() {
        let cases = [
            ("latest", 0),
            ("latest~0", 0),
            ("latest~1", 1),
            ("latest~5", 5),
            ("2026-11-21T02-00-00Z-91c0", 1),
            ("2026-11-21", 1),
            ("2026-10-01", 5),
        ];

        for (text, at) in cases {
            assert_eq!(search(text, &RUNS, None), Ok(RUNS[at].to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        let missing = SnapshotError::missing("snapshots/x.json");
        let cases = [
            (
                search("2025", &RUNS, None),
                "no snapshot of run 2025; the nearest is 2026-10-01T02-00-00Z-0004; `s3-backup runs` lists them",
            ),
            (
                search("latest~6", &RUNS, None),
                "no snapshot of run latest~6; `s3-backup runs` lists them",
            ),
            (
                search("latest", &[], None),
                "no snapshot of run latest: there is none yet; a complete run writes the first one",
            ),
            (
                search("2026-11", &RUNS, None),
                "run 2026-11 could be 2026-11-22T02-00-00Z-7f3a, 2026-11-21T02-00-00Z-91c0; \
                 give more of its id, `s3-backup runs` lists them",
            ),
            (
                search("2026-10", &RUNS, Some(&missing)),
                "run 2026-10 could be 2026-10-04T02-00-00Z-0001, 2026-10-03T02-00-00Z-0002, \
                 2026-10-02T02-00-00Z-0003 and 1 more; give more of its id, \
                 `s3-backup runs` lists them",
            ),
        ];

        for (found, problem) in cases {
            assert_eq!(found, Err(problem.to_owned()));
        }
    }

    #[test]
    fn what_lies_behind_a_break_cannot_be_reached() {
        let missing = SnapshotError::missing("snapshots/x.json");

        let before = search("2026-11-22", &RUNS[..2], Some(&missing));
        let behind = search("2026-10-04", &RUNS[..2], Some(&missing)).unwrap_err();

        assert_eq!(before, Ok(RUNS[0].to_owned()));
        let begin = "no snapshot of run 2026-10-04 can be reached: cannot use the snapshot: \
                     snapshots/x.json is missing; ";
        assert!(behind.starts_with(begin), "{behind}");
    }

    #[test]
    fn a_search_is_settled_once_no_other_can_be_meant() {
        let cases = [
            ("latest", true),
            ("latest~1", false),
            (RUNS[0], true),
            ("2026-11-22", false),
        ];

        for (text, settled) in cases {
            let mut search = SnapshotSearch::new(text.parse().unwrap());
            search.pass(&index(RUNS[0], None));
            assert_eq!(search.is_settled(), settled, "{text}");
        }
    }

    #[test]
    fn a_text_that_can_be_no_name_is_refused() {
        for text in [
            "",
            "latest~",
            "latest~x",
            "latest~-1",
            "latest-1~",
            "a/b",
            "ä",
        ] {
            assert_eq!(
                text.parse::<SnapshotSelector>(),
                Err(NotASelector),
                "{text}"
            );
        }
    }
}
