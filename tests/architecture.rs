//! The house rules: a room imports only from rooms to its left, pure rooms stay pure, one room names
//! the SDK, every file says why it exists. Std only, and done in milliseconds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The corridor, left to right. `src/lib.rs` is its map.
const ROOMS: [&str; 32] = [
    "model",
    "request",
    "config",
    "filter",
    "plan",
    "snapshot",
    "s3",
    "failure",
    "checks",
    "history",
    "list",
    "diff",
    "forecast",
    "outcome",
    "copy",
    "report",
    "resume",
    "open_restores",
    "register",
    "lease",
    "record",
    "deletions",
    "ageing",
    "verify",
    "run",
    "restore",
    "notify",
    "process",
    "app",
    "lambda",
    "web",
    "cli",
];

/// Rooms and files that know no SDK, no clock, no environment and no runtime.
const PURE: [&str; 14] = [
    "model",
    "request",
    "config",
    "filter",
    "plan",
    "failure",
    "diff",
    "forecast",
    "outcome",
    "report",
    "resume",
    "snapshot",
    "checks",
    "open_restores",
];

/// What a pure room must not name.
const IMPURE: [&str; 5] = [
    "tokio",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "aws_",
];

/// A source file: its room, its path, and its text without the tests at its end.
struct Source {
    room: String,
    path: PathBuf,
    text: String,
    whole: String,
}

impl Source {
    fn read(path: PathBuf) -> Self {
        let below = path.strip_prefix(source_root()).unwrap();
        let first = below.components().next().unwrap();
        let room = Path::new(first.as_os_str()).with_extension("");
        let whole = fs::read_to_string(&path).unwrap();
        let text = whole.split("\n#[cfg(test)]\n").next().unwrap_or_default();
        Self {
            room: room.to_str().unwrap().to_owned(),
            text: text.to_owned(),
            path,
            whole,
        }
    }

    /// Lines of code, without comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        let code = self.text.lines().map(str::trim);
        code.filter(|line| !line.starts_with("//"))
    }

    /// The rooms that the file names with `crate::`.
    fn rooms_named(&self) -> Vec<String> {
        let joined: Vec<&str> = self.code().collect();
        let joined = joined.join(" ");
        let after = joined.split("crate::").skip(1);
        let name = |rest: &str| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            rest[..end.unwrap_or(rest.len())].to_owned()
        };
        after.map(name).collect()
    }
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![source_root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(Source::read(path));
            }
        }
    }
    found
}

fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

#[test]
fn every_file_is_in_a_room_of_the_corridor() {
    for source in sources() {
        let outside = ["lib", "bin", "fuzzing"].contains(&source.room.as_str());

        assert!(
            outside || place(&source.room).is_some(),
            "{:?}",
            source.path
        );
    }
}

#[test]
fn a_room_imports_only_from_its_left() {
    for source in sources() {
        let Some(here) = place(&source.room) else {
            continue;
        };
        for named in source.rooms_named() {
            let there = place(&named);
            assert!(
                there.is_some_and(|there| there <= here),
                "{:?} imports {named}, which is not to its left",
                source.path
            );
        }
    }
}

#[test]
fn pure_rooms_name_nothing_impure() {
    let parts = [
        "lease/record.rs",
        "deletions/brake.rs",
        "deletions/record.rs",
        "verify/compare.rs",
        "verify/listed.rs",
        "notify/message.rs",
        "notify/metrics.rs",
    ];
    for source in sources() {
        let pure = PURE.contains(&source.room.as_str());
        if !pure && !parts.iter().any(|part| source.path.ends_with(part)) {
            continue;
        }
        for line in source.code() {
            for name in IMPURE {
                assert!(!line.contains(name), "{:?}: {line}", source.path);
            }
        }
    }
}

