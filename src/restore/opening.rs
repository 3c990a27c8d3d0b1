//! What a restore needs before it begins: both sides open, and the point found.

use futures::{FutureExt, future};

use super::choose::Policy;
use super::shelf::Shelf;
use super::site::{FirstLook, Site, Wishes};
use super::state::{PointRecord, TargetRecord};
use super::target_keys::TargetKeys;
use crate::config::{BucketAccess, ClassRule, Config, CopyRules, Destination};
use crate::filter::Filter;
use crate::history::History;
use crate::model::{BucketName, Job, Key, Location, Phase, Prefix, Timestamp};
use crate::request::{Extra, Point, StartRestore, TIMES, What};
use crate::run::StartError;
use crate::s3::{Bucket, RunConnections, S3Error, Versioning};
use crate::snapshot::{Index, SnapshotSelector};

/// The backup that is restored from.
pub struct Source {
    /// Its bucket.
    pub bucket: Bucket,
    /// Where it lies.
    pub destination: Destination,
    /// Whose state it is.
    pub job: Job,
    /// Where its restores lie.
    pub shelf: Shelf,
}

/// Opens the backup.
///
/// # Errors
/// When it cannot be read.
pub async fn source(
    config: &Config,
    destination: &Destination,
    connections: &RunConnections<'_>,
) -> Result<Source, StartError> {
    let name = &destination.location.bucket;
    let bucket = connections.bucket(name, &destination.access).await;
    let bucket = bucket.map_err(|error| StartError::source(&error))?;
    let job = Job::new(&config.source, &destination.placement);
    let shelf = Shelf::new(bucket.in_phase(Phase::Cursor), job.clone());
    Ok(Source {
        bucket,
        destination: destination.clone(),
        job,
        shelf,
    })
}

/// Where a request writes.
///
/// # Errors
/// When that is a backup, or cannot be.
pub fn target_of(start: &StartRestore, config: &Config) -> Result<TargetRecord, StartError> {
    let source = &config.source;
    let (location, in_place) = match &start.to {
        None => (
            Location {
                bucket: source.bucket.clone(),
                prefix: Prefix::default(),
            },
            true,
        ),
        Some(to) => {
            let in_place = to.bucket == source.bucket && to.prefix == start.strip_prefix;
            (to.clone(), in_place)
        }
    };
    let name = &location.bucket;
    let is_backup = |to: &Destination| to.location.bucket == *name;
    if config.destinations.iter().any(is_backup) {
        return Err(StartError::Destination {
            problem: format!(
                "bucket {name} is the backup itself, which nothing is restored into; name another bucket \
                 with \"to\", or leave it out to restore into {}",
                source.bucket
            ),
        });
    }
    if name.is_directory_bucket() {
        return Err(StartError::Destination {
            problem: format!(
                "bucket {name} is a directory bucket, which does not list in order; name a general \
                 purpose one"
            ),
        });
    }
    Ok(TargetRecord {
        bucket: name.to_string(),
        prefix: location.prefix.as_str().to_owned(),
        strip_prefix: start.strip_prefix.as_str().to_owned(),
        in_place,
    })
}

/// Opens the target, and the history of the backup. If the only key that is restored is named, it is looked at.
///
/// # Errors
/// When the target cannot be reached or read.
pub async fn site(
    source: &Source,
    record: &TargetRecord,
    only: Option<&Key>,
    config: &Config,
    connections: &RunConnections<'_>,
) -> Result<Site, StartError> {
    let (target, history) = future::join(
        target(record, only, config, connections).boxed(),
        History::open(source.bucket.clone(), source.job.clone()).boxed(),
    )
    .await;
    let (target, versioned, first_look) = target?;
    let target = target.under_lease_of(&source.bucket);
    let target = if versioned {
        target
    } else {
        target.without_versions()
    };
    Ok(Site {
        backup: source.bucket.clone(),
        target,
        record: record.clone(),
        versioned,
        first_look,
        destination: source.destination.clone(),
        history,
        rules: CopyRules {
            multipart_threshold: config.copies.multipart_threshold,
            website_redirects: config.copies.website_redirects,
            ..CopyRules::default()
        },
        at_once: config.max_concurrency,
        parts_at_once: config.max_concurrency,
    })
}

/// Opens the target. Whether it keeps versions, and what it has under the key of the source that is named.
async fn target(
    record: &TargetRecord,
    only: Option<&Key>,
    config: &Config,
    connections: &RunConnections<'_>,
) -> Result<(Bucket, bool, Option<FirstLook>), StartError> {
    let name = BucketName::new(&record.bucket)
        .map_err(|error| StartError::request(&format!("bucket {} {error}", record.bucket)))?;
    let is_source = name == config.source.bucket;
    let access = if is_source {
        &config.source_access
    } else {
        &BucketAccess::default()
    };
    let (target, first_look) = match only {
        None => (connections.bucket(&name, access).await, None),
        Some(key) => {
            let to = TargetKeys::new(&record.prefix, &record.strip_prefix).of(key);
            let found = connections.bucket_and_object(&name, access, &to).await;
            let (target, object) = found.map_err(|error| StartError::destination(&error))?;
            (Ok(target), Some(FirstLook::of(key, object)))
        }
    };
    let target = target.map_err(|error| StartError::destination(&error))?;
    let versioning = target.versioning().await;
    let versioning = versioning.map_err(|error| StartError::destination(&error))?;
    Ok((target, versioning == Versioning::Enabled, first_look))
}

