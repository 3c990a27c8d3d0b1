//! Pages of a listing of versions, each believed only if it agrees with itself and with the one before.

use aws_sdk_s3::types::{EncodingType, OptionalObjectAttributes};

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use super::page_error::PageError;
use super::page_reader::PageReader;
use super::read::{Encoding, MOST_SIZE};
use super::version_page::{RawRestoreStatus, RawVersionPage, RawVersionRow};
use crate::model::{Key, Prefix, StorageClass, ThawState, VersionId, VersionKind, VersionRow};

/// Where a page begins, and which row came before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionPageStart {
    /// S3's own words, opaque: behind this key, or within it behind this version.
    marker: Option<(Key, Option<VersionId>)>,
    before: Before,
}

/// What all rows of a page come after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Nothing,
    /// All versions of a key.
    Key(Key),
    /// This version.
    Version(Key, VersionId),
}

impl VersionPageStart {
    /// At the newest version of the first key.
    pub fn beginning() -> Self {
        Self::default()
    }

    /// Behind all versions of a key, which need not exist.
    pub fn after(key: Key) -> Self {
        Self {
            marker: Some((key.clone(), None)),
            before: Before::Key(key),
        }
    }
}

/// A page of a listing of versions that was checked.
#[derive(Clone, Debug)]
pub struct VersionPage {
    /// At most 1,000 rows, keys ascending, within a key the newest first. A page may begin and end within a
    /// key, and may have delete markers only.
    pub rows: Vec<VersionRow>,
    /// Where the next page begins; none after the last one.
    pub next: Option<VersionPageStart>,
}

impl Bucket {
    /// A page of the versions and delete markers below a prefix.
    ///
    /// # Errors
    /// [`Cause::Unreadable`] for a page that contradicts itself, the page before or what was asked for.
    /// Otherwise why S3 refused.
    pub async fn version_page(
        &self,
        prefix: &Prefix,
        start: &VersionPageStart,
    ) -> Result<VersionPage, S3Error> {
        let operation = Operation::ListObjectVersions;
        let (key_marker, id_marker) = start.marker.clone().unzip();
        let _place = self.paces.listings.place().await;
        let reader = PageReader::default();
        let call = self
            .clients
            .bulk
            .list_object_versions()
            .bucket(self.name.as_str())
            .set_prefix((!prefix.is_empty()).then(|| prefix.as_str().to_owned()))
            .set_key_marker(key_marker.map(|key| key.as_str().to_owned()))
            .set_version_id_marker(id_marker.flatten().map(|id| id.as_str().to_owned()))
            // Else one control character in a key would make the whole page unreadable.
            .encoding_type(EncodingType::Url)
            // One page tells of a thousand archived versions what else took a HEAD each.
            .optional_object_attributes(OptionalObjectAttributes::RestoreStatus)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .interceptor(reader.clone());
        self.send(operation, call.send()).await?;
        let page = reader.take().unwrap_or(Err(PageError::NoPage));
        page.and_then(|page| accept(page, prefix, start))
            .map_err(|error| S3Error::caused(operation, &self.name, Cause::Unreadable, error))
    }

    /// All versions and delete markers of one key, the newest first; none if it never existed.
    ///
    /// # Errors
    /// As those of [`Bucket::version_page`].
    pub async fn versions_of(&self, key: &Key) -> Result<Vec<VersionRow>, S3Error> {
        let prefix = Prefix::new(key.as_str());
        let mut versions = Vec::new();
        let mut start = Some(VersionPageStart::beginning());
        while let Some(from) = start.take() {
            let page = self.version_page(&prefix, &from).await;
            let page = page.map_err(|error| error.about(key))?;
            // The key itself comes before all that it begins.
            let is_over = page.rows.last().is_some_and(|row| row.key != *key);
            versions.extend(page.rows.into_iter().filter(|row| row.key == *key));
            start = page.next.filter(|_| !is_over);
        }
        Ok(versions)
    }
}

/// A page is believed only if it agrees with itself, with what was asked for and with the page before. It
/// has no count of its rows, so that the order is all there is to see a lost one by: rows ascend by key, and
/// the first of a key says that it is the latest, and no other does.
fn accept(
    page: RawVersionPage,
    prefix: &Prefix,
    start: &VersionPageStart,
) -> Result<VersionPage, PageError> {
    let encoding = Encoding::of(page.encoding.as_deref())?;
    let marker = next_marker(&page, encoding, start)?;
    if page.has_prefixes {
        return Err(PageError::UnaskedPrefixes);
    }
    if let Some(listed) = page.prefix {
        let listed_as_it_stands = listed == prefix.as_str();
        if !listed_as_it_stands && encoding.decode(listed)?.as_str() != prefix.as_str() {
            return Err(PageError::OtherPrefix);
        }
    }
    // S3 says nothing of what was never restored, and a server that does not know the question nothing at all.
    let tells_restores = page.rows.iter().any(|row| row.restore.is_some());
    let mut before = start.before.clone();
    let mut rows = Vec::with_capacity(page.rows.len());
    for raw in page.rows {
        let row = believe_version(raw, prefix, encoding, tells_restores)?;
        before.check(&row)?;
        before = Before::Version(row.key.clone(), row.id.clone());
        rows.push(row);
    }
    let next = marker.map(|marker| VersionPageStart {
        marker: Some(marker),
        before,
    });
    Ok(VersionPage { rows, next })
}

