//! What was asked and what is configured in, a [`Plan`] out: what will be done, nothing left open.
//!
//! The time and the run's suffix come in as values; right of here nothing asks for them again.

use std::num::NonZeroU32;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{BucketAccess, Config, CopyRules, Destination, Prices, Unusual};
use crate::filter::Filter;
use crate::model::{
    Deadline, Job, Key, KeyCounts, KeyRange, Location, Prefix, RecordLink, SampleShare, StateLink,
    Timestamp,
};
pub use crate::request::Intent;
use crate::request::{BackupRequest, Deletions, Depth, Mode, PARTS, RequestError, VerifyRequest};

mod description;
mod distributed;
mod resume;
mod task;

pub use description::RunDescription;
pub use distributed::{RunPart, ranges};
pub use resume::resume;
pub use task::{Check, Marking, Stage, Task};

/// A run, decided in full.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name and beginning.
    pub run: Run,
    /// The bucket and prefix that are backed up.
    pub source: Location,
    /// How the source is reached.
    pub source_access: BucketAccess,
    /// Where to, and which keys.
    pub destinations: Vec<DestinationPlan>,
    /// Which of it, and how the copies are to be.
    pub scope: Scope,
    /// What it may take.
    pub limits: Limits,
    /// The work on each key.
    pub task: Task,
    /// Whether it looks at all that is configured.
    pub is_whole: bool,
    /// The run that it goes on with, if that has left its state.
    pub continues: Option<String>,
    /// The first of all the runs that were gone on with, once their state was read.
    pub first_run: Option<String>,
    /// The part of a distributed run that it is, if it is one.
    pub part: Option<RunPart>,
    /// What requests and storage cost.
    pub prices: Prices,
    /// Which share of changed objects is unusual, and what is done then.
    pub unusual: Unusual,
    /// Days for which the runs of the job stay restore points; none for ever.
    pub history_days: Option<NonZeroU32>,
    /// The run that was held and is confirmed.
    pub confirm: Option<String>,
    /// Dollars that it may spend on copies; none for as many as it takes.
    pub max_cost_usd: Option<f64>,
    /// Whether it copies only what events have missed.
    pub follows_events: bool,
    /// The name of the job in metrics, if it was given one.
    pub job_name: Option<String>,
}

impl Plan {
    /// Whether the run writes snapshots: what it does not look at would be missing in them.
    pub fn is_recorded(&self) -> bool {
        self.is_whole && self.task.is_recorded()
    }

    /// The run whose snapshot is written; none if none is.
    pub fn recorded_run(&self) -> Option<&Run> {
        self.is_recorded().then_some(&self.run)
    }

    /// Days for which runs stay restore points, if old state is to age out at the end of this run: of a nightly one
    /// that is not a part of another.
    pub fn days_to_age_out(&self) -> Option<NonZeroU32> {
        let is_part = matches!(
            self.part,
            Some(RunPart::Ranges { .. } | RunPart::Piece { .. })
        );
        let is_nightly = self.is_recorded() && matches!(self.task, Task::Backup(_)) && !is_part;
        self.history_days.filter(|_| is_nightly)
    }

    /// Whether the run looks at the settings of its backup buckets: once, and only if it looks at all that is
    /// configured.
    pub fn checks_buckets(&self) -> bool {
        let is_nightly = self.is_whole && matches!(self.task, Task::Backup(_));
        let is_once = match self.part {
            // It tells of the whole run.
            Some(RunPart::Close { .. }) => true,
            Some(RunPart::Ranges { .. } | RunPart::Piece { .. }) => false,
            None => !self.is_continued(),
        };
        is_nightly && is_once
    }

    /// Whether it goes on where a run has stopped.
    pub fn is_continued(&self) -> bool {
        self.destinations.iter().any(|planned| planned.is_continued)
    }
}

