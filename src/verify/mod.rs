//! What stands under each key of both sides in, what is found of it out.
//!
//! Both sides are gone over as in a backup run. The listings and the last snapshot prove something of each
//! key; of the share that is asked for, each object and its backup are looked at too. Objects that are missing or
//! different can be copied on the way, by the same copier and with the same certainty as in a backup run.

mod compare;
mod deep;
mod listed;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt, stream};

use crate::copy::{self, Copier};
use crate::diff::{self, Action, Joined, Known, Page, Reason, Refusal, SkipReason};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::list::ShardListing;
use crate::model::{Key, KeyCounts, Object, Property, Verdict, VerifiedObject};
use crate::outcome::{self, CopyResult, KeyResult, Outcome};
use crate::plan::Check;
use crate::s3::{Operation, S3Error};
use crate::snapshot::SegmentRow;

pub use deep::HeadPair;
use listed::{Evidence, judge};

/// Judges the backups of one destination.
pub struct Verifier {
    copier: Copier,
    check: Check,
    filter: Filter,
}

/// The next object to judge, or that there is no more.
enum Item {
    Key(Evidence),
    Broken(S3Error),
    End,
}

/// The work on a key.
enum Step {
    /// Nothing more.
    Settled(Option<Key>, Outcome),
    /// This, which takes requests.
    Work(Key, BoxFuture<'static, Outcome>),
}

/// What listings and the last snapshot tell of an object that is examined.
struct ListedPair {
    object: Object,
    backup: Option<Object>,
    recorded: Option<SegmentRow>,
    verdict: Verdict,
}

impl Verifier {
    /// One whose repairs this copier makes.
    pub fn new(copier: Copier, check: Check, filter: Filter) -> Self {
        Self {
            copier,
            check,
            filter,
        }
    }

    /// The findings about the keys, so many at once. When it is time to stop nothing more is begun; what is in
    /// flight comes to its end.
    pub fn outcomes(
        self,
        listings: impl Stream<Item = ShardListing> + Send + 'static,
        stop: impl Future<Output = ()> + Send + 'static,
        at_once: usize,
    ) -> impl Stream<Item = KeyResult> + Send + 'static {
        let verifier = Arc::new(self);
        let pages = listings.flat_map_unordered(None, |listing| {
            let shard = listing.shard;
            let pages = diff::pages(listing, evidence);
            pages.map(move |page| (shard, items(page))).boxed()
        });
        // Each shard in its order, so that what was begun lies before what was not.
        pages
            .flat_map(|(shard, items)| stream::iter(items).map(move |item| (shard, item)))
            .take_until(Box::pin(stop))
            .map(move |(shard, item)| {
                let next = Arc::clone(&verifier).step(item);
                async move {
                    match next {
                        Step::Settled(key, outcome) => done(shard, key, outcome),
                        Step::Work(key, work) => done(shard, Some(key), work.await),
                    }
                }
            })
            .buffer_unordered(at_once)
    }

    fn step(self: Arc<Self>, item: Item) -> Step {
        match item {
            Item::Key(evidence) => self.judge(evidence),
            Item::Broken(error) => result(Action::Break(error)),
            Item::End => result(Action::End),
        }
    }

    /// The finding that needs no request, at once; or the work that takes requests.
    fn judge(self: Arc<Self>, evidence: Evidence) -> Step {
        let verdict = judge(&evidence);
        let (object, backup) = match evidence.listed {
            Joined::Left(object) => (object, None),
            Joined::Both(object, backup) => (object, Some(backup)),
            Joined::Right(backup) if self.filter.admits(&backup.key) => {
                return verified(&backup, verdict);
            }
            Joined::Right(backup) => return result(Action::Ignore(backup, None)),
        };
        if !self.filter.admits(&object.key) {
            return result(Action::Skip {
                object,
                backup,
                reason: SkipReason::Excluded,
                // A verification records nothing.
                record: None,
            });
        }
        if self.copier.placement.is_reserved(&object.key) {
            return result(Action::Refuse(object, Refusal::ReservedKey));
        }
        let key = object.key.clone();
        let deep = self.check.deep.is_some_and(|share| share.admits(&key));
        if deep || self.takes_requests(&verdict) {
            let listed = ListedPair {
                object,
                backup,
                recorded: evidence.recorded,
                verdict,
            };
            let about = key.clone();
            let work = async move {
                let size = listed.object.size;
                let examined = Box::pin(self.examine(listed, deep));
                let examined = copy::guarded(Operation::HeadObject, Some(&about), examined).await;
                examined.unwrap_or_else(|failure| Outcome::Failed {
                    listed: size,
                    failure,
                })
            };
            return Step::Work(key, work.boxed());
        }
        verified(&object, verdict)
    }

    /// A wrong backup is copied, if that is asked for; and an object without the tags that are asked for
    /// need not be in the backup at all.
    fn takes_requests(&self, verdict: &Verdict) -> bool {
        let by_tags = !self.copier.rules.include_tags.is_empty();
        match verdict {
            Verdict::Equal(_) | Verdict::Extra { .. } => false,
            Verdict::CannotTell(_) => by_tags,
            Verdict::Different(_) | Verdict::Missing => by_tags || self.check.repair,
        }
    }

