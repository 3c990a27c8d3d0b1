//! The claims of a token whose signature, issuer, audience and expiry the gateway has checked. Pure.

use serde_json::{Map, Value};

use super::access::{Access, Caller, is_group};
use super::answer::Refusal;
use crate::request::Person;

/// Which sign-in gives the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// A user pool of Amazon Cognito.
    Cognito,
    /// Any other one that speaks OpenID Connect.
    Oidc,
}

/// The most characters of a name that are kept.
const MOST_CHARS: usize = 256;
/// What only an ID token has.
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];
/// What an access token of another sign-in than Cognito has, by RFC 9068 or by custom.
const SCOPES: [&str; 2] = ["scope", "scp"];

/// The caller, by the claims.
///
/// # Errors
/// When it is no access token, or its groups may do nothing.
pub fn caller(
    claims: &Map<String, Value>,
    kind: SignInKind,
    access: &Access,
) -> Result<Caller, Refusal> {
    let text = |name: &str| {
        let text = claims.get(name)?.as_str()?;
        let text: String = text.chars().take(MOST_CHARS).collect();
        (!text.is_empty()).then_some(text)
    };
    let is_access = match kind {
        SignInKind::Cognito => text("token_use").as_deref() == Some("access"),
        SignInKind::Oidc => {
            let mut of_id = OF_ID_TOKENS.iter().chain(&["token_use"]);
            let scoped = SCOPES.iter().any(|name| claims.contains_key(*name));
            text("token_use").as_deref() == Some("access")
                || (scoped && !of_id.any(|name| claims.contains_key(*name)))
        }
    };
    if !is_access {
        return Err(Refusal::forbidden(
            "this is no access token; sign in on the page again, or ask an administrator",
        ));
    }
    let sub = text("sub").ok_or_else(|| {
        Refusal::forbidden("the token names nobody; ask an administrator what the sign-in gives")
    })?;
    let email = text("email")
        .or_else(|| text("username"))
        .or_else(|| text("preferred_username"));
    let groups = match kind {
        SignInKind::Cognito => claims.get("cognito:groups"),
        SignInKind::Oidc => claims.get("groups").or_else(|| claims.get("roles")),
    };
    access.caller(
        Person { sub, email },
        &groups.map(names).unwrap_or_default(),
    )
}

/// The names of a list, which arrives as a list, as `["a","b"]`, as `[a b]`, or as one name.
fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = match value {
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            names.map(str::to_owned).collect()
        }
        Value::String(text) => match serde_json::from_str(text) {
            Ok(names) => names,
            Err(_) => in_text(text),
        },
        _ => Vec::new(),
    };
    names.retain(|name| is_group(name));
    names
}

fn in_text(text: &str) -> Vec<String> {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let names = inner.unwrap_or(text).split([' ', ',']);
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::access::Role;
    use super::*;

    fn read(claims: &Value, kind: SignInKind) -> Result<Caller, Refusal> {
        let access = Access::parse("").unwrap();
        caller(claims.as_object().unwrap(), kind, &access)
    }

    #[test]
    fn the_shapes_in_which_groups_arrive_are_read() {
        let cases = [
            (
                json!("[s3-backup-viewers s3-backup-admins]"),
                Some(Role::Admin),
            ),
            (json!("[s3-backup-restorers]"), Some(Role::Restorer)),
            (json!("[\"s3-backup-restorers\"]"), Some(Role::Restorer)),
            (json!(["s3-backup-viewers", "x"]), Some(Role::Viewer)),
            (json!("s3-backup-viewers"), Some(Role::Viewer)),
            (json!("[a, s3-backup-viewers]"), Some(Role::Viewer)),
            (json!(["x s3-backup-admins"]), None),
            (json!("[s3-backup-administrators]"), None),
            (json!("[]"), None),
            (json!(""), None),
            (json!({"s3-backup-admins": true}), None),
            (json!(null), None),
        ];
        for (groups, role) in cases {
            let claims = json!({"sub": "1", "token_use": "access", "cognito:groups": groups});
            let caller = read(&claims, SignInKind::Cognito);
            assert_eq!(caller.map(|caller| caller.role()).ok(), role, "{groups}");
        }
    }

    #[test]
    fn only_access_tokens_count() {
        let groups = "[s3-backup-admins]";
        let cognito = |token_use: Value| {
            let claims = json!({"sub": "1", "token_use": token_use, "cognito:groups": groups});
            read(&claims, SignInKind::Cognito).is_ok()
        };
        assert!(cognito(json!("access")));
        assert!(!cognito(json!("id")) && !cognito(json!(null)) && !cognito(json!("Access")));
        let oidc = |more: Value| {
            let mut claims = json!({"sub": "1", "groups": groups});
            let fields = claims.as_object_mut().unwrap();
            fields.extend(more.as_object().unwrap().clone());
            read(&claims, SignInKind::Oidc).is_ok()
        };
        assert!(oidc(json!({"scope": "openid"})) && oidc(json!({"scp": "[a b]"})));
        assert!(!oidc(json!({})) && !oidc(json!({"scope": "openid", "nonce": "1"})));
        assert!(!oidc(json!({"scope": "openid", "token_use": "id"})));
    }

    #[test]
    fn the_groups_of_one_kind_of_sign_in_are_not_read_from_the_other() {
        let claims = json!({"sub": "1", "token_use": "access", "groups": "[s3-backup-admins]"});
        assert!(read(&claims, SignInKind::Cognito).is_err());
    }

    #[test]
    fn a_person_has_the_name_that_the_token_gives() {
        let name = |claims: Value| {
            let mut all = json!({"token_use": "access", "cognito:groups": "s3-backup-viewers"});
            let fields = all.as_object_mut().unwrap();
            fields.extend(claims.as_object().unwrap().clone());
            let caller = read(&all, SignInKind::Cognito).ok()?;
            Some(caller.person?.name().to_owned())
        };
        assert_eq!(
            name(json!({"sub": "1", "username": "a@b"})).as_deref(),
            Some("a@b")
        );
        assert_eq!(name(json!({"sub": "1"})).as_deref(), Some("1"));
        assert_eq!(name(json!({"username": "a@b"})), None);
    }
}
