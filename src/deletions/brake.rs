//! The brake: what was counted in, whether what is gone may be marked out. One pure function.
//!
//! A source that was emptied, wrongly mounted or wrongly configured looks like one from which
//! everything was deleted. So many deletions at once wait for somebody who says that they are right,
//! and nobody can say so of a source in which nothing is left.

use crate::config::MaxDeletions;
use crate::model::{BucketName, KeyCounts};

/// So few deletions are never held, whatever the limits: a bucket with little in it changes by large
/// shares.
const NEVER_HELD: u64 = 10;

/// What the brake says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrakeDecision {
    /// They may be marked.
    Free,
    /// They may be marked if somebody confirms them, for this reason.
    Confirm(String),
    /// They may not be marked, for this reason.
    Never(String),
}

/// Judges what was counted for each destination. What holds one holds the run.
pub fn judge(counted: &[(BucketName, KeyCounts)], limits: MaxDeletions) -> BrakeDecision {
    for (bucket, census) in counted {
        if census.gone > 0 && census.source == 0 {
            return BrakeDecision::Never(format!(
                "the source lists no object, while bucket {bucket} has {}; an empty source deletes \
                 nothing and cannot be confirmed",
                census.gone
            ));
        }
    }
    let mut exceeding = counted
        .iter()
        .filter(|(_, census)| exceeds(census.gone, census.backup, limits));
    match exceeding.next() {
        None => BrakeDecision::Free,
        Some((bucket, census)) => BrakeDecision::Confirm(format!(
            "{} of the {} objects in bucket {bucket} ({} %) are gone from the source, more than \
             BACKUP_MAX_DELETIONS = {} or BACKUP_MAX_DELETIONS_PERCENT = {}",
            census.gone,
            census.backup,
            percent(census),
            limits.count,
            limits.percent
        )),
    }
}

/// Whether so many markers among so many objects exceed either limit, by more than a few objects: a small part
/// of many can be a great loss, and so can all of a few.
pub fn exceeds(marks: u64, all: u64, limits: MaxDeletions) -> bool {
    let is_large = u128::from(marks) * 100 > u128::from(limits.percent) * u128::from(all);
    marks > NEVER_HELD && (marks > limits.count || is_large)
}

/// The share of the backup that is gone, in percent, to the tenth.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub fn percent(census: &KeyCounts) -> f64 {
    if census.backup == 0 {
        return 0.0;
    }
    (census.gone as f64 / census.backup as f64 * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(bucket: &str, source: u64, backup: u64, gone: u64) -> (BucketName, KeyCounts) {
        let census = KeyCounts {
            source,
            backup,
            gone,
            ..KeyCounts::default()
        };
        (BucketName::new(bucket).unwrap(), census)
    }

    fn is_free(source: u64, backup: u64, gone: u64, limits: (u64, u64)) -> bool {
        let (count, percent) = limits;
        let counted = [counted("backup", source, backup, gone)];
        judge(&counted, MaxDeletions { count, percent }) == BrakeDecision::Free
    }

    #[test]
    fn holds_what_exceeds_either_limit_and_never_a_few() {
        let default = (100, 10);
        let cases = [
            (0, 0, default, true),
            (1000, 100, default, true),
            (1_000_000, 101, default, false),
            (999, 100, default, false),
            (10, 10, default, true),
            (11, 11, default, false),
            (1, 1, (0, 0), true),
            (1000, 10, (0, 0), true),
            (1000, 11, (0, 100), false),
            (1000, 11, (1000, 1), false),
            (1000, 999, (1000, 100), true),
            (u64::MAX, u64::MAX / 10, (u64::MAX, 10), true),
            (u64::MAX, u64::MAX / 10 + 2, (u64::MAX, 10), false),
        ];

        for (backup, gone, limits, free) in cases {
            assert_eq!(is_free(1, backup, gone, limits), free, "{gone} of {backup}");
        }
    }

    #[test]
    fn an_empty_source_never_deletes_whatever_the_limits() {
        let emptied = [counted("one", 1, 1, 0), counted("two", 0, 1, 1)];
        let limits = MaxDeletions {
            count: u64::MAX,
            percent: 100,
        };

        let verdict = judge(&emptied, limits);

        let BrakeDecision::Never(why) = verdict else {
            panic!("{verdict:?}");
        };
        assert!(why.starts_with("the source lists no object, while bucket two has 1;"));
        assert!(is_free(0, 0, 0, (0, 0)), "nothing is there to be deleted");
    }

    #[test]
    fn the_reason_has_all_numbers() {
        let verdict = judge(&[counted("backup", 5, 1009, 101)], MaxDeletions::default());

        let why = "101 of the 1009 objects in bucket backup (10 %) are gone from the source, more \
                   than BACKUP_MAX_DELETIONS = 100 or BACKUP_MAX_DELETIONS_PERCENT = 10";
        assert_eq!(verdict, BrakeDecision::Confirm(why.to_owned()));
    }
}
