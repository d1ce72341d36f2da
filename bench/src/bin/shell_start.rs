//! What being a session costs a shell: its start with the line of `wk shell-init` and without,
//! by turns. Beside it a line that runs `/bin/true`: the fork of a shell is most of either.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context;
use clap::Parser;
use wk_bench::{
    arguments::Common,
    house::{House, find, program, time},
    report::{Bar, Table},
    samples::Samples,
};

/// Measure what being a session costs a shell
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// The file that each shell reads, in a folder that it is shown.
const SHELLS: [(&str, &str); 3] =
    [("bash", "bashrc"), ("zsh", ".zshrc"), ("fish", "fish/config.fish")];

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("shell_start")?;
    let runs = common.count(300, 20);
    program("wk-hook")?;
    let house = House::new(&common.folder()?)?;
    house.start()?;
    for (shell, file) in SHELLS {
        if find(shell).is_none() {
            println!("SKIPPED {shell}: it is not installed\n");
            continue;
        }
        measure(&house, shell, file, runs, &mut table)?;
    }
    println!("{table}");
    Ok(())
}

fn measure(
    house: &House,
    shell: &str,
    file: &str,
    runs: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let script = house.places().state.join(format!("init.{shell}"));
    fs::write(&script, house.ask(["shell-init", shell])?)?;
    let sourced = format!(". '{}'\n", script.display());
    let lines = ["\n", &sourced, "/bin/true\n"];
    let mut folders = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let folder = house.places().state.join(format!("{shell}-{number}"));
        let rc = folder.join(file);
        fs::create_dir_all(rc.parent().context("a file is in a folder")?)?;
        fs::write(rc, line)?;
        folders.push(folder);
    }
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    // The first of each finds nothing in the caches.
    for run in 0..runs + 5 {
        for (folder, times) in folders.iter().zip(&mut times) {
            let took = time(&mut start(house, shell, folder, file))?;
            if run >= 5 {
                times.push(took);
            }
        }
    }
    let [bare, told, forked] = times.map(|times| Samples::of_times(&times).median());
    let ms = |value: f64| format!("{value:.2} ms");
    table.note(&format!("{shell}, whole start, median of {runs}"), &ms(told), &ms(bare));
    table.note(&format!("{shell}: `/bin/true` in its place"), &ms(forked), &ms(bare));
    let more = told - bare;
    let what = format!("{shell}: start with the line − without, medians");
    table.row(&what, &ms(more), &ms(forked - bare), more, &Bar::AtMost(2.0, " ms"));
    Ok(())
}

/// An interactive shell that reads its file, and is gone.
fn start(house: &House, shell: &str, folder: &Path, file: &str) -> Command {
    let mut command = house.command(shell);
    let rc: PathBuf = folder.join(file);
    match shell {
        "bash" => command.args(["--noprofile", "--rcfile"]).arg(rc).arg("-i"),
        "zsh" => command.env("ZDOTDIR", folder).args(["-d", "-i"]),
        _ => command.env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder).arg("-i"),
    };
    // In its place another program: what the end costs is not asked.
    command.args(["-c", "exec true"]).env("TERM", "dumb");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