#[test]
fn only_the_s3_room_names_the_sdk() {
    // A message is signed where it is written.
    let rooms = ["s3", "notify", "bin"];
    for source in sources()
        .iter()
        .filter(|source| !rooms.contains(&source.room.as_str()))
    {
        for line in source.code() {
            assert!(!line.contains("aws_s"), "{:?}: {line}", source.path);
        }
    }
}

#[test]
fn tasks_are_spawned_only_where_listings_read_ahead() {
    for source in sources().iter().filter(|source| source.room != "list") {
        for line in source.code() {
            assert!(!line.contains("tokio::spawn"), "{:?}: {line}", source.path);
        }
    }
}

#[test]
fn every_call_to_s3_ends_at_the_time_limit_of_the_run() {
    // There the limit is, the error that it is turned into, and calls that are limited several at a time.
    let limited = ["s3/bucket.rs", "s3/error.rs", "s3/head.rs", "s3/reason.rs"];
    for source in sources() {
        if limited.iter().any(|file| source.path.ends_with(file)) {
            continue;
        }
        for line in source.code() {
            let unlimited = line.starts_with(".send()") || line.contains("S3Error::from_sdk");
            assert!(!unlimited, "{:?}: {line}", source.path);
        }
    }
}

/// Where the text of a program says that an error is a bare text, which tells no cause.
fn text_errors(code: &str) -> Vec<String> {
    let results = code.match_indices("Result<").filter_map(|(at, head)| {
        let inner = &code[at + head.len()..];
        let (mut depth, mut last) = (1, 0);
        for (place, letter) in inner.char_indices() {
            match letter {
                '<' | '(' | '[' => depth += 1,
                '>' if inner[..place].ends_with('-') => {}
                '>' | ')' | ']' => depth -= 1,
                ',' if depth == 1 && !inner[place + 1..].trim_start().starts_with('>') => {
                    last = place + 1;
                }
                _ => {}
            }
            if depth == 0 {
                let error = inner[last..place].trim_matches([' ', ',']);
                return (last > 0 && is_text(error)).then(|| format!("Result<{inner:.60}"));
            }
        }
        None
    });
    let aliases = code.split(';').filter_map(|item| {
        let (name, meaning) = item.split_once("type ")?.1.split_once('=')?;
        let name = name.trim().ends_with("Error");
        (name && is_text(meaning.trim())).then(|| item.trim().to_owned())
    });
    results.chain(aliases).collect()
}

fn is_text(error: &str) -> bool {
    error == "String" || error.starts_with('&') && error.ends_with("str")
}

#[test]
fn an_error_is_a_type_that_keeps_its_cause() {
    for source in sources() {
        if source.path.ends_with("tests.rs") {
            continue;
        }
        let code: Vec<&str> = source.code().collect();

        let found = text_errors(&code.join(" "));

        assert!(found.is_empty(), "{:?}: {found:?}", source.path);
    }
}

#[test]
fn an_error_that_is_a_bare_text_is_seen() {
    let bare = [
        "fn a() -> Result<(), String> {",
        "fn b() -> Result<( Vec<u8>, u8, ), String, > {",
        "fn c(read: impl Fn(&str) -> Result<T, String>) {",
        "impl TryFrom<u8> for X { type Error = String;",
        "fn d() -> Result<u8, &'static str> {",
        "impl TryFrom<u8> for X { type Error = &'static str;",
    ];
    let typed = [
        "fn a() -> Result<String, ReadError> {",
        "fn b() -> io::Result<String> {",
        "fn c() -> Result<BTreeMap<u8, String>, E> {",
        "type Name = String;",
    ];

    for code in bare {
        assert_eq!(text_errors(code).len(), 1, "{code}");
    }
    for code in typed {
        assert!(text_errors(code).is_empty(), "{code}");
    }
}

