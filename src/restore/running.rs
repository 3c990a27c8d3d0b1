//! A plan in, what became of its rows out, part by part. What became of them is written down every thousand
//! rows or ten seconds, so that a call which is killed leaves no more than that in doubt.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, Fuse, FusedFuture};
use futures::{FutureExt, StreamExt, future, stream};

use super::apply::{Step, Work};
use super::manner::Manner;
use super::rows::{Became, DoneRow, PlanRow};
use super::site::Site;
use super::state::{Held, Part};
use super::state_error::StateError;
use super::store::Store;
use super::tally::Tally;
use crate::copy::guarded;
use crate::failure::Failure;
use crate::model::{ETag, Timestamp};
use crate::s3::Operation;

/// Rows that are written down at once.
const ROWS_AT_ONCE: usize = 1_000;
/// The longest that a row which was carried out is not written down.
const LONGEST: Duration = Duration::from_secs(10);

/// How the parts of a plan are carried out.
pub struct Running<'a> {
    /// The two sides.
    pub site: &'a Site,
    /// The state of the restore.
    pub store: &'a Store,
    /// How rows are carried out.
    pub manner: &'a Manner,
    /// Parts of the plan that this call has made, which nobody can have begun.
    pub fresh: bool,
    /// The rows of the first part, if they are at hand.
    pub first_part: Option<Vec<PlanRow>>,
}

/// What a call hears of a row.
pub struct News<'a> {
    /// What became of everything so far.
    pub tally: Tally,
    /// What went wrong with this one.
    pub failure: Option<&'a Failure>,
}

