//! The settings in which a history can happen.

use super::job::BackupJob;
use crate::world::BACKUP;

/// The source of the second job.
pub const SECOND: &str = "second";

/// What runs do about what is gone from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletions {
    Keep,
    /// Without limits: nothing but an empty source holds a run.
    Mark,
    /// With the least limits, and each held run is confirmed.
    MarkIfConfirmed,
}

/// How copies are made, and whether their `ETag`s can be those of their sources.
#[derive(Clone, Copy, Debug)]
pub enum Copies {
    /// Large ones in parts, as their sources: all `ETag`s are kept.
    InParts,
    /// All in one call: of what came in parts the `ETag` is lost.
    Flattened,
    /// Under a KMS key: no `ETag` is kept, and only snapshots prove anything.
    UnderKms,
}

/// The world that a history begins in.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub copies: Copies,
    pub deletions: Deletions,
    /// A second source is backed up into the same bucket, each below a prefix of its own.
    pub second_job: bool,
    /// Some backups are from before the bucket kept versions.
    pub old_backups: bool,
    /// Snapshots have changes, although they are small.
    pub changes: bool,
}

impl Setting {
    /// A job of a history.
    pub fn job(self, source: &'static str, place: &'static str) -> BackupJob {
        let mut vars = vec![
            ("SOURCE_BUCKET", source),
            ("DESTINATION_BUCKET", BACKUP),
            ("BACKUP_DESTINATION_PREFIX", place),
            // So that what is in flight at a moment is little.
            ("BACKUP_MAX_CONCURRENCY", "4"),
        ];
        vars.extend(match self.copies {
            Copies::InParts => Some(("BACKUP_MULTIPART_THRESHOLD", "5 MiB")),
            Copies::Flattened => None,
            Copies::UnderKms => Some((
                "BACKUP_KMS_KEY_ID",
                "arn:aws:kms:us-east-1:111122223333:key/k1",
            )),
        });
        let limits = match self.deletions {
            Deletions::Keep => None,
            Deletions::Mark => Some(("1000", "100")),
            Deletions::MarkIfConfirmed => Some(("1", "0")),
        };
        if let Some((most, percent)) = limits {
            vars.push(("BACKUP_DELETIONS", "mark"));
            vars.push(("BACKUP_MAX_DELETIONS", most));
            vars.push(("BACKUP_MAX_DELETIONS_PERCENT", percent));
        }
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let vars = vars.into_iter().map(owned).collect();
        BackupJob {
            source,
            place,
            vars,
        }
    }
}
