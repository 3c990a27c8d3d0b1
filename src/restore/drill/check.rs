//! An object that a drill has restored in, whether it is what the snapshot and the version say out.

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::super::refused;
use super::super::rows::{Became, DoneRow, Place, PlanRow, Seen};
use super::super::session::Session;
use super::record::DrilledObject;
use crate::model::{ETag, HeadDetails, Key, Object, ObjectRef, Property, StorageClass, Verdict};
use crate::outcome::Outcome;
use crate::run::StartError;
use crate::s3::Cause;
use crate::snapshot::{Index, SegmentRow};
use crate::verify::HeadPair;

/// Objects that are looked at side by side.
const LOOKS_AT_ONCE: usize = 32;

/// The facts of an object of the sample.
pub struct Checked {
    key: Key,
    version_id: Option<String>,
    size: u64,
    found: Found,
    /// The scratch copy, by the key and the `ETag` that it was written with.
    pub scratch: Option<(Key, ETag)>,
}

/// What was found of it.
enum Found {
    Verdict(Verdict),
    /// It is not what the snapshot says, in these.
    NotRecorded(Vec<Property>),
    /// It did not come to be.
    NotRestored(String),
    /// It came to be, and could not be compared.
    NotCompared(String),
    /// The call had to stop.
    Interrupted,
}

impl Checked {
    /// Whether the call had to stop before it was known.
    pub fn is_interrupted(&self) -> bool {
        matches!(self.found, Found::Interrupted)
    }

    /// The object, as the file of the drill has it.
    pub fn told(self) -> DrilledObject {
        let names = |properties: &[Property]| {
            let names: Vec<&str> = properties.iter().map(|property| property.name()).collect();
            names.join(", ")
        };
        let (verdict, why) = match &self.found {
            Found::Verdict(verdict) => {
                let why = match verdict {
                    Verdict::Equal(proof) => proof.name().to_owned(),
                    Verdict::Different(properties) => names(properties),
                    Verdict::CannotTell(doubt) => doubt.why().to_owned(),
                    Verdict::Missing | Verdict::Extra { .. } => {
                        "it is not in the scratch place".to_owned()
                    }
                };
                (verdict.name(), why)
            }
            Found::NotRecorded(properties) => (
                "different",
                format!("{}, of the version from the snapshot", names(properties)),
            ),
            Found::NotRestored(why) => ("not_restored", why.clone()),
            Found::NotCompared(why) => ("not_compared", why.clone()),
            Found::Interrupted => ("not_compared", "the drill was stopped".to_owned()),
        };
        DrilledObject {
            key: self.key,
            version_id: self.version_id,
            size: self.size,
            verdict: verdict.to_owned(),
            why,
        }
    }
}

