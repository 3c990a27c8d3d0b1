//! What the backup held of an object: at a run, and over time. The same rows for the command line, the Lambda
//! and whoever else asks.

use serde::Serialize;

use crate::model::{Key, Timestamp, VersionId, VersionKind, VersionRow};
use crate::snapshot::RowRef;

/// An object that the backup held at a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BackedUpObject<'a> {
    /// Its key in the source.
    pub key: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// When the source's object was last written.
    pub modified: Timestamp,
    /// The storage class of the copy.
    pub class: &'a str,
    /// The entity tag of the source's object.
    pub etag: &'a str,
    /// The copy's version in the backup bucket, when it is known.
    pub version_id: Option<&'a str>,
}

impl<'a> From<RowRef<'a>> for BackedUpObject<'a> {
    fn from(row: RowRef<'a>) -> Self {
        Self {
            key: row.key,
            size: row.size,
            modified: row.source_modified,
            class: row.storage_class,
            etag: row.source_etag,
            version_id: row.backup_version_id,
        }
    }
}

/// A version of a key in the backup bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupVersion {
    /// The key in the source.
    pub key: String,
    /// The first run that had it, or, of a delete marker, the first that had no object there; none of what no
    /// snapshot names.
    pub run_id: Option<String>,
    /// When it was written into the backup bucket.
    pub written: Timestamp,
    /// Size in bytes; none of a delete marker.
    pub size: Option<u64>,
    /// Its storage class; none of a delete marker.
    pub class: Option<String>,
    /// Its version id.
    pub version_id: String,
    /// Whether it is the current one.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub is_marker: bool,
}

impl BackupVersion {
    /// A version of the backup of a source key, not yet with its run.
    pub fn of(key: &Key, row: VersionRow) -> Self {
        let VersionRow {
            id,
            is_latest,
            modified,
            kind,
            key: _,
        } = row;
        let (size, class, is_marker) = match kind {
            VersionKind::Object { size, class, .. } => {
                (Some(size), Some(class.as_str().to_owned()), false)
            }
            VersionKind::Marker => (None, None, true),
        };
        Self {
            key: key.as_str().to_owned(),
            run_id: None,
            written: modified,
            size,
            class,
            version_id: VersionId::as_str(&id).to_owned(),
            is_latest,
            is_marker,
        }
    }
}

/// Names the runs of a key's versions, the newest of which come first, as it goes back in time.
#[derive(Debug)]
pub struct RunNames<'a> {
    versions: &'a mut [BackupVersion],
    /// The run before this one in the walk, if it had no object of that key.
    without: Option<String>,
}

impl<'a> RunNames<'a> {
    /// The versions, of which no run is known yet.
    pub fn of(versions: &'a mut [BackupVersion]) -> Self {
        Self {
            versions,
            without: None,
        }
    }

    /// What the next earlier run had of the key: the version of its backup; none if it had no object.
    pub fn pass(&mut self, run_id: &str, had: Option<&str>) {
        let Some(had) = had else {
            self.without = Some(run_id.to_owned());
            return;
        };
        let at = self.versions.iter().position(|own| own.version_id == had);
        let without = self.without.take();
        let Some(at) = at else { return };
        if let Some(marker) = at.checked_sub(1).and_then(|at| self.versions.get_mut(at))
            && marker.is_marker
            && without.is_some()
        {
            marker.run_id = without;
        }
        if let Some(version) = self.versions.get_mut(at) {
            version.run_id = Some(run_id.to_owned());
        }
    }
}
