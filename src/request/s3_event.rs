//! Events of S3 in any wrapping that AWS delivers, as one list of messages.
//!
//! An event says that an object has changed, not what it is now: only its bucket and key are taken from it. S3's own
//! notifications spell keys as HTML forms do; EventBridge events have them as they are. Either comes bare, in a
//! message of SQS, in one of SNS, or in one of SNS in one of SQS. An unknown event, field or version is left alone:
//! AWS adds some every year.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::event_error::{EventError, MOST_WRAPPINGS};
use crate::model::{Key, SharedError, shortened};

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
    /// Those of its events that could be read.
    pub events: Vec<ObjectEvent>,
    /// The mistakes in the others, or in all of it.
    pub problem: Option<EventError>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The bucket; empty if an event that nobody answers does not name one.
    pub bucket: String,
    /// The key; empty likewise.
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
/// The mistake in a payload that is events by its form.
pub(super) fn parse(fields: &Map<String, Value>) -> Option<Result<EventsRequest, EventError>> {
    let records = fields.get("Records");
    let is_event = records.is_some() || is_test(fields) || is_event_bridge(fields);
    is_event.then(|| {
        if let Some(records) = records.and_then(Value::as_array)
            && records.iter().any(|record| origin(record) == "aws:sqs")
        {
            let messages: Result<_, EventError> = records.iter().map(of_queue).collect();
            return Ok(EventsRequest {
                from_queue: true,
                messages: messages?,
            });
        }
        let mut message = EventMessage::of(None);
        message.open(fields, 0);
        match message.problem {
            // With nothing to answer the invocation fails, and Lambda repeats it.
            Some(problem) if message.events.is_empty() => Err(problem),
            _ => Ok(EventsRequest {
                from_queue: false,
                messages: vec![message],
            }),
        }
    })
}

/// A message of a queue. One without an id could not be told to have failed, so nothing of its batch is answered.
fn of_queue(record: &Value) -> Result<EventMessage, EventError> {
    let id = record["messageId"].as_str().filter(|id| !id.is_empty());
    let id = id.ok_or(EventError::Missing {
        holder: "a record of SQS",
        name: "messageId",
    })?;
    let mut message = EventMessage::of(Some(id.to_owned()));
    match record["body"].as_str() {
        Some(body) => message.open_text(body, 1),
        None => message.note(EventError::Missing {
            holder: "it",
            name: "body",
        }),
    }
    Ok(message)
}

impl EventMessage {
    fn of(id: Option<String>) -> Self {
        Self {
            id,
            events: Vec::new(),
            problem: None,
        }
    }

    /// The first problem is enough to look for.
    fn note(&mut self, problem: EventError) {
        self.problem.get_or_insert(problem);
    }

    fn add(&mut self, event: Result<ObjectEvent, EventError>) {
        match event {
            Ok(event) => self.events.push(event),
            Err(problem) => self.note(problem),
        }
    }

    fn open_text(&mut self, text: &str, depth: u32) {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => self.open(&fields, depth),
            Ok(_) => self.note(EventError::NotAnEvent { shown: shown(text) }),
            Err(error) => self.note(EventError::NotJson {
                shown: shown(text),
                error: SharedError::new(error),
            }),
        }
    }

    /// Takes the events out of a wrapping, whichever it is.
    fn open(&mut self, fields: &Map<String, Value>, depth: u32) {
        if depth > MOST_WRAPPINGS {
            return self.note(EventError::TooManyWrappings);
        }
        if is_test(fields) {
            return;
        }
        if is_event_bridge(fields) {
            return self.add(of_event_bridge(fields));
        }
        // The envelope of SNS, as a queue gets it.
        if let Some(message) = fields.get("Message") {
            return match message.as_str() {
                Some(message) => self.open_text(message, depth + 1),
                None => self.note(EventError::MessageIsNoText),
            };
        }
        match fields.get("Records").and_then(Value::as_array) {
            None => self.note(EventError::NotOfS3),
            Some(records) if records.is_empty() => self.note(EventError::NoRecords),
            Some(records) => records
                .iter()
                .for_each(|record| self.open_record(record, depth)),
        }
    }

    fn open_record(&mut self, record: &Value, depth: u32) {
        let (inner, holder, name) = match origin(record) {
            "aws:sns" => (&record["Sns"]["Message"], "a record of SNS", "Message"),
            "aws:sqs" => (&record["body"], "a record of SQS", "body"),
            _ => return self.add(of_notification(record)),
        };
        match inner.as_str() {
            Some(text) => self.open_text(text, depth + 1),
            None => self.note(EventError::Missing { holder, name }),
        }
    }
}

