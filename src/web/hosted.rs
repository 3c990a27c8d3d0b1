//! The page behind API Gateway, as a Lambda function: the gateway has checked the token, this checks the rest.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::FromRequest;
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::sync::OnceCell;
use tower_service::Service;

use super::access::Caller;
use super::answer::Refusal;
use super::api::Api;
use super::backup::Backup;
use super::gateway::{Answer, Payload};
use super::orders::Restorer;
use super::restorer::RestoreFunction;
use super::settings::{self, Settings, SettingsError};
use super::{audit, claims, headers, routes};
use crate::app::App;

/// The most bytes of an image that is shown: in base64 it stays below one answer.
const MOST_IMAGE: u64 = 720 << 10;

/// The page, and what it keeps from one invocation to the next.
#[derive(Debug)]
pub struct Hosted<'a> {
    app: &'a App,
    vars: Vec<(String, String)>,
    settings: Result<Settings, SettingsError>,
    calls: OnceCell<Router>,
}

impl<'a> Hosted<'a> {
    /// A page that is set by these variables. Nothing is opened before somebody asks.
    pub fn new(app: &'a App, vars: Vec<(String, String)>) -> Self {
        Self {
            app,
            settings: Settings::read(&vars),
            vars,
            calls: OnceCell::new(),
        }
    }

    /// Answers a request of the gateway.
    pub async fn answer(&self, event: LambdaEvent<Value>) -> Answer {
        let payload = match Payload::read(event.payload) {
            Ok(payload) => payload,
            Err(problem) => {
                return self
                    .finish(Refusal::unreadable(&problem).into_response())
                    .await
                    .0;
            }
        };
        let body = payload.body();
        let asked = body.as_ref().cloned().unwrap_or_default();
        let caller = self.caller(&payload);
        let response = match (body, &caller) {
            (Err(problem), _) => Refusal::unreadable(&problem).into_response(),
            (Ok(body), caller) => self.route(&payload, body, caller.clone()).await,
        };
        let (answer, status, bytes) = self.finish(response).await;
        audit::write(&payload, caller.as_ref().ok(), &asked, status, &bytes);
        answer
    }

    /// The caller.
    fn caller(&self, payload: &Payload) -> Result<Caller, Refusal> {
        let settings = self.settings()?;
        let claims = payload.claims().ok_or_else(Refusal::not_signed_in)?;
        claims::caller(claims, settings.kind, &settings.access)
    }

    fn settings(&self) -> Result<&Settings, Refusal> {
        let settings = self.settings.as_ref();
        settings.map_err(|error| not_set_up(error))
    }

    async fn route(
        &self,
        payload: &Payload,
        body: Bytes,
        caller: Result<Caller, Refusal>,
    ) -> Response<Body> {
        let mut request = match payload.request(body) {
            Ok(request) => request,
            Err(problem) => return Refusal::unreadable(&problem).into_response(),
        };
        if !payload.raw_path.starts_with("/api/") {
            return match self.settings() {
                Ok(settings) => sent(&routes::files(Some(settings.sign_in.clone())), request).await,
                Err(refusal) => refusal.into_response(),
            };
        }
        let calls = match &caller {
            Ok(_) => self.calls().await,
            Err(refusal) => Err(refusal.clone()),
        };
        match (calls, caller) {
            (Ok(calls), Ok(caller)) => {
                request.extensions_mut().insert(caller);
                sent(calls, request).await
            }
            (Err(refusal), _) | (_, Err(refusal)) => refusal.into_response(),
        }
    }

    /// The routes over the backup, which is opened by the first call.
    async fn calls(&self) -> Result<&Router, Refusal> {
        let open = || async {
            let settings = self.settings()?;
            let config = self.app.config();
            let config = config.map_err(|error| not_set_up(&error))?;
            let connections = self.app.connections();
            let backup = Backup::open(&config, connections).await;
            let backup = backup.map_err(|error| Refusal::failed(&error.to_string()))?;
            let name = settings.restore_function.clone();
            let function = RestoreFunction::new(name, connections.outside());
            let limits = settings::limits(&self.vars, config.prices.clone());
            Ok(routes::calls(Arc::new(Api {
                backup,
                restorer: Restorer::Function(Box::new(function)),
                read_only: false,
                limits: limits.map_err(|error| not_set_up(&error))?,
                most_image: MOST_IMAGE,
            })))
        };
        self.calls.get_or_try_init(open).await
    }

    /// The answer for the gateway, and for the log.
    async fn finish(&self, mut response: Response<Body>) -> (Answer, u16, Bytes) {
        let settings = self.settings.as_ref();
        let origins = settings.map_or_else(|_| Vec::new(), |settings| settings.sign_in.origins());
        headers::complete(response.headers_mut(), &origins);
        let (parts, body) = response.into_parts();
        let bytes = Bytes::from_request(Request::new(body), &()).await;
        let bytes = bytes.unwrap_or_else(|error| {
            tracing::error!(%error, "an answer cannot be read");
            Bytes::new()
        });
        let status = parts.status.as_u16();
        (Answer::new(status, &parts.headers, &bytes), status, bytes)
    }
}

fn not_set_up(error: &dyn std::error::Error) -> Refusal {
    Refusal::failed(&format!("the page is not set up: {error}"))
}

async fn sent(router: &Router, request: Request<Body>) -> Response<Body> {
    // A router is always ready, and has no errors of its own.
    match router.clone().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
