//! `wk man`: manual pages.

use std::{io::Write, path::PathBuf};

use anyhow::Context as _;
use clap::CommandFactory;

use crate::{cli::Cli, code::Code};

/// Print the manual page, or write all pages to a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk man | man -l -\n  wk man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Where to write wk.1 and a page for each verb
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, out: &mut impl Write) -> anyhow::Result<Code> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        out.write_all(&page)?;
        return Ok(Code::SUCCESS);
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), dir))
        .with_context(|| format!("cannot write manual pages to `{}`", dir.display()))?;
    Ok(Code::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        run(&ManArgs { dir: Some(dir.path().to_owned()) }, &mut Vec::new()).unwrap();
        for page in ["wk.1", "wk-run.1", "wk-daemon.1", "wk-daemon-start.1"] {
            assert!(dir.path().join(page).exists(), "{page}");
        }
    }
}
