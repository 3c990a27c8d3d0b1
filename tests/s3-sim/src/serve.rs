//! One call from its first byte to its answer: read, entered in the ledger,
//! delayed, struck by faults, carried out, sent.

use crate::account::Account;
use crate::backdoor::Backdoor;
use crate::call::Call;
use crate::faults::Effect;
use crate::ledger::Writing;
use crate::outgoing::{Broken, Outgoing};
use crate::reply::{Body, Refusal, Reply};
use crate::spoil::{self, Delivery};
use crate::stamp::Stamp;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set to end a connection with a reset.
pub(crate) type ResetFlag = Arc<AtomicBool>;

pub(crate) async fn serve(
    account: Arc<Account>,
    request: Request<Incoming>,
    reset: ResetFlag,
) -> Result<Response<Outgoing>, Broken> {
    let method = request.method().clone();
    let (call, delivery, writing) = match read(request).await? {
        Err(refusal) => (None, Delivery::Refused(refusal), None),
        Ok(mut call) => {
            let mut writing = account.ledger.begin(&call, account.clock.now());
            let delivery = carry_out(&account, &mut call, &mut writing).await;
            (Some(call), delivery, Some(writing))
        }
    };
    let desk = Desk {
        date: Stamp::from(account.clock.now()).http(),
        ids: account.request_ids(),
        bodiless: method == Method::HEAD,
        writing,
    };
    let response = desk.deliver(delivery, &reset).await;
    drop(call);
    response
}

/// Takes a request off the wire: what is left unread turns the end of a connection into a reset.
pub(crate) async fn read_to_the_end(request: Request<Incoming>) -> Result<(), Broken> {
    request
        .into_body()
        .collect()
        .await
        .map(drop)
        .map_err(|_| Broken)
}

async fn read(request: Request<Incoming>) -> Result<Result<Call, Refusal>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let call = Call::read(&head.method, &head.uri, head.headers);
    Ok(call.and_then(|call| call.with_body(body)))
}

async fn carry_out(account: &Arc<Account>, call: &mut Call, writing: &mut Writing) -> Delivery {
    let latency = account.pace.latency(call.verb);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let effects = account.faults.striking(call);
    for effect in &effects {
        if let Effect::Slow(delay) = effect {
            tokio::time::sleep(*delay).await;
        }
        if let Effect::Before(hook) = effect {
            hook.run(&Backdoor::to(account));
        }
        if let Effect::NotEncoded = effect {
            call.query.remove("encoding-type");
        }
    }
    let spoiling = effects.iter().find(|effect| !effect.combines());
    if let Some(delivery) = spoiling.and_then(|effect| spoil::instead(effect, call.verb)) {
        return delivery;
    }
    let outcome = account.carry_out(call, writing);
    for effect in &effects {
        if let Effect::After(hook) = effect {
            hook.run(&Backdoor::to(account));
        }
    }
    match (outcome, spoiling) {
        (Ok(reply), Some(effect)) => spoil::spoil(effect, call.verb, reply),
        (Ok(reply), None) => Delivery::Whole(reply),
        (Err(_), Some(Effect::ResetAfterWork)) => Delivery::Reset,
        (Err(_), Some(Effect::CloseAfterWork)) => Delivery::Closed,
        (Err(refusal), _) => Delivery::Refused(refusal),
    }
}

/// Sends an answer with what every answer carries.
struct Desk {
    /// By the clock that dates objects too.
    date: String,
    ids: (String, String),
    /// HEAD answers with headers only.
    bodiless: bool,
    writing: Option<Writing>,
}

impl Desk {
    async fn deliver(
        mut self,
        delivery: Delivery,
        reset: &ResetFlag,
    ) -> Result<Response<Outgoing>, Broken> {
        match delivery {
            Delivery::Whole(reply) => Ok(self.whole(reply)),
            Delivery::Refused(refusal) => {
                let status = refusal.status;
                let reply = self.refusal(refusal, status);
                Ok(self.whole(reply))
            }
            Delivery::RefusedWithin200(refusal) => {
                let reply = self.refusal(refusal, 200);
                Ok(self.whole(reply))
            }
            Delivery::BrokenAfter(reply, bytes) => {
                let (response, body) = self.announced(reply);
                let sent = match body {
                    Body::Bytes(all) => all.into_iter().take(bytes).collect::<Vec<_>>().into(),
                    Body::Content(content) => content.read(0, bytes),
                };
                Ok(response.map(|()| Outgoing::broken_after(sent)))
            }
            Delivery::HeadersOnly(reply) => {
                let (response, _) = self.announced(reply);
                Ok(response.map(|()| Outgoing::Stalled))
            }
            Delivery::Reset => {
                reset.store(true, Ordering::SeqCst);
                Err(Broken)
            }
            Delivery::Closed => Err(Broken),
            Delivery::Never => std::future::pending().await,
        }
    }

    fn whole(&mut self, reply: Reply) -> Response<Outgoing> {
        let (response, body) = self.response(reply);
        let bodiless = self.bodiless || response.status() == StatusCode::NOT_MODIFIED;
        response.map(|()| match body {
            _ if bodiless => Outgoing::empty(),
            Body::Bytes(bytes) => Outgoing::Whole(Some(bytes.into())),
            Body::Content(content) => Outgoing::Streamed { content, at: 0 },
        })
    }

    /// With the length of the body that will not come.
    fn announced(&mut self, reply: Reply) -> (Response<()>, Body) {
        let (mut response, body) = self.response(reply);
        let length = match &body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Content(content) => content.len(),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        (response, body)
    }

    fn response(&mut self, reply: Reply) -> (Response<()>, Body) {
        let reply = reply
            .with("x-amz-request-id", &self.ids.0)
            .with("x-amz-id-2", &self.ids.1)
            .with("date", &self.date)
            .with("server", "AmazonS3");
        if let Some(writing) = &mut self.writing {
            let bytes_out = match &reply.body {
                Body::Bytes(bytes) => bytes.len() as u64,
                Body::Content(content) => content.len(),
            };
            writing.answered(reply.status, bytes_out);
        }
        let mut response = Response::new(());
        let status = StatusCode::from_u16(reply.status);
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = reply.headers;
        (response, reply.body)
    }

    fn refusal(&self, refusal: Refusal, status: u16) -> Reply {
        let mut reply = Reply::empty(status).with("content-type", "application/xml");
        reply.body = Body::Bytes(refusal.document(&self.ids.0, &self.ids.1));
        for (name, value) in refusal.headers {
            reply = reply.with(name, value);
        }
        reply
    }
}
