//! The requests of a run, as the result names them.

use serde::Serialize;

use crate::model::count;
use crate::s3::Requests;

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct RequestCounts {
    pub list: u64,
    pub copy: u64,
    pub head: u64,
    /// Left out where nothing was asked for: backups never do.
    #[serde(skip_serializing_if = "is_zero")]
    pub thaw: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RequestCounts {
    /// As summaries say it.
    pub(super) fn text(self) -> String {
        let Self {
            list,
            copy,
            head,
            thaw,
        } = self;
        let (list, copy, head) = (count(list), count(copy), count(head));
        let counts = format!("{list} list, {copy} copy, {head} head");
        match thaw {
            0 => counts,
            _ => format!("{counts}, {} thaw", count(thaw)),
        }
    }
}

impl From<Requests> for RequestCounts {
    fn from(requests: Requests) -> Self {
        let Requests {
            list,
            copy,
            head,
            thaw,
        } = requests;
        Self {
            list,
            copy,
            head,
            thaw,
        }
    }
}
