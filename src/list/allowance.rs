//! What guesses and cuts may cost, and which cut is worth its request. Pure.

use super::gap::CutPoint;

/// Versions are listed in so many shards at the same time, at most: one listing each, where those of objects are two.
pub(super) const VERSIONS_AT_ONCE: u8 = 20;

/// Pages that must be left in a shard for a cut to be worth it.
pub(super) const WORTH_A_CUT: f64 = 8.0;
/// The same of a cut between two folders, while many shards are listed and requests are scarce.
const WORTH_A_FOLDER: f64 = 12.0;
/// The same of a cut at the end of a segment of the last snapshot, which no page has to try first.
const WORTH_A_SEGMENT: f64 = 4.0;
/// What the end of a shard that ends with a segment is expected to cost, in pages: half a page on each side, and nothing for a
/// guess that may be worse.
pub(super) const END_AT_SEGMENT: f64 = 1.0;
/// Pages that are listed before a cut is tried, so that two pages on each side stay two listings.
const PAGES_BEFORE_A_GUESS: u64 = 4;

/// How many times as much as its place a shard must have left to be cut, and how many times while requests are scarce.
const UNEVEN: f64 = 1.5;
const MORE_UNEVEN: f64 = 2.5;
const MOST_UNEVEN: f64 = 4.0;
/// The largest estimate of the pages of a shard, where estimates are not believed whatever they are.
const MOST_PAGES: f64 = 64.0;
/// Where so few shards are listed others wait for guesses: no request is kept, and one in vain costs less than to wait.
pub(super) const FEW_SHARDS: usize = 4;
/// Where so many are listed, all requests are kept that may be.
const MANY_SHARDS: usize = 10;
/// So few requests that are left are for the shards that are far behind.
const FEW_REQUESTS: f64 = 8.0;

/// Requests beyond one chain of pages on each side that guesses and cuts may have cost, by the pages listed so
/// far: so many, and one more for so many pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    requests: u64,
    pages_for_a_request: u64,
    /// What the end of a shard that is not over is expected to cost, in pages.
    pub(super) open_cut: f64,
    /// What the end of a shard has cost; none if that is told by the rows that were handed on.
    pub(super) end_of_shard: Option<f64>,
    /// Shards are cut so that so many come to their end together; none if each is cut in half.
    pub(super) at_once: Option<u8>,
    /// A cut is told by so many characters at least in which keys differ.
    least_digits: usize,
    /// An estimate of the pages of a shard is believed up to here; none if it is believed whatever it is.
    believed: Option<f64>,
    /// Requests that are kept, while many shards are listed, for a time when few are.
    kept: f64,
}

/// The 14 that are left of the 64 that are promised are for shards whose ends cost more than was expected.
pub(super) const OF_OBJECTS: Allowance = Allowance {
    requests: 50,
    pages_for_a_request: 20,
    // On each side the part of its last page that lies beyond it, half a page, and half a page more in case it is worse.
    open_cut: 1.5,
    end_of_shard: None,
    at_once: None,
    least_digits: 1,
    believed: Some(20.0),
    kept: 16.0,
};
/// Versions have more pages for as many keys, so that there is more to cut and a cut is seldom in vain. A row that is
/// handed on stands for all versions of its key, so that the end of a shard counts as half a page, which it is on average.
pub(super) const OF_VERSIONS: Allowance = Allowance {
    requests: 34,
    pages_for_a_request: 400,
    open_cut: 0.75,
    end_of_shard: Some(0.5),
    at_once: Some(VERSIONS_AT_ONCE),
    // Keys that are counted are not cut at round numbers, where a page often ends: the one behind it would be listed in vain.
    least_digits: 4,
    believed: None,
    kept: 0.0,
};

/// A cut that is worth a guess.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    /// The pages that are cut in two.
    pub(super) left: f64,
    pub(super) at: CutPoint,
}

impl Allowance {
    /// Requests that may still be sent, after so many pages, and with so many ends of shards to come that cost so much each.
    #[expect(clippy::cast_precision_loss, reason = "requests are few")]
    pub(super) fn left(&self, pages: u64, spent: f64, open: usize, end: f64) -> f64 {
        let most = self.requests + pages / self.pages_for_a_request;
        let allowed = pages.saturating_sub(PAGES_BEFORE_A_GUESS).min(most);
        allowed as f64 - spent - end * open as f64
    }

    /// An estimate of the pages of a shard, as far as it is believed: above a bound the geometric mean with it. Where only a deep
    /// place has changed since the first page, it comes to billions.
    pub(super) fn believed(&self, pages: f64) -> f64 {
        match self.believed {
            Some(bound) if pages > bound => (bound * pages).sqrt().min(MOST_PAGES),
            _ => pages,
        }
    }

    /// Requests of these that guesses may cost while so many shards are listed or tried.
    #[expect(clippy::cast_precision_loss, reason = "shards are few")]
    pub(super) fn free(&self, left: f64, at_once: usize) -> f64 {
        let share = at_once.saturating_sub(FEW_SHARDS) as f64 / (MANY_SHARDS - FEW_SHARDS) as f64;
        left - self.kept * share.min(1.0)
    }

    /// Whether fewer requests are left than half of those that are allowed at the beginning.
    #[expect(clippy::cast_precision_loss, reason = "requests are few")]
    fn are_scarce(&self, requests: f64) -> bool {
        requests < self.requests as f64 / 2.0
    }

