//! How soon a crash is in the journal: from the last thing that a process does to the moment
//! at which a subscriber has `attempt_exited`, which is told only after it is on disk.
//!
//! One crash after another, beside tmux, which tells a control client that a window is gone;
//! then many at once.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use rustix::{
    thread::clock_nanosleep_absolute,
    time::{ClockId, Timespec},
};
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
    samples::Samples,
    sessions::{self, Events},
    tmux::Tmux,
};
use wk_client::Client;
use wk_holder::host;

/// Measure from crash to journal
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Crash at a moment of the boot-time clock, and leave it in a file
    #[command(hide = true)]
    Crash { at_ns: u64, file: PathBuf },
}

/// A crash that comes sooner after its start than this would measure the start.
const FUSE: Duration = Duration::from_millis(20);

/// Sessions that crash in one moment.
const AT_ONCE: usize = 20;

fn main() -> anyhow::Result<()> {
    let Args { common, role } = Args::parse();
    match role {
        Some(Role::Crash { at_ns, file }) => crash(at_ns, &file),
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common)),
    }
}

fn crash(at_ns: u64, file: &Path) -> anyhow::Result<()> {
    let at = at_ns as i64;
    let at = Timespec { tv_sec: at / 1_000_000_000, tv_nsec: at % 1_000_000_000 };
    clock_nanosleep_absolute(ClockId::Boottime, &at)?;
    fs::write(file, host::now().boot_ns.to_string())?;
    std::process::abort();
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("exit_latency")?;
    let (single, rounds) = (common.count(500, 50), common.count(25, 3));
    let house = House::new(&common.folder()?)?;
    let daemon = house.start()?;
    let client = house.client();
    let mut events = Events::after(&client, daemon.last_seq).await?;
    let marks = tempfile::tempdir()?;
    let tmux = Tmux::start("exit")?;
    let mut watcher = Watcher::new(&tmux)?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..single {
        let at = in_a_moment(FUSE);
        ours.extend(crashes(&client, &mut events, marks.path(), 1, at).await?);
        theirs.push(watcher.crash(&tmux, &marks.path().join(format!("t{number}")))?);
    }
    let mut together = Vec::new();
    for _ in 0..rounds {
        // All of them must have started by then.
        let at = in_a_moment(Duration::from_millis(800));
        together.extend(crashes(&client, &mut events, marks.path(), AT_ONCE, at).await?);
    }
    let (ours, theirs, together) =
        (Samples::new(ours), Samples::new(theirs), Samples::new(together));
    let ms = |value: f64| format!("{value:.2} ms");
    let what = format!("crash → `attempt_exited` at a subscriber, {single} in a row, median");
    table.note(&what, &ms(ours.median()), &ms(theirs.median()));
    let bar = Bar::AtMost(20.0, " ms");
    table.row("  p99", &ms(ours.p99()), &ms(theirs.p99()), ours.p99(), &bar);
    table.note("  most", &ms(ours.most()), &ms(theirs.most()));
    let what = format!("{AT_ONCE} crashes in one moment, {rounds} times, median");
    table.note(&what, &ms(together.median()), "");
    table.row("  p99", &ms(together.p99()), "", together.p99(), &bar);
    table.note("  most", &ms(together.most()), "");
    println!("{table}\nwk: durable in the journal, then told; tmux: told, and forgotten");
    Ok(())
}

/// Lets `count` sessions crash at `at`; how long each took to be known, in milliseconds.
async fn crashes(
    client: &Client,
    events: &mut Events,
    marks: &Path,
    count: usize,
    at: u64,
) -> anyhow::Result<Vec<f64>> {
    let me = std::env::current_exe()?;
    let mark = |number: usize| marks.join(format!("w{number}"));
    let mut requests = Vec::new();
    for number in 0..count {
        let (me, mark) = (me.to_string_lossy(), mark(number));
        let command = [&me, "crash", &at.to_string(), &mark.to_string_lossy()];
        requests.push(sessions::request(&command)?);
    }
    let started = sessions::start_all(client, requests).await?;
    let mut latencies = Vec::new();
    for _ in 0..count {
        let (event, heard) = events.next("attempt_exited").await?;
        let number = started
            .iter()
            .position(|session| Some(&session.session_id) == event.session_id.as_ref());
        latencies.push(latency(&mark(number.context("a session that is not ours ended")?), heard)?);
    }
    Ok(latencies)
}

/// Milliseconds from what the crashed process wrote to `heard`.
fn latency(mark: &Path, heard: u64) -> anyhow::Result<f64> {
    let text = fs::read_to_string(mark).context("the process did not crash as it should")?;
    fs::remove_file(mark)?;
    let crashed: u64 = text.parse().context("the process did not say when it crashed")?;
    Ok(heard.saturating_sub(crashed) as f64 / 1e6)
}

fn in_a_moment(moment: Duration) -> u64 {
    host::now().boot_ns + moment.as_nanos() as u64
}

/// A control client of tmux, which is told when a window has gone.
struct Watcher {
    client: Child,
    gone: std::sync::mpsc::Receiver<u64>,
}

impl Watcher {
    fn new(tmux: &Tmux) -> anyhow::Result<Self> {
        let mut command = tmux.command(&["-C", "attach-session", "-t", "keep"]);
        let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(client.stdout.take().context("no stdout")?).lines();
        let (sender, gone) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let now = host::now().boot_ns;
                if line.contains("window-close") && sender.send(now).is_err() {
                    return;
                }
            }
        });
        Ok(Self { client, gone })
    }

    /// Lets a process crash in a new window; how long it took to be known, in milliseconds.
    fn crash(&mut self, tmux: &Tmux, mark: &Path) -> anyhow::Result<f64> {
        let (me, at) = (std::env::current_exe()?, in_a_moment(FUSE));
        let crash = format!("exec {} crash {at} {}", me.display(), mark.display());
        let limited = format!("ulimit -c 0; {crash}");
        tmux.run(&["new-window", "-d", "-t", "keep:", &limited])?;
        let heard = self.gone.recv_timeout(Duration::from_secs(10));
        latency(mark, heard.context("tmux does not tell that a window has gone")?)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It ends with its stdin.
        drop(self.client.stdin.take());
        let _ = self.client.wait();
    }
}
