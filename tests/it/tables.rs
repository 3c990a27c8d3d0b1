//! How much is played of the tests that cross everything with everything: by default a share that leaves out no
//! pair, only repetitions of it. `make tables` plays all.

/// Whether all is played.
pub fn are_whole() -> bool {
    std::env::var_os("WHOLE_TABLES").is_some()
}

/// All of these, or one: another one for each `turn`.
pub fn share<T>(all: impl IntoIterator<Item = T>, turn: usize) -> Vec<T> {
    let mut all: Vec<T> = all.into_iter().collect();
    if are_whole() || all.is_empty() {
        return all;
    }
    let at = turn % all.len();
    vec![all.swap_remove(at)]
}

#[test]
fn the_turns_of_a_share_are_the_whole() {
    let turns: Vec<u8> = (0..3).flat_map(|turn| share([1, 2, 3], turn)).collect();

    assert!(are_whole() || turns == [1, 2, 3], "{turns:?}");
}
