//! Plans of ranges that are made side by side, handed on in the order of their keys.
//!
//! The plan of a late range waits until those before it were handed on. So that memory does not grow with the bucket,
//! all of them together hold so many rows at most: then only the first range goes on, and hands on its plan in
//! pieces.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::Notify;

use super::range_plan::{Obstacle, RangePlan};
use crate::model::Start;

/// Rows that all plans in the making hold together: a row takes about a kilobyte while it is planned.
const MOST_ROWS: usize = 32_000;
/// Rows by which a plan is handed on before its range is over.
pub const ROWS_OF_PIECE: usize = 4_000;
/// One row of a plan for so many keys that were looked at are few.
const FEW: u64 = 8;

/// The making of the plan of one range, which it hands on by the queue.
pub type Making = BoxFuture<'static, Result<(), Obstacle>>;

/// Plans in the making. Its clones share them.
#[derive(Clone, Debug)]
pub struct PlanQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    plans: Mutex<Plans>,
    /// A plan was handed on.
    handed_on: Notify,
    /// Rows were taken out.
    taken: Notify,
}

#[derive(Debug)]
struct Plans {
    /// Where the plan begins that is taken out next.
    next: Start,
    /// Plans that were handed on, with the rows that were counted for them.
    ready: Vec<(Start, RangePlan, usize)>,
    /// Rows of all plans that were not taken out.
    rows: usize,
    /// Whether the last plan that was handed on had few rows.
    has_few_rows: bool,
}

impl PlanQueue {
    /// The queue of all plans from a start on.
    pub fn from(start: Start) -> Self {
        let plans = Plans {
            next: start,
            ready: Vec::new(),
            rows: 0,
            has_few_rows: false,
        };
        Self(Arc::new(Shared {
            plans: Mutex::new(plans),
            handed_on: Notify::new(),
            taken: Notify::new(),
        }))
    }

    /// Waits until there is room for more rows of the plan that begins there. For the first plan there always is.
    pub async fn make_room(&self, start: &Start, rows: usize) {
        if rows == 0 {
            return;
        }
        loop {
            let mut taken = pin!(self.0.taken.notified());
            taken.as_mut().enable();
            {
                let mut plans = self.lock();
                if plans.next == *start || plans.rows + rows <= MOST_ROWS {
                    plans.rows += rows;
                    return;
                }
            }
            taken.await;
        }
    }

    /// Hands on the plan that begins there, for which there was room for so many rows.
    pub fn hand_on(&self, start: Start, plan: RangePlan, rows: usize) {
        let mut plans = self.lock();
        plans.has_few_rows = (plan.rows.len() as u64).saturating_mul(FEW) < plan.looked_at();
        plans.ready.push((start, plan, rows));
        drop(plans);
        self.0.handed_on.notify_one();
    }

    /// Whether the range that was planned last had few rows: then it does no harm to plan more at once.
    pub fn has_few_rows(&self) -> bool {
        self.lock().has_few_rows
    }

    /// The plan that is the next in order, if it is ready.
    fn take(&self) -> Option<RangePlan> {
        let mut plans = self.lock();
        let at = plans
            .ready
            .iter()
            .position(|(start, ..)| *start == plans.next)?;
        let (_, plan, rows) = plans.ready.swap_remove(at);
        plans.rows = plans.rows.saturating_sub(rows);
        if let Some(until) = &plan.until {
            plans.next = Start::After(until.clone());
        }
        drop(plans);
        self.0.taken.notify_waiters();
        Some(plan)
    }

