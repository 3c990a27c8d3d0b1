//! Events of S3 in any wrapping that AWS delivers, as one list of messages.
//!
//! An event says that an object has changed, not what it is now: only its bucket and key are taken from it. S3's own
//! notifications spell keys as HTML forms do; EventBridge events have them as they are. Either comes bare, in a
//! message of SQS, in one of SNS, or in one of SNS in one of SQS. An unknown event, field or version is left alone:
//! AWS adds some every year.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::model::Key;

/// Wrappings within wrappings that are opened: EventBridge in SNS in SQS are three.
const MOST_WRAPPINGS: u32 = 4;
/// Characters of a malformed message that an error shows.
const MOST_SHOWN: usize = 60;

/// The events of one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsRequest {
    /// Whether a queue delivered them, and is told which of its messages failed.
    pub from_queue: bool,
    /// The messages, in the order of the payload.
    pub messages: Vec<EventMessage>,
}

/// One message: the unit that a queue delivers again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMessage {
    /// The id that SQS gave it; none where no queue is between.
    pub id: Option<String>,
    /// Its events, or what is wrong with it.
    pub events: Result<Vec<ObjectEvent>, String>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: Key,
    /// The key, read as a form spells it, if that is another one. No page of AWS says that EventBridge does not
    /// spell keys so, and some stores do.
    pub other_key: Option<Key>,
    /// The kind of change.
    pub change: ObjectChange,
}

/// The kinds of change that a backup tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectChange {
    /// Nothing that a backup answers: a deletion, a thawed archive, or an event that AWS has added since.
    Other,
    /// Its access list.
    Acl,
    /// Its content or metadata.
    Content,
    /// Its tags, which move nothing in a listing.
    Tags,
}

/// Reads the events of a payload; none if it is something else.
///
/// # Errors
/// What is wrong with a payload that is events by its form.
pub(super) fn parse(fields: &Map<String, Value>) -> Option<Result<EventsRequest, String>> {
    let records = fields.get("Records");
    let is_event = records.is_some() || is_test(fields) || is_event_bridge(fields);
    is_event.then(|| {
        if let Some(records) = records.and_then(Value::as_array)
            && records.iter().any(|record| origin(record) == "aws:sqs")
        {
            let messages = records.iter().map(of_queue).collect();
            return Ok(EventsRequest {
                from_queue: true,
                messages,
            });
        }
        let events = open(fields, 0)?;
        Ok(EventsRequest {
            from_queue: false,
            messages: vec![EventMessage {
                id: None,
                events: Ok(events),
            }],
        })
    })
}

fn of_queue(record: &Value) -> EventMessage {
    let id = record["messageId"].as_str().map(str::to_owned);
    let body = record["body"].as_str();
    let events = body.ok_or_else(|| "it has no body".to_owned());
    EventMessage {
        id,
        events: events.and_then(|body| open_text(body, 1)),
    }
}

fn open_text(text: &str, depth: u32) -> Result<Vec<ObjectEvent>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => open(&fields, depth),
        Ok(_) => Err(format!("{} is no event", shown(text))),
        Err(error) => Err(format!("{} is no JSON: {error}", shown(text))),
    }
}

/// The events of a wrapping, whichever it is.
fn open(fields: &Map<String, Value>, depth: u32) -> Result<Vec<ObjectEvent>, String> {
    if depth > MOST_WRAPPINGS {
        return Err(format!("it has more than {MOST_WRAPPINGS} wrappings"));
    }
    if is_test(fields) {
        return Ok(Vec::new());
    }
    if is_event_bridge(fields) {
        return of_event_bridge(fields).map(|event| vec![event]);
    }
    // The envelope of SNS, as a queue gets it.
    if let Some(message) = fields.get("Message") {
        let message = message.as_str().ok_or("its Message is no text")?;
        return open_text(message, depth + 1);
    }
    let records = fields.get("Records").and_then(Value::as_array);
    match records.ok_or("it is no event of S3: it has no Records")? {
        records if records.is_empty() => Err("its Records are empty".to_owned()),
        records => {
            let events = records.iter().map(|record| of_record(record, depth));
            let events: Result<Vec<_>, String> = events.collect();
            Ok(events?.into_iter().flatten().collect())
        }
    }
}

fn of_record(record: &Value, depth: u32) -> Result<Vec<ObjectEvent>, String> {
    match origin(record) {
        "aws:sns" => {
            let message = record["Sns"]["Message"].as_str();
            open_text(message.ok_or("a record of SNS has no Message")?, depth + 1)
        }
        "aws:sqs" => {
            let body = record["body"].as_str();
            open_text(body.ok_or("a record of SQS has no body")?, depth + 1)
        }
        _ => of_notification(record).map(|event| vec![event]),
    }
}

