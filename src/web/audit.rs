//! The audit: a line of JSON for each sign-in, search, preview, download, plan, restore, undo and refusal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::access::{Caller, Role};
use super::gateway::Payload;
use crate::model::printable_json;

/// The entry for a call that was not refused, by its route.
const ACTIONS: [(&str, &str); 9] = [
    ("me", "sign_in"),
    ("search", "search"),
    ("deleted", "search"),
    ("preview", "preview"),
    ("download", "download"),
    ("plan", "plan"),
    ("undo", "undo"),
    ("confirm", "restore"),
    ("cancel", "cancel"),
];
/// Names of a list that are written down; how many there are is, too.
const MOST_NAMES: usize = 20;
/// The most bytes that are written down of what was asked. All that the page asks is below, with the longest
/// names; what is above is noted by its size.
const MOST_BYTES: usize = 48 << 10;

/// A line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// What was done, or the route that was refused.
    audit: &'a str,
    /// `done`, `refused` or `failed`.
    result: &'static str,
    status: u16,
    sub: Option<&'a str>,
    email: Option<&'a str>,
    role: Option<Role>,
    /// What was asked, without the end of long lists.
    asked: Value,
    /// The restore that it is about.
    restore: Option<Value>,
    /// Why it was refused.
    why: Option<Value>,
    source_ip: &'a str,
    user_agent: &'a str,
    request_id: &'a str,
}

/// Writes the line of a call, if it has one.
pub fn write(payload: &Payload, caller: Option<&Caller>, asked: &[u8], status: u16, answer: &[u8]) {
    let Some(line) = line(payload, caller, asked, status, answer) else {
        return;
    };
    // A log that cannot be written must not lose the answer.
    drop(writeln!(io::stdout(), "{}", printable_json(&line)));
}

fn line(
    payload: &Payload,
    caller: Option<&Caller>,
    asked: &[u8],
    status: u16,
    answer: &[u8],
) -> Option<String> {
    let route = payload.raw_path.strip_prefix("/api/")?;
    let known = ACTIONS.iter().find(|(name, _)| *name == route);
    if known.is_none() && status < 400 {
        return None;
    }
    let asked = shortened(serde_json::from_slice(asked).unwrap_or_default());
    let answer: Value = match route {
        "preview" | "search" | "deleted" if status < 400 => Value::Null,
        _ => serde_json::from_slice(answer).unwrap_or_default(),
    };
    let person = caller.and_then(|caller| caller.person.as_ref());
    let (source_ip, user_agent) = payload.caller();
    let line = Line {
        audit: known.map_or(route, |(_, action)| action),
        result: match status {
            0..400 => "done",
            400..500 => "refused",
            _ => "failed",
        },
        status,
        sub: person.map(|person| person.sub.as_str()),
        email: person.and_then(|person| person.email.as_deref()),
        role: caller.map(Caller::role),
        restore: answer.get("id").or_else(|| asked.get("id")).cloned(),
        why: answer.get("message").filter(|_| status >= 400).cloned(),
        asked,
        source_ip,
        user_agent,
        request_id: payload.request_id(),
    };
    serde_json::to_string(&line).ok()
}

fn shortened(mut asked: Value) -> Value {
    if let Some(files) = asked.get_mut("files").and_then(Value::as_array_mut) {
        let count = files.len();
        files.truncate(MOST_NAMES);
        if let (true, Some(asked)) = (count > MOST_NAMES, asked.as_object_mut()) {
            asked.insert("files_in_all".to_owned(), count.into());
        }
    }
    match asked.to_string().len() {
        0..=MOST_BYTES => asked,
        bytes => json!({"bytes": bytes}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(route: &str, asked: &Value, status: u16, answer: &Value) -> Option<Value> {
        let event = json!({"version": "2.0", "rawPath": format!("/api/{route}"),
            "requestContext": {"requestId": "r-1", "http": {"method": "POST", "sourceIp": "192.0.2.1",
                "userAgent": "Firefox"}}});
        let payload = Payload::read(event).unwrap();
        let bytes = |value: &Value| serde_json::to_vec(value).unwrap();
        let line = line(&payload, None, &bytes(asked), status, &bytes(answer))?;
        serde_json::from_str(&line).ok()
    }

    #[test]
    fn a_line_tells_what_was_done_from_where_and_how_it_ended() {
        let line = written(
            "plan",
            &json!({"files": ["a"], "copy": false}),
            200,
            &json!({"id": "7"}),
        );
        let expected = json!({"audit": "plan", "result": "done", "status": 200, "sub": null, "email": null,
            "role": null, "asked": {"files": ["a"], "copy": false}, "restore": "7", "why": null,
            "source_ip": "192.0.2.1", "user_agent": "Firefox", "request_id": "r-1"});
        assert_eq!(line, Some(expected));
        let confirmed = written("confirm", &json!({"id": "7"}), 200, &json!({"id": "7"})).unwrap();
        assert_eq!(
            (&confirmed["audit"], &confirmed["restore"]),
            (&json!("restore"), &json!("7"))
        );
    }

    #[test]
    fn looking_around_has_no_line_and_a_refusal_of_it_has() {
        assert_eq!(written("folder", &json!({}), 200, &json!({})), None);
        let refused = written(
            "folder",
            &json!({"folder": "b/"}),
            404,
            &json!({"message": "no"}),
        )
        .unwrap();
        assert_eq!(refused["result"], "refused");
        assert_eq!(
            (&refused["audit"], &refused["why"]),
            (&json!("folder"), &json!("no"))
        );
        assert_eq!(refused["asked"]["folder"], "b/");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let files: Vec<String> = (0..1000).map(|number| format!("f{number}")).collect();
        let line = written("plan", &json!({"files": files}), 200, &json!({})).unwrap();
        assert_eq!(line["asked"]["files"].as_array().unwrap().len(), MOST_NAMES);
        assert_eq!(line["asked"]["files_in_all"], 1000);
    }
}
