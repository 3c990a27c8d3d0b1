//! An object and its backup, looked at one by one: two requests, and two more for their tags unless their
//! numbers differ already.

use futures::future;

use super::compare::{self, Content};
use crate::copy::Copier;
use crate::failure::Failure;
use crate::model::{
    ContentProof, Doubt, HeadDetails, Key, Object, ObjectRef, Property, Tags, Verdict, VersionId,
};
use crate::outcome::{Outcome, failed, stopped_by};
use crate::s3::{Cause, S3Error};
use crate::snapshot::SegmentRow;

/// Parts whose sizes are looked at, at most: more would cost more than a copy.
const MOST_PARTS: u32 = 100;

/// Whether both have the same parts.
enum Parts {
    Same,
    Other,
    Unknown,
}

/// An object and its backup.
#[derive(Clone, Copy)]
pub struct HeadPair<'a> {
    /// What makes copies of the one to the other.
    pub copier: &'a Copier,
    /// The object, as it was listed.
    pub object: &'a Object,
    /// The version of it that is meant; none for the current one.
    pub version: Option<&'a VersionId>,
    /// The key of its backup.
    pub backup_key: &'a Key,
    /// What the last snapshot says of both.
    pub recorded: Option<&'a SegmentRow>,
}

/// Why there is no verdict.
enum NoVerdict {
    /// The object is gone.
    Vanished,
    /// Its backup is gone.
    Missing,
    /// S3 refused a call about the object.
    Source(S3Error),
    /// Or one about its backup.
    Backup(S3Error),
}

