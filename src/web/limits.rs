//! How much a restorer may put back at once. Above it an administrator has to confirm.

use crate::config::Prices;
use crate::model::Tier;
use crate::restore::Progress;

/// The days that a restore asks for archived versions, unless a request says.
const USUAL_DAYS: u32 = 7;

/// The most of a restore that needs no administrator.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Dollars.
    pub usd: f64,
    /// What S3 charges.
    pub prices: Prices,
}

impl Limits {
    /// 10,000 files, 100 GiB, 5 dollars.
    pub fn new(prices: Prices) -> Self {
        Self {
            files: 10_000,
            bytes: 100 << 30,
            usd: 5.0,
            prices,
        }
    }

    /// What of a plan is above them, in words; none if nothing is. A price that is not known is.
    pub fn exceeded(&self, progress: &Progress, in_place: bool) -> Option<String> {
        let figures = &progress.figures;
        let files = figures.copied().objects + figures.marked();
        let bytes = figures.copied().bytes;
        let outlay = figures.outlay(&self.prices, Tier::default(), USUAL_DAYS, in_place);
        if files > self.files {
            return Some(format!("these are more than {} files", self.files));
        }
        if bytes > self.bytes {
            return Some(format!("this is more than {} bytes", self.bytes));
        }
        match outlay.usd {
            Some(usd) if usd <= self.usd => None,
            Some(_) => Some(format!("this costs more than ${:.2}", self.usd)),
            None => Some("what this costs is not known".to_owned()),
        }
    }
}
