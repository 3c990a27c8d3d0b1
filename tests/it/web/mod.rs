//! The page of `s3-backup serve`, as a browser asks it: the built command line against the simulator.

mod amounts;
mod browse;
mod foreign;
mod hosted;
mod page;
mod put_back;
mod second_copy;
mod shapes;
mod threats;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World};

/// A server under way, and who talks to it.
pub struct Served {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub host: String,
    /// What stands behind `#` in the link.
    pub secret: String,
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command that serves the page, without credentials.
fn serve(world: &World, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3-backup"));
    command.args(["serve", "--no-open"]);
    if !more.contains(&"--source") {
        command.args(["--source", PRIMARY]);
    }
    if !more.contains(&"--destination") {
        command.args(["--destination", BACKUP]);
    }
    command
        .args(more)
        .env_clear()
        .env("AWS_ENDPOINT_URL", world.sim.endpoint())
        .env("AWS_REGION", "us-east-1");
    command
}

impl Served {
    /// Starts it, with these arguments more.
    pub fn start(world: &World, more: &[&str]) -> Self {
        let mut child = serve(world, more)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut link = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut link).unwrap();
        let (host, secret) = link.trim().split_once("/#").unwrap();
        Self {
            child,
            host: host.strip_prefix("http://").unwrap().to_owned(),
            secret: secret.to_owned(),
            token: None,
        }
    }

    /// Starts it and signs in.
    pub fn signed_in(world: &World) -> Self {
        let mut served = Self::start(world, &[]);
        served.sign_in();
        served
    }

    pub fn sign_in(&mut self) {
        let answer = self.call("session", &json!({"secret": self.secret}));
        assert_eq!(answer.status, 200, "{answer:?}");
        self.token = Some(answer.json()["token"].as_str().unwrap().to_owned());
    }

    /// The headers of a call of the page.
    pub fn headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![
            ("host".to_owned(), self.host.clone()),
            ("origin".to_owned(), format!("http://{}", self.host)),
            ("sec-fetch-site".to_owned(), "same-origin".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let token = self.token.as_ref();
        headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        headers
    }

    /// Sends bytes that are a request, and reads the answer to its end.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Answer {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut body = all[end + 4..].to_vec();
        if head.contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        Answer { status, head, body }
    }

    /// Calls a route as the page does.
    pub fn call(&self, route: &str, asked: &Value) -> Answer {
        let body = serde_json::to_vec(asked).unwrap();
        self.send("POST", &format!("/api/{route}"), &self.headers(), &body)
    }

    /// The answer of a route that can answer.
    #[expect(clippy::needless_pass_by_value, reason = "made where it is passed")]
    pub fn ask(&self, route: &str, asked: Value) -> Value {
        let answer = self.call(route, &asked);
        assert_eq!(answer.status, 200, "{route} {asked}: {answer:?}");
        answer.json()
    }

    /// The ids of all runs, the last one first.
    pub fn runs(&self) -> Vec<String> {
        let runs = self.ask("runs", json!({}));
        let runs = runs["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["run"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
    body
}

/// The paths of entries or files.
pub fn paths(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
    list.iter()
        .map(|entry| entry["path"].as_str().unwrap().to_owned())
        .collect()
}
