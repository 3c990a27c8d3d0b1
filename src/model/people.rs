//! Numbers as people read them. Programs get the exact ones in JSON.

/// Bytes in the largest binary unit that leaves at least one: `282.6 MiB`.
#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut amount = count as f64;
    let mut shown = format!("{count} B");
    for unit in units {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        shown = format!("{amount:.1} {unit}");
    }
    shown
}

/// A number with its thousands apart: `1,878`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// So many objects: `1 object`, `1,878 objects`.
pub fn objects(number: u64) -> String {
    let noun = if number == 1 { "object" } else { "objects" };
    format!("{} {noun}", count(number))
}

/// Dollars and cents: `$0.50`, `less than $0.01`, `$1,234.50`.
pub fn usd(dollars: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no bill has 18 digits, or is negative"
    )]
    let cents = (dollars.max(0.0) * 100.0).round() as u64;
    if dollars > 0.0 && cents == 0 {
        return "less than $0.01".to_owned();
    }
    format!("${}.{:02}", count(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (5 << 30, "5.0 GiB"),
            (1 << 60, "1024.0 PiB"),
        ];

        for (count, shown) in cases {
            assert_eq!(bytes(count), shown);
        }
    }

    #[test]
    fn numbers_have_their_thousands_apart_and_nouns_that_fit() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0, 1, 1_878].map(objects),
            ["0 objects", "1 object", "1,878 objects"]
        );
    }

    #[test]
    fn dollars_have_cents_and_less_is_said_so() {
        let cases = [
            (0.0, "$0.00"),
            (0.000_02, "less than $0.01"),
            (0.005, "$0.01"),
            (0.5, "$0.50"),
            (1_234.5, "$1,234.50"),
        ];

        for (dollars, shown) in cases {
            assert_eq!(usd(dollars), shown);
        }
    }
}