/// What a request asks for, of what is configured.
///
/// # Errors
/// When it reaches beyond that.
pub fn wishes(start: &StartRestore, config: &Config, in_place: bool) -> Result<Wishes, StartError> {
    let configured = &config.source.prefix;
    let prefix = match &start.what {
        What::Prefix(asked) if asked.as_str().starts_with(configured.as_str()) => asked.clone(),
        What::Prefix(asked) if !configured.as_str().starts_with(asked.as_str()) => {
            return Err(StartError::request(&format!(
                "field \"prefix\" is {:?}, outside of the configured source prefix {:?}",
                asked.as_str(),
                configured.as_str()
            )));
        }
        What::Prefix(_) | What::All | What::Keys(_) => configured.clone(),
    };
    let marks_extra = start.extra == Extra::Mark;
    if marks_extra && !config.copies.include_tags.is_empty() {
        return Err(StartError::request(
            "field \"extra\" cannot be \"mark\" while BACKUP_INCLUDE_TAGS is set: objects without these \
             tags are not in the backup, and would all seem to be extra",
        ));
    }
    let selection = crate::config::Selection {
        include: start.include.clone(),
        exclude: start.exclude.clone(),
    };
    Ok(Wishes {
        prefix,
        filter: Filter::new(selection),
        backed_up: Filter::new(config.selection.clone()),
        policy: Policy {
            in_place,
            only_missing: start.only_missing,
            by_versions: matches!(start.point, Point::Versions(_)),
        },
        marks_extra,
        class: start.class.clone(),
        keeps_classes: config.copies.storage_class == ClassRule::Source,
    })
}

/// The snapshot that a request means.
///
/// # Errors
/// When there is none such, or it cannot be read; those that could be meant are named.
pub async fn point(
    asked: &Point,
    history: &History,
    now: Timestamp,
) -> Result<Option<Index>, StartError> {
    match asked {
        Point::Versions(at) if *at > now => Err(StartError::request(&format!(
            "{at} is in the future; \"at\" is {TIMES}"
        ))),
        Point::Version(_) | Point::Versions(_) => Ok(None),
        Point::Run(text) => {
            let which: SnapshotSelector = text.parse().map_err(|error| {
                StartError::request(&format!("field \"run\" is {text:?}; {error}"))
            })?;
            let [found] = history.at([which]).await;
            found
                .map(Some)
                .map_err(|absent| StartError::request(&absent.to_string()))
        }
        Point::At(at) => by_time(*at, history, now).await.map(Some),
    }
}

/// The last complete run that had ended by then.
async fn by_time(at: Timestamp, history: &History, now: Timestamp) -> Result<Index, StartError> {
    use futures::TryStreamExt;

    let mut indexes = history.indexes();
    let (mut first, mut last): (Option<Index>, Option<Index>) = (None, None);
    let in_future = at > now;
    loop {
        let index = match indexes.try_next().await {
            Ok(Some(index)) => index,
            Ok(None) => break,
            Err(problem) => {
                return Err(StartError::request(&format!(
                    "no run that had ended by {at} can be reached: {problem}; {}",
                    problem.remedy()
                )));
            }
        };
        if index.ended_at <= at && index.totals.errors == 0 && !in_future {
            return Ok(index);
        }
        last.get_or_insert_with(|| index.clone());
        first = Some(index);
    }
    let why = if in_future {
        format!("{at} is in the future")
    } else {
        format!("no complete run had ended by {at}")
    };
    let range = match (first, last) {
        (Some(first), Some(last)) => format!(
            "the first run with a snapshot, {}, ended at {}, and the last one, {}, at {}{}",
            first.run_id,
            first.ended_at,
            last.run_id,
            last.ended_at,
            if history.aged_out().is_some() {
                "; older runs have aged out, and \"versions\" restores what a bucket still has of before"
            } else {
                ""
            }
        ),
        _ => "there is no snapshot yet; a complete run writes the first one".to_owned(),
    };
    Err(StartError::request(&format!(
        "{why}; {range}; \"at\" is {TIMES}"
    )))
}

/// What a snapshot is called in the state of a restore.
pub fn record_of(index: &Index) -> PointRecord {
    PointRecord {
        run_id: index.run_id.clone(),
        ended_at: index.ended_at,
    }
}

/// The error of a target that could not be listed.
pub fn unreadable(error: &S3Error) -> StartError {
    StartError::destination(error)
}
