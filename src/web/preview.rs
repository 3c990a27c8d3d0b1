//! `preview` and `download`: one version of a file, to look at, or as a link.
//!
//! The first bytes choose the preview, never the name or the stored type: text, and four kinds of
//! images. HTML and SVG are text here, or nothing.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::names::{self, disposition};
use crate::model::VersionId;
use crate::s3::S3Error;

/// The most text that is shown.
const MOST_TEXT: usize = 64 << 10;
/// Seconds that a link is good.
const LINK_SECONDS: u64 = 60;

/// Which version of which file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionAsked {
    path: String,
    version: String,
}

/// A link to download.
#[derive(Debug, Serialize)]
pub struct DownloadReply {
    url: String,
    seconds: u64,
}

/// The bytes, if they can be shown.
pub async fn preview(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<VersionAsked>,
) -> Result<Response, Refusal> {
    let path = names::file("path", &asked.path, &api.backup.placement)?;
    caller.look_at(path.as_str())?;
    let version = version(&asked.version)?;
    let key = api.backup.backup_key(&path);
    let read = api
        .backup
        .bucket
        .beginning_of(&key, &version, api.most_image);
    let read = read.await.map_err(unread)?;
    let Some((kind, bytes)) = shown(read.bytes, read.size, api.most_image) else {
        return Err(Refusal::not_found(
            "there is no preview of this kind of file",
        ));
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let sandbox = HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, sandbox);
    Ok(response)
}

/// A link for exactly that version, which is saved and never shown.
pub async fn download(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<VersionAsked>,
) -> Result<Reply<DownloadReply>, Refusal> {
    let path = names::file("path", &asked.path, &api.backup.placement)?;
    caller.look_at(path.as_str())?;
    let version = version(&asked.version)?;
    let key = api.backup.backup_key(&path);
    let name = disposition(&asked.path);
    let link = api
        .backup
        .bucket
        .download_link(&key, &version, &name, LINK_SECONDS);
    Ok(Reply(DownloadReply {
        url: link.await?,
        seconds: LINK_SECONDS,
    }))
}

/// A version that S3 cannot have given is an error of the request to it, and here none that is there.
fn unread(error: S3Error) -> Refusal {
    if error.reply.code.as_deref() == Some("InvalidArgument") {
        return Refusal::not_found("there is no such version of this file in the backup");
    }
    error.into()
}

fn version(text: &str) -> Result<VersionId, Refusal> {
    if (1..=1024).contains(&text.len()) {
        Ok(VersionId::new(text))
    } else {
        Err(Refusal::field("version", "this is no version of a file"))
    }
}

/// The preview of these first bytes of so many, and its type.
fn shown(mut bytes: Vec<u8>, size: u64, most_image: u64) -> Option<(&'static str, Vec<u8>)> {
    if let Some(kind) = image(&bytes) {
        return (size <= most_image).then_some((kind, bytes));
    }
    bytes.truncate(MOST_TEXT);
    let cut = (bytes.len() as u64) < size;
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text,
        // The cut may go through a character.
        Err(error) if cut && error.error_len().is_none() => {
            str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars()
        .all(is_text)
        .then(|| ("text/plain; charset=utf-8", text.as_bytes().to_vec()))
}

fn image(bytes: &[u8]) -> Option<&'static str> {
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let kinds = [
        (bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "image/png"),
        (bytes.starts_with(b"\xff\xd8\xff"), "image/jpeg"),
        (
            bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a"),
            "image/gif",
        ),
        (webp, "image/webp"),
    ];
    kinds.into_iter().find_map(|(is, kind)| is.then_some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Option<&'static str> {
        shown(bytes.to_vec(), bytes.len() as u64, Api::MOST_IMAGE).map(|(kind, _)| kind)
    }

    #[test]
    fn what_is_shown_follows_from_the_bytes() {
        let text = Some("text/plain; charset=utf-8");

        assert_eq!(kind(b"hello\n"), text);
        assert_eq!(kind(b"<html><script>alert(1)</script>"), text);
        assert_eq!(kind(b"<svg onload=alert(1)>"), text);
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(kind(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!(kind(b"%PDF-1.7\n\x00\x01"), None);
        assert_eq!(kind(b"\x1b[2J"), None);
        assert_eq!(kind(b"\xff\xfe"), None);
    }

    #[test]
    fn text_is_cut_at_a_character_and_a_large_image_is_not_shown() {
        let long = "é".repeat(MOST_TEXT);
        let (_, bytes) = shown(
            long.clone().into_bytes(),
            long.len() as u64,
            Api::MOST_IMAGE,
        )
        .unwrap();
        assert_eq!(bytes.len(), MOST_TEXT);
        let odd = format!("a{long}");
        let (_, bytes) =
            shown(odd.clone().into_bytes(), odd.len() as u64, Api::MOST_IMAGE).unwrap();
        assert_eq!(bytes.len(), MOST_TEXT - 1);

        assert_eq!(
            shown(b"GIF89a".to_vec(), Api::MOST_IMAGE + 1, Api::MOST_IMAGE),
            None
        );
    }
}
