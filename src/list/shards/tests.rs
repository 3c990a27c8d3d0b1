//! A shard that is cut: where, when, and what it costs.

use super::*;
use crate::model::Start;

#[test]
fn several_cpus_list_more_shards_at_once() {
    assert_eq!([0, 1, 2, 3, 64].map(most_at_once), [15, 15, 48, 48, 48]);
}

fn key(number: u32) -> Key {
    Key::new(format!("{number:06}"))
}

/// Where it is tried to cut next.
fn guess(shards: &Shards) -> Option<Key> {
    match shards.probe()? {
        Probe::Split(guess) => Some(guess.at),
        Probe::Folders(query) => panic!("{query:?}"),
    }
}

/// Lists so many pages of a thousand keys of one shard, and says where it would be cut then.
fn guess_after(shards: &Shards, pages: u32) -> Option<Key> {
    let shard = shards.take_waiting().unwrap();
    for page in 0..pages {
        let keys: Vec<Key> = (page * 1000..(page + 1) * 1000).map(key).collect();
        shards.source_listed(shard, keys.iter(), true);
        shards.backup_listed(shard, true);
        shards.pass(shard, &keys, Key::as_str);
    }
    guess(shards)
}

/// The shard of the first 100,000 keys.
fn hundred_pages() -> Vec<KeyRange> {
    vec![KeyRange {
        start: Start::Beginning,
        until: Some(key(99_999)),
    }]
}

/// The same, recorded in segments with these last keys.
fn recorded(ends: impl Iterator<Item = u32> + Clone) -> Shards {
    let before = std::iter::once(0).chain(ends.clone());
    let rows = ends.clone().zip(before).map(|(end, before)| end - before);
    let segments = ends.map(key).zip(rows.map(u64::from));
    Shards::new(hundred_pages()).with_ends(SegmentEnds::new(segments))
}

#[test]
fn a_shard_is_cut_at_the_end_of_the_segment_nearest_to_its_middle() {
    let shards = recorded((1..25).map(|number| number * 4_096));
    let guessed = guess_after(&shards, 6);
    let cuts = (0..10).take_while(|_| shards.cut_at_segment()).count();

    assert_eq!(guessed, None, "what is known is not guessed");
    // 94 pages are left, then 47, 23, 12, and 6, which are not worth it while requests are scarce.
    assert_eq!(cuts, 4);
    let ends = shards.ranges().into_iter().map(|range| range.until);
    let cut_first = Some(key(13 * 4_096));
    assert_eq!(ends.filter(|until| *until == cut_first).count(), 1);
    assert_eq!(shards.take_waiting(), Some(1), "it is listed at once");
}

#[test]
fn an_end_that_was_listed_or_ends_the_shard_is_no_place_for_a_cut() {
    let shards = recorded([1, 5_999, 99_999].into_iter());

    let guessed = guess_after(&Shards::new(hundred_pages()), 6);

    assert_eq!(
        guess_after(&shards, 6),
        guessed,
        "94 pages are many for one segment"
    );
    assert!(!shards.cut_at_segment());
}

#[test]
fn behind_the_last_segment_and_within_one_that_has_grown_places_are_guessed() {
    let plain = Shards::new(hundred_pages());
    let guessed = guess_after(&plain, 6);
    assert!(guessed.is_some());

    for ends in [[100, 200], [100, 99_999]] {
        let rows = ends.map(|end| (key(end), 100));
        let shards = Shards::new(hundred_pages());
        let shards = shards.with_ends(SegmentEnds::new(rows.into_iter()));

        assert_eq!(guess_after(&shards, 6), guessed, "{ends:?}");
        assert!(!shards.cut_at_segment());
    }
}

/// Lists one page of a shard.
fn list(shards: &Shards, keys: impl Iterator<Item = String>, more_follow: bool) {
    let shard = shards.take_waiting().unwrap();
    let keys: Vec<Key> = keys.map(Key::new).collect();
    shards.source_listed(shard, keys.iter(), more_follow);
}

#[test]
fn a_counted_number_is_cut_in_its_digits_whatever_letters_others_have_there() {
    let range = |start: &str, until: &str| KeyRange {
        start: Start::After(Key::new(start)),
        until: Some(Key::new(until)),
    };
    let shards = Shards::new(vec![range("m", "n"), range("n", "n/002")]);
    let letter = |number: u32| char::from_u32(u32::from('a') + number % 26).unwrap();
    let name = |number: u32| {
        let [first, second] = [number / 26, number].map(letter);
        format!("m/{first}{second}{first}{second}")
    };
    list(&shards, (0..676).map(name), false);

    list(
        &shards,
        (124_000..125_000).map(|number| format!("n/{number:08}")),
        true,
    );
    // Enough pages that a guess is allowed.
    (0..8).for_each(|_| shards.backup_listed(1, true));

    let at = guess(&shards).unwrap();
    assert_eq!(at.as_str(), "n/0016");
}

/// A shard of which a page of the folder `a/` was listed, and the query for what follows.
fn in_a_folder() -> (Shards, FolderQuery) {
    let shards = Shards::new(vec![KeyRange::all()]);
    list(&shards, (0..1_000).map(|n| format!("a/{n:06}")), true);
    (0..8).for_each(|_| shards.backup_listed(0, true));
    let Some(Probe::Folders(query)) = shards.probe() else {
        panic!("the folders beside a/ are not asked for");
    };
    (shards, query)
}

#[test]
fn a_shard_is_cut_between_folders_that_were_listed() {
    let (shards, query) = in_a_folder();
    assert_eq!(query.level.prefix, "");
    assert_eq!(query.after.as_str(), "a0");
    assert_eq!(shards.at_once(), 2);

    let names: Vec<String> = ('b'..='y').map(|name| format!("{name}/")).collect();
    let more_follow = false;
    shards.folders_listed(&query, Some(NamePage { names, more_follow }));

    assert_eq!(shards.at_once(), 1);
    assert_eq!(guess(&shards).unwrap().as_str(), "m0");
}

#[test]
fn where_folders_cannot_be_listed_places_are_guessed() {
    let (shards, query) = in_a_folder();

    shards.folders_listed(&query, None);

    assert_eq!(guess(&shards).unwrap().as_str(), "a0");
    assert!(!matches!(shards.probe(), Some(Probe::Folders(_))));
}

#[test]
fn a_page_that_comes_after_the_end_of_its_shard_is_a_request_in_vain() {
    let left = |late: usize| {
        let shards = Shards::new(vec![KeyRange::all()]);
        list(&shards, (0..1_000).map(|n| format!("{n:06}")), true);
        (0..40).for_each(|_| shards.backup_listed(0, true));
        shards.over(0);
        (0..late).for_each(|_| shards.backup_listed(0, true));
        shards.lock().requests_left()
    };

    assert!(
        (left(0) - left(3) - 3.0).abs() < 1e-6,
        "{} {}",
        left(0),
        left(3)
    );
}

#[test]
fn keys_that_have_come_behind_the_end_of_a_shard_are_cut_again() {
    let (shards, query) = in_a_folder();
    shards.folders_listed(&query, Some(NamePage::default()));
    assert!(guess(&shards).unwrap().as_str() < "a0");

    let came: Vec<Key> = (0..1_000).map(|n| Key::new(format!("b/{n:06}"))).collect();
    shards.source_listed(0, came.iter(), true);

    let next = shards.probe().unwrap();
    let at = match &next {
        Probe::Split(guess) => &guess.at,
        Probe::Folders(query) => &query.after,
    };
    assert!(at.as_str() > "b/", "{next:?}");
}
