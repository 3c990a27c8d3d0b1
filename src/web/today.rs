//! `today`: how files of the past compare with what is there now.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::folder::PAGE;
use super::names;
use crate::model::Key;
use crate::s3::S3Error;

/// Questions to S3 at once.
const AT_ONCE: usize = 32;

/// Files of the past.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TodayAsked {
    files: Vec<PastFile>,
}

/// A file as it was.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastFile {
    path: String,
    tag: String,
}

/// In the order of the files.
#[derive(Debug, Serialize)]
pub struct TodayReply {
    /// `same`, `changed` or `deleted`.
    states: Vec<&'static str>,
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<TodayAsked>,
) -> Result<Reply<TodayReply>, Refusal> {
    if asked.files.len() > PAGE {
        return Err(Refusal::too_many("200 files can be compared at once"));
    }
    let mut files = Vec::new();
    for file in asked.files {
        let path = names::file("files", &file.path, &api.backup.placement)?;
        caller.look_at(path.as_str())?;
        files.push((path, file.tag));
    }
    let states = stream::iter(files)
        .map(|(path, tag)| compare(&api, path, tag))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Reply(TodayReply { states }))
}

/// A listing of one key needs no right to read the object.
async fn compare(api: &Api, path: Key, tag: String) -> Result<&'static str, S3Error> {
    let listed = api.backup.source_bucket.list_one_state(&path).await?;
    Ok(match listed.state {
        None => "deleted",
        Some((etag, _)) if etag.as_str() == tag => "same",
        Some(_) => "changed",
    })
}