/// The words by which the next page is asked for; none if there is none.
fn next_marker(
    page: &RawVersionPage,
    encoding: Encoding,
    start: &VersionPageStart,
) -> Result<Option<(Key, Option<VersionId>)>, PageError> {
    let truncated = page.truncated.ok_or(PageError::NotSaidWhetherLast)?;
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (truncated, filled(&page.next_key), filled(&page.next_id)) {
        (false, None, None) => Ok(None),
        (false, _, _) => Err(PageError::LastWithNext),
        // Without the version the rest of the key's versions would be passed over.
        (true, None, _) | (true, _, None) => Err(PageError::NotSaidWhere { rows: "versions" }),
        (true, Some(key), Some(id)) => {
            let marker = Some((encoding.decode(key)?, Some(VersionId::new(id))));
            if marker == start.marker {
                return Err(PageError::NextIsThis { rows: "versions" });
            }
            Ok(marker)
        }
    }
}

impl Before {
    /// Whether a row may follow.
    fn check(&self, row: &VersionRow) -> Result<(), PageError> {
        let key = &row.key;
        let (last, is_same_key) = match self {
            Self::Nothing => (None, false),
            Self::Key(last) => (Some(last), false),
            Self::Version(last, _) => (Some(last), last == key),
        };
        match last {
            Some(last) if last > key || (last == key && !is_same_key) => {
                return Err(PageError::Disordered {
                    key: key.clone(),
                    last: last.clone(),
                });
            }
            _ => {}
        }
        if row.is_latest == is_same_key {
            return Err(PageError::NewestNotFirst { key: key.clone() });
        }
        match self {
            Self::Version(_, id) if is_same_key && *id == row.id => {
                Err(PageError::VersionTwice { key: key.clone() })
            }
            _ => Ok(()),
        }
    }
}

fn believe_version(
    raw: RawVersionRow,
    prefix: &Prefix,
    encoding: Encoding,
    tells_restores: bool,
) -> Result<VersionRow, PageError> {
    let key = encoding.decode(raw.key.ok_or(PageError::NoKey)?)?;
    match key.as_str().len() {
        0 => return Err(PageError::EmptyKey),
        long if long > Key::MOST_BYTES => {
            return Err(PageError::LongKey { bytes: long });
        }
        _ if !key.is_below(prefix) => {
            return Err(PageError::UnaskedKey { key });
        }
        _ => {}
    }
    let id = raw.id.filter(|id| !id.is_empty());
    let (Some(id), Some(is_latest), Some(modified)) = (id, raw.is_latest, raw.last_modified) else {
        let fields = "version id, date or place among its versions";
        return Err(PageError::Incomplete { key, fields });
    };
    let kind = match (raw.is_marker, raw.size, raw.etag) {
        (true, ..) => VersionKind::Marker,
        (false, Some(size), _) if size > MOST_SIZE => {
            return Err(PageError::TooLarge { key, size });
        }
        (false, Some(size), Some(etag)) => {
            let class = raw.class.unwrap_or_else(|| StorageClass::new(None));
            let thaw = thaw_state(&class, raw.restore, tells_restores);
            VersionKind::Object {
                etag,
                size,
                class,
                thaw,
            }
        }
        (false, ..) => {
            let fields = "size or ETag";
            return Err(PageError::Incomplete { key, fields });
        }
    };
    Ok(VersionRow {
        key,
        id: VersionId::new(id),
        is_latest,
        modified,
        kind,
    })
}

/// What a row tells of whether its object can be read; none if it does not. The archive tiers of
/// `INTELLIGENT_TIERING` never show in a listing.
fn thaw_state(
    class: &StorageClass,
    restore: Option<RawRestoreStatus>,
    tells_restores: bool,
) -> Option<ThawState> {
    if class.as_str() == "INTELLIGENT_TIERING" {
        return None;
    }
    if !class.is_archive() {
        return Some(ThawState::NotArchived);
    }
    match restore {
        None => tells_restores.then_some(ThawState::Frozen),
        Some(status) => match (status.in_progress?, status.expires) {
            (true, _) => Some(ThawState::UnderWay),
            (false, None) => None,
            (false, until) => Some(ThawState::Thawed { until }),
        },
    }
}

#[cfg(test)]
mod tests;
