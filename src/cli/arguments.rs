//! Messages about a request in the words of the command line: flags in the place of the payload's fields.

/// The same message with `--version-id` for `field "version_id"`, `--deletions mark` for `"deletions":"mark"`, and
/// so on.
pub fn in_arguments(message: &str) -> String {
    let said = replaced(message, "field \"", "\"", |name| {
        is_field(name).then(|| flag(name))
    });
    let said = replaced(&said, "fields ", " exclude", |names| {
        listed(names).map(|names| format!("{names} exclude"))
    });
    let said = replaced(&said, "one of ", "\n", |names| {
        listed(names).map(|names| format!("one of {names}"))
    });
    pairs(&said)
}

/// A text in which what stands between `begin` and `end`, with both of them, is what `say` makes of it. The end of the
/// text is an end, too.
fn replaced(text: &str, begin: &str, end: &str, say: impl Fn(&str) -> Option<String>) -> String {
    let mut said = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        let (inside, behind) = after.split_once(end).unwrap_or((after, ""));
        said.push_str(before);
        if let Some(word) = say(inside) {
            said.push_str(&word);
            rest = behind;
        } else {
            said.push_str(begin);
            rest = after;
        }
    }
    said + rest
}

/// `"deletions":"mark"` as `--deletions mark`.
fn pairs(text: &str) -> String {
    let mut said = String::new();
    let mut rest = text;
    while let Some(middle) = rest.find("\":\"") {
        let (before, after) = (&rest[..middle], &rest[middle + 3..]);
        let (Some(begin), Some(end)) = (before.rfind('"'), after.find('"')) else {
            break;
        };
        let (name, value) = (&before[begin + 1..], &after[..end]);
        said.push_str(&before[..begin]);
        said += &flag(name);
        said.push(' ');
        said += value;
        rest = &after[end + 1..];
    }
    said + rest
}

/// The flags of `keys, prefix or all`; none if these are no fields.
fn listed(names: &str) -> Option<String> {
    let words: Vec<&str> = names
        .split(", ")
        .flat_map(|part| part.split(" or "))
        .collect();
    let known = words.len() > 1 && words.into_iter().all(is_field);
    known.then(|| {
        let several: Vec<String> = names
            .split(", ")
            .map(|part| {
                let choices: Vec<String> = part.split(" or ").map(flag).collect();
                choices.join(" or ")
            })
            .collect();
        several.join(", ")
    })
}

fn is_field(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

fn flag(field: &str) -> String {
    match field {
        "keys" => "KEYS".to_owned(),
        other => format!("--{}", other.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::in_arguments;

    #[test]
    fn fields_become_flags_and_other_words_stay() {
        for (field, flag) in [
            (
                "field \"version_id\" is \"x\"; allowed: a version",
                "--version-id is \"x\"; allowed: a version",
            ),
            (
                "fields all, keys exclude each other; allowed: one of keys, prefix or all",
                "--all, KEYS exclude each other; allowed: one of KEYS, --prefix or --all",
            ),
            (
                "a restore has to say what; allowed: one of run, at or version_id",
                "a restore has to say what; allowed: one of --run, --at or --version-id",
            ),
            (
                "field \"confirm\" is \"r\", but deletions are \"keep\"; send \"deletions\":\"mark\" with it",
                "--confirm is \"r\", but deletions are \"keep\"; send --deletions mark with it",
            ),
            (
                "a key with field \" in it, one of them",
                "a key with field \" in it, one of them",
            ),
        ] {
            assert_eq!(in_arguments(field), flag);
        }
    }
}
