//! Which keys are backed up: those that are included, or all, without those that are excluded.

use crate::config::Selection;
use crate::model::Key;

/// Decides by its key whether an object is backed up.
#[derive(Clone, Debug, Default)]
pub struct Filter(Selection);

impl Filter {
    /// The filter of a selection.
    pub fn new(selection: Selection) -> Self {
        Self(selection)
    }

    /// Whether the object of that key is backed up. Exclude wins.
    pub fn admits(&self, key: &Key) -> bool {
        let Selection { include, exclude } = &self.0;
        let included = include.is_empty() || include.iter().any(|glob| glob.matches(key));
        included && !exclude.iter().any(|glob| glob.matches(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Glob;

    #[test]
    fn admits_what_is_included_and_not_excluded() {
        let cases = [
            ("", "", "anything", true),
            ("*.log", "", "a/b.log", true),
            ("*.log", "", "a/b.txt", false),
            ("*.{jpg,png},docs/*", "", "docs/x", true),
            ("*.{jpg,png},docs/*", "", "a/b.gif", false),
            ("", "tmp/*", "tmp/x", false),
            ("", "tmp/*", "x", true),
            ("*.log", "tmp/*", "tmp/x.log", false),
        ];

        for (include, exclude, key, admitted) in cases {
            let filter = Filter::new(Selection {
                include: Glob::parse_list(include).unwrap(),
                exclude: Glob::parse_list(exclude).unwrap(),
            });

            let answer = filter.admits(&Key::new(key));

            assert_eq!(answer, admitted, "{key} with {include:?} but {exclude:?}");
        }
    }
}
