//! The result stays below 200 KiB: here it is measured, and cut if it has to be.
//!
//! Lambda delivers 256 KiB to asynchronous destinations, and a state machine passes no more on. Each list
//! of a result has bounds of its own, but keys, destinations and a cursor add up. Whatever is cut is counted
//! where its list counts what it leaves out; counters, cursor and run id are never cut.

use super::Summary;

/// What a result may take as JSON, in bytes.
const MOST_BYTES: usize = 200 * 1024 - 1;
/// What a text may take that says how it went.
const MOST_TEXT: usize = 8 * 1024;

impl Summary {
    /// The same result, cut to its size.
    pub(super) fn fitting(mut self) -> Self {
        while self.size() > MOST_BYTES && self.is_cut() {}
        self
    }

    fn size(&self) -> usize {
        self.to_json().map_or(0, |json| json.len())
    }

    /// Cuts something; false if there is nothing left to cut.
    fn is_cut(&mut self) -> bool {
        let last = self.failures.len().div_ceil(4);
        if last > 1 {
            self.failures.truncate(self.failures.len() - last);
            self.failures_omitted += last as u64;
            return true;
        }
        if self.plan.as_mut().is_some_and(super::PlanPart::is_cut) {
            return true;
        }
        if self
            .verified
            .as_mut()
            .is_some_and(super::VerifiedBlock::is_cut)
        {
            return true;
        }
        if self
            .deletions
            .as_mut()
            .is_some_and(super::Deletions::is_cut)
        {
            return true;
        }
        let told = self.already_continued.as_mut();
        let notes = self.destinations.iter_mut();
        let notes = notes.filter_map(|row| row.snapshot.as_mut()?.problem.as_mut());
        let texts = notes
            .chain([&mut self.message])
            .chain(told.and_then(|told| told.message.as_mut()));
        let longest = texts.max_by_key(|text| text.len());
        if longest.is_some_and(is_shortened) {
            return true;
        }
        let last = self.failures.pop();
        self.failures_omitted += u64::from(last.is_some());
        last.is_some()
    }
}

/// Halves a text that is longer than it needs to be.
fn is_shortened(text: &mut String) -> bool {
    if text.len() <= MOST_TEXT {
        return false;
    }
    let mut end = text.len() / 2;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str("...");
    true
}
