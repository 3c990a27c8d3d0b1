//! What a run may spend on copies. It is counted as the listings go, before a copy is begun, so that nothing is sent to
//! find out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::{ClassRule, CopyRules, Prices};
use crate::diff::Action;
use crate::forecast::Forecast;

/// Parts of a dollar that are counted: a HEAD costs 400 of them.
const NANO: f64 = 1e9;

/// The dollars of a run, over all its destinations.
#[derive(Debug)]
pub struct Budget {
    max_usd: f64,
    copy_usd: f64,
    head_usd: f64,
    /// What all that was due so far costs, in billionths of a dollar.
    due: AtomicU64,
}

impl Budget {
    /// So many dollars, for such copies at these prices.
    pub fn new(max_usd: f64, prices: &Prices, rules: &CopyRules) -> Self {
        let copies = match &rules.storage_class {
            ClassRule::Source => prices.standard,
            ClassRule::Fixed(class) => prices.of(class).unwrap_or(prices.standard),
        };
        Self {
            max_usd,
            copy_usd: copies.copies_per_1000 / 1_000.0,
            head_usd: prices.heads_per_1000 / 1_000.0,
            due: AtomicU64::new(0),
        }
    }

    /// Counts a copy that is due; whether it may be made. After one that may not, none may.
    pub fn allows(&self, action: &Action, rules: &CopyRules) -> bool {
        let requests = Forecast::of(action, true, rules).requests;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let usd = requests.copy as f64 * self.copy_usd + requests.head as f64 * self.head_usd;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an object costs less than a dollar"
        )]
        let cost = (usd * NANO).round() as u64;
        let before = self.due.fetch_add(cost, Ordering::Relaxed);
        usd_of(before + cost) <= self.max_usd
    }

    /// What all copies that were due cost, if that is more than the run may spend, and how much that is.
    pub fn exceeded(&self) -> Option<(f64, f64)> {
        let due = usd_of(self.due.load(Ordering::Relaxed));
        (due > self.max_usd).then_some((due, self.max_usd))
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn usd_of(nano: u64) -> f64 {
    nano as f64 / NANO
}