/// The part of a run that is about one destination.
#[derive(Clone, Debug)]
pub struct DestinationPlan {
    /// Where to.
    pub destination: Destination,
    /// Whose state of the destination is this run's: by the source as it is configured, not as a
    /// request has narrowed it.
    pub job: Job,
    /// Which keys: all, or what is left of a run that was stopped.
    pub ranges: Vec<KeyRange>,
    /// Whether it goes on where a run has stopped.
    pub is_continued: bool,
    /// Whether it is a piece of a distributed run, which only closing it makes a whole.
    pub is_piece: bool,
    /// The state that this run has left.
    pub state: Option<StateLink>,
    /// The record of what that run has done.
    pub record: Option<RecordLink>,
    /// What was counted before the run was stopped.
    pub counted: KeyCounts,
    /// Deletions that the brake has let through before the run was stopped.
    pub agreed: u64,
}

/// What a run may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Copies in flight, at most, over all destinations.
    pub max_concurrency: usize,
    /// CPUs to work with.
    pub cpus: usize,
    /// When it stops; none to go on to the end.
    pub deadline: Option<Deadline>,
}

/// A run's name and beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Unique, and in the order of time: `2026-11-21T02-00-00Z-7f3a`.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// Where it goes on, for whoever finds its lease.
    pub holder: String,
    /// A snapshot with fewer objects has no changes; none for as many as are usual. Tests have small ones.
    pub fewest_with_changes: Option<u64>,
}

impl Run {
    /// A run that begins at that time. Its suffix is the part of the second, in 65,536 steps: two runs that follow
    /// each other in one second have ids in their order.
    pub fn at(now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let part = (u64::from(since.subsec_nanos()) << 16) / 1_000_000_000;
        Self::begin(now.into(), u16::try_from(part).unwrap_or(u16::MAX))
    }

    /// A run that begins now. The suffix tells runs of the same second apart.
    pub fn begin(started: Timestamp, suffix: u16) -> Self {
        let id = format!("{}-{suffix:04x}", started.as_file_name());
        let holder = "unnamed".to_owned();
        Self {
            id,
            started,
            holder,
            fewest_with_changes: None,
        }
    }

    /// The run, which goes on there.
    #[must_use]
    pub fn on(self, holder: &str) -> Self {
        let holder = holder.to_owned();
        Self { holder, ..self }
    }
}

/// Which objects are copied, and how.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Which keys.
    pub filter: Filter,
    /// Objects that are new or changed, or all.
    pub mode: Mode,
    /// What the copies are like.
    pub copies: CopyRules,
}

/// Makes the plan of a backup run.
///
/// # Errors
/// When the request reaches beyond what is configured.
///
/// # Example
/// ```
/// use s3_backup::config::Config;
/// use s3_backup::model::Timestamp;
/// use s3_backup::plan::{self, Run};
/// use s3_backup::request::BackupRequest;
///
/// let vars = [("SOURCE_BUCKET", "photos"), ("DESTINATION_BUCKET", "photos-backup")];
/// let config = Config::from_vars(vars.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
/// let two = Timestamp::parse("2026-11-21T02:00:00Z").unwrap();
///
/// let plan = plan::make(&BackupRequest::default(), &config, Run::begin(two, 0x7f3a), None)?;
/// assert_eq!(plan.run.id, "2026-11-21T02-00-00Z-7f3a");
/// assert_eq!(plan.destinations.len(), 1);
/// # Ok::<(), s3_backup::request::RequestError>(())
/// ```
pub fn make(
    request: &BackupRequest,
    config: &Config,
    run: Run,
    deadline: Option<Deadline>,
) -> Result<Plan, RequestError> {
    let source = narrowed(request.prefix.as_ref(), &config.source)?;
    for destination in &config.destinations {
        let below = destination.placement.prefix(&source.prefix);
        fits("prefix", below.as_str().len())?;
    }
    let destinations = config.destinations.iter();
    Ok(Plan {
        run,
        is_whole: source == config.source,
        source,
        source_access: config.source_access.clone(),
        destinations: destinations
            .map(|to| DestinationPlan::whole(&config.source, to))
            .collect(),
        scope: Scope {
            filter: Filter::new(config.selection.clone()),
            mode: request.mode.unwrap_or(config.defaults.mode),
            copies: config.copies.clone(),
        },
        limits: Limits {
            max_concurrency: config.max_concurrency,
            cpus: config.cpus,
            deadline,
        },
        task: task(request, config)?,
        continues: None,
        first_run: None,
        part: None,
        prices: config.prices.clone(),
        unusual: config.unusual,
        history_days: config.history_days,
        confirm: request.confirm.clone(),
        max_cost_usd: config.max_cost_usd,
        follows_events: config.events.are_on
            && request.mode.unwrap_or(config.defaults.mode) == Mode::Incremental,
        job_name: config.notify.job_name.clone(),
    })
}

