//! Names of many kinds, which ascend with a number.

use std::fmt::Write;

/// In the order of bytes.
const BASE64: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// 22 characters: ten of one number, and twelve of another that need not ascend.
pub(super) fn base64(key: &mut String, high: u64, low: u64) {
    for place in 1..=10 {
        key.push(char::from(
            BASE64[((high >> (64 - 6 * place)) & 63) as usize],
        ));
    }
    for place in 1..=10 {
        key.push(char::from(
            BASE64[((low >> (64 - 6 * place)) & 63) as usize],
        ));
    }
    key.push_str("==");
}

/// Six letters of so many that begin with the first.
pub(super) fn letters(key: &mut String, number: u64, first: char, many: u32) {
    let mut left = number;
    for _ in 0..6 {
        let wide = u128::from(left) * u128::from(many);
        let digit = (wide >> 64) as u32;
        left = wide as u64;
        key.extend(char::from_u32(u32::from(first) + digit));
    }
}

/// The numbers below `count` without zeros in front, in the order of their texts.
pub(super) fn plain(key: &mut String, number: u64, count: u64) {
    // How many texts begin like this one.
    let below = |prefix: u64| {
        let (mut from, mut until, mut sum) = (prefix, prefix + 1, 0);
        while from < count {
            sum += until.min(count) - from;
            (from, until) = (from * 10, until * 10);
        }
        sum
    };
    if number == 0 {
        key.push('0');
        return;
    }
    let (mut left, mut prefix) = (number - 1, 1);
    loop {
        let size = below(prefix);
        if left >= size {
            (left, prefix) = (left - size, prefix + 1);
        } else if left == 0 {
            break;
        } else {
            (left, prefix) = (left - 1, prefix * 10);
        }
    }
    let _ = write!(key, "{prefix}");
}

/// The digits of a number to the base 50, each behind twenty characters that are always the same.
pub(super) fn last_bytes(key: &mut String, number: u64, count: u64) {
    let mut power = 1;
    while power * 50 < count {
        power *= 50;
    }
    let mut left = number;
    while power > 0 {
        key.push_str("/constant-for-ever/:");
        key.push(char::from(BASE64[10 + (left / power) as usize]));
        (left, power) = (left % power, power / 50);
    }
}

/// A time of six years in milliseconds.
pub(super) fn time(key: &mut String, number: u64) {
    let all = 6 * 336 * 86_400_000_u128;
    let at = ((u128::from(number) * all) >> 64) as u64;
    let (day, at) = (at / 86_400_000, at % 86_400_000);
    let (year, month, day) = (2019 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    let (hour, minute) = (at / 3_600_000, at / 60_000 % 60);
    let (second, milli) = (at / 1_000 % 60, at % 1_000);
    let _ = write!(
        key,
        "{year}{month:02}{day:02}_{hour:02}{minute:02}{second:02}{milli:03}"
    );
}
