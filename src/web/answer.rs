//! What goes in and out of a route: one typed JSON object each way, or a refusal that tells what to do.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::gateway::PayloadError;
use crate::app::AppError;
use crate::restore::StateError;
use crate::run::StartError;
use crate::s3::{Cause, S3Error};
use crate::snapshot::SnapshotError;

/// Seconds after which it is worth to ask again while another restore is under way.
const RETRY_AFTER: &str = "30";

/// Why a request is not answered: a status, words for the person, and the field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    message: String,
    field: Option<String>,
}

#[derive(Serialize)]
struct Problem<'a> {
    message: &'a str,
    field: Option<&'a str>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            field: None,
        }
    }

    /// No token, or a wrong one.
    pub fn unknown_caller() -> Self {
        let message = "you are not signed in here; open the link that s3-backup serve prints";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// A request without the claims of a token, where they are needed.
    pub fn not_signed_in() -> Self {
        let message = "you are not signed in here; load the page again";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// A caller who may not do that.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// It is not there, or may not be seen.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// What was planned is done or has changed.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// Another restore is under way.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Too many callers at once.
    pub fn too_busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    /// A request that cannot be read at all.
    pub fn unreadable(error: &PayloadError) -> Self {
        tracing::warn!("a request cannot be read: {error}");
        let message = "this request cannot be read; load the page again";
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A plan that is too old.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, message)
    }

    /// Too many files in a list.
    pub fn too_many(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// A field that is wrong.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        }
    }

    /// What failed behind this page. The log has the whole of it.
    pub fn failed(problem: &str) -> Self {
        tracing::error!("{problem}");
        Self::new(StatusCode::BAD_GATEWAY, problem)
    }
}

impl From<S3Error> for Refusal {
    fn from(error: S3Error) -> Self {
        match error.cause {
            Cause::Missing => Self::not_found("this file is not in the backup any more"),
            Cause::Archived => Self::conflict(
                "this file is in cold storage and cannot be read at once; put it back instead",
            ),
            _ => Self::failed(&format!("{error}; {}", error.advice())),
        }
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Unknown { .. } => Self::not_found("there is no such restore"),
            error => Self::failed(&error.to_string()),
        }
    }
}

impl From<SnapshotError> for Refusal {
    fn from(error: SnapshotError) -> Self {
        Self::failed(&format!("{error}; {}", error.remedy()))
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let message = error.to_string();
        let status = match error {
            AppError::Start(StartError::AlreadyRunning { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            AppError::Request(_) | AppError::Start(StartError::Request { .. }) => {
                StatusCode::CONFLICT
            }
            AppError::Config(_) | AppError::Start(_) | AppError::Watch(_) => {
                StatusCode::BAD_GATEWAY
            }
        };
        Self::new(status, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem {
            message: &self.message,
            field: self.field.as_deref(),
        };
        let mut response = json(&problem);
        *response.status_mut() = self.status;
        if [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&self.status)
        {
            let seconds = HeaderValue::from_static(RETRY_AFTER);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// An answer in JSON.
pub struct Reply<T>(pub T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        json(&self.0)
    }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What a route is asked, as JSON.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if kind.is_none_or(|kind| kind != "application/json") {
            let message = "this address takes application/json and nothing else";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|_| Refusal::too_many("this is more than can be asked at once"))?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let problem = error.to_string();
            // serde names a field between two backticks.
            let field = problem.split('`').nth(1).unwrap_or_default().to_owned();
            Refusal::field(&field, problem)
        })
    }
}