fn task(request: &BackupRequest, config: &Config) -> Result<Task, RequestError> {
    let marking = marking(request, config)?;
    Ok(match request.intent {
        Intent::Copy => Task::Backup(marking),
        Intent::DryRun => Task::Preview {
            in_detail: false,
            marking,
        },
        Intent::Plan => Task::Preview {
            in_detail: true,
            marking,
        },
    })
}

fn marking(request: &BackupRequest, config: &Config) -> Result<Option<Marking>, RequestError> {
    let confirm = request.confirm.clone();
    match (
        request.deletions.unwrap_or(config.defaults.deletions),
        confirm,
    ) {
        // What it confirms are changes then.
        (Deletions::Keep, Some(_)) if config.unusual.hold => Ok(None),
        (Deletions::Keep, Some(run_id)) => Err(RequestError::NothingToConfirm { run_id }),
        (Deletions::Keep, None) => Ok(None),
        (Deletions::Mark, confirm) => Ok(Some(Marking {
            limits: config.max_deletions,
            confirm,
            postponed: None,
        })),
    }
}

/// Makes the plan of a verification. A sample is the one of the day, if it is not said which.
///
/// # Errors
/// When the request reaches beyond what is configured, or asks for a part that there is not.
pub fn verify(
    request: &VerifyRequest,
    config: &Config,
    run: Run,
    deadline: Option<Deadline>,
) -> Result<Plan, RequestError> {
    let deep = match request.depth {
        Depth::Listings => None,
        Depth::Objects => Some(SampleShare::whole()),
        Depth::Sample { of, part } => {
            let asked = part.map(|part| {
                SampleShare::new(part, of).ok_or_else(|| RequestError::BadValue {
                    field: "part",
                    value: part.to_string(),
                    allowed: PARTS,
                })
            });
            Some(asked.unwrap_or_else(|| Ok(SampleShare::of_day(of, run.started)))?)
        }
    };
    let repair = request.repair;
    let compared = BackupRequest {
        prefix: request.prefix.clone(),
        deletions: Some(Deletions::Keep),
        ..BackupRequest::default()
    };
    Ok(Plan {
        task: Task::Verify(Check { deep, repair }),
        ..make(&compared, config, run, deadline)?
    })
}

impl DestinationPlan {
    fn whole(source: &Location, destination: &Destination) -> Self {
        Self {
            destination: destination.clone(),
            job: Job::new(source, &destination.placement),
            ranges: vec![KeyRange::all()],
            is_continued: false,
            is_piece: false,
            state: None,
            record: None,
            counted: KeyCounts::default(),
            agreed: 0,
        }
    }
}

/// A request may look at less than is configured, never at more.
fn narrowed(asked: Option<&Prefix>, configured: &Location) -> Result<Location, RequestError> {
    let mut source = configured.clone();
    if let Some(asked) = asked {
        fits("prefix", asked.as_str().len())?;
        if !asked.as_str().starts_with(configured.prefix.as_str()) {
            return Err(RequestError::PrefixOutside {
                asked: asked.as_str().to_owned(),
                configured: configured.prefix.as_str().to_owned(),
            });
        }
        source.prefix = asked.clone();
    }
    Ok(source)
}

