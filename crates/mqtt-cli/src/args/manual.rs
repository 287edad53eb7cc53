//! The arguments of `mqtt completions` and `mqtt man`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::Shell;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  mqtt completions bash > ~/.local/share/bash-completion/completions/mqtt")]
pub(crate) struct CompletionsArgs {
    /// The shell that is to complete words
    pub(crate) shell: Shell,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  mqtt man sub | man -l -\n  mqtt man --folder ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The command that the page is about, such as `sub` or `bench pub` [default: mqtt itself]
    pub(crate) command: Vec<String>,

    /// Write the pages of all commands into a folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) folder: Option<PathBuf>,
}
