//! What stands between a plan and what it does: a limit of cost, a brake on markers, a confirmation. Pure.

use super::choose::Why;
use super::figures::{Figures, Outlay};
use crate::config::MaxDeletions;
use crate::deletions::exceeds;
use crate::model::{StorageClass, Tier, choices, hours};
use crate::request::{Dollars, Manner};

/// Whether a plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It is.
    Open,
    /// Once it is confirmed, for this reason.
    Hold(String),
    /// It is not, for this reason.
    Refuse(String),
}

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whether it acts at once.
    pub manner: Manner,
    /// The most that it may cost.
    pub max_cost: Option<Dollars>,
    /// Markers that need no confirmation.
    pub max_deletions: MaxDeletions,
    /// How archived versions are asked for.
    pub tier: Tier,
}

/// Judges a plan.
pub fn judge(figures: &Figures, outlay: Outlay, limits: Limits) -> Gate {
    if figures.versions_gone > 0 {
        return Gate::Refuse(format!(
            "{} versions that the undo needs are not in the bucket any more; nothing was touched",
            figures.versions_gone
        ));
    }
    for class in figures.classes.keys() {
        let class = StorageClass::new(Some(class));
        if class.is_archive() && hours(&class, limits.tier).is_none() {
            return Gate::Refuse(format!(
                "tier {} is not offered for {class}; allowed: {}",
                limits.tier,
                choices(&class)
            ));
        }
    }
    if let Some(most) = limits.max_cost {
        match outlay.usd {
            None => {
                return Gate::Refuse(
                    "the price table lacks a price, so that the cost is not known; set BACKUP_PRICES, or \
                     leave max_cost out"
                        .to_owned(),
                );
            }
            Some(usd) if usd > most.as_f64() => {
                return Gate::Refuse(format!(
                    "it would cost about ${usd}, more than max_cost {}",
                    most.as_f64()
                ));
            }
            Some(_) => {}
        }
    }
    let marks = figures.of(Why::Extra).objects;
    let all = figures.target_objects;
    let percent = limits.max_deletions.percent;
    if exceeds(marks, all, limits.max_deletions) {
        return Gate::Hold(format!(
            "{marks} of the {all} objects of the target are not in the point and would be marked as deleted, \
             more than BACKUP_MAX_DELETIONS = {} or BACKUP_MAX_DELETIONS_PERCENT = {percent}",
            limits.max_deletions.count
        ));
    }
    match limits.manner {
        Manner::Hold => Gate::Hold("it was asked to wait for a confirmation".to_owned()),
        Manner::Act | Manner::DryRun => Gate::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Amount;
    use super::*;

    const LIMITS: Limits = Limits {
        manner: Manner::Act,
        max_cost: None,
        max_deletions: MaxDeletions {
            count: 100,
            percent: 10,
        },
        tier: Tier::Standard,
    };
    const OUTLAY: Outlay = Outlay {
        hours: 0,
        usd: Some(1.0),
        next_backup_usd: 0.0,
    };

    fn figures(extra: u64, target_objects: u64) -> Figures {
        let amount = Amount {
            objects: extra,
            bytes: 0,
        };
        Figures {
            by_why: [(Why::Extra, amount)].into(),
            target_objects,
            ..Figures::default()
        }
    }

    #[test]
    fn markers_are_held_beyond_either_limit_and_never_a_few() {
        let held =
            |extra, all| matches!(judge(&figures(extra, all), OUTLAY, LIMITS), Gate::Hold(_));

        assert!(!held(10, 10));
        assert!(held(11, 100));
        assert!(!held(11, 1_000));
        assert!(held(101, 1_000_000));
    }

    #[test]
    fn what_costs_too_much_or_an_unknown_amount_is_refused() {
        let limits = |cost: f64| Limits {
            max_cost: Dollars::of(cost),
            ..LIMITS
        };
        let unknown = Outlay {
            usd: None,
            ..OUTLAY
        };

        assert_eq!(judge(&figures(0, 0), OUTLAY, limits(1.0)), Gate::Open);
        assert!(matches!(
            judge(&figures(0, 0), OUTLAY, limits(0.99)),
            Gate::Refuse(_)
        ));
        assert!(matches!(
            judge(&figures(0, 0), unknown, limits(9.0)),
            Gate::Refuse(_)
        ));
        assert_eq!(judge(&figures(0, 0), unknown, LIMITS), Gate::Open);
    }

    #[test]
    fn a_tier_that_a_class_does_not_offer_is_refused_with_the_choices() {
        let mut figures = figures(0, 0);
        figures.classes = [("DEEP_ARCHIVE".to_owned(), Amount::default())].into();
        let limits = Limits {
            tier: Tier::Expedited,
            ..LIMITS
        };

        let gate = judge(&figures, OUTLAY, limits);

        let why = "tier expedited is not offered for DEEP_ARCHIVE; allowed: standard (12 hours) or bulk (48 hours)";
        assert_eq!(gate, Gate::Refuse(why.to_owned()));
    }
}
