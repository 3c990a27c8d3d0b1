//! The log of the Lambda: one event is one line, whatever the keys in it look like.
//!
//! The result of a run on the Lambda is a line too. It is the one that begins with `{"statusCode"`: other
//! lines begin with a level, or as JSON with `{"timestamp"`, and none can be broken in two by what it tells.

use std::io::{self, Write};
use std::panic;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::model::printable_json;

/// Begins the log, to stdout: as text, or as JSON with `AWS_LAMBDA_LOG_FORMAT=JSON`, from the level
/// of `AWS_LAMBDA_LOG_LEVEL` or `RUST_LOG` on. Colours would be control characters in CloudWatch.
pub fn begin() {
    let value = |name| std::env::var(name).ok();
    let level = value("AWS_LAMBDA_LOG_LEVEL").or_else(|| value("RUST_LOG"));
    let level = level.and_then(|level| level.parse().ok());
    let filter = EnvFilter::builder()
        .with_default_directive(level.unwrap_or(LevelFilter::INFO).into())
        .from_env_lossy();
    let log = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(|| Lines(io::stdout()));
    let format = value("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    if format.eq_ignore_ascii_case("json") {
        log.json().init();
    } else {
        log.init();
    }
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// Writes each event as one line.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    /// An event is handed over whole, with its end of line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.0
            .write_all(format!("{}\n", printable_json(line)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut lines = Lines(Vec::new());

        lines
            .write_all(b"WARN cannot copy a\n{\"statusCode\":200}\n")
            .unwrap();
        lines.write_all(b"INFO next\n").unwrap();

        let text = String::from_utf8(lines.0).unwrap();
        assert_eq!(
            text,
            "WARN cannot copy a\\u000a{\"statusCode\":200}\nINFO next\n"
        );
    }
}