impl Session<'_> {
    /// Compares everything that was restored with its version, and that with the snapshot.
    pub(super) async fn check(&self, index: &Index) -> Result<Vec<Checked>, StartError> {
        let mut checked = Vec::new();
        for (number, part) in self.held.progress.parts.iter().enumerate() {
            let rows = self.store.part(&self.held, number, part).await;
            let rows = rows.map_err(refused)?;
            let mut known = self
                .store
                .known(&self.held, number)
                .await
                .map_err(refused)?;
            let recorded = self.recorded(index, &rows).await?;
            let looks = rows.into_iter().enumerate().map(|(number, row)| {
                let done = known.last.remove(&number);
                let key = self.source_key(&row.key);
                let at = recorded.binary_search_by(|row| row.key().cmp(key.as_str()));
                let recorded = at.ok().and_then(|at| recorded.get(at));
                // A type of its own for each future within would be too much for the compiler.
                self.check_row(key, row, done, recorded).boxed()
            });
            let looks: Vec<_> = looks.collect();
            let looks = stream::iter(looks).buffered(LOOKS_AT_ONCE);
            checked.extend(Box::pin(looks).collect::<Vec<Checked>>().await);
        }
        Ok(checked)
    }

    /// The rows of the snapshot for the objects of a part.
    async fn recorded(
        &self,
        index: &Index,
        rows: &[PlanRow],
    ) -> Result<Vec<SegmentRow>, StartError> {
        let mut keys: Vec<Key> = rows.iter().map(|row| self.source_key(&row.key)).collect();
        keys.sort();
        let mut segments: Vec<_> = keys
            .iter()
            .filter_map(|key| index.segment_of(key))
            .collect();
        segments.dedup();
        let segments = segments.into_iter().cloned().collect();
        let mut found = Vec::new();
        let mut pages = self.site.history.rows_of(segments);
        loop {
            let page = pages.try_next().await;
            let page = page.map_err(|problem| StartError::request(&problem.to_string()))?;
            let Some(page) = page else {
                return Ok(found);
            };
            let is_drawn = |row: &SegmentRow| {
                let by_key = |key: &Key| key.as_str().cmp(row.key());
                keys.binary_search_by(by_key).is_ok()
            };
            found.extend(page.into_iter().filter(is_drawn));
        }
    }

    /// The key of the source that a key of the scratch place stands for.
    fn source_key(&self, scratch: &Key) -> Key {
        let key = self.site.to().source_of(scratch.clone());
        key.unwrap_or_else(|| scratch.clone())
    }

    async fn check_row(
        &self,
        key: Key,
        row: PlanRow,
        done: Option<DoneRow>,
        recorded: Option<&SegmentRow>,
    ) -> Checked {
        let etag = done.as_ref().and_then(|done| {
            let written = done.written.as_ref()?;
            written.etag.as_deref().map(ETag::new)
        });
        let scratch = etag.map(|etag| (row.key.clone(), etag));
        let version_id = row.copy.as_ref().and_then(|copy| copy.version_id.clone());
        let size = row.copy.as_ref().map_or(0, |copy| copy.seen.size);
        let is_there =
            done.is_some_and(|done| matches!(done.outcome, Became::Copied | Became::Unchanged));
        let found = if is_there {
            self.compare(&row, recorded).await
        } else {
            let problem = row.problem.as_ref().map(|problem| problem.message.clone());
            Found::NotRestored(
                problem.unwrap_or_else(|| "its copy failed; see the failures".to_owned()),
            )
        };
        Checked {
            key,
            version_id,
            size,
            found,
            scratch,
        }
    }

    async fn compare(&self, row: &PlanRow, recorded: Option<&SegmentRow>) -> Found {
        let Some(origin) = &row.copy else {
            return Found::NotCompared("nothing was planned for it".to_owned());
        };
        let version = origin.version();
        let seen = self.site.backup.inspect(ObjectRef {
            key: &origin.key,
            version: version.as_ref(),
        });
        let differ = match seen.await {
            Ok(seen) => unlike_recorded(&origin.seen, recorded, &seen),
            Err(error) if error.cause == Cause::OutOfTime => return Found::Interrupted,
            Err(error) => return Found::NotCompared(error.to_string()),
        };
        if !differ.is_empty() {
            return Found::NotRecorded(differ);
        }
        let copier = self.site.copier(Place::Backup);
        let object = Object {
            storage_class: StorageClass::new(Some(&origin.class)),
            ..origin.object()
        };
        let pair = HeadPair {
            copier: &copier,
            object: &object,
            version: version.as_ref(),
            backup_key: &row.key,
            recorded: None,
        };
        match pair.compare().boxed().await {
            Ok(verdict) => Found::Verdict(verdict),
            Err(Outcome::Interrupted) => Found::Interrupted,
            Err(Outcome::Failed { failure, .. }) => Found::NotCompared(failure.message),
            Err(_) => Found::NotCompared("its version is gone from the backup".to_owned()),
        }
    }
}

/// What of a version is not as the snapshot says.
fn unlike_recorded(
    planned: &Seen,
    recorded: Option<&SegmentRow>,
    seen: &HeadDetails,
) -> Vec<Property> {
    let object = &seen.properties.object;
    let recorded = recorded.map(SegmentRow::row);
    let (size, etag) = recorded.map_or((planned.size, planned.etag.as_str()), |row| {
        (row.size, row.backup_etag)
    });
    let sum = recorded.and_then(|row| row.checksum?.split_once(':'));
    let is_other_sum = sum.is_some_and(|(algorithm, sum)| {
        let same = |name: &&str| name.eq_ignore_ascii_case(algorithm);
        let found = seen.checksums.values.iter().find(|(name, _)| same(name));
        seen.checksums.full && found.is_some_and(|(_, found)| found != sum)
    });
    let checks = [
        (object.size != size, Property::Size),
        (object.etag.as_str() != etag, Property::ETag),
        (is_other_sum, Property::Checksum),
    ];
    let unlike = checks.into_iter().filter(|(differs, _)| *differs);
    unlike.map(|(_, property)| property).collect()
}