/// Refuses what is longer than the keys of S3 are.
fn fits(field: &'static str, bytes: usize) -> Result<(), RequestError> {
    if bytes > Key::MOST_BYTES {
        return Err(RequestError::TooLong { field, bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(source: &str) -> Config {
        let vars = [("SOURCE_BUCKET", source), ("DESTINATION_BUCKET", "backup")];
        Config::from_vars(vars.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap()
    }

    fn run() -> Run {
        Run::begin(Timestamp::from_millis(1_795_226_400_000), 0x7f3a)
    }

    #[test]
    fn a_run_is_named_by_its_time() {
        assert_eq!(run().id, "2026-11-21T02-00-00Z-7f3a");
    }

    #[test]
    fn runs_of_one_second_have_ids_in_their_order() {
        let seconds = u64::try_from(run().started.as_seconds()).unwrap();
        let second = UNIX_EPOCH + Duration::from_secs(seconds);
        let after = [0, 500_000, 500_000_000, 999_999_999].map(Duration::from_nanos);

        let ids = after.map(|after| Run::at(second + after).id);

        let suffixes = ids.map(|id| id.strip_prefix("2026-11-21T02-00-00Z-").unwrap().to_owned());
        assert_eq!(suffixes, ["0000", "0020", "8000", "ffff"]);
    }

    #[test]
    fn what_the_request_leaves_out_is_as_configured() {
        let plan = make(
            &BackupRequest::default(),
            &config("s3://primary/a/"),
            run(),
            None,
        )
        .unwrap();

        assert_eq!(plan.source.to_string(), "s3://primary/a/");
        assert_eq!(plan.scope.mode, Mode::Incremental);
        assert_eq!(plan.task.intent(), Intent::Copy);
    }

    #[test]
    fn a_request_may_narrow_the_source_and_not_leave_it() {
        let asking = |prefix: &str| BackupRequest {
            prefix: Some(Prefix::new(prefix)),
            ..BackupRequest::default()
        };
        let config = config("s3://primary/a/");

        let below = make(&asking("a/b/"), &config, run(), None).unwrap();
        let outside = make(&asking("b/"), &config, run(), None).unwrap_err();

        assert_eq!(below.source.to_string(), "s3://primary/a/b/");
        let whole = make(&BackupRequest::default(), &config, run(), None).unwrap();
        assert_eq!(below.destinations[0].job, whole.destinations[0].job);
        assert_eq!(
            outside.to_string(),
            "field \"prefix\" is \"b/\", outside of the configured source prefix \"a/\""
        );
    }

    #[test]
    fn a_sample_is_that_of_the_day_unless_it_is_said() {
        let deep = |part| {
            let request = VerifyRequest {
                depth: Depth::Sample { of: 30, part },
                ..VerifyRequest::default()
            };
            let plan = verify(&request, &config("primary"), run(), None).unwrap();
            plan.task.check().unwrap().deep
        };

        // 2026-11-21 is the 20,778th day since 1970.
        assert_eq!(deep(None), SampleShare::new(20_778 % 30 + 1, 30));
        assert_eq!(deep(Some(7)), SampleShare::new(7, 30));
    }

    #[test]
    fn a_verification_copies_only_to_repair_and_neither_records_nor_marks() {
        let marking = Config::from_vars(
            [
                ("SOURCE_BUCKET", "primary"),
                ("DESTINATION_BUCKET", "backup"),
                ("BACKUP_DELETIONS", "mark"),
            ]
            .map(|(n, v)| (n.to_owned(), v.to_owned())),
        )
        .unwrap();
        let plan = |repair| {
            let request = VerifyRequest {
                repair,
                ..VerifyRequest::default()
            };
            verify(&request, &marking, run(), None).unwrap()
        };

        assert_eq!(plan(true).task.intent(), Intent::Copy);
        assert_eq!(plan(false).task.intent(), Intent::DryRun);
        for plan in [plan(true), plan(false)] {
            assert!(!plan.is_recorded() && plan.task.marking().is_none());
        }
    }
}
