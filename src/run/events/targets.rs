//! One key: both sides are looked at, and what is there now is copied.

use std::time::Duration;

use futures::future;

use super::buckets::OpenBuckets;
use super::work::Asked;
use crate::config::EventRules;
use crate::copy::{Copier, guarded};
use crate::diff::{self, Action, Joined, Policy, SkipReason};
use crate::failure::Failure;
use crate::model::{Key, Object, Timestamp};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::request::{Mode, ObjectChange};
use crate::s3::{Bucket, Operation};

/// S3 dates objects by whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// The source, and the destinations that can be used.
pub(super) struct Targets {
    source: Bucket,
    rules: EventRules,
    destinations: Vec<Target>,
}

struct Target {
    number: usize,
    copier: Copier,
    policy: Policy,
}

/// What became of a key.
#[derive(Debug)]
pub(super) struct Done {
    /// By the number of the destination.
    pub outcomes: Vec<(usize, Outcome)>,
    /// Whether it was found under the key as a form spells it.
    pub spelled: bool,
}

impl Targets {
    pub fn new(plan: &Plan, rules: EventRules, buckets: OpenBuckets) -> Self {
        let usable = buckets.usable.into_iter();
        let destinations = usable.filter_map(|(number, destination)| {
            let placement = &plan.destinations.get(number)?.destination.placement;
            Some(Target {
                number,
                copier: Copier {
                    source: buckets.source.clone(),
                    destination,
                    placement: placement.clone(),
                    rules: plan.scope.copies.clone(),
                    parts_at_once: (plan.limits.max_concurrency / 2).max(1),
                },
                policy: Policy {
                    filter: plan.scope.filter.clone(),
                    mode: Mode::Incremental,
                    placement: placement.clone(),
                },
            })
        });
        Self {
            destinations: destinations.collect(),
            source: buckets.source,
            rules,
        }
    }

    pub async fn answer(&self, key: Key, asked: Asked) -> (Asked, Done) {
        let work = Box::pin(self.back_up(&key, &asked));
        let done = guarded(Operation::CopyObject, Some(&key), work).await;
        let done = done.unwrap_or_else(|failure| self.all(|| failed(failure.clone())));
        (asked, done)
    }

    async fn back_up(&self, key: &Key, asked: &Asked) -> Done {
        for reading in &asked.readings {
            let object = match self.source.head(&reading.key).await {
                Ok(Some(object)) => object,
                Ok(None) => continue,
                Err(error) => {
                    let failure = Failure::from(error.about(key));
                    return self.all(|| failed(failure.clone()));
                }
            };
            self.let_second_pass(object.last_modified).await;
            let each = self.destinations.iter().map(|target| {
                let object = object.clone();
                async move {
                    let outcome = self.copy(object, target, asked.change).await;
                    (target.number, outcome)
                }
            });
            return Done {
                outcomes: future::join_all(each).await,
                spelled: reading.is_spelled,
            };
        }
        self.all(|| Outcome::Vanished { listed: 0 })
    }

    /// The step of a run for one key, at one destination.
    async fn copy(&self, object: Object, target: &Target, change: ObjectChange) -> Outcome {
        let (key, listed) = (object.key.clone(), object.size);
        let copier = &target.copier;
        let own = target.policy.placement.backup_key(&key);
        let backup = match copier.destination.head(&own).await {
            Ok(backup) => backup,
            Err(error) => return failed(error.about(&key).into()),
        };
        let pair = match backup {
            Some(backup) => Joined::Both(object, backup),
            None => Joined::Left(object),
        };
        let mut action = diff::decide(pair.clone(), None, &target.policy);
        if change == ObjectChange::Tags
            && matches!(action, Action::Keep(..))
            && self.has_other_tags(&key, target).await
        {
            let anew = Policy {
                mode: Mode::Full,
                ..target.policy.clone()
            };
            action = diff::decide(pair, None, &anew);
        }
        let is_deferred = match &action {
            Action::Copy { object, .. } => {
                object.size > self.rules.max_size || object.storage_class.is_archive()
            }
            Action::Archived(..) => true,
            _ => false,
        };
        if is_deferred {
            let reason = SkipReason::Deferred;
            return Outcome::Skipped { listed, reason };
        }
        match copier.apply(action).await.outcome {
            Outcome::Interrupted => failed(interrupted(&key)),
            // An archive tier of INTELLIGENT_TIERING, which no look tells of.
            Outcome::Failed { failure, .. }
                if failure.code.as_deref() == Some("InvalidObjectState") =>
            {
                let reason = SkipReason::Deferred;
                Outcome::Skipped { listed, reason }
            }
            outcome => outcome,
        }
    }

    /// Waits until the second is over in which an object was written: a backup of that second proves nothing, and the
    /// next run would make it once more. Only then is the backup looked at, so that of several environments that
    /// wait for one object those that come later find its copy.
    async fn let_second_pass(&self, modified: Timestamp) {
        let now = self.source.fence().now().told_by_s3();
        if now.as_seconds() == modified.as_seconds() {
            self.source.pause(SECOND).await;
        }
    }

    /// Whether object and backup have other tags, so that an event that comes twice is one copy. Tags that nobody may
    /// read count as others: a copy too many does no harm.
    async fn has_other_tags(&self, key: &Key, target: &Target) -> bool {
        let own = target.policy.placement.backup_key(key);
        let backed_up = target.copier.destination.tags(&own);
        match future::join(self.source.tags(key), backed_up).await {
            (Ok(tags), Ok(backed_up)) => tags != backed_up,
            _ => true,
        }
    }

    /// The same outcome at each destination.
    fn all(&self, outcome: impl Fn() -> Outcome) -> Done {
        let each = self
            .destinations
            .iter()
            .map(|target| (target.number, outcome()));
        Done {
            outcomes: each.collect(),
            spelled: false,
        }
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed { listed: 0, failure }
}

fn interrupted(key: &Key) -> Failure {
    Failure {
        key: Some(key.clone()),
        operation: Operation::CopyObject.name(),
        code: Some("Interrupted".to_owned()),
        message: format!("cannot copy {key}: the function had to stop before"),
        advice: "a queue delivers the event again, and the next run copies it in any case"
            .to_owned(),
        request_id: None,
    }
}
