//! What a payload says of a restore, and whether it goes together.

use serde_json::{Map, Value};

use super::field::{bad_value, bucket, choice, days, flag, prefix};
use super::restore::{
    Dollars, Extra, Manner, Point, RestoreId, RestoreRequest, StartRestore, UndoRestore, What,
};
use super::{RequestError, person};
use crate::model::{
    CURSOR_FORMAT, Glob, Key, Location, Prefix, StorageClass, Tier, Timestamp, VersionId,
};

/// The fields of a request to bring objects back, as messages list them.
const FIELDS: &str = "operation, keys, prefix, all, include, exclude, run, at, versions, version_id, from, to, \
     strip_prefix, dry_run, hold, only, extra, storage_class, tier, thawed_days, max_cost, replaced, by; or one of confirm, continue, undo, cancel";
/// Those of a request about a restore.
const FIELDS_OF_ONE: &str =
    "operation, and one of confirm, continue, undo, cancel; with undo also dry_run, hold, by";
/// What says which objects.
const WHAT: &str = "keys, prefix or all";
/// What says when.
const POINT: &str = "run, at or version_id";
/// Classes that a restored object can be written to.
const CLASSES: &str = "auto, STANDARD, STANDARD_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER, DEEP_ARCHIVE, \
     ONEZONE_IA, REDUCED_REDUNDANCY";
/// What `at` can be, as messages say it.
pub const TIMES: &str = "a time like 2026-11-20T14:00Z, 2026-11-20T14:00:00+01:00 or 2026-11-20, \
     which without an offset is UTC";
/// The days that are asked for unless a request says.
const USUAL_DAYS: u32 = 7;

/// Reads a request of the restore operation.
pub(super) fn parse(fields: &Map<String, Value>) -> Result<RestoreRequest, RequestError> {
    let verbs = ["confirm", "continue", "undo", "cancel"];
    let given: Vec<&str> = verbs
        .into_iter()
        .filter(|verb| fields.contains_key(*verb))
        .collect();
    match given.as_slice() {
        [] => start(fields).map(|start| RestoreRequest::Start(Box::new(start))),
        [verb] => about_one(verb, fields),
        [..] => Err(RequestError::Excluding {
            fields: given.join(", "),
            allowed: "one of confirm, continue, undo, cancel".to_owned(),
        }),
    }
}

/// The request to go on with the restore that a cursor names; none if it names none.
pub(super) fn of_cursor(
    fields: &Map<String, Value>,
) -> Option<Result<RestoreRequest, RequestError>> {
    let cursor = fields.get("cursor")?;
    let id = cursor.get("restore")?;
    let format = cursor.get("format").unwrap_or(&Value::Null);
    if *format != CURSOR_FORMAT {
        return Some(Err(RequestError::UnknownFormat {
            found: format.to_string(),
        }));
    }
    let id = choice("cursor", id, RestoreId::parse, RestoreId::ALLOWED);
    Some(id.map(RestoreRequest::Continue))
}

/// A request about a restore that was begun.
fn about_one(verb: &str, fields: &Map<String, Value>) -> Result<RestoreRequest, RequestError> {
    let mut manner = Words::default();
    for (name, value) in fields {
        match name.as_str() {
            "operation" => {}
            name if name == verb => {}
            "by" if verb == "undo" => person::check(value)?,
            "dry_run" if verb == "undo" => manner.dry_run = flag("dry_run", value)?,
            "hold" if verb == "undo" => manner.hold = flag("hold", value)?,
            _ => return Err(unknown(name, FIELDS_OF_ONE)),
        }
    }
    let value = fields.get(verb).unwrap_or(&Value::Null);
    let id = |field| choice(field, value, RestoreId::parse, RestoreId::ALLOWED);
    Ok(match verb {
        "confirm" => RestoreRequest::Confirm(id("confirm")?),
        "continue" if value == "all" => RestoreRequest::ContinueAll,
        "continue" => RestoreRequest::Continue(id("continue")?),
        "cancel" => RestoreRequest::Cancel(id("cancel")?),
        _ => RestoreRequest::Undo(UndoRestore {
            id: id("undo")?,
            manner: manner.manner()?,
            words: fields.clone(),
        }),
    })
}

