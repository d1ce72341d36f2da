//! How fast 1 GiB of terminal output goes through a session that nobody is attached to, and
//! is recorded: beside `script`, which records all of it, and tmux, which only shows it.
//!
//! Every recording is checked: within its bound, nothing lost, its end as it was printed.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Parser;
use wk_bench::{
    arguments::Common,
    house::{House, time},
    report::{Bar, Table},
    samples::Samples,
    tmux::Tmux,
};
use wk_holder::folder;
use wk_recording::{Events, Kind};

/// Measure the way of output
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Runs of each
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Print a log without colours
    #[arg(long)]
    plain: bool,
}

/// Size of the text; it is printed several times over.
const TEXT: usize = 64 << 20;

/// What is kept of a recording by default, on disk.
const KEPT: u64 = 64 << 20;

/// How much of a recording's end is compared.
const TAIL: usize = 1 << 20;

fn main() -> anyhow::Result<()> {
    let Args { common, runs, plain } = Args::parse();
    let mut table = Table::begin(if plain { "throughput --plain" } else { "throughput" })?;
    let (times, runs) = (common.count(16, 4), common.count(runs, 3));
    let folder = common.folder()?;
    let house = House::new(&folder)?;
    let tmux = Tmux::start("throughput")?;
    let scratch = tempfile::tempdir_in(&folder)?;
    let text = Text::write(&scratch.path().join("text"), times, plain)?;
    house.start()?;

    let (mut ours, mut scripts, mut tmuxes) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        ours.push(of_wk(&house, &text)?);
        scripts.push(of_script(&text, &scratch.path().join("typescript"))?);
        tmuxes.push(of_tmux(&tmux, &text, run)?);
    }
    let volume = (times * text.length) as f64 / f64::from(1 << 20);
    let (ours, scripts, tmuxes) =
        (Samples::of_times(&ours), Samples::of_times(&scripts), Samples::of_times(&tmuxes));
    let rate = |times: &Samples| format!("{:.0} MiB/s", volume * 1000.0 / times.median());
    let seconds = |times: &Samples| format!("{:.2} s", times.median() / 1000.0);
    let what = format!("{volume:.0} MiB of output, median of {runs}");
    let peers = format!("script {}, tmux {}", seconds(&scripts), seconds(&tmuxes));
    table.note(&what, &seconds(&ours), &peers);
    let peers = format!("script {}, tmux {}", rate(&scripts), rate(&tmuxes));
    table.note("  rate", &rate(&ours), &peers);
    for (what, peer, bar) in [
        ("  speed ÷ `script`", &scripts, Bar::AtLeast(0.85, " ×")),
        ("  speed ÷ tmux", &tmuxes, Bar::AtLeast(3.0, " ×")),
    ] {
        let ratio = peer.median() / ours.median();
        table.row(what, &format!("{ratio:.2} ×"), "1", ratio, &bar);
    }
    println!(
        "{table}\nevery recording was checked: bounded, nothing lost, its last MiB as printed"
    );
    Ok(())
}

/// From the command line to the end in the journal.
fn of_wk(house: &House, text: &Text) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut run = house.wk(["run", "-d", "--", "cat"]);
    let output = run.args(text.arguments()).stdout(Stdio::piped()).output()?;
    ensure!(output.status.success(), "wk run failed ({})", output.status);
    let id = String::from_utf8(output.stdout)?.trim().to_owned();
    time(&mut house.wk(["wait", &id]))?;
    let took = start.elapsed();
    text.check(&house.folder(&id).join(folder::RECORDING))
        .with_context(|| format!("the recording of {id}"))?;
    house.ask(["rm", &id])?;
    Ok(took)
}

fn of_script(text: &Text, file: &Path) -> anyhow::Result<Duration> {
    let mut script = Command::new("script");
    script.args(["-q", "-c", &text.command()]).arg(file).env("SHELL", "/bin/sh");
    let took = time(script.stdin(Stdio::null()).stdout(Stdio::null()))?;
    let recorded = fs::metadata(file)?.len();
    ensure!(recorded >= text.printed(), "script recorded only {recorded} bytes");
    fs::remove_file(file)?;
    Ok(took)
}

