//! Where copies are made: in a folder of the day beside what is copied. Pure.

use super::access::{Caller, Role};
use super::answer::Refusal;

/// The files that are copied, or the folder.
#[derive(Clone, Copy, Debug)]
pub enum Copied<'a> {
    /// These files.
    Files(&'a [String]),
    /// All below this folder, which ends with `/`, or is empty for all.
    Folder(&'a str),
}

/// The place of copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOfCopies {
    /// What the folder of the day is in, and what the paths of the files begin with and lose for it.
    pub above: String,
    /// The folder of the day.
    pub folder: String,
}

impl PlaceOfCopies {
    /// The place: the folder that all of them are in; of a whole folder the one that it is in, so that the copy
    /// keeps its name. Where the caller may not write to that, or where it is not backed up, it is the folder itself, or
    /// the beginning of all that is backed up.
    ///
    /// # Errors
    /// When the caller may write to none of them.
    pub fn of(
        copied: Copied<'_>,
        day: &str,
        backed_up: &str,
        caller: &Caller,
    ) -> Result<Self, Refusal> {
        let (beside, inside) = match copied {
            Copied::Files(files) => (shared(files), None),
            Copied::Folder(folder) => (above(folder), Some(folder)),
        };
        let places = [Some(beside), inside, Some(backed_up)];
        let fits = |place: &&str| place.starts_with(backed_up) && caller.may(Role::Restorer, place);
        let mut places = places.into_iter().flatten();
        let place = places.find(fits).ok_or_else(|| {
            let message =
                "copies are made in a folder of yours; choose files of one of them at a time";
            Refusal::field("files", message)
        })?;
        Ok(Self {
            above: place.to_owned(),
            folder: format!("{place}restored {day}/"),
        })
    }
}

/// The folder that a file, or a folder, is in.
fn above(path: &str) -> &str {
    let path = path.strip_suffix('/').unwrap_or(path);
    let end = path.rfind('/').map_or(0, |at| at + 1);
    path.get(..end).unwrap_or_default()
}

/// The folder that all of the files are in.
fn shared(files: &[String]) -> &str {
    let folder = |file: &'_ String| file.rfind('/').map_or(0, |at| at + 1);
    let Some((first, others)) = files.split_first() else {
        return "";
    };
    let mut place = first.get(..folder(first)).unwrap_or_default();
    for file in others {
        while !file.starts_with(place) {
            place = above(place);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::super::access::Access;
    use super::*;
    use crate::request::Person;

    const DAY: &str = "2026-11-27";

    fn caller(access: &str) -> Caller {
        let person = Person {
            sub: "1".to_owned(),
            email: None,
        };
        let access = Access::parse(access).unwrap();
        access.caller(person, &["t".to_owned()]).unwrap()
    }

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn place(copied: Copied<'_>, backed_up: &str, caller: &Caller) -> (String, String) {
        let place = PlaceOfCopies::of(copied, DAY, backed_up, caller).unwrap();
        (place.above, place.folder)
    }

    #[test]
    fn copies_of_files_are_made_in_the_folder_that_all_of_them_are_in() {
        let cases: [(&[&str], &str); 6] = [
            (&["q3.xlsx"], ""),
            (&["reports/q3.xlsx"], "reports/"),
            (&["r/26/a", "r/26/b"], "r/26/"),
            (&["r/26/a", "r/25/b"], "r/"),
            (&["r/26/a", "r/2/b", "r2/c"], ""),
            (&["r//a", "r/b"], "r/"),
        ];

        for (names, above) in cases {
            let names = files(names);
            let place = place(Copied::Files(&names), "", &Caller::operator());
            assert_eq!(place, (above.into(), format!("{above}restored {DAY}/")));
        }
    }

    #[test]
    fn a_copy_of_a_folder_is_made_beside_it() {
        for (folder, above) in [("", ""), ("r/", ""), ("r/26/", "r/"), ("r//", "r/")] {
            let place = place(Copied::Folder(folder), "", &Caller::operator());
            assert_eq!(place.0, above, "{folder}");
        }
    }

    #[test]
    fn copies_stay_where_the_caller_may_write() {
        let caller = caller("t=restorer:a/b/, t=restorer:c/, t=viewer:d/");
        let own = Copied::Folder("a/b/");
        assert_eq!(place(own, "", &caller).0, "a/b/");
        assert_eq!(place(Copied::Folder("a/b/x/"), "", &caller).0, "a/b/");
        let names = files(&["a/b/x/1", "a/b/y/1"]);
        assert_eq!(place(Copied::Files(&names), "", &caller).0, "a/b/");
        for names in [&["a/b/x", "c/y"], &["d/x", "d/y"]] {
            let names = files(names);
            let refused = PlaceOfCopies::of(Copied::Files(&names), DAY, "", &caller);
            assert!(refused.is_err(), "{names:?}");
        }
    }

    #[test]
    fn copies_stay_in_what_is_backed_up() {
        let operator = Caller::operator();
        let top = place(Copied::Folder("r/"), "r/", &operator);
        assert_eq!(top, ("r/".to_owned(), format!("r/restored {DAY}/")));
        assert_eq!(place(Copied::Folder(""), "r/", &operator).0, "r/");
        assert_eq!(place(Copied::Folder("r/26/"), "r/", &operator).0, "r/");
        let cut = files(&["r/26-a"]);
        assert_eq!(place(Copied::Files(&cut), "r/26-", &operator).0, "r/26-");
    }
}