/// What a request says, before it is checked whether it goes together.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the payload"
)]
struct Words {
    what: Vec<(&'static str, What)>,
    point: Vec<(&'static str, Point)>,
    by_versions: bool,
    include: Vec<Glob>,
    exclude: Vec<Glob>,
    from: Option<String>,
    to: Option<Location>,
    strip_prefix: Prefix,
    dry_run: bool,
    hold: bool,
    only_missing: bool,
    extra: Extra,
    class: Option<StorageClass>,
    tier: Tier,
    thawed_days: Option<u32>,
    max_cost: Option<Dollars>,
    discards_replaced: bool,
}

fn start(fields: &Map<String, Value>) -> Result<StartRestore, RequestError> {
    let mut words = Words::default();
    for (name, value) in fields {
        words.read(name, value)?;
    }
    let manner = words.manner()?;
    let what = only_one(words.what, "which objects", WHAT)?;
    let point = match (
        only_one(words.point, "as of when", POINT)?,
        words.by_versions,
    ) {
        (Point::At(at), true) => Point::Versions(at),
        (_, true) => {
            return Err(RequestError::Needs {
                field: "versions",
                needs: "\"at\": the moment whose versions are meant",
            });
        }
        (point, false) => point,
    };
    let one_key = matches!(&what, What::Keys(keys) if keys.len() == 1);
    if matches!(point, Point::Version(_)) && !one_key {
        return Err(RequestError::Needs {
            field: "version_id",
            needs: "\"keys\" with just one key: a version is of one object",
        });
    }
    if words.extra == Extra::Mark && matches!(what, What::Keys(_)) {
        return Err(RequestError::Needs {
            field: "extra",
            needs: "\"prefix\" or \"all\": of named keys none is extra",
        });
    }
    check_strip_prefix(&words.strip_prefix, &what, words.to.as_ref())?;
    Ok(StartRestore {
        what,
        include: words.include,
        exclude: words.exclude,
        point,
        from: words.from,
        to: words.to,
        strip_prefix: words.strip_prefix,
        manner,
        only_missing: words.only_missing,
        extra: words.extra,
        class: words.class,
        tier: words.tier,
        thawed_days: words.thawed_days.unwrap_or(USUAL_DAYS),
        max_cost: words.max_cost,
        keeps_replaced: !words.discards_replaced,
        words: fields.clone(),
    })
}

impl Words {
    fn read(&mut self, name: &str, value: &Value) -> Result<(), RequestError> {
        match name {
            "operation" => {}
            "keys" => self.what.push(("keys", What::Keys(keys(value)?))),
            "prefix" => self
                .what
                .push(("prefix", What::Prefix(prefix("prefix", value)?))),
            "all" => {
                if flag("all", value)? {
                    self.what.push(("all", What::All));
                }
            }
            "run" => {
                let allowed = "the id of a run or its beginning, latest, latest~1";
                let run = choice("run", value, named, allowed)?;
                self.point.push(("run", Point::Run(run)));
            }
            "at" => {
                let at = choice("at", value, Timestamp::parse_loose, TIMES)?;
                self.point.push(("at", Point::At(at)));
            }
            "versions" => self.by_versions = flag("versions", value)?,
            "version_id" => {
                let id = choice("version_id", value, named, "the id of a version")?;
                let id = VersionId::new(&id);
                self.point.push(("version_id", Point::Version(id)));
            }
            "include" => self.include = globs("include", value)?,
            "exclude" => self.exclude = globs("exclude", value)?,
            "from" => self.from = Some(bucket(value)?),
            "to" => {
                let location = |text: &str| Location::parse(text).ok();
                self.to = Some(choice("to", value, location, "s3://bucket/prefix")?);
            }
            "strip_prefix" => self.strip_prefix = prefix("strip_prefix", value)?,
            "by" => person::check(value)?,
            "dry_run" => self.dry_run = flag("dry_run", value)?,
            "hold" => self.hold = flag("hold", value)?,
            "only" => {
                let missing = |text: &str| (text == "missing").then_some(());
                choice("only", value, missing, "missing")?;
                self.only_missing = true;
            }
            "extra" => self.extra = choice("extra", value, extra, "keep, mark")?,
            "storage_class" => self.class = class(value)?,
            "tier" => {
                self.tier = choice("tier", value, |text| text.parse().ok(), Tier::ALLOWED)?;
            }
            "thawed_days" => self.thawed_days = Some(days(value)?),
            "max_cost" => self.max_cost = Some(dollars(value)?),
            "replaced" => {
                self.discards_replaced = choice("replaced", value, discards, "keep, discard")?;
            }
            _ => return Err(unknown(name, FIELDS)),
        }
        Ok(())
    }

    fn manner(&self) -> Result<Manner, RequestError> {
        match (self.dry_run, self.hold) {
            (false, false) => Ok(Manner::Act),
            (true, false) => Ok(Manner::DryRun),
            (false, true) => Ok(Manner::Hold),
            (true, true) => Err(RequestError::Excluding {
                fields: "dry_run, hold".to_owned(),
                allowed: "one of them".to_owned(),
            }),
        }
    }
}

fn unknown(name: &str, allowed: &'static str) -> RequestError {
    RequestError::UnknownField {
        field: name.to_owned(),
        operation: "restore",
        allowed,
    }
}

/// The one that was given, of those that exclude each other.
fn only_one<T>(
    mut given: Vec<(&'static str, T)>,
    missing: &'static str,
    allowed: &'static str,
) -> Result<T, RequestError> {
    match (given.pop(), given.is_empty()) {
        (Some((_, one)), true) => Ok(one),
        (None, _) => Err(RequestError::Unsaid { missing, allowed }),
        (Some((last, _)), false) => {
            let mut names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
            names.push(last);
            Err(RequestError::Excluding {
                fields: names.join(", "),
                allowed: format!("one of {allowed}"),
            })
        }
    }
}

/// Whether all keys begin with what they lose, and something is left of each.
fn check_strip_prefix(
    stripped: &Prefix,
    what: &What,
    to: Option<&Location>,
) -> Result<(), RequestError> {
    if stripped.is_empty() {
        return Ok(());
    }
    let all_have_it = match what {
        What::Keys(keys) => keys.iter().all(|key| key.is_below(stripped)),
        What::Prefix(prefix) => prefix.as_str().starts_with(stripped.as_str()),
        What::All => false,
    };
    let needs = |needs| RequestError::Needs {
        field: "strip_prefix",
        needs,
    };
    if !all_have_it {
        return Err(needs("\"keys\" or a \"prefix\" that begin with it"));
    }
    // Else an object with just that key would be left without one.
    if to.is_none_or(|to| to.prefix.is_empty()) {
        return Err(needs("\"to\" with a prefix, such as s3://bucket/back/"));
    }
    Ok(())
}

fn dollars(value: &Value) -> Result<Dollars, RequestError> {
    let allowed = "a number of US dollars that is not negative";
    Dollars::parse(value).ok_or_else(|| bad_value("max_cost", value, allowed))
}

fn keys(value: &Value) -> Result<Vec<Key>, RequestError> {
    let allowed = "a list of keys, each of 1 to 1,024 bytes";
    let refuse = || bad_value("keys", value, allowed);
    let key = |value: &Value| {
        let text = value.as_str()?;
        let fits = (1..=Key::MOST_BYTES).contains(&text.len());
        fits.then(|| Key::new(text))
    };
    let keys = value.as_array().ok_or_else(refuse)?;
    let mut keys: Vec<Key> = keys
        .iter()
        .map(|value| key(value).ok_or_else(|| bad_value("keys", value, allowed)))
        .collect::<Result<_, _>>()?;
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

fn globs(field: &'static str, value: &Value) -> Result<Vec<Glob>, RequestError> {
    let parse = |text: &str| Glob::parse_list(text).ok();
    choice(field, value, parse, "globs over keys, separated by commas")
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn discards(text: &str) -> Option<bool> {
    match text {
        "keep" => Some(false),
        "discard" => Some(true),
        _ => None,
    }
}

fn extra(text: &str) -> Option<Extra> {
    match text {
        "keep" => Some(Extra::Keep),
        "mark" => Some(Extra::Mark),
        _ => None,
    }
}

/// A class that can be written to; none for the choice that is made for each object.
fn class(value: &Value) -> Result<Option<StorageClass>, RequestError> {
    let known = |text: &str| {
        let mut known = CLASSES.split(", ");
        known.find(|known| *known == text).map(str::to_owned)
    };
    let name = choice("storage_class", value, known, CLASSES)?;
    Ok((name != "auto").then(|| StorageClass::new(Some(&name))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Request, parse};
    use super::*;

    fn restore(payload: &Value) -> RestoreRequest {
        match parse(payload) {
            Ok(Request::Restore(request)) => request,
            other => panic!("{payload} is {other:?}"),
        }
    }

    #[test]
    fn every_field_of_a_request_is_read() {
        let payload = json!({"operation": "restore", "keys": ["b", "a", "b"], "include": "*.x",
            "exclude": "t*", "at": "2026-11-20T14:00Z", "from": "second", "to": "s3://other/there/", "hold": true, "strip_prefix": "",
            "only": "missing", "extra": "keep", "storage_class": "STANDARD_IA", "tier": "bulk",
            "thawed_days": 3, "max_cost": 1.5, "replaced": "discard", "by": {"sub": "1"}});

        let RestoreRequest::Start(request) = restore(&payload) else {
            panic!("{payload} starts nothing");
        };

        assert_eq!(request.what, What::Keys(vec![Key::new("a"), Key::new("b")]));
        let at = Timestamp::parse("2026-11-20T14:00:00Z").unwrap();
        assert_eq!(request.point, Point::At(at));
        assert_eq!(request.from.as_deref(), Some("second"));
        assert_eq!(request.to, Location::parse("s3://other/there/").ok());
        assert_eq!(request.manner, Manner::Hold);
        assert!(request.only_missing && !request.keeps_replaced);
        assert_eq!(request.class, Some(StorageClass::new(Some("STANDARD_IA"))));
        assert_eq!((request.tier, request.thawed_days), (Tier::Bulk, 3));
        assert_eq!(request.max_cost.map(Dollars::as_f64), Some(1.5));
        assert_eq!(Value::Object(request.words), payload);
    }

    #[test]
    fn a_restore_that_was_begun_is_named() {
        let id = || RestoreId::parse("2026-11-21T02-00-00Z-7f3a").unwrap();
        let asked = |verb: &str, id: &str| restore(&json!({"operation": "restore", verb: id}));

        assert_eq!(
            asked("confirm", id().as_str()),
            RestoreRequest::Confirm(id())
        );
        assert_eq!(
            asked("continue", id().as_str()),
            RestoreRequest::Continue(id())
        );
        assert_eq!(asked("continue", "all"), RestoreRequest::ContinueAll);
        assert_eq!(asked("cancel", id().as_str()), RestoreRequest::Cancel(id()));
        let RestoreRequest::Undo(undo) = asked("undo", id().as_str()) else {
            panic!("no undo");
        };
        assert_eq!((undo.id, undo.manner), (id(), Manner::Act));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_what_is_allowed() {
        let cases = [
            (
                json!({"run": "latest"}),
                "a restore has to say which objects; allowed: one of keys, prefix or all",
            ),
            (
                json!({"all": true}),
                "a restore has to say as of when; allowed: one of run, at or version_id",
            ),
            (
                json!({"all": true, "keys": ["a"], "run": "latest"}),
                "fields all, keys exclude each other; allowed: one of keys, prefix or all",
            ),
            (
                json!({"all": true, "at": "2026-11-20", "run": "latest"}),
                "fields at, run exclude each other; allowed: one of run, at or version_id",
            ),
            (
                json!({"all": true, "at": "06-17-2016"}),
                "field \"at\" is \"06-17-2016\"; allowed: a time like 2026-11-20T14:00Z, \
                 2026-11-20T14:00:00+01:00 or 2026-11-20, which without an offset is UTC",
            ),
            (
                json!({"prefix": "a", "version_id": "v"}),
                "field \"version_id\" needs \"keys\" with just one key: a version is of one object",
            ),
            (
                json!({"keys": ["a"], "run": "latest", "extra": "mark"}),
                "field \"extra\" needs \"prefix\" or \"all\": of named keys none is extra",
            ),
            (
                json!({"keys": ["a/b", "c"], "run": "latest", "to": "s3://other/x/", "strip_prefix": "a/"}),
                "field \"strip_prefix\" needs \"keys\" or a \"prefix\" that begin with it",
            ),
            (
                json!({"all": true, "run": "latest", "to": "s3://other/x/", "strip_prefix": "a/"}),
                "field \"strip_prefix\" needs \"keys\" or a \"prefix\" that begin with it",
            ),
            (
                json!({"prefix": "a/b/", "run": "latest", "to": "s3://other", "strip_prefix": "a/"}),
                "field \"strip_prefix\" needs \"to\" with a prefix, such as s3://bucket/back/",
            ),
            (
                json!({"prefix": "a/b/", "run": "latest", "strip_prefix": "a/"}),
                "field \"strip_prefix\" needs \"to\" with a prefix, such as s3://bucket/back/",
            ),
            (
                json!({"keys": [""], "run": "latest"}),
                "field \"keys\" is \"\"; allowed: a list of keys, each of 1 to 1,024 bytes",
            ),
            (
                json!({"all": true, "run": "latest", "thawed_days": 0}),
                "field \"thawed_days\" is 0; allowed: a number of days from 1 to 365",
            ),
            (
                json!({"all": true, "run": "latest", "dry_run": true, "hold": true}),
                "fields dry_run, hold exclude each other; allowed: one of them",
            ),
            (
                json!({"undo": "2026", "cancel": "2026"}),
                "fields undo, cancel exclude each other; allowed: one of confirm, continue, undo, cancel",
            ),
            (
                json!({"undo": "../x"}),
                "field \"undo\" is \"../x\"; allowed: the id of a restore, such as 2026-11-21T02-00-00Z-7f3a",
            ),
        ];

        for (mut payload, message) in cases {
            payload["operation"] = json!("restore");
            assert_eq!(parse(&payload).unwrap_err().to_string(), message);
        }
        let strange = json!({"operation": "restore", "all": true, "run": "latest", "sources": 1});
        let refused = parse(&strange).unwrap_err().to_string();
        assert!(
            refused
                .starts_with("unknown field \"sources\" in the payload; allowed for a restore: ")
        );
    }
}
