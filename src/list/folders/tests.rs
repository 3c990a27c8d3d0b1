//! Names of folders, and what they tell: where a range is cut, and how much is left of it.

use super::*;

fn key(text: &str) -> Key {
    Key::new(text)
}

/// A range in which these keys were listed, page by page.
fn listed(pages: &[Vec<String>], upper: Option<&str>) -> KeySample {
    let first = Key::new(pages[0][0].as_str());
    let mut seen = KeySample::new(&first, upper.map(Key::new));
    for page in pages {
        let keys: Vec<Key> = page.iter().map(Key::new).collect();
        seen.page(keys.iter());
    }
    seen
}

/// A page of counted keys of a folder.
fn page(folder: &str, number: u32) -> Vec<String> {
    let numbers = number * 1_000..(number + 1) * 1_000;
    numbers.map(|n| format!("{folder}{n:09}")).collect()
}

fn names(all: &[&str], more_follow: bool) -> NamePage {
    let names = all.iter().map(|name| (*name).to_owned()).collect();
    NamePage { names, more_follow }
}

/// What was asked for a range, and what is known when these names were the answer.
fn answered(seen: &KeySample, answer: Option<NamePage>) -> (FolderQuery, Folders) {
    let mut folders = Folders::default();
    let FolderSplit::Ask(query) = folders.split(seen, seen.upper(), 0.5, 0) else {
        panic!("{:?} is not asked for", seen.last);
    };
    folders.ask(query.clone());
    folders.learn(&query, answer, [seen.samples()].into_iter());
    (query, folders)
}

fn told(seen: &KeySample, answer: NamePage) -> (FolderQuery, Folders) {
    answered(seen, Some(answer))
}

fn cut(folders: &Folders, seen: &KeySample) -> Option<String> {
    match folders.split(seen, seen.upper(), 0.5, 0) {
        FolderSplit::At(guess) => Some(guess.at.as_str().to_owned()),
        _ => None,
    }
}

#[test]
fn a_range_is_cut_between_the_folders_that_follow() {
    let seen = listed(&[page("b/", 0), page("c/", 0)], Some("x"));

    let (query, folders) = told(&seen, names(&["d/", "e/", "f/", "g/", "h/"], false));

    assert_eq!((query.level.delimiter, query.after.as_str()), ('/', "c0"));
    assert_eq!(cut(&folders, &seen).as_deref(), Some("e0"));
    // A page for each folder, and half a page of the one that is being listed.
    assert_eq!(folders.left(&seen), Some(5.5));
}

#[test]
fn a_folder_whose_name_is_unlike_the_others_begins_a_shard_first() {
    let all = [
        "d/", "e/", "f/", "g/", "h/", "i/", "j/", "k/", "l-main/", "m/", "n/", "o/", "p/",
    ];
    for (last, upper, expected) in [
        ("c/", "x", Some("k0")),
        ("k/", "x", Some("k0")),
        ("c/", "k0", Some("g0")),
        ("l-main/", "x", Some("n0")),
    ] {
        let seen = listed(&[page("c/", 0)], Some("x"));
        let (_, mut folders) = told(&seen, names(&all, false));
        let seen = listed(&[page(last, 0)], Some(upper));
        folders.note(seen.samples());

        assert_eq!(cut(&folders, &seen).as_deref(), expected, "{last} {upper}");
    }
    // Once it was begun it is one like the others.
    let seen = listed(&[page("c/", 0)], Some("x"));
    let (_, mut folders) = told(&seen, names(&all, false));
    folders.note(&[key("l-main/0")]);
    assert_eq!(cut(&folders, &seen).as_deref(), Some("i0"));
}

#[test]
fn a_folder_that_is_larger_than_the_others_is_cut_off_first() {
    let pages: Vec<Vec<String>> = (0..9).map(|number| page("giant/", number)).collect();
    let seen = listed(&pages, None);
    let (_, mut folders) = told(&seen, names(&["h/", "i/", "j/"], false));

    // Others have been listed since.
    let small: Vec<Key> = ["h/", "i/"]
        .iter()
        .map(|name| key(&format!("{name}0")))
        .collect();
    (0..3).for_each(|_| folders.note(&small));

    assert_eq!(cut(&folders, &seen).as_deref(), Some("giant0"));
}

