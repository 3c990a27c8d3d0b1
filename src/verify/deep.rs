//! An object and its backup, looked at one by one: two requests, and two more if there are tags.

use futures::future;
use tokio::sync::OnceCell;

use super::compare::{self, Content};
use crate::copy::{Copier, Failure, Outcome, failed};
use crate::model::{Doubt, Inspection, Key, Object, Property, Tags, Verdict};
use crate::s3::{Bucket, Cause, S3Error};
use crate::snapshot::Stored;

/// Parts whose sizes are looked at, at most: more would cost more than a copy.
const MOST_PARTS: u32 = 100;

/// What is known of how the sides tell of tags.
#[derive(Debug, Default)]
pub struct TagCounts {
    source: OnceCell<Telling>,
    backup: OnceCell<Telling>,
}

/// What it means that S3 tells of no tags of an object.
#[derive(Clone, Debug)]
enum Telling {
    /// It has none.
    None,
    /// Nothing: it never tells, and they have to be read.
    Nothing,
    /// They may not be read.
    Denied(S3Error),
}

/// An object and its backup.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// What makes copies of the one to the other.
    pub copier: &'a Copier,
    /// What is known of tags.
    pub tag_counts: &'a TagCounts,
    /// The object, as it was listed.
    pub object: &'a Object,
    /// The key of its backup.
    pub backup_key: &'a Key,
    /// What the last snapshot says of both.
    pub recorded: Option<&'a Stored>,
}

/// Why there is no verdict.
enum Obstacle {
    /// The object is gone.
    Vanished,
    /// Its backup is gone.
    Missing,
    /// S3 refused a call about the object.
    Source(S3Error),
    /// Or one about its backup.
    Backup(S3Error),
}

impl Pair<'_> {
    /// What is found, of both as they are now.
    ///
    /// # Errors
    /// What became of the object instead.
    pub async fn compare(self) -> Result<Verdict, Outcome> {
        match self.verdict().await {
            Ok(verdict) => Ok(verdict),
            Err(Obstacle::Missing) => Ok(Verdict::Missing),
            Err(Obstacle::Vanished) => Err(Outcome::Vanished {
                listed: self.object.size,
            }),
            Err(Obstacle::Source(error)) => Err(failed(self.object, error.into())),
            Err(Obstacle::Backup(error)) => {
                let bucket = self.copier.destination.name();
                let failure = Failure::from(error.about(&self.object.key));
                let message = format!("{}, of its backup in bucket {bucket}", failure.message);
                Err(failed(self.object, Failure { message, ..failure }))
            }
        }
    }

    async fn verdict(self) -> Result<Verdict, Obstacle> {
        let (source, backup) = future::join(
            self.copier.source.inspect(&self.object.key),
            self.copier.destination.inspect(self.backup_key),
        )
        .await;
        let source = source.map_err(Obstacle::of_source)?;
        let backup = backup.map_err(Obstacle::of_backup)?;
        let content = self.content(&source, &backup).await?;
        let mut differ = match &content {
            Content::Differs(by) => by.clone(),
            Content::Same | Content::OfParts(_) | Content::Unknown => Vec::new(),
        };
        differ.extend(compare::properties(&source, &backup, &self.copier.rules));
        if self.tags_differ(&source, &backup).await? {
            differ.push(Property::Tags);
        }
        let differ: Vec<Property> = Property::ALL
            .into_iter()
            .filter(|property| differ.contains(property))
            .collect();
        Ok(if !differ.is_empty() {
            Verdict::Different(differ)
        } else if content != Content::Same {
            Verdict::CannotTell(Doubt::NoProof)
        } else if compare::hides_metadata(&source) {
            Verdict::CannotTell(Doubt::HiddenMetadata)
        } else {
            Verdict::Equal
        })
    }

    /// What both show of their content decides. Where they show too little, the last snapshot may know more.
    async fn content(self, source: &Inspection, backup: &Inspection) -> Result<Content, Obstacle> {
        let (object, copy) = (&source.properties.object, &backup.properties.object);
        let recorded = self.recorded.map(Stored::row);
        let recorded = recorded.and_then(|row| compare::recorded_as_same(row, object, copy));
        match (compare::content(source, backup), recorded) {
            (Content::OfParts(_) | Content::Unknown, Some(true)) => Ok(Content::Same),
            (Content::Unknown, Some(false)) => Ok(Content::Differs(vec![Property::ETag])),
            (Content::OfParts(parts), Some(false) | None) => self.content_of_parts(parts).await,
            (known @ (Content::Same | Content::Differs(_)), _)
            | (known @ Content::Unknown, None) => Ok(known),
        }
    }

    /// Other ETags of the same parts are other content; of other parts they tell nothing.
    async fn content_of_parts(self, parts: u32) -> Result<Content, Obstacle> {
        if parts > MOST_PARTS {
            return Ok(Content::Unknown);
        }
        // The last part is what the others leave.
        for number in 1..parts.max(2) {
            let (ours, theirs) = future::join(
                self.copier.source.part(&self.object.key, number),
                self.copier.destination.part(self.backup_key, number),
            )
            .await;
            let ours = ours.map_err(Obstacle::of_source)?;
            let theirs = theirs.map_err(Obstacle::of_backup)?;
            if ours.is_none() || ours != theirs {
                return Ok(Content::Unknown);
            }
        }
        Ok(Content::Differs(vec![Property::ETag]))
    }

    /// Whether the tags differ. They are read only if both have as many, and some.
    async fn tags_differ(self, source: &Inspection, backup: &Inspection) -> Result<bool, Obstacle> {
        let Copier {
            source: from,
            destination: to,
            ..
        } = self.copier;
        let (ours, theirs) = future::join(
            count(&self.tag_counts.source, from, &self.object.key, source.tags),
            count(&self.tag_counts.backup, to, self.backup_key, backup.tags),
        )
        .await;
        let ours = ours.map_err(Obstacle::of_source)?;
        let theirs = theirs.map_err(Obstacle::of_backup)?;
        match (ours, theirs) {
            (Some(0), Some(0)) => return Ok(false),
            (Some(ours), Some(theirs)) if ours != theirs => return Ok(true),
            (Some(_) | None, _) => {}
        }
        let (ours, theirs): (Result<Tags, S3Error>, _) =
            future::join(from.tags(&self.object.key), to.tags(self.backup_key)).await;
        let ours = ours.map_err(Obstacle::of_source)?;
        let theirs = theirs.map_err(Obstacle::of_backup)?;
        Ok(ours != theirs)
    }
}

impl Obstacle {
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

/// How many tags an object has; none if they have to be read. S3 tells of no tags where there are none, and
/// where they may not be read as well: which of both it is, is asked once for each side.
async fn count(
    known: &OnceCell<Telling>,
    bucket: &Bucket,
    key: &Key,
    told: Option<u32>,
) -> Result<Option<u32>, S3Error> {
    if told.is_some() {
        return Ok(told);
    }
    let ask = async || match bucket.tags(key).await {
        Ok(tags) if tags.is_empty() => Ok(Telling::None),
        Ok(_) => Ok(Telling::Nothing),
        Err(error) if error.cause == Cause::Denied => Ok(Telling::Denied(error)),
        Err(error) => Err(error),
    };
    match known.get_or_try_init(ask).await? {
        Telling::None => Ok(Some(0)),
        Telling::Nothing => Ok(None),
        Telling::Denied(error) => Err(error.clone().about(key)),
    }
}