impl HeadPair<'_> {
    fn source(&self) -> ObjectRef<'_> {
        ObjectRef {
            key: &self.object.key,
            version: self.version,
        }
    }

    /// The finding about both as they are now.
    ///
    /// # Errors
    /// What became of the object instead.
    pub async fn compare(self) -> Result<Verdict, Outcome> {
        match self.verdict().await {
            Ok(verdict) => Ok(verdict),
            Err(NoVerdict::Missing) => Ok(Verdict::Missing),
            Err(NoVerdict::Vanished) => Err(Outcome::Vanished {
                listed: self.object.size,
            }),
            Err(NoVerdict::Source(error)) => Err(stopped_by(self.object, error)),
            Err(NoVerdict::Backup(error)) if error.cause == Cause::OutOfTime => {
                Err(Outcome::Interrupted)
            }
            Err(NoVerdict::Backup(error)) => {
                let bucket = self.copier.destination.name();
                let failure = Failure::from(error.about(&self.object.key));
                let message = format!("{}, of its backup in bucket {bucket}", failure.message);
                Err(failed(self.object, Failure { message, ..failure }))
            }
        }
    }

    async fn verdict(self) -> Result<Verdict, NoVerdict> {
        let (source, backup) = future::join(
            self.copier.source.inspect(self.source()),
            self.copier.destination.inspect(self.backup_key),
        )
        .await;
        let source = source.map_err(NoVerdict::of_source)?;
        let backup = backup.map_err(NoVerdict::of_backup)?;
        let content = self.content(&source, &backup).await?;
        let mut differ = match &content {
            Content::Differs(by) => by.clone(),
            Content::Same(_) | Content::OfParts(..) | Content::Unknown => Vec::new(),
        };
        differ.extend(compare::properties(&source, &backup, &self.copier.rules));
        if self.tags_differ(&source, &backup).await? {
            differ.push(Property::Tags);
        }
        let differ: Vec<Property> = Property::ALL
            .into_iter()
            .filter(|property| differ.contains(property))
            .collect();
        if !differ.is_empty() {
            return Ok(Verdict::Different(differ));
        }
        Ok(match content {
            Content::Same(_) if compare::hides_metadata(&source) => {
                Verdict::CannotTell(Doubt::HiddenMetadata)
            }
            Content::Same(proof) => Verdict::Equal(proof),
            Content::OfParts(_, Some(_)) => Verdict::CannotTell(Doubt::UnknownParts),
            Content::OfParts(_, None) | Content::Unknown | Content::Differs(_) => {
                Verdict::CannotTell(Doubt::NoProof)
            }
        })
    }

    /// What both show of their content decides. Where they show too little, the last snapshot may know more.
    async fn content(
        self,
        source: &HeadDetails,
        backup: &HeadDetails,
    ) -> Result<Content, NoVerdict> {
        let (object, copy) = (&source.properties.object, &backup.properties.object);
        let recorded = self.recorded.map(SegmentRow::row);
        let recorded = recorded.and_then(|row| compare::recorded_as_same(row, object, copy));
        let by_snapshot = (recorded == Some(true)).then_some(ContentProof::Snapshot);
        Ok(match compare::content(source, backup) {
            Content::OfParts(parts, proof) => match self.parts(parts).await? {
                Parts::Same => Content::Differs(vec![Property::ETag]),
                Parts::Other => {
                    let proof = proof.or(by_snapshot);
                    proof.map_or(Content::Unknown, Content::Same)
                }
                Parts::Unknown => Content::OfParts(parts, proof),
            },
            Content::Unknown if recorded == Some(false) => Content::Differs(vec![Property::ETag]),
            Content::Unknown => by_snapshot.map_or(Content::Unknown, Content::Same),
            known @ (Content::Same(_) | Content::Differs(_)) => known,
        })
    }

    /// Whether both have the same parts, of which they have as many. If they are very many, only the first is looked
    /// at, which can only tell that they are others.
    async fn parts(self, parts: u32) -> Result<Parts, NoVerdict> {
        // The last part is what the others leave.
        let looked_at = if parts > MOST_PARTS { 2 } else { parts.max(2) };
        for number in 1..looked_at {
            let (ours, theirs) = future::join(
                self.copier.source.part(self.source(), number),
                self.copier.destination.part(self.backup_key, number),
            )
            .await;
            let ours = ours.map_err(NoVerdict::of_source)?;
            let theirs = theirs.map_err(NoVerdict::of_backup)?;
            match (ours, theirs) {
                (Some(ours), Some(theirs)) if ours != theirs => return Ok(Parts::Other),
                (Some(_), Some(_)) => {}
                (Some(_) | None, _) => return Ok(Parts::Unknown),
            }
        }
        Ok(if parts > MOST_PARTS {
            Parts::Unknown
        } else {
            Parts::Same
        })
    }

    /// Whether the tags differ. S3 tells of no tags where there are none, and where they may not be read as
    /// well. Rights can depend on the key and on the tags themselves, and some servers tell of none at all: so
    /// tags that are not told of are read.
    async fn tags_differ(
        self,
        source: &HeadDetails,
        backup: &HeadDetails,
    ) -> Result<bool, NoVerdict> {
        let Copier {
            source: from,
            destination: to,
            ..
        } = self.copier;
        match (source.tags, backup.tags) {
            (Some(0), Some(0)) => return Ok(false),
            (Some(ours), Some(theirs)) if ours != theirs => return Ok(true),
            (Some(_) | None, _) => {}
        }
        let (ours, theirs): (Result<Tags, S3Error>, _) =
            future::join(from.tags(self.source()), to.tags(self.backup_key)).await;
        let ours = ours.map_err(NoVerdict::of_source)?;
        let theirs = theirs.map_err(NoVerdict::of_backup)?;
        Ok(ours != theirs)
    }
}

impl NoVerdict {
    fn of_source(error: S3Error) -> Self {
        match error.cause {
            Cause::Missing => Self::Vanished,
            _ => Self::Source(error),
        }
    }

    fn of_backup(error: S3Error) -> Self {
        match error.cause {
            Cause::Missing => Self::Missing,
            _ => Self::Backup(error),
        }
    }
}
