//! A heartbeat: the monitor that people have already is asked for its address after each complete run, and rings
//! when it was not asked for. It is told nothing; a GET is what all of them take.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::config::HeartbeatUrl;
use crate::s3::{Outside, OutsideError};

/// Why the monitor does not know of a run.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeartbeatError {
    /// No request can have that address.
    #[error("its address cannot be asked for")]
    Unaskable,
    /// There is no reply.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// It is somewhere else.
    #[error("status {status}: a redirect, which is not followed")]
    Redirect {
        /// The status of HTTP.
        status: u16,
    },
    /// It has refused.
    #[error("status {status}")]
    Status {
        /// The status of HTTP.
        status: u16,
    },
}

/// Asks for the address within that time.
///
/// # Errors
/// Why the monitor does not know of the run.
pub(super) async fn send(
    outside: &Outside,
    url: &HeartbeatUrl,
    limit: Duration,
) -> Result<(), HeartbeatError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    let sendable = request.set_method("GET").is_ok() && request.set_uri(url.as_str()).is_ok();
    if !sendable {
        return Err(HeartbeatError::Unaskable);
    }
    request.headers_mut().insert("user-agent", "s3-backup");
    let reply = outside.send(request, limit).await?;
    match reply.status {
        200..=299 => Ok(()),
        status @ 300..=399 => Err(HeartbeatError::Redirect { status }),
        status => Err(HeartbeatError::Status { status }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use aws_config::{BehaviorVersion, SdkConfig};

    use super::*;
    use crate::s3::{CallLimits, Connections};

    /// A monitor that answers one request with this, or lets it wait; what it was asked for.
    fn monitor(answer: Option<&'static str>) -> (HeartbeatUrl, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "http://{}/ping/key?status=up",
            listener.local_addr().unwrap()
        );
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap();
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                None => thread::sleep(Duration::from_secs(2)),
            }
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (HeartbeatUrl::unchecked(&url), asked)
    }

    fn outside() -> Outside {
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .build();
        Connections::new(base, CallLimits::default()).outside()
    }

    async fn sent(answer: Option<&'static str>) -> (Option<String>, String) {
        let (url, asked) = monitor(answer);
        let sent = send(&outside(), &url, Duration::from_millis(500)).await;
        (
            sent.err().map(|error| error.to_string()),
            asked.join().unwrap(),
        )
    }

    #[tokio::test]
    async fn the_address_is_asked_for_as_it_is() {
        let (sent, asked) = sent(Some("HTTP/1.1 204 No Content\r\n\r\n")).await;

        assert_eq!(sent, None);
        assert!(
            asked.starts_with("GET /ping/key?status=up HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
    }

    #[tokio::test]
    async fn a_monitor_that_hangs_redirects_or_fails_is_told_of() {
        let elsewhere = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\
                         content-length: 0\r\n\r\n";
        let broken = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";

        for (answer, problem) in [
            (None, "no reply within 0.5 s"),
            (
                Some(elsewhere),
                "status 302: a redirect, which is not followed",
            ),
            (Some(broken), "status 500"),
        ] {
            assert_eq!(sent(answer).await.0.as_deref(), Some(problem));
        }
    }
}
