//! A run of a history that many functions share: cut into pieces, worked on, and closed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::history::History;
use super::laws::Run;
use super::step::{Change, KEYS};
use crate::world::{BACKUP, count};

/// How a run is shared.
#[derive(Clone, Debug)]
pub struct Share {
    /// The keys that pieces end with, in any order; one more has the rest.
    pub ends: Vec<usize>,
    /// Each worker is cut off after so much time, and repeated.
    pub killed: Option<Duration>,
    /// What happens to the source after the first piece.
    pub changes: Vec<Change>,
    /// The last piece is missing when the run is closed.
    pub is_missing: bool,
    /// A function goes on with what is missing.
    pub goes_on: bool,
}

impl History {
    pub async fn share(&mut self, job: usize, share: Share) {
        let touched = self.touched.len();
        self.wait(2);
        let mut part = Run::of(job);
        // A part of a run tells of its own keys.
        part.goes_on = true;
        part.is_of_other_ranges = true;
        let asked = json!({"operation": "ranges"});
        let Ok(begun) = self.invoke(&part, &asked, None).await else {
            return;
        };
        let mut requests = self.cut(begun["distributed"]["key"].as_str().unwrap(), &share.ends);
        if share.is_missing {
            requests.pop();
        }
        let mut changes = share.changes;
        let mut found = 0;
        for request in &requests {
            if let Some(after) = share.killed {
                self.cut_off(&part, request, after).await;
            }
            self.wait(2);
            let piece = self.invoke(&part, request, None).await.unwrap();
            assert!(piece["cursor"].is_null(), "{piece}");
            found += count(&piece, "objects_found");
            for change in std::mem::take(&mut changes) {
                part.touched.extend(change.keys());
                self.change(job, &change);
            }
        }
        let whole = Run {
            touched: part.touched.clone(),
            ..Run::of(job)
        };
        self.wait(2);
        let close = json!({"operation": "close", "cursor": begun["cursor"]});
        let closed = self.invoke(&whole, &close, None).await.unwrap();
        self.wait(2);
        assert_is_closed(&closed, share.is_missing, found);
        if closed["cursor"].is_object() {
            let number = self.give_cursor(job, &closed["cursor"], touched);
            if share.goes_on {
                self.use_cursor(number, None).await;
            }
        }
        self.world.let_leases_end();
    }

    /// Cuts a run anew, which has too few keys for more than one piece, and gives the requests for its pieces.
    fn cut(&self, requests: &str, ends: &[usize]) -> Vec<Value> {
        let sim = &self.world.sim;
        let read = |key: &str| -> Value {
            let view = sim.current(BACKUP, key).unwrap();
            serde_json::from_slice(view.content.as_bytes().unwrap()).unwrap()
        };
        let ends: BTreeSet<&str> = ends.iter().map(|end| KEYS[*end]).collect();
        let mut ranges = vec![json!({})];
        for end in ends {
            ranges.last_mut().unwrap()["until"] = json!(end);
            ranges.push(json!({"after": end}));
        }
        let of_pieces = 1..=ranges.len();
        let key = requests.replace("ranges.json", "distributed.json");
        let mut run = read(&key);
        run["ranges"] = json!(ranges);
        sim.put(BACKUP, &key, run.to_string());
        let of_one = read(requests)[0].clone();
        let of_pieces = of_pieces.map(|number| {
            let mut request = of_one.clone();
            request["cursor"]["piece"] = json!(number);
            request
        });
        of_pieces.collect()
    }
}

/// What its pieces have counted is what the whole has counted, and a missing piece is one error, which counts as one
/// object that was found.
fn assert_is_closed(closed: &Value, is_missing: bool, found: u64) {
    assert_eq!(closed["status"] == "incomplete", is_missing, "{closed}");
    let missing = u64::from(is_missing);
    assert_eq!(count(&closed["distributed"], "pieces_missing"), missing);
    assert_eq!(count(closed, "errors"), missing, "{closed}");
    assert_eq!(count(closed, "objects_found"), found + missing, "{closed}");
}
