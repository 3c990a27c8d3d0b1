//! File descriptors: each connection takes one, and a name that is looked up some more for a moment.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// From so many on they bound nothing: Lambda has 1,024, and the largest setting fits.
const PLENTY: u64 = 1024;
/// What the process has open beside connections, and some to spare.
const KEPT: u64 = 16;

/// How many requests may be in flight with the descriptors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DescriptorBudget {
    /// Copies, and the looks that go with them at the other bucket.
    pub copies: usize,
    /// Pages of listings.
    pub pages: usize,
}

impl DescriptorBudget {
    /// Whatever is asked for.
    pub const UNBOUNDED: Self = Self {
        copies: usize::MAX,
        pages: usize::MAX,
    };

    /// Raises this process's limit as far as it may, and budgets what there is then.
    pub fn raised() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        let limit = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => maximum,
            // Some systems have no limit in name and one in fact.
            Err(_) => current,
        };
        Self::of(limit)
    }

    fn of(limit: Option<u64>) -> Self {
        let Some(limit) = limit.filter(|limit| *limit < PLENTY) else {
            return Self::UNBOUNDED;
        };
        let free = usize::try_from(limit.saturating_sub(KEPT)).unwrap_or(usize::MAX);
        // Idle connections to both buckets are kept: two for each copy and each page.
        Self {
            copies: (free / 4).max(1),
            pages: (free / 8).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_bound_what_is_in_flight() {
        let of = |limit| {
            let budget = DescriptorBudget::of(limit);
            (budget.copies, budget.pages)
        };

        assert_eq!(of(Some(64)), (12, 6));
        assert_eq!(of(Some(128)), (28, 14));
        assert_eq!(of(Some(8)), (1, 1));
        assert_eq!(of(Some(1024)), (usize::MAX, usize::MAX));
        assert_eq!(of(None), (usize::MAX, usize::MAX));
    }
}
