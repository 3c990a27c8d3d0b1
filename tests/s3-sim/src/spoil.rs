//! Faults carried out: instead of the work, or on the reply when the work is
//! done. Bodies are spoilt as bytes, so that they can be wrong in any way.

use crate::faults::Effect;
use crate::reply::{Body, Refusal, Reply};
use crate::verb::Verb;

/// How an answer goes out, or does not.
#[derive(Debug)]
pub(crate) enum Delivery {
    Whole(Reply),
    Refused(Refusal),
    /// An error where a success was announced.
    RefusedWithin200(Refusal),
    /// Headers announce the body, the connection ends after so many bytes of it.
    BrokenAfter(Reply, usize),
    /// Headers announce the body, which never comes.
    HeadersOnly(Reply),
    Reset,
    /// The connection ends, in order and without a word.
    Closed,
    Never,
}

/// What happens instead of the work; none if the work is to be done.
pub(crate) fn instead(effect: &Effect, verb: Verb) -> Option<Delivery> {
    match effect {
        Effect::InternalError => Some(Delivery::Refused(Refusal::internal_error())),
        Effect::SlowDown => Some(Delivery::Refused(Refusal::slow_down())),
        Effect::Status {
            status,
            code,
            message,
        } => Some(Delivery::Refused(Refusal::new(*status, code, message))),
        Effect::ConnectionReset => Some(Delivery::Reset),
        Effect::CloseWithoutReply => Some(Delivery::Closed),
        Effect::Stall => Some(Delivery::Never),
        Effect::OkWithErrorBody(code) => Some(error_within(code, verb)),
        Effect::EmptyBody if verb.answers_with_a_body() => Some(Delivery::Whole(Reply::empty(200))),
        Effect::EmptyBody => Some(Delivery::Refused(Refusal::internal_error())),
        Effect::Body(text) => {
            let mut reply = Reply::empty(200).with("content-type", "application/xml");
            reply.body = Body::Bytes(text.clone().into_bytes());
            Some(Delivery::Whole(reply))
        }
        Effect::ResetAfterWork
        | Effect::CloseAfterWork
        | Effect::StallAfterWork
        | Effect::Header(..)
        | Effect::StallAfterHeaders
        | Effect::OkWithErrorBodyAfterWork(_)
        | Effect::EmptyBodyAfterWork
        | Effect::CutBodyAfter(_)
        | Effect::CutBodyFraction(_)
        | Effect::CutConnectionAfter(_)
        | Effect::MissingIsTruncated
        | Effect::MissingToken
        | Effect::KeysOutOfOrder
        | Effect::DuplicateKey
        | Effect::WrongKeyCount
        | Effect::NotEncoded
        | Effect::Slow(_)
        | Effect::Before(_)
        | Effect::After(_) => None,
    }
}

/// A success, spoilt. An honest refusal never comes here.
pub(crate) fn spoil(effect: &Effect, verb: Verb, reply: Reply) -> Delivery {
    let length = body_length(&reply);
    let has_body = verb.answers_with_a_body() && length > 0;
    match effect {
        Effect::ResetAfterWork => Delivery::Reset,
        Effect::CloseAfterWork => Delivery::Closed,
        Effect::StallAfterWork => Delivery::Never,
        Effect::Header(name, value) => Delivery::Whole(with_header(reply, name, value)),
        Effect::OkWithErrorBodyAfterWork(code) => error_within(code, verb),
        Effect::StallAfterHeaders if has_body => Delivery::HeadersOnly(reply),
        Effect::EmptyBodyAfterWork if has_body => Delivery::Whole(cut(reply, 0)),
        Effect::CutBodyAfter(bytes) if has_body => Delivery::Whole(cut(reply, *bytes as u64)),
        Effect::CutBodyFraction(share) if has_body => {
            let kept = (length as f64 * share) as u64;
            Delivery::Whole(cut(reply, kept))
        }
        Effect::CutConnectionAfter(bytes) if has_body => Delivery::BrokenAfter(reply, *bytes),
        Effect::MissingIsTruncated => edit(reply, |page| remove(page, "IsTruncated")),
        Effect::MissingToken => edit(reply, |page| {
            remove(page, "NextContinuationToken");
            remove(page, "NextKeyMarker");
            remove(page, "NextVersionIdMarker");
        }),
        Effect::KeysOutOfOrder => edit(reply, swap_first_two),
        Effect::DuplicateKey => edit(reply, repeat_first),
        Effect::WrongKeyCount => edit(reply, |page| add_to_count(page, 1)),
        Effect::StallAfterHeaders
        | Effect::EmptyBodyAfterWork
        | Effect::CutBodyAfter(_)
        | Effect::CutBodyFraction(_)
        | Effect::CutConnectionAfter(_)
        | Effect::InternalError
        | Effect::SlowDown
        | Effect::Status { .. }
        | Effect::ConnectionReset
        | Effect::CloseWithoutReply
        | Effect::Stall
        | Effect::OkWithErrorBody(_)
        | Effect::EmptyBody
        | Effect::NotEncoded
        | Effect::Body(_)
        | Effect::Slow(_)
        | Effect::Before(_)
        | Effect::After(_) => Delivery::Whole(reply),
    }
}