impl Running<'_> {
    /// Carries out what is left. Whether all of it was tried; if not, the call had to stop.
    ///
    /// # Errors
    /// When the state cannot be read or written.
    pub async fn run(
        mut self,
        held: &mut Held,
        mut hear: impl FnMut(&News<'_>),
    ) -> Result<bool, StateError> {
        for number in 0..held.progress.parts.len() {
            if held
                .progress
                .parts
                .get(number)
                .is_some_and(|part| part.left == 0)
            {
                continue;
            }
            if !self.run_part(number, held, &mut hear).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn run_part(
        &mut self,
        number: usize,
        held: &mut Held,
        hear: &mut impl FnMut(&News<'_>),
    ) -> Result<bool, StateError> {
        let Some(part) = held.progress.parts.get(number).cloned() else {
            return Ok(true);
        };
        let rows = match self.first_part.take() {
            Some(rows) if number == 0 => rows,
            _ => self.store.part(held, number, &part).await?,
        };
        let mut known = self.known(held, number).await?;
        let others = held.progress.tally().without(part.tally);
        let todo: Vec<usize> = (0..rows.len())
            .filter(|row| !known.is_settled(*row))
            .collect();
        let total = todo.len();
        let tried = self
            .carry_out(number, &rows, todo, &mut known, others, hear)
            .await?;
        if let Some(in_one) = known.in_one.take() {
            *held = in_one;
        }
        if let Some(part) = held.progress.parts.get_mut(number) {
            known.count(part);
        }
        let waiting = known
            .last
            .values()
            .filter(|done| done.outcome == Became::Waiting);
        let ready_at = waiting.filter_map(|done| done.ready_at).max();
        held.progress.ready_at = held.progress.ready_at.max(ready_at);
        // The end of the call writes it down, too.
        let is_last = number + 1 == held.progress.parts.len();
        if tried == total && !is_last {
            self.store.advance(held).await?;
        }
        Ok(tried == total)
    }

    /// Carries out rows, many at once, and writes down what became of them while the next ones are carried out. How
    /// many were tried.
    async fn carry_out(
        &self,
        part: usize,
        rows: &[PlanRow],
        todo: Vec<usize>,
        known: &mut Results,
        others: Tally,
        hear: &mut impl FnMut(&News<'_>),
    ) -> Result<usize, StateError> {
        let target = &self.site.target;
        let stop = Box::pin(target.stopped(target));
        let in_doubt = self.in_doubt(rows.len(), known);
        let steps = stream::iter(todo)
            .take_until(stop)
            .map(|number| {
                let in_doubt = in_doubt.get(number).copied().unwrap_or_default();
                Box::pin(self.step(part, number, rows, in_doubt))
            })
            .buffer_unordered(self.site.at_once.max(1));
        let mut steps = Box::pin(steps);
        let mut sum = others.plus(known.tally());
        let (mut tried, mut new, mut since) = (0, Vec::new(), Instant::now());
        // One file after the other: what is read later ends where a file is missing.
        let mut writing = Fuse::terminated();
        loop {
            let next = tokio::select! {
                biased;
                written = &mut writing => {
                    known.is_written(written?);
                    continue;
                }
                next = steps.next() => next,
            };
            let Some(next) = next else { break };
            if let Some(Step::Done(done, failure)) = next {
                tried += 1;
                sum = known.replace(&done, sum);
                hear(&News {
                    tally: sum,
                    failure: failure.as_ref(),
                });
                new.push(*done);
            }
            let is_due = new.len() >= ROWS_AT_ONCE || since.elapsed() >= LONGEST;
            if is_due && writing.is_terminated() {
                writing = self.write(part, mem::take(&mut new), known).fuse();
                since = Instant::now();
            }
        }
        drop(steps);
        if !writing.is_terminated() {
            known.is_written(writing.await?);
        }
        match &mut known.in_one {
            // The end of the call writes it down.
            Some(in_one) => in_one.note(new),
            None => drop(self.write(part, new, known).await?),
        }
        Ok(tried)
    }

    /// Which rows a call before this one may have carried out without writing it down.
    fn in_doubt(&self, rows: usize, known: &Results) -> Vec<bool> {
        let rows = 0..rows;
        rows.map(|row| !self.fresh && !known.last.contains_key(&row))
            .collect()
    }

    /// One row; none of it if there is no such row.
    async fn step(
        &self,
        part: usize,
        number: usize,
        rows: &[PlanRow],
        in_doubt: bool,
    ) -> Option<Step> {
        let row = rows.get(number)?;
        let work = Work {
            site: self.site,
            store: self.store,
            manner: self.manner,
            part,
            number,
            row,
            in_doubt,
        };
        // A type of its own for each future within would be too much for the compiler.
        let work_on_it = work.carry_out().boxed();
        let done = guarded(Operation::CopyObject, Some(&row.key), work_on_it).await;
        Some(done.unwrap_or_else(|failure| work.failed(failure)))
    }

    async fn known(&self, held: &Held, part: usize) -> Result<Results, StateError> {
        let in_one = held.is_in_one().then(|| held.clone());
        if self.fresh {
            return Ok(Results {
                in_one,
                ..Results::default()
            });
        }
        let known = self.store.known(held, part).await?;
        let last = known.last.iter();
        Ok(Results {
            last: last
                .map(|(row, done)| (*row, RowResult::of(done)))
                .collect(),
            files: known.files,
            in_one,
        })
    }

    /// Writes rows into the next file of the part, or into the one object that has all of the restore. What that is
    /// by then.
    fn write(
        &self,
        part: usize,
        rows: Vec<DoneRow>,
        known: &mut Results,
    ) -> BoxFuture<'_, Result<Option<ETag>, StateError>> {
        if rows.is_empty() {
            return future::ok(None).boxed();
        }
        if let Some(mut held) = known.in_one_with(rows.clone(), part) {
            return async move {
                self.store.advance(&mut held).await?;
                Ok(Some(held.etag))
            }
            .boxed();
        }
        let file = known.files;
        known.files += 1;
        async move {
            self.store.write_done(part, file, &rows).await?;
            Ok(None)
        }
        .boxed()
    }
}

/// What became of the rows of a part, as far as it decides what is left.
#[derive(Debug, Default)]
struct Results {
    last: BTreeMap<usize, RowResult>,
    /// The files that the lines are in: the next ones go into the file of that number.
    files: usize,
    /// The one object that has all of the restore, with the rows that are to be written into it.
    in_one: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct RowResult {
    outcome: Became,
    ready_at: Option<Timestamp>,
    tally: Tally,
}

impl Results {
    /// The one object that has all of the restore, with these rows too.
    fn in_one_with(&mut self, rows: Vec<DoneRow>, part: usize) -> Option<Held> {
        let mut held = {
            let held = self.in_one.as_mut()?;
            held.note(rows);
            held.clone()
        };
        if let Some(part) = held.progress.parts.get_mut(part) {
            self.count(part);
        }
        Some(held)
    }

    /// Takes note of what the one object is by now.
    fn is_written(&mut self, etag: Option<ETag>) {
        if let (Some(held), Some(etag)) = (&mut self.in_one, etag) {
            held.etag = etag;
        }
    }

    /// Counts what became of the rows of a part.
    fn count(&self, part: &mut Part) {
        let settled = self.last.values().filter(|done| done.outcome.is_settled());
        part.left = part.rows - settled.count();
        part.tally = self.tally();
    }

    fn tally(&self) -> Tally {
        let rows = self.last.values();
        rows.map(|row| row.tally)
            .fold(Tally::default(), Tally::plus)
    }

    /// Takes note of a row. The sum, in which it replaces what was known of it.
    fn replace(&mut self, done: &DoneRow, sum: Tally) -> Tally {
        let result = RowResult::of(done);
        let before = self.last.insert(done.row, result);
        before
            .map_or(sum, |before| sum.without(before.tally))
            .plus(result.tally)
    }

    fn is_settled(&self, row: usize) -> bool {
        self.last
            .get(&row)
            .is_some_and(|result| result.outcome.is_settled())
    }
}

impl RowResult {
    fn of(done: &DoneRow) -> Self {
        Self {
            outcome: done.outcome,
            ready_at: done.ready_at,
            tally: Tally::of(done),
        }
    }
}
