//! One request, one connection, one answer.

use crate::{BucketOptions, Sim};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub end: End,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The text of the first element of that name.
    pub fn element(&self, name: &str) -> &str {
        self.elements(name).first().copied().unwrap_or("")
    }

    pub fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let pieces = self.text().split(open.as_str()).skip(1);
        pieces
            .filter_map(|piece| Some(piece.split_once(close.as_str())?.0))
            .collect()
    }
}

/// A simulator with `primary` and a versioned `backup`.
pub(super) fn stage() -> Sim {
    let sim = Sim::start();
    sim.create_bucket("primary");
    sim.create_bucket_with("backup", BucketOptions::versioned());
    sim
}

/// Sends `"PUT /bucket/key"` with headers and a body.
pub(super) fn send(sim: &Sim, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let request = request(line, headers, body);
    exchange(sim, &request, Duration::from_secs(20)).expect("there is an answer")
}

/// The same where there may be no answer: not waited for long.
pub(super) fn try_send(
    sim: &Sim,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, End> {
    let request = request(line, headers, body);
    exchange(sim, &request, Duration::from_millis(500))
}

fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str("host: 127.0.0.1\r\n");
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [request.as_bytes(), body].concat()
}

fn exchange(sim: &Sim, request: &[u8], patience: Duration) -> Result<Answer, End> {
    let address = sim.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(address).expect("the simulator listens");
    let timeout = stream.set_read_timeout(Some(patience));
    timeout.expect("a timeout is set");
    stream.write_all(request).expect("the request is sent");
    receive(&mut stream)
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Reset,
    Never,
}

fn receive(stream: &mut TcpStream) -> Result<Answer, End> {
    let mut received = Vec::new();
    let end = match stream
        .read_to_end(&mut received)
        .map_err(|error| error.kind())
    {
        Ok(_) => End::Closed,
        Err(ErrorKind::ConnectionReset) => End::Reset,
        Err(_) => End::Never,
    };
    let blank = received.windows(4).position(|window| window == b"\r\n\r\n");
    let body = blank.ok_or(end)? + 4;
    let head = String::from_utf8(received[..body].to_vec()).expect("headers are text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Ok(Answer {
        status: status.expect("a status").parse().expect("a number"),
        headers,
        body: received[body..].to_vec(),
        end,
    })
}

/// A GET without anything else.
pub(super) fn get(sim: &Sim, target: &str) -> Answer {
    send(sim, &format!("GET {target}"), &[], b"")
}

pub(super) fn head(sim: &Sim, target: &str) -> Answer {
    send(sim, &format!("HEAD {target}"), &[], b"")
}

/// A copy of `source` to `target`, both encoded.
pub(super) fn copy(sim: &Sim, source: &str, target: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("x-amz-copy-source", source)];
    headers.extend(more);
    send(sim, &format!("PUT {target}"), &headers, b"")
}
