//! `cargo xtask faults`: every way to die, many times; the table goes into `bench/RESULTS.md`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    command::{cargo, output, root, run as run_command, succeeds},
    metadata::Graph,
    packages,
};

/// Who has no rights at all.
const NOBODY: &str = "65534";

const BEGIN: &str = "<!-- faults: begin (written by `cargo xtask faults`) -->\n";
const END: &str = "<!-- faults: end -->";

#[derive(clap::Args)]
pub(crate) struct FaultsArgs {
    /// How often each way to die happens
    #[arg(long, default_value_t = 20)]
    times: u32,
    /// For the order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only ways whose name has this in it; the table is only printed then
    #[arg(long)]
    only: Option<String>,
}

pub(crate) fn run(args: &FaultsArgs) -> Result<()> {
    packages::ensure(&[packages::BUILD, packages::PEERS])?;
    run_command(&mut cargo(
        "build --locked -p wk -p wk-holder -p wk-hook -p wk-witness -p wk-tests",
    ))?;
    if succeeds(Command::new("sh").args(["-c", "test \"$(id -u)\" = 0"])) {
        // The witness is a package of its own, so that who cannot build it has all else.
        run_command(&mut cargo("build --locked -p wk-witness"))?;
    }
    let program = Graph::read()?.target.join("debug/faults");
    let mut text = String::new();
    let mut failed = Vec::new();
    for (title, blind) in [("With the witness", false), ("Without it, as nobody", true)] {
        println!("== {title}");
        match measure(&program, args, blind) {
            Ok(table) => {
                println!("{table}");
                text += &format!("{title}:\n\n{}\n\n", table.trim_end());
            }
            Err(error) => failed.push(format!("{title}: {error:#}")),
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    if args.only.is_none() {
        write(&root().join("bench/RESULTS.md"), &text)?;
    }
    Ok(())
}

fn measure(program: &Path, args: &FaultsArgs, blind: bool) -> Result<String> {
    let mut command = match blind {
        // Without privileges there is no witness to start, and no log of the kernel to read.
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
            command.arg("--without-witness");
            command
        }
        false => Command::new(program),
    };
    command.args(["--times", &args.times.to_string(), "--seed", &args.seed.to_string()]);
    if let Some(only) = &args.only {
        command.args(["--only", only]);
    }
    output(&mut command)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let whole = fs::read_to_string(path).with_context(|| format!("no {}", path.display()))?;
    let Some((before, rest)) = whole.split_once(BEGIN) else {
        bail!("{} has no line `{}`", path.display(), BEGIN.trim_end());
    };
    let (_, after) = rest.split_once(END).context("the faults' table has no end")?;
    fs::write(path, format!("{before}{BEGIN}\n{text}{END}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}
