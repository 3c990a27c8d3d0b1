//! Rows that stand for their keys in the place of those of a segment.

use std::cmp::Ordering;
use std::iter;

use super::columns::Columns;
use super::row::RowRef;

/// What a row of changes says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowChange {
    /// This is its row now.
    Set,
    /// It is in the segment no more.
    Gone,
}

impl RowChange {
    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Gone => "gone",
        }
    }

    /// The change of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "set" => Some(Self::Set),
            "gone" => Some(Self::Gone),
            _ => None,
        }
    }
}

/// Changes in the order of their keys, one for each key.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rows: Columns,
    kinds: Vec<RowChange>,
    weight: usize,
}

impl Changes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The bytes that they take in memory, about.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Adds one. The caller sees to the order of the keys.
    pub fn push(&mut self, change: RowChange, row: RowRef<'_>) {
        self.weight += row.weight();
        self.rows.push(row);
        self.kinds.push(change);
    }

    /// Adds a key that is in the segment no more.
    pub fn push_gone(&mut self, key: &str) {
        let columns = Columns::default();
        let row = columns.row(0);
        self.push(RowChange::Gone, RowRef { key, ..row });
    }

    /// The change of that number.
    pub fn get(&self, number: usize) -> Option<(RowChange, RowRef<'_>)> {
        let kind = self.kinds.get(number)?;
        Some((*kind, self.rows.row(number)))
    }

    /// The key of the change of that number.
    pub fn key(&self, number: usize) -> Option<&str> {
        self.rows.key.get(number)
    }

    /// The row of the change of that number.
    pub fn row(&self, number: usize) -> RowRef<'_> {
        self.rows.row(number)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (RowChange, RowRef<'_>)> {
        (0..self.len()).filter_map(|number| self.get(number))
    }

    /// The keys that have a row of their own here.
    pub fn set_keys(&self) -> impl Iterator<Item = &str> {
        let set = self.iter().filter(|(change, _)| *change == RowChange::Set);
        set.map(|(_, row)| row.key)
    }

    /// What comes of these and of later ones: of a key that both have the later one counts.
    pub fn followed_by(&self, later: &Self) -> Self {
        let mut all = Self::default();
        for (change, row) in newest(self, later) {
            all.push(change, row);
        }
        all
    }
}

/// The changes of two lists in the order of their keys.
fn newest<'a>(
    before: &'a Changes,
    later: &'a Changes,
) -> impl Iterator<Item = (RowChange, RowRef<'a>)> {
    let mut before = before.iter().peekable();
    let mut later = later.iter().peekable();
    iter::from_fn(move || {
        let order = match (before.peek(), later.peek()) {
            (Some((_, one)), Some((_, other))) => one.key.cmp(other.key),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => before.next(),
            Ordering::Greater => later.next(),
            Ordering::Equal => {
                before.next();
                later.next()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::row;
    use super::*;

    /// Changes of these rows; those that have no size are gone.
    fn changes(of: &[(u64, u64)]) -> Changes {
        let mut changes = Changes::default();
        for (number, size) in of {
            let row = row(*number);
            match size {
                0 => changes.push_gone(row.key.as_str()),
                size => changes.push(
                    RowChange::Set,
                    RowRef {
                        size: *size,
                        ..row.as_ref()
                    },
                ),
            }
        }
        changes
    }

    #[test]
    fn the_later_change_of_a_key_counts() {
        let before = changes(&[(1, 10), (2, 10), (3, 0), (4, 0)]);
        let later = changes(&[(0, 20), (2, 20), (3, 20), (5, 20)]);

        let all = before.followed_by(&later);

        let sizes: Vec<(RowChange, u64)> = all.iter().map(|(kind, row)| (kind, row.size)).collect();
        let set = |size| (RowChange::Set, size);
        assert_eq!(
            sizes,
            [
                set(20),
                set(10),
                set(20),
                set(20),
                (RowChange::Gone, 0),
                set(20)
            ]
        );
        let keys: Vec<String> = (0..6).map(|number| row(number).key.to_string()).collect();
        assert!(
            all.iter()
                .map(|(_, row)| row.key)
                .eq(keys.iter().map(String::as_str))
        );
        assert_eq!(all.set_keys().count(), 5);
    }

    #[test]
    fn a_change_is_known_by_its_name() {
        for change in [RowChange::Set, RowChange::Gone] {
            assert_eq!(RowChange::parse(change.name()), Some(change));
        }
        assert_eq!(RowChange::parse("Set"), None);
    }
}
