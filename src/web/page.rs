//! The page itself: four files that hold no data, built from `web/` and compiled in.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// A file of the page: its path, its type, its bytes.
type File = (&'static str, &'static str, &'static [u8]);

/// All of them.
pub const FILES: [File; 4] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_bytes!("../../web/dist/index.html"),
    ),
    (
        "/app.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../web/dist/app.js"),
    ),
    (
        "/app.css",
        "text/css; charset=utf-8",
        include_bytes!("../../web/dist/app.css"),
    ),
    (
        "/icon.svg",
        "image/svg+xml",
        include_bytes!("../../web/dist/icon.svg"),
    ),
];

/// The answer that has a file.
pub fn serve(kind: &'static str, bytes: &'static [u8]) -> Response {
    let kind = HeaderValue::from_static(kind);
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}
