//! `s3-backup completion`: a script that completes commands and flags in a shell. And the manual's pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Exit, show};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup completion bash > ~/.local/share/bash-completion/completions/s3-backup
  s3-backup completion zsh > \"${fpath[1]}/_s3-backup\"
  s3-backup completion fish > ~/.config/fish/completions/s3-backup.fish";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// The arguments of the command that writes the manual's pages, which only `make man` calls.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// A directory that exists
    directory: PathBuf,
}

/// Prints the script.
pub fn print(arguments: &Arguments) -> Exit {
    let mut command = super::Arguments::command();
    let mut script = Vec::new();
    generate(arguments.shell, &mut command, "s3-backup", &mut script);
    // As it is: a script may have control characters.
    show::write_raw(&script).into()
}

/// Writes a page for each command.
pub fn write_man_pages(arguments: &ManArguments) -> Exit {
    let command = super::Arguments::command();
    match clap_mangen::generate_to(command, &arguments.directory) {
        Ok(()) => Exit::Complete,
        Err(error) => {
            let directory = arguments.directory.display();
            show::error(&format!(
                "cannot write the manual's pages to {directory}: {error}"
            ));
            Exit::CouldNotRun
        }
    }
}
