//! The command line: the same run as the Lambda's, from a terminal.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    s3_backup::cli::main().await.into()
}
