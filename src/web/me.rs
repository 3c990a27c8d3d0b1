//! `me`: who is signed in, and as what. The page asks it once after a sign-in.

use axum::Extension;
use serde::{Deserialize, Serialize};

use super::access::{Caller, Role};
use super::answer::{Asked, Refusal, Reply};

/// Nothing is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeAsked {}

/// The person who is signed in.
#[derive(Debug, Serialize)]
pub struct MeReply {
    /// The name that people know; none on the machine of an operator.
    name: Option<String>,
    /// The most that he or she may do anywhere.
    role: Role,
}

pub async fn answer(
    Extension(caller): Extension<Caller>,
    Asked(MeAsked {}): Asked<MeAsked>,
) -> Result<Reply<MeReply>, Refusal> {
    let name = caller
        .person
        .as_ref()
        .map(|person| person.name().to_owned());
    Ok(Reply(MeReply {
        name,
        role: caller.role(),
    }))
}
