//! Why a run cannot use one of its destinations: an error of that destination, and of no other.

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::failure::Failure;
use crate::lease::Refusal;
use crate::model::KeyCounts;
use crate::outcome::{CopyResult, KeyResult, Outcome};
use crate::s3::S3Error;

/// Why the run cannot use a destination.
#[derive(Clone, Debug)]
pub(super) struct DestinationFailure {
    /// Whether another run is under way there: then it can be used later.
    pub is_held: bool,
    pub failure: Failure,
}

impl From<Failure> for DestinationFailure {
    fn from(failure: Failure) -> Self {
        Self {
            is_held: false,
            failure,
        }
    }
}

impl From<S3Error> for DestinationFailure {
    fn from(error: S3Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<Refusal> for DestinationFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Held(failure) => Self {
                is_held: true,
                failure,
            },
            Refusal::Lost(failure) => failure.into(),
            Refusal::S3(error) => error.into(),
        }
    }
}

impl DestinationFailure {
    /// One error, for what nobody saw.
    pub fn outcomes((number, unusable): (usize, Self)) -> (usize, BoxStream<'static, KeyResult>) {
        let done = KeyResult {
            shard: 0,
            sequence: 0,
            key: None,
            result: CopyResult::from(Outcome::ListingFailed(unusable.failure)),
            forecast: None,
            counted: KeyCounts::default(),
        };
        (number, stream::iter([done]).boxed())
    }
}
