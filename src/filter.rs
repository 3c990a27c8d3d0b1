//! Which keys are backed up: those that are included, or all, without those that are excluded.

use crate::config::Selection;
use crate::model::{Glob, Key, Location};

/// Decides by its key whether an object is backed up.
#[derive(Clone, Debug, Default)]
pub struct Filter(Selection);

impl Filter {
    /// The filter of a selection.
    pub fn new(selection: Selection) -> Self {
        Self(selection)
    }

    /// Whether the object of that key is backed up. Exclude wins.
    ///
    /// # Example
    /// ```
    /// use s3_backup::config::Selection;
    /// use s3_backup::filter::Filter;
    /// use s3_backup::model::{Glob, Key};
    ///
    /// let (include, exclude) = (Glob::parse_list("data/*")?, Glob::parse_list("*.tmp")?);
    /// let filter = Filter::new(Selection { include, exclude });
    /// assert!(filter.admits(&Key::new("data/2026/a.csv")));
    /// assert!(!filter.admits(&Key::new("data/2026/a.tmp")));
    /// # Ok::<(), s3_backup::model::GlobError>(())
    /// ```
    pub fn admits(&self, key: &Key) -> bool {
        let Selection { include, exclude } = &self.0;
        let included = include.is_empty() || include.iter().any(|glob| glob.matches(key));
        included && !exclude.iter().any(|glob| glob.matches(key))
    }

    /// The glob that excludes a key.
    pub fn excluding(&self, key: &Key) -> Option<&str> {
        let mut exclude = self.0.exclude.iter();
        exclude.find(|glob| glob.matches(key)).map(Glob::as_str)
    }

    /// A glob that includes none of these keys of the source, and one that is close to it and does.
    pub fn close_glob(&self, source: &Location, keys: &[Key]) -> Option<(&str, String)> {
        let close = |glob: &Glob| {
            let text = glob.as_str();
            let bucket = format!("s3://{}/", source.bucket);
            let below = source.prefix.as_str();
            let spellings = [
                text.trim_start_matches('/').to_owned(),
                text.trim_start_matches(&bucket).to_owned(),
                format!("{text}*"),
                format!("{below}{text}"),
                text.to_lowercase(),
                text.to_uppercase(),
            ];
            spellings.into_iter().find(|spelling| {
                let spelled = Glob::parse_list(spelling).unwrap_or_default();
                keys.iter()
                    .any(|key| spelled.iter().any(|glob| glob.matches(key)))
            })
        };
        let mut include = self.0.include.iter();
        include.find_map(|glob| Some((glob.as_str(), close(glob)?)))
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
