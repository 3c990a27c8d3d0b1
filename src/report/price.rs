//! What requests cost, by the price table of the run.

use crate::config::{ClassRule, CopyRules, Prices};
use crate::s3::Requests;

/// What a request costs, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    list: f64,
    copy: f64,
    head: f64,
}

impl Rates {
    /// The rates of a run that makes such copies. Those that keep their objects' own classes are counted
    /// as `STANDARD`: what was sent is not told apart by class.
    pub fn of(prices: &Prices, rules: &CopyRules) -> Self {
        let copies = match &rules.storage_class {
            ClassRule::Source => prices.standard,
            ClassRule::Fixed(class) => prices.of(class).unwrap_or(prices.standard),
        };
        Self {
            list: prices.lists_per_1000 / 1_000.0,
            copy: copies.copies_per_1000 / 1_000.0,
            head: prices.heads_per_1000 / 1_000.0,
        }
    }

    /// What the requests cost. What S3 takes to thaw depends on class and tier, and the plan of a restore has it.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn cost(self, requests: Requests) -> f64 {
        let Requests {
            list, copy, head, ..
        } = requests;
        rounded(list as f64 * self.list + copy as f64 * self.copy + head as f64 * self.head)
    }
}

/// Dollars to the tenth of a millionth.
pub fn rounded(dollars: f64) -> f64 {
    (dollars * 1e7).round() / 1e7
}

#[cfg(test)]
mod tests {
    use super::super::tests::prices;
    use super::*;
    use crate::model::StorageClass;

    fn cost(storage_class: ClassRule, requests: Requests) -> f64 {
        let rules = CopyRules {
            storage_class,
            ..CopyRules::default()
        };
        Rates::of(&prices(), &rules).cost(requests)
    }

    #[test]
    fn a_million_copies_cost_five_dollars_and_more_into_an_archive() {
        let copies = Requests {
            copy: 1_000_000,
            ..Requests::default()
        };
        let archive = ClassRule::Fixed(StorageClass::new(Some("DEEP_ARCHIVE")));

        let costs =
            [ClassRule::default(), ClassRule::Source, archive].map(|rule| cost(rule, copies));

        assert_eq!(costs.map(|cost| cost.to_string()), ["5", "5", "50"]);
    }

    #[test]
    fn pages_cost_as_much_as_copies_and_looks_a_twelfth() {
        let requests = Requests {
            list: 2,
            copy: 3,
            head: 10,
            thaw: 0,
        };

        let cost = cost(ClassRule::default(), requests);

        assert_eq!(cost.to_string(), "0.000029");
    }
}