#[test]
fn a_whole_plan_is_taken_only_where_it_is_made_and_carried_out() {
    let rooms = ["plan", "run", "app"];
    for source in sources() {
        if rooms.contains(&source.room.as_str()) {
            continue;
        }
        for line in source.code() {
            let words =
                line.split(|letter: char| !letter.is_alphanumeric() && !"&'_".contains(letter));
            let taken = words.clone().zip(words.skip(1)).any(|(before, word)| {
                word == "&Plan" || word == "Plan" && before.starts_with("&'")
            });
            assert!(!taken, "{:?}: {line}", source.path);
        }
    }
}

#[test]
fn every_file_says_why_it_exists() {
    for source in sources() {
        assert!(source.whole.starts_with("//!"), "{:?}", source.path);
    }
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    let drawers = [
        "utils", "util", "common", "core", "helpers", "misc", "types",
    ];
    for source in sources() {
        let name = source
            .path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();

        assert!(!drawers.contains(&name.as_str()), "{:?}", source.path);
    }
}

#[test]
fn the_map_shows_every_room() {
    let map = fs::read_to_string(source_root().join("lib.rs")).unwrap();

    for room in ROOMS {
        assert!(
            map.contains(&format!("mod {room};\n")),
            "{room} has no door"
        );
        assert!(
            map.contains(&format!("[`{room}`]")),
            "{room} is not on the map"
        );
    }
}

#[test]
fn an_import_to_the_right_is_seen() {
    let planted = Source {
        room: "diff".to_owned(),
        path: PathBuf::from("planted.rs"),
        text: "// crate::cli\nuse crate::{report};\nuse crate::report::Report;".to_owned(),
        whole: String::new(),
    };

    assert_eq!(planted.rooms_named(), ["", "report"]);
    assert_eq!(place(""), None);
    assert!(place("report") > place("diff"));
}

/// The names that a `use` of this text brings in from its room: `use super::{a::B, C}` has `a` and `C`.
fn siblings_named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in code.split("super::").skip(1) {
        let mut depth = 0;
        let mut name = String::new();
        let mut is_head = true;
        for letter in part.chars() {
            match letter {
                '{' => {
                    depth += 1;
                    is_head = is_head && depth == 1;
                }
                '}' => depth -= 1,
                ',' if depth == 1 => is_head = true,
                _ if letter.is_alphanumeric() || letter == '_' => {
                    if is_head {
                        name.push(letter);
                    }
                    continue;
                }
                _ => {}
            }
            if !name.is_empty() {
                names.push(std::mem::take(&mut name));
                is_head = letter == ',' && depth == 1;
            }
            if depth <= 0 && !names.is_empty() && letter != ':' {
                break;
            }
        }
    }
    names
}

/// What the files of one folder import of each other, by `use super::` and by what its `mod.rs` passes on.
fn circle_of(files: &[(String, String)], parent: &str) -> Option<Vec<String>> {
    let mut home: HashMap<&str, &str> = HashMap::new();
    for (name, _) in files {
        home.insert(name, name);
    }
    for line in parent.split(';') {
        let Some((_, used)) = line.split_once("use ") else {
            continue;
        };
        let Some((module, items)) = used.split_once("::") else {
            continue;
        };
        let Some((module, _)) = files.iter().find(|(name, _)| name == module.trim()) else {
            continue;
        };
        let items = items.split(|c: char| !c.is_alphanumeric() && c != '_');
        home.extend(
            items
                .filter(|item| !item.is_empty())
                .map(|item| (item, module.as_str())),
        );
    }
    let edges: HashMap<&str, BTreeSet<&str>> = files
        .iter()
        .map(|(name, code)| {
            let named = siblings_named(code);
            let named = named
                .iter()
                .filter_map(|item| home.get(item.as_str()).copied());
            (name.as_str(), named.filter(|other| other != name).collect())
        })
        .collect();
    files.iter().find_map(|(start, _)| {
        let mut way = vec![start.as_str()];
        let mut seen = BTreeSet::new();
        returns_to(start, &edges, &mut way, &mut seen)
            .then(|| way.iter().map(|name| (*name).to_owned()).collect())
    })
}

