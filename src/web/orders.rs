//! What the page has ordered of the restore, carried out one after another by whoever owns the queue: a
//! request of a browser ends when its page is closed, and a restore does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use serde_json::Value;

use super::answer::Refusal;
use super::restorer::RestoreFunction;
use crate::app::{App, AppError};
use crate::report::Summary;
use crate::request::{self, Request, RestoreId};

/// The restorer.
#[derive(Debug)]
pub enum Restorer {
    /// This process.
    Here(Arc<Orders>),
    /// The function that restores.
    Function(Box<RestoreFunction>),
}

impl Restorer {
    /// Does something and waits for the answer, which is the result of a restore.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn ask(&self, words: &Value) -> Result<Value, Refusal> {
        let summary = match self {
            Self::Here(orders) => orders.ask(parse(words)?).await?,
            Self::Function(function) => return function.ask(words).await,
        };
        let json = summary
            .to_json()
            .and_then(|json| serde_json::from_str(&json));
        json.map_err(|error| Refusal::failed(&error.to_string()))
    }

    /// Begins to carry out a restore.
    ///
    /// # Errors
    /// When that is not possible.
    pub async fn begin(&self, words: &Value, id: RestoreId) -> Result<(), Refusal> {
        match self {
            Self::Here(orders) => orders.begin(parse(words)?, id),
            Self::Function(function) => function.begin(words).await,
        }
    }

    /// The state of a restore; none if this process does not carry it out.
    pub fn live(&self, id: &RestoreId) -> Option<Live> {
        match self {
            Self::Here(orders) => orders.live(id),
            Self::Function(_) => None,
        }
    }
}

fn parse(words: &Value) -> Result<Request, Refusal> {
    request::parse(words).map_err(|error| Refusal::field("", error.to_string()))
}

/// A request of the restore, and who waits for the answer.
#[derive(Debug)]
pub struct Order {
    request: Request,
    /// The restore that is carried out.
    id: Option<RestoreId>,
    reply: oneshot::Sender<Result<Summary, AppError>>,
}

/// The state of a restore that this process carries out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Files that were put back.
    pub done: u64,
    /// Whether it has ended.
    pub ended: bool,
    /// Why it could not begin, or what went wrong first.
    pub problem: Option<String>,
}

/// The queue, and what became of its restores.
#[derive(Debug)]
pub struct Orders {
    queue: mpsc::UnboundedSender<Order>,
    live: Mutex<BTreeMap<RestoreId, Live>>,
}

impl Orders {
    /// A queue, and its other end.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Order>) {
        let (queue, orders) = mpsc::unbounded_channel();
        let live = Mutex::default();
        (Self { queue, live }, orders)
    }

    /// Does something and waits for the answer.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn ask(&self, request: Request) -> Result<Summary, Refusal> {
        let answer = self.send(request, None)?;
        let ended = answer.await.map_err(|_| ends())?;
        Ok(ended?)
    }

    /// Begins to carry out a restore.
    ///
    /// # Errors
    /// When the server ends.
    pub fn begin(&self, request: Request, id: RestoreId) -> Result<(), Refusal> {
        self.change(&id, |live| *live = Live::default());
        self.send(request, Some(id)).map(drop)
    }

    fn send(
        &self,
        request: Request,
        id: Option<RestoreId>,
    ) -> Result<oneshot::Receiver<Result<Summary, AppError>>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let order = Order { request, id, reply };
        self.queue.send(order).map_err(|_| ends())?;
        Ok(answer)
    }

    /// The state of a restore; none if this process does not carry it out.
    pub fn live(&self, id: &RestoreId) -> Option<Live> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(id).cloned()
    }

    fn change(&self, id: &RestoreId, change: impl FnOnce(&mut Live)) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        change(live.entry(id.clone()).or_default());
    }

    /// Carries out an order.
    pub async fn carry_out(&self, order: Order, app: &App) {
        let Order { request, id, reply } = order;
        let watch = |report: &crate::report::Report| {
            if let Some(id) = &id {
                let done = report.totals().copied;
                self.change(id, |live| live.done = done);
            }
        };
        let ended = Box::pin(app.answer(&request, None, watch)).await;
        if let Some(id) = &id {
            let problem = match &ended {
                Err(error) => Some(error.to_string()),
                Ok(summary) => summary
                    .failures()
                    .next()
                    .map(|(message, _)| message.to_owned()),
            };
            self.change(id, |live| {
                live.ended = true;
                live.problem = problem;
            });
        }
        // Nobody waits for a restore that was begun.
        drop(reply.send(ended));
    }
}

fn ends() -> Refusal {
    Refusal::conflict("s3-backup serve is about to end; start it again")
}
