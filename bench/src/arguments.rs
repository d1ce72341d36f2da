//! What every measure can be told on its command line.

use std::path::PathBuf;

use anyhow::Context;

/// Common to all measures
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// A short form, to see whether it works
    #[arg(long)]
    pub quick: bool,
    /// Folder on the disk to work on
    #[arg(long, default_value = "target/bench")]
    pub dir: PathBuf,
}

impl Common {
    /// `full`, or `quick` in the short form.
    pub fn count(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// The folder, made and absolute.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        let failed = || format!("cannot make `{}`", self.dir.display());
        std::fs::create_dir_all(&self.dir).with_context(failed)?;
        std::path::absolute(&self.dir).with_context(failed)
    }
}
