//! What requests cost: the prices of S3 Standard in us-east-1, in US dollars, as of July 2026.

use crate::s3::Requests;

/// A PUT, COPY, POST or LIST request: $0.005 for 1,000.
const PUT_CLASS: f64 = 0.005 / 1_000.0;
/// A GET, HEAD or other request: $0.0004 for 1,000.
const GET_CLASS: f64 = 0.000_4 / 1_000.0;

/// What the requests cost, in US dollars, to the tenth of a millionth.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub fn of(requests: Requests) -> f64 {
    let dollars =
        (requests.list + requests.copy) as f64 * PUT_CLASS + requests.head as f64 * GET_CLASS;
    (dollars * 1e7).round() / 1e7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_copies_cost_five_dollars() {
        let requests = Requests {
            copy: 1_000_000,
            ..Requests::default()
        };

        assert!((of(requests) - 5.0).abs() < 1e-9);
    }
}
