//! The requests of a run, as the result names them.

use serde::Serialize;

use crate::s3::Requests;

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct RequestCounts {
    pub list: u64,
    pub copy: u64,
    pub head: u64,
}

impl From<Requests> for RequestCounts {
    fn from(requests: Requests) -> Self {
        let Requests { list, copy, head } = requests;
        Self { list, copy, head }
    }
}