    async fn examine(&self, listed: ListedPair, deep: bool) -> Outcome {
        let ListedPair {
            object,
            backup,
            recorded,
            mut verdict,
        } = listed;
        if deep {
            verdict = match self.compare(&object, recorded.as_ref()).await {
                Ok(verdict) => verdict,
                Err(outcome) => return outcome,
            };
        }
        let compared = VerifiedObject {
            key: object.key.clone(),
            listed: object.size,
            deep,
            repaired: None,
            verdict,
        };
        if !self.takes_requests(&compared.verdict) {
            return Outcome::Verified(compared);
        }
        let copied = object.clone();
        let copy = Action::Copy {
            object,
            backup,
            reason: Reason::Repair,
            // A verification records nothing.
            record: None,
        };
        let treated = if self.check.repair && compared.verdict.is_wrong() {
            self.copier.apply(copy).await.outcome
        } else {
            self.copier.preview(copy).await.outcome
        };
        self.treated(&copied, compared, treated).await
    }

    /// What a verification says of an object of which this has become.
    async fn treated(
        &self,
        object: &Object,
        compared: VerifiedObject,
        treated: Outcome,
    ) -> Outcome {
        match treated {
            Outcome::Copied { copied, .. } => {
                let repaired = VerifiedObject {
                    repaired: Some(copied),
                    ..compared
                };
                match self.left_wrong(object, &repaired).await {
                    None => Outcome::Verified(repaired),
                    Some(outcome) => outcome,
                }
            }
            // Another run has copied it meanwhile.
            Outcome::Unchanged { .. } => match self.compare(object, None).await {
                Ok(verdict) => Outcome::Verified(VerifiedObject {
                    verdict,
                    ..compared
                }),
                Err(outcome) => outcome,
            },
            Outcome::WouldCopy { .. } => Outcome::Verified(compared),
            other => other,
        }
    }

    /// Looks once more at an object that was looked at before its backup was repaired. What became of it
    /// instead, if they still differ.
    async fn left_wrong(&self, object: &Object, repaired: &VerifiedObject) -> Option<Outcome> {
        if !repaired.deep {
            return None;
        }
        let differ = match self.compare(object, None).await {
            Ok(Verdict::Different(differ)) => differ,
            Ok(Verdict::Missing) => Vec::new(),
            Ok(Verdict::Equal(_) | Verdict::CannotTell(_) | Verdict::Extra { .. }) => return None,
            Err(outcome) => return Some(outcome),
        };
        Some(outcome::failed(object, still_different(object, &differ)))
    }

    async fn compare(
        &self,
        object: &Object,
        recorded: Option<&SegmentRow>,
    ) -> Result<Verdict, Outcome> {
        let backup_key = self.copier.placement.backup_key(&object.key);
        let pair = HeadPair {
            version: None,
            copier: &self.copier,
            object,
            backup_key: &backup_key,
            recorded,
        };
        pair.compare().await
    }
}

/// What a copy does not carry over, a second one does not either.
fn still_different(object: &Object, differ: &[Property]) -> Failure {
    let names: Vec<&str> = differ.iter().map(|property| property.name()).collect();
    let key = &object.key;
    let message = match names.as_slice() {
        [] => format!("{key} was copied, and its backup is missing again"),
        names => format!(
            "{key} was copied, and its backup still differs in {}",
            names.join(", ")
        ),
    };
    Failure {
        key: Some(key.clone()),
        operation: Operation::CopyObject.name(),
        code: Some("StillDifferent".to_owned()),
        message,
        advice:
            "verify it again; if it stays, look at both with s3api head-object for who changes them"
                .to_owned(),
        request_id: None,
    }
}

fn items(page: Page<Evidence>) -> Vec<Item> {
    match page {
        Page::Rows(rows) => rows.into_iter().map(Item::Key).collect(),
        Page::Broken(error) => vec![Item::Broken(error)],
        Page::End => vec![Item::End],
    }
}

/// What only the snapshot knows is gone from both sides, and there is nothing to be judged.
fn evidence(known: Known) -> Option<Evidence> {
    match known {
        Joined::Left(listed) => Some(Evidence {
            listed,
            recorded: None,
        }),
        Joined::Both(listed, row) => Some(Evidence {
            listed,
            recorded: Some(row),
        }),
        Joined::Right(_) => None,
    }
}

fn result(action: Action) -> Step {
    let (key, result) = outcome::settle(action);
    Step::Settled(key, result.outcome)
}

/// The result says only what needs no request.
fn verified(listed: &Object, verdict: Verdict) -> Step {
    let compared = VerifiedObject {
        key: listed.key.clone(),
        listed: listed.size,
        verdict,
        deep: false,
        repaired: None,
    };
    Step::Settled(Some(listed.key.clone()), Outcome::Verified(compared))
}

/// Nothing is recorded of it, so that its place does not matter, nor is anything counted for deletions.
fn done(shard: usize, key: Option<Key>, outcome: Outcome) -> KeyResult {
    KeyResult {
        shard,
        sequence: 0,
        key,
        result: CopyResult::from(outcome),
        forecast: None,
        counted: KeyCounts::default(),
    }
}
