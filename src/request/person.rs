//! The person for whom somebody asks: the page names who is signed in, and the restore keeps it.

use serde_json::{Map, Value};

use super::RequestError;
use super::field::bad_value;

/// What a person is like, as messages say it.
const ALLOWED: &str =
    "{\"sub\": text, \"email\": text}, each of 1 to 256 characters, the second if it is known";
/// The most characters of either.
const MOST_CHARS: usize = 256;

/// A person, by the names that a sign-in gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name that never changes.
    pub sub: String,
    /// The name that people know; none if the sign-in does not give it.
    pub email: Option<String>,
}

impl Person {
    /// The person of a request that was kept; none if it names none.
    pub fn of(request: &Map<String, Value>) -> Option<Self> {
        read(request.get("by")?)
    }

    /// The person as the field `by` of a request.
    pub fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("sub".to_owned(), self.sub.clone().into());
        if let Some(email) = &self.email {
            fields.insert("email".to_owned(), email.clone().into());
        }
        Value::Object(fields)
    }

    /// The name that people know, if there is one.
    pub fn name(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.sub)
    }
}

/// Checks the field `by`. It is kept with the words of the request.
pub(super) fn check(value: &Value) -> Result<(), RequestError> {
    let read = read(value).map(drop);
    read.ok_or_else(|| bad_value("by", value, ALLOWED))
}

fn read(value: &Value) -> Option<Person> {
    let fields = value.as_object()?;
    let known = |name: &String| ["sub", "email"].contains(&name.as_str());
    let text = |value: &Value| {
        let text = value.as_str()?;
        let fits = (1..=MOST_CHARS).contains(&text.chars().count());
        fits.then(|| text.to_owned())
    };
    let email = fields.get("email").map(text);
    let wrong = !fields.keys().all(known) || email == Some(None);
    let sub = text(fields.get("sub")?)?;
    (!wrong).then(|| Person {
        sub,
        email: email.flatten(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_has_a_name_that_never_changes_and_perhaps_one_that_people_know() {
        let person = |value| read(&value);
        let anna = person(json!({"sub": "1", "email": "anna@example.org"})).unwrap();
        assert_eq!(anna.name(), "anna@example.org");
        assert_eq!(person(anna.to_value()), Some(anna));
        assert_eq!(person(json!({"sub": "1"})).unwrap().name(), "1");
        let wrong = [
            json!("anna"),
            json!({}),
            json!({"email": "a@b"}),
            json!({"sub": ""}),
            json!({"sub": 1}),
            json!({"sub": "1", "email": ""}),
            json!({"sub": "1", "groups": "all"}),
            json!({"sub": "x".repeat(257)}),
        ];
        for value in wrong {
            assert!(check(&value).is_err(), "{value}");
        }
    }
}
