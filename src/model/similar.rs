//! Names that are close to what somebody wrote.

/// Characters by which a name may differ to be close.
const CLOSE: usize = 2;
/// Characters of a name that is compared, at most.
const MOST_COMPARED: usize = 100;

/// Whether a name is another spelling: other capitals, or a few characters more, less or different.
pub fn is_similar(name: &str, wanted: &str) -> bool {
    let name = name.strip_suffix('/').unwrap_or(name);
    let wanted = wanted.strip_suffix('/').unwrap_or(wanted);
    if name.to_lowercase() == wanted.to_lowercase() {
        return true;
    }
    let (name, wanted): (Vec<char>, Vec<char>) = (name.chars().collect(), wanted.chars().collect());
    let long_enough = wanted.len() > CLOSE && wanted.len() <= MOST_COMPARED;
    long_enough && name.len().abs_diff(wanted.len()) <= CLOSE && distance(&name, &wanted) <= CLOSE
}

/// Characters to be changed, added or taken away to make one text of the other (Levenshtein's distance).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, symbol) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, with) in other.iter().enumerate() {
            let changed = diagonal + usize::from(symbol != with);
            diagonal = row[m + 1];
            row[m + 1] = changed.min(diagonal + 1).min(row[m] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_two_letters_changed_are_similar() {
        assert!(is_similar("BACKUP_EXCLUDE", "BACKUP_EXLUDE"));
        assert!(is_similar("photos/", "Photos"));
        assert!(!is_similar("BACKUP_MODE", "BACKUP_BUCKET"));
        assert!(!is_similar("ab", "cd"));
    }
}