/// The rest of a folder of which these pages were listed, and of four others a key each.
fn rest(pages: &[Vec<String>], others: [&str; 4]) -> f64 {
    let seen = listed(pages, None);
    let (_, mut folders) = told(&seen, names(&["c/", "d/", "e/", "f/"], false));
    for name in others {
        folders.note(&[key(name)]);
    }
    // One page for each of the four that follow.
    folders.left(&seen).unwrap() - 4.0
}

#[test]
fn a_folder_that_takes_a_page_more_than_others_is_not_larger() {
    for (number, expected) in [(1, 0.5), (2, 0.5), (3, 10.0)] {
        let pages: Vec<Vec<String>> = (0..number).map(|number| page("b/", number)).collect();

        let rest = rest(&pages, ["c/0", "d/0", "e/0", "f/0"]);

        assert!((rest - expected).abs() < 1e-9, "{number} pages: {rest}");
    }
}

#[test]
fn a_folder_that_has_folders_where_others_have_none_is_larger() {
    for (others, expected) in [
        (["c/0", "d/0", "e/0", "f/0"], 6.0),
        (["c/0", "d/x/0", "e/0", "f/0"], 0.5),
    ] {
        let rest = rest(&[page("b/x/", 0)], others);

        assert!((rest - expected).abs() < 1e-9, "{others:?}: {rest}");
    }
}

#[test]
fn a_range_in_which_no_folder_follows_ends_with_its_own() {
    let mut seen = listed(&[page("m/n/o/", 0)], None);
    let (_, folders) = told(&seen, names(&[], false));

    folders.narrow(&mut seen);

    assert_eq!(seen.upper(), Some(&key("m0")));
    assert!(seen.ends_with_folder());
    match folders.split(&seen, seen.upper(), 0.5, 0) {
        FolderSplit::Ask(query) => assert_eq!(query.level.prefix, "m/"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_were_not_listed_or_not_kept_may_follow() {
    let long = |n: usize| format!("{n:04}{}/", "x".repeat(900));
    let many: Vec<String> = (1..=100).map(long).collect();
    let kept: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut seen = listed(&[page(&long(0), 0)], None);
    for (all, more_follow) in [(&kept[..], false), (&kept[..3], true)] {
        let (_, folders) = told(&seen, names(all, more_follow));
        let names = &folders.listings[0];

        assert!(names.more_follow);
        assert!(names.all.len() * 900 <= MOST_BYTES);
        folders.narrow(&mut seen);
        assert_eq!(seen.upper(), None);
    }
    // Behind the last one they are asked for again.
    let (_, folders) = told(&seen, names(&kept[..3], true));
    let later = listed(&[page(&long(4), 0)], None);
    assert!(matches!(
        folders.split(&later, None, 0.5, 0),
        FolderSplit::Ask(_)
    ));
}

#[test]
fn a_key_beside_folders_is_cut_behind_itself() {
    let seen = listed(&[page("a/", 0)], Some("y"));

    let (_, folders) = told(&seen, names(&["b", "b-1/", "b-2/"], false));

    assert_eq!(cut(&folders, &seen).as_deref(), Some("b-10"));
    let last = listed(&[page("b-1/", 0)], Some("y"));
    assert_eq!(cut(&folders, &last).as_deref(), Some("b-10"));
    let (_, folders) = told(&seen, names(&["b", "b-1/"], false));
    assert_eq!(cut(&folders, &seen).as_deref(), Some("b"));
}

#[test]
fn a_server_that_tells_nothing_is_asked_once() {
    let seen = listed(&[page("c/", 0)], None);
    let without_folders = page("d/", 0);
    let without_folders: Vec<&str> = without_folders.iter().map(String::as_str).collect();
    for answer in [
        Some(names(&[], true)),
        Some(names(&["a/", "b/"], true)),
        Some(names(&without_folders, true)),
        None,
    ] {
        let (_, folders) = answered(&seen, answer);

        let next = folders.split(&seen, None, 0.5, 0);

        assert!(matches!(next, FolderSplit::Unknown), "{next:?}");
        assert_eq!(folders.left(&seen), None);
    }
}

#[test]
fn folders_of_a_few_keys_are_not_asked_for() {
    let uuid = |n: u64| format!("{:08x}-4c51", n.wrapping_mul(2_654_435_761) % (1 << 32));
    let mut keys: Vec<String> = (0..1_000).map(uuid).collect();
    keys.sort();
    let seen = listed(&[keys], None);

    let split = Folders::default().split(&seen, None, 0.5, 0);

    assert!(matches!(split, FolderSplit::Unknown), "{split:?}");
}
