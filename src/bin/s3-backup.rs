//! The command line: the same run as the Lambda's, from a terminal.

use std::io;
use std::process::ExitCode;

use s3_backup::{cli, process};

fn main() -> io::Result<ExitCode> {
    let runtime = process::runtime()?;
    Ok(runtime.block_on(cli::main()).into())
}
