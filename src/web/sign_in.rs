//! Where people sign in, as the page has to know it. Nothing of it is a secret.

use serde::Serialize;

/// A sign-in by authorization code with PKCE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// The issuer of the tokens.
    pub issuer: String,
    /// The page, by its name there.
    pub client_id: String,
    /// The address to sign in at; none to ask the issuer for it.
    pub authorize: Option<String>,
    /// The address that trades a code for tokens; none to ask the issuer for it.
    pub token: Option<String>,
    /// The scopes that are asked for, with blanks between.
    pub scope: String,
}

impl SignIn {
    /// The origins that the page has to call for it.
    pub fn origins(&self) -> Vec<String> {
        let address = self.token.as_deref().unwrap_or(&self.issuer);
        origin(address).into_iter().collect()
    }
}

/// The scheme and the host of an address, if they cannot break a header.
pub fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let known = ["https", "http"].contains(&scheme);
    (known && !host.is_empty() && host.chars().all(usual)).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_breaks_no_header() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(origin("https://a.example/x?y#z"), some("https://a.example"));
        assert_eq!(
            origin("http://localhost:4566"),
            some("http://localhost:4566")
        );
        for wrong in [
            "a.example",
            "https://",
            "https://a;b/",
            "ftp://a",
            "https://a b",
        ] {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }
}
