//! `cargo xtask bench`: measures wk beside its peers, in release builds.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    command::{cargo, root, run as run_command, text},
    metadata::Graph,
    packages,
};

#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// The measures to take; all of them by default
    names: Vec<String>,
    /// Passed on to the measure
    #[arg(last = true)]
    options: Vec<String>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    packages::ensure(&[packages::BUILD, packages::PEERS])?;
    let graph = Graph::read()?;
    let known = &graph.member("wk-bench")?.binaries;
    if let Some(unknown) = args.names.iter().find(|name| !known.contains(name)) {
        bail!("there is no measure `{unknown}`: use one of {}", known.join(", "));
    }
    run_command(&mut cargo(
        "build --release --locked -p wk -p wk-holder -p wk-hook -p wk-witness -p wk-bench",
    ))?;
    let names = if args.names.is_empty() { known } else { &args.names };
    let results = graph.target.join("bench");
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;
    let mut failed = Vec::new();
    for name in names {
        println!("== {name}");
        let program = graph.target.join("release").join(name);
        let kept = results.join(format!("{name}.txt"));
        let mut command = Command::new(program);
        // A bar that is missed must not hide how the other measures do.
        if let Err(error) = measure(command.args(&args.options).current_dir(root()), &kept) {
            eprintln!("xtask: {error:#}");
            failed.push(name.as_str());
        }
    }
    println!("what was printed is in {}", results.display());
    println!("bench/RESULTS.md holds the figures that the project stands by, and how they came");
    ensure!(failed.is_empty(), "measures that failed: {}", failed.join(", "));
    Ok(())
}

/// Shows what a measure prints, and keeps it.
fn measure(command: &mut Command, kept: &Path) -> Result<()> {
    let name = text(command);
    let mut file =
        File::create(kept).with_context(|| format!("cannot write {}", kept.display()))?;
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {name}"))?;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.with_context(|| format!("cannot read what {name} prints"))?;
        println!("{line}");
        writeln!(file, "{line}").with_context(|| format!("cannot write {}", kept.display()))?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}
