//! `wk completions`: for the shell.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli::Cli, code::Code};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wk completions bash > ~/.local/share/bash-completion/completions/wk"
)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, out: &mut impl Write) -> anyhow::Result<Code> {
    // The generator panics where it cannot write: it gets a buffer that always can be.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wk", &mut text);
    out.write_all(&text)?;
    Ok(Code::SUCCESS)
}