fn of_tmux(tmux: &Tmux, text: &Text, run: usize) -> anyhow::Result<Duration> {
    let done = format!("done-{run}");
    let command = format!("{}; tmux -L {} wait-for -S {done}", text.command(), tmux.name());
    let start = Instant::now();
    tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", &command])?;
    tmux.run(&["wait-for", &done])?;
    Ok(start.elapsed())
}

/// A file with the text of a log, which is printed several times.
struct Text {
    path: PathBuf,
    times: usize,
    length: usize,
    lines: u64,
    /// Its end, as a terminal shows it.
    tail: String,
}

impl Text {
    fn write(path: &Path, times: usize, plain: bool) -> anyhow::Result<Self> {
        let mut out = BufWriter::new(fs::File::create(path)?);
        let (mut length, mut lines, mut tail) = (0, 0, String::new());
        while length < TEXT {
            lines += 1;
            let line = if plain { without_colours(&line(lines)) } else { line(lines) };
            out.write_all(line.as_bytes())?;
            length += line.len();
            if length + TAIL + 4096 > TEXT {
                tail.push_str(&line.replace('\n', "\r\n"));
            }
        }
        out.into_inner()?.sync_all()?;
        let tail = tail.split_off(tail.len() - TAIL);
        Ok(Self { path: path.to_owned(), times, length, lines, tail })
    }

    fn arguments(&self) -> impl Iterator<Item = &Path> {
        std::iter::repeat_n(self.path.as_path(), self.times)
    }

    /// For a shell.
    fn command(&self) -> String {
        let files: Vec<_> = self.arguments().map(|path| path.to_string_lossy()).collect();
        format!("cat {}", files.join(" "))
    }

    /// Bytes that come out of the terminal: it makes two of every line's end.
    fn printed(&self) -> u64 {
        (self.length as u64 + self.lines) * self.times as u64
    }

    fn check(&self, recording: &Path) -> anyhow::Result<()> {
        let mut size = 0;
        for file in fs::read_dir(recording)? {
            size += file?.metadata()?.len();
        }
        ensure!(size <= KEPT, "it has {size} bytes on disk");
        let (mut tail, mut end, mut exited) = (String::new(), 0, false);
        for event in Events::new(recording) {
            let event = event?;
            match event.kind {
                Kind::Output { text, .. } => {
                    end = event.offset + text.len() as u64;
                    tail.push_str(&text);
                }
                Kind::Exit(code) => exited = code == 0,
                Kind::Marker(what) => anyhow::bail!("it is marked: {what}"),
                _ => {}
            }
            if tail.len() > 4 * TAIL {
                tail.drain(..tail.len() - TAIL);
            }
        }
        ensure!(exited, "it has no exit");
        ensure!(end == self.printed(), "it ends at {end}, not at {}", self.printed());
        ensure!(tail.ends_with(&self.tail), "its end is not what was printed");
        Ok(())
    }
}

/// One line, as servers print them for people.
fn line(number: u64) -> String {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let (colour, level) = match random % 16 {
        0 => (31, "ERROR"),
        1 | 2 => (33, "WARN "),
        3 => (36, "DEBUG"),
        _ => (32, "INFO "),
    };
    let parts = ["http", "store::pages", "queue", "auth::keys", "sched", "net::dns"];
    let part = parts[random as usize / 16 % parts.len()];
    let (ms, path) = (random / 256 % 1000, random / 4096 % 10_000);
    format!(
        "\x1b[2m2026-11-20T05:{:02}:{:02}.{ms:03}Z\x1b[0m \x1b[{colour}m{level}\x1b[0m \
         \x1b[1m{part}\x1b[0m: handled GET /items/{path} in {ms} ms, {} of {} in flight\n",
        number / 60_000 % 60,
        number / 1000 % 60,
        random / 65_536 % 32,
        32,
    )
}

fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, text)| text));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_is_the_text_of_a_coloured_one() {
        assert_eq!(
            without_colours("\x1b[2mtime\x1b[0m \x1b[32mINFO\x1b[0m: mm\n"),
            "time INFO: mm\n"
        );
    }
}
