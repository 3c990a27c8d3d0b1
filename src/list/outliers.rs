//! The outliers of a level: the few names that are unlike the others, by nothing but their characters. Pure.
//!
//! ```text
//!   a/  all-files/  b/  c/  ...  z/
//! ```
//!
//! An outlier is often a folder of another kind: much larger than the others, or the only one with folders in it. Nothing else tells
//! that before its first page.

use std::collections::BTreeMap;

/// A form is rare if one name in so many has it, or fewer.
const ONE_IN: usize = 8;
/// Names of rare forms in a level, at most. Where there are more of them, all its names differ, as random ones do.
const MOST_OUTLIERS: usize = 4;

/// The numbers of the outliers among these names, in ascending order.
pub fn outliers<'a>(names: impl Iterator<Item = (usize, &'a str)>) -> Vec<usize> {
    let mut numbers_by_form: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut count = 0;
    for (number, name) in names {
        count += 1;
        numbers_by_form.entry(form(name)).or_default().push(number);
    }
    let mut outliers: Vec<usize> = numbers_by_form
        .into_values()
        .filter(|numbers| numbers.len() * ONE_IN <= count)
        .flatten()
        .collect();
    outliers.sort_unstable();
    if outliers.len() > MOST_OUTLIERS {
        outliers.clear();
    }
    outliers
}

/// The kinds of the characters of a name, each run of one kind told once: `a-0/` of `year-2026/`.
fn form(name: &str) -> String {
    let mut form = String::new();
    for character in name.chars() {
        let kind = match character {
            digit if digit.is_numeric() => '0',
            letter if letter.is_alphabetic() => 'a',
            other => other,
        };
        if !form.ends_with(kind) {
            form.push(kind);
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[String]) -> Vec<&str> {
        let numbered = names.iter().map(String::as_str).enumerate();
        let numbers = outliers(numbered).into_iter();
        numbers.map(|number| names[number].as_str()).collect()
    }

    #[test]
    fn a_name_unlike_the_others_is_found() {
        let letters = ('a'..='z').map(|letter| format!("{letter}/"));
        let years = (2010..2026).map(|year| format!("{year}/"));
        let mixed: Vec<String> = letters.chain(["all-files/".to_owned()]).collect();
        let dated: Vec<String> = years.chain(["tmp/".to_owned(), "x/".to_owned()]).collect();

        assert_eq!(found(&mixed), ["all-files/"]);
        assert_eq!(found(&dated), ["tmp/", "x/"]);
        assert_eq!(found(&mixed[..26]), [""; 0]);
    }

    #[test]
    fn where_no_form_is_usual_no_name_is_found() {
        let hexadecimal: Vec<String> = (0..40_u32)
            .map(|n| format!("{:08x}/", n.wrapping_mul(2_654_435_761)))
            .collect();
        let few: Vec<String> = ["a/", "b-1/", "c/"].map(str::to_owned).into();

        assert_eq!(found(&hexadecimal), [""; 0]);
        assert_eq!(found(&few), [""; 0]);
    }

    #[test]
    fn a_form_tells_kinds_and_not_how_many() {
        for (name, expected) in [
            ("year-2026/", "a-0/"),
            ("y2/", "a0/"),
            ("été 5/", "a 0/"),
            ("~/", "~/"),
            ("", ""),
        ] {
            assert_eq!(form(name), expected, "{name}");
        }
    }
}
