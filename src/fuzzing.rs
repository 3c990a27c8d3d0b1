//! What reads bytes that others wrote, each reader behind one door for `tests/fuzz`. Whatever the bytes
//! are, it returns. Built for fuzzing and for unit tests only.

use crate::config::Config;
use crate::model::{Glob, Key};
use crate::request as payload;
use crate::resume::{RunState, Successor};
use crate::snapshot::{Aged, Index, Latest};

pub use crate::deletions::fuzz as held;
pub use crate::lease::fuzz as lease;
pub use crate::s3::fuzz as page;
pub use crate::snapshot::fuzz as segment;

/// A reader, by the name of its fuzz target.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("page", page),
    ("request", request),
    ("cursor", cursor),
    ("index", index),
    ("segment", segment),
    ("lease", lease),
    ("held", held),
    ("state", state),
    ("config", config),
    ("glob", glob),
];

/// The run of the index in the corpus.
const RUN_ID: &str = "2026-11-21T02-00-00Z-7f3a";

/// The payload of an invocation.
pub fn request(json: &[u8]) {
    if let Ok(payload) = serde_json::from_slice(json) {
        let _ = payload::parse(&payload);
    }
}

/// The cursor of a continuation.
pub fn cursor(json: &[u8]) {
    if let Ok(cursor) = serde_json::from_slice::<serde_json::Value>(json) {
        let _ = payload::parse(&serde_json::json!({"operation": "continue", "cursor": cursor}));
    }
}

/// The index of a snapshot, `latest.json` and `aged.json`.
///
/// # Panics
/// When what was read cannot be written again as it was.
pub fn index(json: &[u8]) {
    let _ = Latest::parse(json, "job");
    let _ = Aged::parse(json, "job");
    if let Ok(index) = Index::parse(&format!("snapshots/{RUN_ID}.json"), json, "job") {
        let again = index.encode();
        assert!(again.is_ok(), "{again:?}");
        assert!(index.segments_beside(&index).is_empty());
    }
}

/// The state that a run leaves for the next one, and what that one notes of itself.
pub fn state(json: &[u8]) {
    let _ = Successor::parse(json);
    if let Ok(state) = RunState::parse(json) {
        let _ = state.cursor(Vec::new());
    }
}

/// Lines of `NAME=value`, the environment of a run.
pub fn config(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let vars = text.lines().filter_map(|line| line.split_once('='));
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let _ = Config::from_vars(vars);
}

/// A line of globs; what follows it is a key that they are matched with.
pub fn glob(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let (list, key) = text.split_once('\n').unwrap_or((&text, ""));
    let key = Key::new(key);
    for glob in Glob::parse_list(list).into_iter().flatten() {
        let _ = glob.matches(&key);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_reader_returns_whatever_the_corpus_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        for (name, read) in TARGETS {
            let files = fs::read_dir(corpus.join(name)).unwrap();
            let contents: Vec<Vec<u8>> = files
                .map(|file| fs::read(file.unwrap().path()).unwrap())
                .collect();

            assert!(!contents.is_empty(), "{name} has no corpus");
            for bytes in &contents {
                read(bytes);
                // Every reader also meets its input cut short.
                (0..bytes.len().min(512)).for_each(|end| read(&bytes[..end]));
            }
        }
    }

    #[test]
    fn every_reader_is_a_fuzz_target() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();

        for (name, _) in TARGETS {
            let file = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(
                file.contains(&format!("s3_backup::fuzzing::{name}(")),
                "{name}"
            );
            assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        }
    }
}
