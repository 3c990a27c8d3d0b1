//! What an object of a job's state is, by its key.

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKey<'a> {
    /// An index, or what indexes name.
    OfSnapshot,
    /// The state of one run or one drill, which nobody needs once it is old.
    OfRun,
    /// State of the restore of that id.
    OfRestore(&'a str),
    /// It is written over, or nobody knows it: it stays.
    Lasting,
}

impl<'a> StateKey<'a> {
    /// The kind of an object by its key, below the job's prefix.
    pub fn of(key: &'a str) -> Self {
        let (folder, name) = key.split_once('/').unwrap_or(("", key));
        match (folder, name.split_once('/')) {
            ("snapshots", None) if crate::snapshot::is_index_key(key) => Self::OfSnapshot,
            ("snapshots", Some(("segments" | "changes", _))) => Self::OfSnapshot,
            ("snapshots", Some(("parts", _))) | ("runs", Some(_)) => Self::OfRun,
            ("drills", None) if is_run_id(name) => Self::OfRun,
            ("restores", Some((id, _))) if is_run_id(id) => Self::OfRestore(id),
            _ => Self::Lasting,
        }
    }
}

/// Ids of runs and of what is like them begin with a year.
fn is_run_id(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_of_the_state_has_its_kind() {
        const RUN: &str = "2026-11-21T02-00-00Z-7f3a";
        let of_restore = format!("restores/{RUN}/request.json");
        let cases = [
            ("lease.json", StateKey::Lasting),
            ("aged.json", StateKey::Lasting),
            ("held.json", StateKey::Lasting),
            ("held-changes.json", StateKey::Lasting),
            ("snapshots/latest.json", StateKey::Lasting),
            (
                "snapshots/2026-11-21T02-00-00Z-7f3a.json",
                StateKey::OfSnapshot,
            ),
            ("snapshots/segments/00ff.parquet", StateKey::OfSnapshot),
            ("snapshots/changes/00ff.parquet", StateKey::OfSnapshot),
            (
                "snapshots/parts/2026-11-21T02-00-00Z-7f3a.json",
                StateKey::OfRun,
            ),
            ("snapshots/later/x", StateKey::Lasting),
            ("runs/2026-11-21T02-00-00Z-7f3a/state.json", StateKey::OfRun),
            (
                "runs/2026-11-21T02-00-00Z-7f3a/pieces/0001.json",
                StateKey::OfRun,
            ),
            ("drills/passed.json", StateKey::Lasting),
            ("drills/2026-11-21T02-00-00Z-7f3a.json", StateKey::OfRun),
            ("restores/open.json", StateKey::Lasting),
            ("restores/lease-00ff.json", StateKey::Lasting),
            (&of_restore, StateKey::OfRestore(RUN)),
            ("", StateKey::Lasting),
        ];

        for (key, kind) in cases {
            assert_eq!(StateKey::of(key), kind, "{key}");
        }
    }
}
