//! The table of routes, and the order of the checks before them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::{Deserialize, Serialize};

use super::answer::{Asked, Refusal, Reply};
use super::app::App;
use super::{deleted, file, folder, headers, page, preview, restores, runs, search, today};

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

/// The routes that need a token, by their names below `/api/`.
fn calls() -> [(&'static str, MethodRouter<Arc<App>>); 13] {
    [
        ("/api/runs", post(runs::answer)),
        ("/api/folder", post(folder::answer)),
        ("/api/today", post(today::answer)),
        ("/api/search", post(search::answer)),
        ("/api/deleted", post(deleted::answer)),
        ("/api/file", post(file::answer)),
        ("/api/preview", post(preview::preview)),
        ("/api/download", post(preview::download)),
        ("/api/plan", post(restores::plan)),
        ("/api/undo", post(restores::undo)),
        ("/api/confirm", post(restores::confirm)),
        ("/api/cancel", post(restores::cancel)),
        ("/api/progress", post(restores::progress)),
    ]
}

/// All routes, behind their checks.
pub fn router(app: Arc<App>) -> Router {
    let mut signed_in = Router::new().route("/api/activity", post(restores::activity));
    for (path, call) in calls() {
        signed_in = signed_in.route(path, call);
    }
    let signed_in = signed_in.layer(middleware::from_fn_with_state(Arc::clone(&app), token));
    let calls = Router::new()
        .route("/api/session", post(session))
        .merge(signed_in)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), origin));
    let mut all = calls;
    for (path, kind, bytes) in page::FILES {
        all = all.route(path, get(move || async move { page::serve(kind, bytes) }));
    }
    all.fallback(nothing)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), host))
        .layer(middleware::from_fn(headers::add))
        .with_state(app)
}

async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here").into_response()
}

async fn host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.door.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.door.check_origin(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn token(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.door.check_token(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn session(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<SessionAsked>,
) -> Result<Reply<SessionReply>, Refusal> {
    let token = app.door.trade(&asked.secret)?.as_str().to_owned();
    Ok(Reply(SessionReply { token }))
}