/// A record of S3's own notifications.
fn of_notification(record: &Value) -> Result<ObjectEvent, String> {
    let text = |value: &Value, name: &str| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .ok_or_else(|| format!("a record has no {name}"))
    };
    let s3 = &record["s3"];
    let spelled = text(&s3["object"]["key"], "s3.object.key")?;
    Ok(ObjectEvent {
        bucket: text(&s3["bucket"]["name"], "s3.bucket.name")?,
        key: key(&form_decoded(&spelled)?)?,
        other_key: None,
        change: change_of_notification(&text(&record["eventName"], "eventName")?),
    })
}

fn change_of_notification(name: &str) -> ObjectChange {
    let name = name.strip_prefix("s3:").unwrap_or(name);
    match name.split(':').next() {
        Some("ObjectCreated") => ObjectChange::Content,
        Some("ObjectTagging") => ObjectChange::Tags,
        Some("ObjectAcl") => ObjectChange::Acl,
        Some(_) | None => ObjectChange::Other,
    }
}

fn of_event_bridge(fields: &Map<String, Value>) -> Result<ObjectEvent, String> {
    let detail = fields.get("detail").unwrap_or(&Value::Null);
    let text = |value: &Value, name: &str| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .ok_or_else(|| format!("an event has no {name}"))
    };
    let as_it_is = text(&detail["object"]["key"], "detail.object.key")?;
    let other = form_decoded(&as_it_is).and_then(|other| key(&other)).ok();
    let key = key(&as_it_is)?;
    Ok(ObjectEvent {
        bucket: text(&detail["bucket"]["name"], "detail.bucket.name")?,
        other_key: other.filter(|other| *other != key),
        key,
        change: match fields["detail-type"].as_str() {
            Some("Object Created") => ObjectChange::Content,
            Some("Object Tags Added" | "Object Tags Deleted") => ObjectChange::Tags,
            Some("Object ACL Updated") => ObjectChange::Acl,
            Some(_) | None => ObjectChange::Other,
        },
    })
}

/// A key as a form spells it: `+` is a space, and `%` stands before two hexadecimal digits.
fn form_decoded(spelled: &str) -> Result<String, String> {
    let spelled = spelled.replace('+', " ");
    let decoded = percent_decode_str(&spelled).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| {
        format!(
            "the key {} is not UTF-8 once it is decoded",
            shown(&spelled)
        )
    })
}

fn key(text: &str) -> Result<Key, String> {
    if text.len() > Key::MOST_BYTES {
        let most = Key::MOST_BYTES;
        return Err(format!(
            "the key {} has {} bytes; S3 allows {most}",
            shown(text),
            text.len()
        ));
    }
    Ok(Key::new(text))
}

fn is_event_bridge(fields: &Map<String, Value>) -> bool {
    let is_of_s3 = fields.get("source").and_then(Value::as_str) == Some("aws.s3");
    is_of_s3 && fields.contains_key("detail-type")
}

/// What S3 sends to a queue or a topic when notifications are set up.
fn is_test(fields: &Map<String, Value>) -> bool {
    fields.get("Event").and_then(Value::as_str) == Some("s3:TestEvent")
}