    /// Whether so many pages are worth a cut between two folders, while so many shards are listed or tried and so many requests are
    /// left. It is hardly in vain, so that small ones would take all requests.
    pub(super) fn is_worth_a_folder(&self, left: f64, at_once: usize, requests: f64) -> bool {
        at_once < MANY_SHARDS || left >= WORTH_A_FOLDER || !self.are_scarce(requests)
    }

    /// Pages that are worth a cut at the end of a segment.
    pub(super) fn worth_a_segment(&self, requests: f64) -> f64 {
        if self.are_scarce(requests) {
            WORTH_A_CUT
        } else {
            WORTH_A_SEGMENT
        }
    }

    /// How to cut a shard that has so many pages left, while guesses before the end of it are being tried; none if it is
    /// not worth it. `piece` is what is left for each place.
    pub(super) fn cut(
        &self,
        left: f64,
        piece: Option<f64>,
        tried: usize,
        requests: f64,
    ) -> Option<Cut> {
        let uneven = match requests {
            few if few < FEW_REQUESTS => MOST_UNEVEN,
            scarce if self.are_scarce(scarce) => MORE_UNEVEN,
            _ => UNEVEN,
        };
        let least = piece.map_or(WORTH_A_CUT, |piece| WORTH_A_CUT.max(uneven * piece));
        // Where no size is wanted the shard is one piece, which is cut in half.
        let (left, share) = in_pieces(left, piece.unwrap_or(left), tried);
        let least_digits = self.least_digits;
        let at = CutPoint {
            share,
            least_digits,
        };
        (left >= least).then_some(Cut { left, at })
    }
}

/// The pages that lie before the guesses that are being tried, and the share of them after which they are cut: after some
/// of the pieces of which they consist, so that these are all alike in the end.
fn in_pieces(mut left: f64, piece: f64, tried: usize) -> (f64, f64) {
    let mut pieces = (left / piece.max(1.0)).round().max(1.0);
    for _ in 0..tried {
        let share = share_before(pieces);
        left *= share;
        pieces = (pieces * share).round().max(1.0);
    }
    (left, share_before(pieces))
}

fn share_before(pieces: f64) -> f64 {
    if pieces < 2.0 {
        return 0.5;
    }
    (pieces / 2.0).floor() / pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces into which a shard is cut that has so many of them.
    fn cut_all(left: f64, piece: f64) -> Vec<f64> {
        let (left, share) = in_pieces(left, piece, 0);
        if left < 1.5 * piece {
            return vec![left];
        }
        let before = left * share;
        let mut all = cut_all(before, piece);
        all.extend(cut_all(left - before, piece));
        all
    }

    #[test]
    fn a_shard_is_cut_into_pieces_that_are_all_alike() {
        for number in 1..=40_u8 {
            let pieces = cut_all(f64::from(number) * 10.0, 10.0);

            assert_eq!(pieces.len(), usize::from(number), "{pieces:?}");
            let is_whole = |left: &f64| (left - 10.0).abs() < 1e-6;
            assert!(pieces.iter().all(is_whole), "{pieces:?}");
        }
    }

    #[test]
    fn guesses_that_are_being_tried_take_the_pieces_behind_them() {
        for (tried, left, share) in [(0, 200.0, 0.5), (1, 100.0, 0.5), (2, 50.0, 0.4)] {
            let cut = in_pieces(200.0, 10.0, tried);

            assert!((cut.0 - left).abs() < 1e-6, "{cut:?}");
            assert!((cut.1 - share).abs() < 1e-6, "{cut:?}");
        }
    }

    #[test]
    fn a_shard_of_objects_is_cut_in_half() {
        for (tried, left) in [(0, 200.0), (1, 100.0), (2, 50.0)] {
            let cut = OF_OBJECTS.cut(200.0, None, tried, 30.0);

            let at = CutPoint::MIDDLE;
            assert_eq!(cut, Some(Cut { left, at }));
        }
        assert_eq!(OF_OBJECTS.cut(15.0, None, 1, 30.0), None);
    }

    #[test]
    fn the_scarcer_requests_get_the_more_a_shard_must_be_behind() {
        for (left, expected) in [
            (14.0, [false, false, false]),
            (16.0, [true, false, false]),
            (26.0, [true, true, false]),
            (41.0, [true, true, true]),
        ] {
            let is_cut = |requests| OF_VERSIONS.cut(left, Some(10.0), 0, requests).is_some();

            assert_eq!([30.0, 10.0, 2.0].map(is_cut), expected, "{left}");
        }
    }

    #[test]
    fn a_small_cut_between_folders_needs_free_places_or_requests() {
        for (left, at_once, requests, expected) in [
            (9.0, 9, 10.0, true),
            (9.0, 10, 10.0, false),
            (9.0, 10, 25.0, true),
            (12.0, 10, 10.0, true),
        ] {
            let is_worth_it = OF_OBJECTS.is_worth_a_folder(left, at_once, requests);

            assert_eq!(is_worth_it, expected, "{left} {at_once} {requests}");
        }
    }

    #[test]
    fn requests_are_kept_while_many_shards_are_listed() {
        for (at_once, free) in [(1, 20.0), (4, 20.0), (7, 12.0), (10, 4.0), (30, 4.0)] {
            let found = OF_OBJECTS.free(20.0, at_once);

            assert!((found - free).abs() < 1e-6, "{at_once}: {found}");
        }
    }

    #[test]
    fn an_estimate_of_pages_is_believed_the_less_the_larger_it_is() {
        for (pages, expected) in [(3.0, 3.0), (20.0, 20.0), (80.0, 40.0), (1e12, 64.0)] {
            let found = OF_OBJECTS.believed(pages);

            assert!((found - expected).abs() < 1e-6, "{pages}: {found}");
        }
    }
}
