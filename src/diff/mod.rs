//! Two ordered listings in, an [`Action`] for each key out.

mod decide;
mod join;

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};

pub use decide::{Action, Policy, Reason, Refusal, SkipReason, decide};
pub use join::{Joined, join};

use crate::list::Section;
use crate::model::{Key, Object};

/// What is to be done about each object of a section, in the order of the keys and a page at a time. The
/// last action is the end, or a listing that failed: what was decided before it still stands.
pub fn actions(section: Section, policy: Arc<Policy>) -> impl Stream<Item = Vec<Action>> {
    let Section {
        piece,
        source,
        backup,
        territory,
        over,
    } = section;
    let rows = join(
        source,
        backup,
        |object: &Object| &object.key,
        |backup: &Object| &backup.key,
    );
    // Only what is within the piece is this section's, and its end may come forward at any time.
    let within = stream::unfold(Some(Box::pin(rows)), move |rows| {
        let territory = territory.clone();
        async move {
            let mut rows = rows?;
            let page = rows.next().await?;
            let Ok(mut page) = page else {
                return Some((page, None));
            };
            let passed = territory.pass(piece, &page, key);
            page.truncate(passed.rows);
            Some((Ok(page), (!passed.all).then_some(rows)))
        }
    });
    let decided = within.map(move |page| match page {
        Ok(rows) => rows.into_iter().map(|row| decide(row, &policy)).collect(),
        Err(error) => vec![Action::Break(error)],
    });
    let end = stream::once(async move {
        drop(over);
        vec![Action::End]
    });
    decided.chain(end)
}

fn key(row: &Joined<Object, Object>) -> &Key {
    match row {
        Joined::Left(object) | Joined::Right(object) | Joined::Both(object, _) => &object.key,
    }
}