/// SNS writes the name with a capital.
fn origin(record: &Value) -> &str {
    let named = record.get("eventSource").or(record.get("EventSource"));
    named.and_then(Value::as_str).unwrap_or_default()
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notification(key: &str, name: &str) -> Value {
        json!({"Records": [{"eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventName": name, "s3": {"s3SchemaVersion": "1.0",
            "bucket": {"name": "primary"}, "object": {"key": key, "size": 1, "sequencer": "0"}}}]})
    }

    fn bridge(key: &str, detail_type: &str) -> Value {
        json!({"version": "0", "source": "aws.s3", "detail-type": detail_type,
            "detail": {"version": "0", "bucket": {"name": "primary"}, "object": {"key": key}}})
    }

    /// Each way in which AWS delivers an event, and whether a queue is the last of it.
    fn wrapped(event: &Value) -> Vec<(Value, bool)> {
        let text = event.to_string();
        let envelope =
            json!({"Type": "Notification", "TopicArn": "arn", "Message": text}).to_string();
        let queue = |body: &str| json!({"Records": [{"messageId": "m-1", "eventSource": "aws:sqs", "body": body}]});
        let topic = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]});
        vec![
            (event.clone(), false),
            (queue(&text), true),
            (topic, false),
            (queue(&envelope), true),
        ]
    }

    fn read(payload: &Value) -> EventsRequest {
        parse(payload.as_object().unwrap()).unwrap().unwrap()
    }

    fn only_event(request: EventsRequest) -> ObjectEvent {
        let mut messages = request.messages;
        let mut events = messages.remove(0).events.unwrap();
        assert!(messages.is_empty() && events.len() == 1);
        events.remove(0)
    }

    #[test]
    fn every_wrapping_is_opened_and_every_odd_key_is_read() {
        let keys = [
            ("a b+c%.txt", "a+b%2Bc%25.txt"),
            ("\u{e9}/\u{1f600}", "%C3%A9/%F0%9F%98%80"),
            ("a//b/../c", "a//b/../c"),
            ("\"q\"\\\n", "%22q%22%5C%0A"),
            ("%2F", "%252F"),
            (" ", "+"),
        ];
        for (key, spelled) in keys {
            for (payload, from_queue) in wrapped(&notification(spelled, "ObjectCreated:Put")) {
                let request = read(&payload);

                assert_eq!(request.from_queue, from_queue);
                let expected = ObjectEvent {
                    bucket: "primary".to_owned(),
                    key: Key::new(key),
                    other_key: None,
                    change: ObjectChange::Content,
                };
                assert_eq!(only_event(request), expected, "{payload}");
            }
            for (payload, _) in wrapped(&bridge(key, "Object Created")) {
                assert_eq!(only_event(read(&payload)).key, Key::new(key), "{payload}");
            }
        }
    }

    #[test]
    fn a_key_of_event_bridge_that_could_be_spelled_has_a_second_reading() {
        let second = |key| only_event(read(&bridge(key, "Object Created"))).other_key;

        assert_eq!(second("a%20b"), Some(Key::new("a b")));
        assert_eq!(second("a+b"), Some(Key::new("a b")));
        assert_eq!(second("a b"), None);
        assert_eq!(second("%ff"), None);
    }

    #[test]
    fn events_are_told_apart_and_unknown_ones_are_left_alone() {
        let names = [
            (
                "ObjectCreated:CompleteMultipartUpload",
                ObjectChange::Content,
            ),
            ("s3:ObjectCreated:Copy", ObjectChange::Content),
            ("ObjectTagging:Delete", ObjectChange::Tags),
            ("ObjectAcl:Put", ObjectChange::Acl),
            ("ObjectRemoved:Delete", ObjectChange::Other),
            ("ObjectRestore:Completed", ObjectChange::Other),
            ("Brandnew:Thing", ObjectChange::Other),
        ];
        for (name, change) in names {
            assert_eq!(
                only_event(read(&notification("k", name))).change,
                change,
                "{name}"
            );
        }
        let types = [
            ("Object Created", ObjectChange::Content),
            ("Object Tags Added", ObjectChange::Tags),
            ("Object Tags Deleted", ObjectChange::Tags),
            ("Object ACL Updated", ObjectChange::Acl),
            ("Object Deleted", ObjectChange::Other),
            ("Object Something", ObjectChange::Other),
        ];
        for (detail_type, change) in types {
            assert_eq!(only_event(read(&bridge("k", detail_type))).change, change);
        }
    }

    #[test]
    fn a_test_event_has_no_events() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "primary"});
        for (payload, _) in wrapped(&test) {
            let request = read(&payload);

            assert_eq!(request.messages[0].events, Ok(Vec::new()), "{payload}");
        }
    }

    #[test]
    fn a_malformed_message_is_named_and_the_others_are_read() {
        let good = notification("k", "ObjectCreated:Put").to_string();
        let long = notification(&"k".repeat(64 << 10), "ObjectCreated:Put").to_string();
        let cases = [
            ("{", "is no JSON"),
            ("[1]", "is no event"),
            ("{}", "has no Records"),
            ("{\"Records\":[]}", "Records are empty"),
            ("{\"Records\":[{}]}", "has no s3.object.key"),
            (
                &notification("%ff", "ObjectCreated:Put").to_string(),
                "not UTF-8",
            ),
            (&long, "S3 allows 1024"),
        ];
        let mut records =
            vec![json!({"messageId": "good", "eventSource": "aws:sqs", "body": good})];
        for (number, (body, _)) in cases.iter().enumerate() {
            records.push(
                json!({"messageId": number.to_string(), "eventSource": "aws:sqs", "body": body}),
            );
        }

        let request = read(&json!({ "Records": records }));

        assert_eq!(request.messages[0].events.as_ref().unwrap().len(), 1);
        for ((_, part), message) in cases.iter().zip(&request.messages[1..]) {
            let problem = message.events.as_ref().unwrap_err();
            assert!(problem.contains(part) && problem.len() < 300, "{problem}");
        }
    }

    #[test]
    fn what_is_no_event_is_something_else() {
        for payload in [
            json!({}),
            json!({"operation": "backup"}),
            json!({"source": "aws.events", "detail-type": "Scheduled Event"}),
        ] {
            assert!(parse(payload.as_object().unwrap()).is_none(), "{payload}");
        }
    }
}