fn returns_to<'a>(
    start: &str,
    edges: &HashMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    seen: &mut BTreeSet<&'a str>,
) -> bool {
    let here = way[way.len() - 1];
    for next in edges.get(here).into_iter().flatten() {
        if *next == start {
            return true;
        }
        if seen.insert(next) {
            way.push(next);
            if returns_to(start, edges, way, seen) {
                return true;
            }
            way.pop();
        }
    }
    false
}

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    let mut folders: BTreeMap<PathBuf, Vec<(String, String)>> = BTreeMap::new();
    for source in sources() {
        let folder = source.path.parent().unwrap().to_owned();
        let name = source
            .path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let code: Vec<&str> = source.code().collect();
        let code = code.join(" ");
        folders.entry(folder).or_default().push((name, code));
    }
    for (folder, mut files) in folders {
        let Some(at) = files.iter().position(|(name, _)| name == "mod") else {
            continue;
        };
        let (_, parent) = files.remove(at);

        let circle = circle_of(&files, &parent);

        assert_eq!(circle, None, "{folder:?}");
    }
}

#[test]
fn a_circle_is_seen() {
    let file = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let files = [
        file("one", "use super::{Two, three::Three}; fn one() {}"),
        file("two", "use crate::model::Key; use super::three;"),
        file("three", "use super::one::{One, Other};"),
    ];
    let parent = "mod one; mod two; pub use two::{Other, Two}; pub use one::One;";

    let circle = circle_of(&files, parent).unwrap();

    assert_eq!(circle, ["one", "three"]);
    assert_eq!(circle_of(&files[..2], parent), None);
}

/// Every page for people, the decisions too.
fn pages() -> Vec<PathBuf> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = [docs.clone(), docs.join("decisions")].map(|folder| fs::read_dir(folder).unwrap());
    let paths = files
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect()
}

/// What a page names as `file::test`, outside of its drawings and examples.
fn tests_named(text: &str) -> Vec<(String, String)> {
    let plain = |name: &str| {
        let allowed =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        !name.is_empty() && name.chars().all(allowed)
    };
    let text: String = text.split("```").step_by(2).collect();
    let codes = text.split('`').skip(1).step_by(2);
    codes
        .filter_map(|code| code.rsplit_once("::"))
        .filter(|(module, test)| module.split("::").all(plain) && plain(test))
        .map(|(module, test)| (module.to_owned(), test.to_owned()))
        .collect()
}

#[test]
fn every_test_that_the_pages_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages();
    let mut all = 0;
    for page in &pages {
        let named = tests_named(&fs::read_to_string(page).unwrap());
        all += named.len();
        for (module, test) in named {
            let module = &module.replace("::", "/");
            let tests = root.join("tests");
            let files = [
                tests.join(module).with_extension("rs"),
                tests.join("it").join(module).with_extension("rs"),
                tests.join("it").join(module).join("mod.rs"),
            ];
            let is_there = files.iter().any(|file| {
                let text = fs::read_to_string(file);
                text.is_ok_and(|text| text.contains(&format!("fn {test}(")))
            });
            // A page may name a file of the program in the same way.
            let path = root.join("src").join(module).join(&test);
            let is_source = path.is_dir() || path.with_extension("rs").is_file();
            assert!(
                is_there || is_source,
                "{}: {module}::{test}",
                page.display()
            );
        }
    }
    assert!(
        pages.len() > 15 && all > 300,
        "{all} tests in {} pages",
        pages.len()
    );
}

#[test]
fn a_name_of_a_test_is_seen() {
    let text =
        "in `deep::file::test_1` and `Bucket::send`, not in\n```\n`a::b`\n```\nbut in `c::d`";

    let named = tests_named(text);

    let expected = [("deep::file", "test_1"), ("c", "d")];
    assert_eq!(
        named,
        expected.map(|(module, test)| (module.to_owned(), test.to_owned()))
    );
}
