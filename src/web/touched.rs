//! What a restore reads and writes, as the rules of folders see it, and who began it.

use super::access::{Caller, Role};
use super::answer::Refusal;
use super::api::Api;
use crate::request::{Person, RestoreId};
use crate::restore::{RequestRecord, Store};

/// Undos of undos that are followed to what they bring back. Of more it takes all files.
const MOST_UNDOS: usize = 8;

/// The paths of a restore.
#[derive(Debug)]
pub struct Touched {
    /// Files, and folders of which it is all: the empty one is all of them.
    paths: Vec<String>,
    /// How many of the paths are what it is about. Behind them is where its copies go.
    selected: usize,
    owner: Option<Person>,
    /// Whether copies go to the places that they were taken from.
    pub in_place: bool,
}

impl Touched {
    /// Reads what a restore was asked for.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn read(api: &Api, store: &Store) -> Result<Self, Refusal> {
        let record = store.request().await?;
        Self::of(api, &record).await
    }

    /// The same of a restore whose request was read before.
    ///
    /// # Errors
    /// Why what it takes back cannot be read.
    pub async fn of(api: &Api, record: &RequestRecord) -> Result<Self, Refusal> {
        let first = first(api, record).await?;
        let mut paths = paths(first.as_ref().unwrap_or(record));
        let selected = paths.len();
        let target = &record.target;
        if !target.in_place {
            let here = target.bucket == api.backup.source.bucket.as_str();
            let prefix = target.prefix.as_str();
            paths.push(if here { prefix } else { "" }.to_owned());
        }
        Ok(Self {
            paths,
            selected,
            owner: Person::of(&record.request),
            in_place: target.in_place,
        })
    }

    /// The files, or the folder, that were asked for.
    pub fn what(&self) -> &[String] {
        self.paths.get(..self.selected).unwrap_or_default()
    }

    /// Whether all of it may be treated so.
    pub fn may(&self, caller: &Caller, role: Role) -> bool {
        self.paths.iter().all(|path| caller.may(role, path))
    }

    /// Whether it may be seen.
    ///
    /// # Errors
    /// That it is not there, if not.
    pub fn look_at(&self, caller: &Caller) -> Result<(), Refusal> {
        let refuse = || Refusal::not_found("there is no such restore");
        self.may(caller, Role::Viewer)
            .then_some(())
            .ok_or_else(refuse)
    }

    /// Whether it may be confirmed, cancelled or undone: one's own, or any as an administrator.
    ///
    /// # Errors
    /// When it may not.
    pub fn decide(&self, caller: &Caller) -> Result<(), Refusal> {
        self.look_at(caller)?;
        if self.may(caller, Role::Admin) {
            return Ok(());
        }
        if !self.may(caller, Role::Restorer) {
            return Err(Refusal::forbidden(
                "you may look at this and not put it back; ask an administrator",
            ));
        }
        let is_own = match (&self.owner, &caller.person) {
            (Some(owner), Some(person)) => owner.sub == person.sub,
            _ => false,
        };
        let refuse = || Refusal::forbidden("somebody else has begun this; ask an administrator");
        is_own.then_some(()).ok_or_else(refuse)
    }
}

/// The restore that a row of undos goes back to; none if this one takes nothing back.
async fn first(api: &Api, record: &RequestRecord) -> Result<Option<RequestRecord>, Refusal> {
    let mut first = None;
    for _ in 0..MOST_UNDOS {
        let undoes = first.as_ref().unwrap_or(record).undoes.as_deref();
        let Some(id) = undoes.and_then(RestoreId::parse) else {
            break;
        };
        let store = Store::of(&api.backup.shelf(), &id);
        first = Some(store.request().await?);
    }
    Ok(first)
}

fn paths(record: &RequestRecord) -> Vec<String> {
    let request = &record.request;
    let keys = request.get("keys").and_then(|keys| keys.as_array());
    let prefix = request.get("prefix").and_then(|prefix| prefix.as_str());
    match (keys, prefix) {
        (Some(keys), None) if record.undoes.is_none() => {
            let keys = keys.iter().map(|key| key.as_str().unwrap_or_default());
            keys.map(str::to_owned).collect()
        }
        (None, Some(prefix)) if record.undoes.is_none() => vec![prefix.to_owned()],
        _ => vec![String::new()],
    }
}
