//! Paths as people know them: folders, names, and what is never shown. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::Refusal;
use crate::model::{Key, Placement, STATE};

/// What stands for itself in a value of RFC 5987, beside letters and digits.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The most files that a list may name.
pub const MOST_FILES: usize = 1_000;

/// The folder right below `folder` that a path is in, with its `/`; none of a file of the folder itself.
pub fn child_folder<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let below = path.strip_prefix(folder)?;
    let end = folder.len() + below.find('/')? + 1;
    path.get(..end)
}

/// The last part of a path, and of a folder the last one before its `/`.
pub fn name(path: &str) -> &str {
    let path_without = path.strip_suffix('/').unwrap_or(path);
    path_without
        .rsplit_once('/')
        .map_or(path_without, |(_, name)| name)
}

/// The first text that follows all paths below a folder: `0` comes right behind `/`.
pub fn behind(folder: &str) -> String {
    format!("{}0", folder.strip_suffix('/').unwrap_or(folder))
}

/// A folder, which is empty for all, or ends with `/`.
///
/// # Errors
/// When it is none, or one that is never shown.
pub fn folder(field: &str, text: &str, placement: &Placement) -> Result<String, Refusal> {
    if !text.is_empty() && !text.ends_with('/') {
        return Err(Refusal::field(field, "a folder ends with /"));
    }
    if text.len() > Key::MOST_BYTES {
        return Err(Refusal::field(field, "the name of a folder is too long"));
    }
    hidden(text, placement)?;
    Ok(text.to_owned())
}

/// The key of a file.
///
/// # Errors
/// When it cannot be one, or is one that is never shown.
pub fn file(field: &str, text: &str, placement: &Placement) -> Result<Key, Refusal> {
    if !(1..=Key::MOST_BYTES).contains(&text.len()) {
        return Err(Refusal::field(
            field,
            "the name of a file has 1 to 1,024 bytes",
        ));
    }
    hidden(text, placement)?;
    Ok(Key::new(text))
}

/// Whether the path lies among the program's own state.
pub fn is_hidden(path: &str, placement: &Placement) -> bool {
    placement.is_reserved(&Key::new(path)) || path.starts_with(STATE)
}

fn hidden(path: &str, placement: &Placement) -> Result<(), Refusal> {
    if is_hidden(path, placement) {
        return Err(Refusal::not_found("there is no such file in the backup"));
    }
    Ok(())
}

/// The value of `Content-Disposition` for a download of that name, by RFC 6266. What could break the header
/// or mislead a reader becomes `_`.
pub fn disposition(path: &str) -> String {
    let name = name(path);
    let steers = |c: char| crate::model::steers(c) || matches!(c, '"' | '\\' | '/' | '%' | ';');
    let clean: String = name
        .chars()
        .map(|c| if steers(c) { '_' } else { c })
        .collect();
    let clean = match clean.trim_matches(['.', ' ']) {
        "" => "file",
        clean => clean,
    };
    let ascii: String = clean
        .chars()
        .map(|c| if c.is_ascii() { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(clean, PLAIN);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_the_folder_right_below() {
        assert_eq!(child_folder("a/b/c", ""), Some("a/"));
        assert_eq!(child_folder("a/b/c", "a/"), Some("a/b/"));
        assert_eq!(child_folder("a/b", "a/"), None);
        assert_eq!(child_folder("a//b", "a/"), Some("a//"));
    }

    #[test]
    fn all_paths_of_a_folder_come_before_what_is_behind_it() {
        assert!(behind("a/").as_str() > "a/\u{10ffff}");
        assert!(behind("a/").as_str() <= "a0");
    }

    #[test]
    fn the_programs_own_state_is_never_named() {
        let placement = Placement::default();

        assert!(file("path", ".s3-backup/jobs.json", &placement).is_err());
        assert!(folder("folder", ".s3-backup/", &placement).is_err());
        assert!(file("path", "a/.s3-backup/x", &placement).is_ok());
    }

    #[test]
    fn a_hostile_name_is_a_harmless_header() {
        let cases = [
            ("a/b c.txt", "b c.txt", "b%20c.txt"),
            (
                "x\"\r\nSet-Cookie: a",
                "x___Set-Cookie: a",
                "x___Set-Cookie%3A%20a",
            ),
            ("..", "file", "file"),
            ("a\u{202e}gpj.exe", "a_gpj.exe", "a_gpj.exe"),
            ("é.txt", "_.txt", "%C3%A9.txt"),
        ];

        for (path, ascii, encoded) in cases {
            let expected = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}");
            assert_eq!(disposition(path), expected);
        }
    }
}
