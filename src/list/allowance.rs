//! What guesses and cuts may cost.

/// Requests beyond one chain of pages on each side that guesses and cuts may have cost, by the pages listed so
/// far: so many, and one more for so many pages.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// So many.
    pub requests: u64,
    /// Pages for one more.
    pub pages_for_a_request: u64,
    /// What the end of a shard has cost, in pages; none if that is told by the rows that were handed on.
    pub end_of_shard: Option<f64>,
}

/// The 18 that are left of the 64 that are promised are for shards whose ends cost more than was expected, and for
/// pages read ahead.
pub const OF_OBJECTS: Allowance = Allowance {
    requests: 46,
    pages_for_a_request: 20,
    end_of_shard: None,
};
/// Versions have more pages for as many keys, so that there is more to cut and a cut is seldom in vain. A row that is
/// handed on stands for all versions of its key.
pub const OF_VERSIONS: Allowance = Allowance {
    requests: 40,
    pages_for_a_request: 400,
    end_of_shard: Some(1.0),
};
