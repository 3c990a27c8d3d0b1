//! The table of routes, and the order of the checks before them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::door::Door;
use super::sign_in::SignIn;
use super::{
    activity, deleted, file, folder, headers, me, page, preview, restores, runs, search, today,
};

/// The secret of the link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionAsked {
    secret: String,
}

/// What every other call carries.
#[derive(Serialize)]
struct SessionReply {
    token: String,
}

/// What the page has to know before anybody is signed in. It holds no data.
#[derive(Serialize)]
struct ConfigReply {
    /// None where the link signs in.
    sign_in: Option<SignIn>,
}

/// The calls, each in the name of a [`Caller`], which whoever calls this has checked.
pub fn calls(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/me", post(me::answer))
        .route("/api/runs", post(runs::answer))
        .route("/api/folder", post(folder::answer))
        .route("/api/today", post(today::answer))
        .route("/api/search", post(search::answer))
        .route("/api/deleted", post(deleted::answer))
        .route("/api/file", post(file::answer))
        .route("/api/preview", post(preview::preview))
        .route("/api/download", post(preview::download))
        .route("/api/plan", post(restores::plan))
        .route("/api/undo", post(restores::undo))
        .route("/api/confirm", post(restores::confirm))
        .route("/api/cancel", post(restores::cancel))
        .route("/api/progress", post(restores::progress))
        .route("/api/activity", post(activity::answer))
        .with_state(api)
}

/// The page itself, and what it has to know before a sign-in.
pub fn files(sign_in: Option<SignIn>) -> Router {
    let config = || async { Reply(ConfigReply { sign_in }) };
    let mut files = Router::new().route("/config.json", get(config));
    for (path, kind, bytes) in page::FILES {
        files = files.route(path, get(move || async move { page::serve(kind, bytes) }));
    }
    files.fallback(nothing)
}

/// All routes of a server on this machine, behind its door.
pub fn router(api: Arc<Api>, door: &Arc<Door>) -> Router {
    let at = || Arc::clone(door);
    let signed_in = calls(api).layer(middleware::from_fn_with_state(at(), token));
    Router::new()
        .route("/api/session", post(session))
        .with_state(at())
        .merge(signed_in)
        .layer(middleware::from_fn_with_state(at(), origin))
        .merge(files(None))
        .layer(middleware::from_fn_with_state(at(), host))
        .layer(middleware::from_fn(headers::add))
}

async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here").into_response()
}

async fn host(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn origin(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.check_origin(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn token(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    match door.check_token(request.headers()) {
        Ok(()) => {
            request.extensions_mut().insert(Caller::operator());
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn session(
    State(door): State<Arc<Door>>,
    Asked(asked): Asked<SessionAsked>,
) -> Result<Reply<SessionReply>, Refusal> {
    let token = door.trade(&asked.secret)?.as_str().to_owned();
    Ok(Reply(SessionReply { token }))
}
