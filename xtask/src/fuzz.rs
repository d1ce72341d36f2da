//! `cargo xtask fuzz`: hostile bytes for everything that reads bytes from outside.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{
    command::{cargo, root, run as run_command, succeeds},
    packages,
};

#[derive(clap::Args)]
pub(crate) struct FuzzArgs {
    /// The targets to run; all of them by default
    targets: Vec<String>,
    /// How long to run each
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    packages::ensure(&[packages::BUILD, packages::FUZZ])?;
    if !succeeds(&mut cargo("fuzz --version")) {
        println!("cargo-fuzz is not here: installing it");
        run_command(&mut cargo("install --locked cargo-fuzz"))?;
    }
    let known = targets()?;
    if let Some(unknown) = args.targets.iter().find(|name| !known.contains(name)) {
        bail!("there is no fuzz target `{unknown}`: use one of {}", known.join(", "));
    }
    for name in if args.targets.is_empty() { &known } else { &args.targets } {
        println!("== {name}");
        // Without a sanitizer, which only a nightly compiler has: the code is safe Rust, and
        // what matters is that it neither panics, hangs nor eats memory.
        let limits = [format!("-max_total_time={}", args.seconds), "-timeout=10".into()];
        run_command(cargo("fuzz run --sanitizer none").arg(name).arg("--").args(limits))?;
    }
    Ok(())
}

/// Targets are the files of `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    Ok(names)
}