fn error_within(code: &str, verb: Verb) -> Delivery {
    let message = "We encountered an internal error. Please try again.";
    let refusal = Refusal::new(500, code, message);
    if verb.answers_with_a_body() {
        Delivery::RefusedWithin200(refusal)
    } else {
        Delivery::Refused(refusal)
    }
}

fn with_header(mut reply: Reply, name: &str, value: &[u8]) -> Reply {
    let name = hyper::header::HeaderName::from_bytes(name.as_bytes());
    let value = hyper::header::HeaderValue::from_bytes(value);
    if let (Ok(name), Ok(value)) = (name, value) {
        reply.headers.append(name, value);
    }
    reply
}

fn body_length(reply: &Reply) -> u64 {
    match &reply.body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::Content(content) => content.len(),
    }
}

fn cut(mut reply: Reply, kept: u64) -> Reply {
    reply.headers.remove(hyper::header::CONTENT_LENGTH);
    reply.body = match reply.body {
        Body::Bytes(mut bytes) => {
            bytes.truncate(kept as usize);
            Body::Bytes(bytes)
        }
        Body::Content(content) => Body::Content(content.slice(0, kept)),
    };
    reply
}

/// Edits a listing; anything else stays as it is.
fn edit(mut reply: Reply, change: impl FnOnce(&mut String)) -> Delivery {
    if let Body::Bytes(bytes) = &reply.body
        && let Ok(text) = std::str::from_utf8(bytes)
        && text.contains("<IsTruncated>")
    {
        let mut text = text.to_owned();
        change(&mut text);
        reply.body = Body::Bytes(text.into_bytes());
    }
    Delivery::Whole(reply)
}

/// Where the next element of that name lies, from its opening to behind its closing.
fn element(page: &str, name: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let closing = format!("</{name}>");
    let start = from + page[from..].find(&format!("<{name}>"))?;
    let end = start + page[start..].find(&closing)? + closing.len();
    Some(start..end)
}

/// The elements of a listing: `Contents`, or `Version` and `DeleteMarker` where versions are listed.
fn entry(page: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let names = ["Contents", "Version", "DeleteMarker"];
    let found = names.iter().filter_map(|name| element(page, name, from));
    found.min_by_key(|range| range.start)
}

fn remove(page: &mut String, name: &str) {
    if let Some(range) = element(page, name, 0) {
        page.replace_range(range, "");
    }
}

fn swap_first_two(page: &mut String) {
    let Some(first) = entry(page, 0) else {
        return;
    };
    let Some(second) = entry(page, first.end) else {
        return;
    };
    let swapped = [
        &page[second.clone()],
        &page[first.end..second.start],
        &page[first.clone()],
    ]
    .concat();
    page.replace_range(first.start..second.end, &swapped);
}

fn repeat_first(page: &mut String) {
    if let Some(first) = entry(page, 0) {
        let again = page[first.clone()].to_owned();
        page.insert_str(first.end, &again);
        add_to_count(page, 1);
    }
}

fn add_to_count(page: &mut String, more: u64) {
    let Some(range) = element(page, "KeyCount", 0) else {
        return;
    };
    let digits: String = page[range.clone()]
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let count = digits.parse::<u64>().unwrap_or(0) + more;
    page.replace_range(range, &format!("<KeyCount>{count}</KeyCount>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>\
                        <Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents>";

    fn edited(change: impl FnOnce(&mut String)) -> String {
        let mut page = PAGE.to_owned();
        change(&mut page);
        page
    }

    #[test]
    fn a_listing_is_spoilt_in_one_place_only() {
        assert_eq!(
            edited(swap_first_two),
            "<KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>\
             <Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents>"
        );
        assert_eq!(
            edited(repeat_first),
            "<KeyCount>3</KeyCount><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents>\
             <Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents>"
        );
        assert!(!edited(|page| remove(page, "IsTruncated")).contains("IsTruncated"));
    }

    #[test]
    fn every_effect_either_replaces_the_work_or_lets_it_be_done() {
        for effect in Effect::all() {
            for verb in Verb::ALL {
                if instead(&effect, verb).is_none() {
                    spoil(&effect, verb, Reply::empty(200));
                }
            }
        }
    }
}