    fn lock(&self) -> MutexGuard<'_, Plans> {
        self.0.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes plans side by side, as many as `at_once` says, and hands them on in order. It ends after an error.
pub fn in_order(
    makings: impl Stream<Item = Making> + Send + 'static,
    queue: PlanQueue,
    at_once: impl Fn(&PlanQueue) -> usize + Send + 'static,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> {
    let planner = Planner {
        makings: makings.fuse().boxed(),
        are_all_begun: false,
        under_way: FuturesUnordered::new(),
        queue,
        at_once,
    };
    stream::unfold(Some(planner), |planner| {
        // Large, and of a type that would be too much for the compiler.
        async move {
            let mut planner = planner?;
            match planner.next().await? {
                Ok(plan) => Some((Ok(plan), Some(planner))),
                Err(obstacle) => Some((Err(obstacle), None)),
            }
        }
        .boxed()
    })
}

struct Planner<F> {
    makings: stream::BoxStream<'static, Making>,
    are_all_begun: bool,
    under_way: FuturesUnordered<Making>,
    queue: PlanQueue,
    at_once: F,
}

impl<F: Fn(&PlanQueue) -> usize> Planner<F> {
    async fn next(&mut self) -> Option<Result<RangePlan, Obstacle>> {
        loop {
            if let Some(plan) = self.queue.take() {
                return Some(Ok(plan));
            }
            if self.are_all_begun && self.under_way.is_empty() {
                return None;
            }
            let has_place = self.under_way.len() < (self.at_once)(&self.queue);
            tokio::select! {
                making = self.makings.next(), if has_place && !self.are_all_begun => match making {
                    Some(making) => self.under_way.push(making),
                    None => self.are_all_begun = true,
                },
                ended = self.under_way.next(), if !self.under_way.is_empty() => {
                    if let Some(Err(obstacle)) = ended {
                        return Some(Err(obstacle));
                    }
                }
                () = self.queue.0.handed_on.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::model::Key;

    fn key(number: usize) -> Key {
        Key::new(format!("{number:03}"))
    }

    /// Rows of which there was made room for and that were not taken out, and the most of them.
    #[derive(Default)]
    struct Held(AtomicUsize, AtomicUsize);

    /// Makes a plan in three pieces, as large as the queue lets it.
    async fn make(
        number: usize,
        last: usize,
        queue: PlanQueue,
        held: Arc<Held>,
    ) -> Result<(), Obstacle> {
        let mut start = match number {
            0 => Start::Beginning,
            _ => Start::After(key(number * 10)),
        };
        for piece in 1..=3 {
            // The last ranges come to their end first.
            sleep(Duration::from_millis((last - number) as u64)).await;
            let rows = MOST_ROWS / 4;
            queue.make_room(&start, rows).await;
            let now = held.0.fetch_add(rows, Ordering::Relaxed) + rows;
            held.1.fetch_max(now, Ordering::Relaxed);
            let is_last = piece == 3;
            let until = if is_last {
                (number + 1) * 10
            } else {
                number * 10 + piece
            };
            let until = (number < last || !is_last).then(|| key(until));
            let next = until.clone().map_or(Start::Beginning, Start::After);
            let plan = RangePlan {
                until,
                ..RangePlan::default()
            };
            queue.hand_on(std::mem::replace(&mut start, next), plan, rows);
        }
        Ok(())
    }

    #[tokio::test]
    async fn plans_are_handed_on_in_order_and_hold_no_more_rows_than_allowed() {
        let (queue, held) = (PlanQueue::from(Start::Beginning), Arc::new(Held::default()));
        let (all, of_makings) = (queue.clone(), Arc::clone(&held));
        let makings = stream::iter(0..20)
            .map(move |number| make(number, 19, queue.clone(), Arc::clone(&of_makings)).boxed());

        let mut plans = Box::pin(in_order(makings, all, |_| 12));
        let mut ends = Vec::new();
        while let Some(plan) = plans.next().await {
            held.0.fetch_sub(MOST_ROWS / 4, Ordering::Relaxed);
            ends.push(plan.unwrap().until);
        }

        let pieces = (0..20).flat_map(|number| [1, 2, 10].map(|piece| number * 10 + piece));
        let mut expected: Vec<_> = pieces.map(|end| Some(key(end))).collect();
        expected[59] = None;
        assert_eq!(ends, expected);
        // The first plan always goes on.
        let most = held.1.load(Ordering::Relaxed);
        assert!((MOST_ROWS..=MOST_ROWS * 5 / 4).contains(&most), "{most}");
    }

    #[tokio::test]
    async fn an_obstacle_ends_the_plans() {
        let queue = PlanQueue::from(Start::Beginning);
        let making = async {
            let problem = crate::snapshot::SnapshotError::missing("a segment");
            Err(Obstacle::Snapshot(problem))
        };
        let makings = stream::iter([making.boxed(), futures::future::pending().boxed()]);

        let plans: Vec<_> = in_order(makings, queue, |_| 2).collect().await;

        assert_eq!(plans.len(), 1);
        assert!(plans[0].is_err());
    }
}
