//! The door of `s3-backup serve`: who is let in, on a machine where any page in the browser can call.
//!
//! Another site can send requests to 127.0.0.1, and by DNS rebinding read the answers. So each request has to
//! name exactly this host, each call has to come from this page, and carries a token that no other page can
//! know. The token is traded for a secret that the link carries behind `#`, once. There is no cookie: all
//! ports of 127.0.0.1 share them.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

use super::answer::Refusal;

/// How long the link is good.
const SECRET_TIME: Duration = Duration::from_mins(1);

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// 256 random bits, as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> io::Result<Self> {
        use std::fmt::Write as _;

        let mut bytes = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let mut text = String::new();
        for byte in bytes {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is it, in a time that does not depend on the text.
    fn is(&self, text: &str) -> bool {
        let (own, other) = (Sha256::digest(&self.0), Sha256::digest(text));
        let differing = own.iter().zip(&other).map(|(own, other)| own ^ other);
        differing.fold(0, |sum, byte| sum | byte) == 0
    }
}

/// The door of a server on this machine.
#[derive(Debug)]
pub struct Door {
    host: String,
    origin: String,
    token: Secret,
    secret: Mutex<Option<(Secret, Instant)>>,
    last_used: Mutex<Instant>,
}

impl Door {
    /// A door at this address, with a secret that can be traded from now on, once.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(host: String, secret: Secret) -> io::Result<Self> {
        Ok(Self {
            origin: format!("http://{host}"),
            host,
            token: Secret::random()?,
            secret: Mutex::new(Some((secret, Instant::now() + SECRET_TIME))),
            last_used: Mutex::new(Instant::now()),
        })
    }

    /// Whether a request names exactly this host.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
        match hosts.as_slice() {
            [host] if host.as_bytes() == self.host.as_bytes() => Ok(()),
            _ => Err(Refusal::forbidden(format!(
                "this server answers at {} only",
                self.origin
            ))),
        }
    }

    /// Whether a call comes from this page and nowhere else.
    ///
    /// # Errors
    /// When it does not, or does not say so.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let foreign = || Refusal::forbidden("calls are taken from this page only");
        let origin = headers.get(header::ORIGIN).ok_or_else(foreign)?;
        let site = headers.get(FETCH_SITE);
        let same_site = site.is_none_or(|site| site == "same-origin");
        if origin.as_bytes() == self.origin.as_bytes() && same_site {
            Ok(())
        } else {
            Err(foreign())
        }
    }

    /// Whether a call carries the token.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let known = given.is_some_and(|token| self.token.is(token));
        if known {
            *lock(&self.last_used) = Instant::now();
            Ok(())
        } else {
            Err(Refusal::unknown_caller())
        }
    }

    /// The token, for the secret of the link: once, and within a minute.
    ///
    /// # Errors
    /// When it is not the secret, or not any more.
    pub fn trade(&self, secret: &str) -> Result<&Secret, Refusal> {
        let mut held = lock(&self.secret);
        let good = held
            .as_ref()
            .is_some_and(|(known, until)| Instant::now() < *until && known.is(secret));
        if !good {
            return Err(Refusal::unknown_caller());
        }
        *held = None;
        *lock(&self.last_used) = Instant::now();
        Ok(&self.token)
    }

    /// For how long nobody has used it by then.
    pub fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*lock(&self.last_used))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
