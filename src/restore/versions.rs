//! Which version of the backup a row means, and which runs have a key that this one has not.

use futures::TryStreamExt;

use super::rows::Problem;
use super::site::Site;
use crate::model::{Key, Timestamp, VersionId, VersionKind, VersionRow};
use crate::s3::{Cause, S3Error};
use crate::snapshot::{Index, Row, SegmentEntry};

/// Runs that are looked through for a key that the restored one does not have.
const MOST_RUNS: usize = 30;
/// Runs that are named then.
const MOST_NAMED: usize = 3;

/// The version that a row means which does not name it: found by one listing of its key.
///
/// # Errors
/// That there is none, or why the versions cannot be listed.
pub async fn of_row(row: &Row, site: &Site) -> Result<VersionId, Problem> {
    let key = site.backup_key(&row.key);
    let versions = site
        .backup
        .versions_of(&key)
        .await
        .map_err(|error| Problem::of(&error))?;
    let means = |version: &&VersionRow| match &version.kind {
        VersionKind::Marker => false,
        VersionKind::Object { etag, size, .. } => {
            let written = row.backup_modified.map(Timestamp::as_seconds);
            *etag == row.backup_etag
                && *size == row.size
                && written.is_none_or(|date| date == version.modified.as_seconds())
        }
    };
    // Without its date the newest of the same bytes is meant: nothing tells an older one apart.
    let found = versions.iter().find(means);
    found
        .map(|version| version.id.clone())
        .ok_or_else(|| Problem {
            code: "NoSuchVersion".to_owned(),
            message: format!(
                "the version of {key} that the run has recorded is not in bucket {} any more",
                site.backup.name()
            ),
            advice: "choose another run; `s3-backup history KEY` lists the versions that are left"
                .to_owned(),
        })
}

/// The problem of a version that cannot be looked at. S3 refuses a look at a delete marker without a word: a listing
/// tells.
pub async fn unknown(error: &S3Error, key: &Key, version: &VersionId, site: &Site) -> Problem {
    if error.cause == Cause::Missing {
        return no_version(format!(
            "the backup has no version {} of this key",
            version.as_str()
        ));
    }
    let versions = site.backup.versions_of(key).await.unwrap_or_default();
    let is_marker = versions
        .iter()
        .any(|row| row.id == *version && matches!(row.kind, VersionKind::Marker));
    if is_marker {
        let version = version.as_str();
        return no_version(format!(
            "version {version} of this key is a delete marker: the object was gone then"
        ));
    }
    Problem::of(error)
}

fn no_version(message: String) -> Problem {
    Problem {
        code: "NoSuchVersion".to_owned(),
        message,
        advice: "`s3-backup history KEY` lists the versions of a key".to_owned(),
    }
}

/// The problem of a key that the run does not have, without a look at others.
pub fn missing(key: &Key) -> Problem {
    Problem {
        code: "NotInRun".to_owned(),
        message: format!("the run has no object {key}"),
        advice: "`s3-backup ls RUN` lists the keys of a run, `s3-backup history KEY` the versions of a key"
            .to_owned(),
    }
}

/// The problem of a key that the run does not have: it names the runs that have it.
pub async fn not_in_run(key: &Key, site: &Site) -> Problem {
    let mut runs = Vec::new();
    let mut indexes = site.history.indexes();
    let mut looked_at = 0;
    let mut last: Option<(SegmentEntry, bool)> = None;
    while let Ok(Some(index)) = indexes.try_next().await {
        looked_at += 1;
        let has = has_key(&index, key, site, &mut last).await;
        if has {
            runs.push(index.run_id);
        }
        if runs.len() == MOST_NAMED || looked_at == MOST_RUNS {
            break;
        }
    }
    let advice = if runs.is_empty() {
        format!(
            "none of the last {looked_at} runs has it; `s3-backup ls RUN` lists the keys of a run"
        )
    } else {
        format!("these runs have it: {}", runs.join(", "))
    };
    Problem {
        advice,
        ..missing(key)
    }
}

/// Whether a snapshot has a key. The same segment is not read twice in a row.
async fn has_key(
    index: &Index,
    key: &Key,
    site: &Site,
    last: &mut Option<(SegmentEntry, bool)>,
) -> bool {
    let Some(entry) = index.segment_of(key) else {
        return false;
    };
    if let Some((known, has)) = last
        && known == entry
    {
        return *has;
    }
    let mut pages = site.history.rows_of(vec![entry.clone()]);
    let mut has = false;
    while let Ok(Some(page)) = pages.try_next().await {
        has |= page.iter().any(|row| row.key() == key.as_str());
    }
    *last = Some((entry.clone(), has));
    has
}
