//! Text of others on lines of ours. A key may hold a newline, which would forge a line of a log, or what
//! steers a terminal or turns the rest of a line around.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character steers a terminal, ends a line, or sets the direction in which text is shown.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// So many characters of a text at most; `...` stands for the others.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// One line of JSON, or of text, with all of these escaped as JSON does it: `\u001b`. JSON stays the same
/// JSON, which allows most of them as they are.
pub fn printable_json(line: &str) -> Cow<'_, str> {
    if !line.contains(steers) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if steers(c) {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_for_showing_is_escaped() {
        let cases = [
            ("a b/ü 😀 \\n", "a b/ü 😀 \\n"),
            ("a\u{1b}[2Jb\nü", "a\\u001b[2Jb\\u000aü"),
            ("\r\t\0\u{7f}", "\\u000d\\u0009\\u0000\\u007f"),
            ("\u{85}\u{9b}2J", "\\u0085\\u009b2J"),
            ("\u{2028}\u{2029}", "\\u2028\\u2029"),
            ("gpj.\u{202e}x\u{2066}", "gpj.\\u202ex\\u2066"),
        ];

        for (text, shown) in cases {
            assert_eq!(printable_json(text), shown);
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let key = "a\n\u{1b}\u{85}\u{7f}\u{2028}\u{202e}\"\\";
        let json = serde_json::to_string(key).unwrap();

        let shown = printable_json(&json);

        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), key);
        assert!(shown.is_ascii(), "{shown}");
    }
}