/// A record of S3's own notifications.
fn of_notification(record: &Value) -> Result<ObjectEvent, EventError> {
    let s3 = &record["s3"];
    let name = text(&record["eventName"]);
    let change = name.map(change_of_notification);
    let bucket = text(&s3["bucket"]["name"]);
    let spelled = text(&s3["object"]["key"]);
    if change == Some(ObjectChange::Other) && (bucket.is_none() || spelled.is_none()) {
        return Ok(ObjectEvent::unanswered(bucket));
    }
    let missing = |name| EventError::Missing {
        holder: "a record",
        name,
    };
    let spelled = spelled.ok_or_else(|| missing("s3.object.key"))?;
    Ok(ObjectEvent {
        bucket: bucket.ok_or_else(|| missing("s3.bucket.name"))?.to_owned(),
        key: key(&form_decoded(spelled)?)?,
        other_key: None,
        change: change.ok_or_else(|| missing("eventName"))?,
    })
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

impl ObjectEvent {
    /// An event that nobody answers, of something that is no object.
    fn unanswered(bucket: Option<&str>) -> Self {
        Self {
            bucket: bucket.unwrap_or_default().to_owned(),
            key: Key::new(""),
            other_key: None,
            change: ObjectChange::Other,
        }
    }
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

fn of_event_bridge(fields: &Map<String, Value>) -> Result<ObjectEvent, EventError> {
    let detail = fields.get("detail").unwrap_or(&Value::Null);
    let change = match fields.get("detail-type").and_then(Value::as_str) {
        Some("Object Created") => ObjectChange::Content,
        Some("Object Tags Added" | "Object Tags Deleted") => ObjectChange::Tags,
        Some("Object ACL Updated") => ObjectChange::Acl,
        Some(_) | None => ObjectChange::Other,
    };
    let bucket = text(&detail["bucket"]["name"]);
    let as_it_is = text(&detail["object"]["key"]);
    if change == ObjectChange::Other && (bucket.is_none() || as_it_is.is_none()) {
        return Ok(ObjectEvent::unanswered(bucket));
    }
    let missing = |name| EventError::Missing {
        holder: "an event",
        name,
    };
    let as_it_is = as_it_is.ok_or_else(|| missing("detail.object.key"))?;
    let other = form_decoded(as_it_is).and_then(|other| key(&other)).ok();
    let key = key(as_it_is)?;
    Ok(ObjectEvent {
        bucket: bucket
            .ok_or_else(|| missing("detail.bucket.name"))?
            .to_owned(),
        other_key: other.filter(|other| *other != key),
        key,
        change,
    })
}

/// A key as a form spells it: `+` is a space, and `%` stands before two hexadecimal digits.
fn form_decoded(spelled: &str) -> Result<String, EventError> {
    let spelled = spelled.replace('+', " ");
    let decoded = percent_decode_str(&spelled).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| EventError::NotUtf8 {
            shown: shown(&spelled),
            error,
        })
}

fn key(text: &str) -> Result<Key, EventError> {
    if text.len() > Key::MOST_BYTES {
        return Err(EventError::KeyTooLong {
            shown: shown(text),
            bytes: text.len(),
        });
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
    format!("{:?}", shortened(text, MOST_SHOWN))
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
        let mut message = messages.remove(0);
        assert!(messages.is_empty() && message.events.len() == 1);
        assert_eq!(message.problem, None);
        message.events.remove(0)
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

            let message = &request.messages[0];
            assert_eq!(
                (message.events.len(), &message.problem),
                (0, &None),
                "{payload}"
            );
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

        assert_eq!(request.messages[0].events.len(), 1);
        for ((_, part), message) in cases.iter().zip(&request.messages[1..]) {
            let problem = message.problem.as_ref().unwrap();
            assert_eq!(message.events, []);
            let problem = problem.to_string();
            assert!(problem.contains(part) && problem.len() < 300, "{problem}");
        }
    }

    #[test]
    fn an_unknown_event_of_something_that_is_no_object_is_left_alone() {
        let call = json!({"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail",
            "detail": {"eventName": "PutObject", "requestParameters": {"bucketName": "primary", "key": "k"}}});
        let of_bucket = json!({"Records": [{"eventSource": "aws:s3", "eventName": "Brandnew:Thing",
            "s3": {"bucket": {"name": "primary"}}}]});
        for (event, bucket) in [(call, ""), (of_bucket, "primary")] {
            for (payload, _) in wrapped(&event) {
                let event = only_event(read(&payload));

                assert_eq!(
                    (event.bucket.as_str(), event.change),
                    (bucket, ObjectChange::Other)
                );
            }
        }
    }

    #[test]
    fn the_good_records_of_a_message_are_read_beside_a_bad_one() {
        let mut event = notification("a", "ObjectCreated:Put");
        let records = event["Records"].as_array_mut().unwrap();
        records.push(json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}));
        records.push(notification("b", "ObjectCreated:Put")["Records"][0].clone());
        for (payload, _) in wrapped(&event) {
            let message = read(&payload).messages.remove(0);

            let keys: Vec<&str> = message
                .events
                .iter()
                .map(|event| event.key.as_str())
                .collect();
            assert_eq!(keys, ["a", "b"], "{payload}");
            assert!(
                message
                    .problem
                    .unwrap()
                    .to_string()
                    .contains("has no s3.object.key")
            );
        }
    }

    #[test]
    fn a_message_that_could_not_be_named_fails_its_batch() {
        let body = notification("k", "ObjectCreated:Put").to_string();
        for id in [json!(""), Value::Null] {
            let good = json!({"messageId": "m-1", "eventSource": "aws:sqs", "body": body});
            let nameless = json!({"messageId": id, "eventSource": "aws:sqs", "body": body});
            let payload = json!({"Records": [good, nameless]});

            let refused = parse(payload.as_object().unwrap()).unwrap();

            let refused = refused.unwrap_err().to_string();
            assert_eq!(refused, "a record of SQS has no messageId");
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
