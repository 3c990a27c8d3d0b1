//! The command line: the same run as the Lambda's, from a terminal.

use std::io;
use std::process::ExitCode;

use s3_backup::{cli, handler};

fn main() -> io::Result<ExitCode> {
    let runtime = handler::runtime()?;
    Ok(runtime.block_on(cli::main()).into())
}
