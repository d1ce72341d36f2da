//! What watching others' tmux costs: 100 sessions with 200 panes, the witness on. As root,
//! with BTF.

use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Parser;
use wk_bench::{
    arguments::Common,
    counters,
    report::{Bar, Table},
    samples::Samples,
    yard::{self, Server, Yard},
};

/// Measure the watch on tmux
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

const SESSIONS: usize = 100;
const PANES: usize = 2 * SESSIONS;

/// What a pane prints to measure tmux itself.
const PRINTED: (usize, usize) = (64 << 20, 8 << 20);

/// Sessions are made so many at a time.
const AT_ONCE: usize = 10;

/// What starts is looked at for a while; what rests is to be measured.
const REST: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("tmux_watch")?;
    let yard = Yard::new(&common.folder()?)?;
    let server = yard.server("bench", "s0", "exec sleep 3600")?;
    fill(&server)?;
    let span = Duration::from_secs(common.count(60, 15) as u64);
    idle(&yard, &server, span, &mut table)?;
    throughput(&yard, &server, &common, &mut table)?;
    println!("{table}");
    Ok(())
}

/// Sessions of two panes each.
fn fill(server: &Server) -> anyhow::Result<()> {
    const PANE: &str = "exec sleep 3600";
    server.ask(["split-window", "-d", "-t", "s0", PANE])?;
    let sessions: Vec<String> = (1..SESSIONS).map(|number| format!("s{number}")).collect();
    for some in sessions.chunks(AT_ONCE) {
        let both = |name| {
            let make = ["new-session", "-d", "-x", "80", "-y", "24", "-s", name, PANE, ";"];
            [&make[..], &["split-window", "-d", "-t", name, PANE, ";"]].concat()
        };
        server.ask(some.iter().flat_map(|name| both(name.as_str())))?;
    }
    let panes = server.ask(["list-panes", "-a", "-F", "x"])?.lines().count();
    ensure!(panes == PANES, "{panes} panes");
    Ok(())
}

/// The cost while nothing happens.
fn idle(yard: &Yard, server: &Server, span: Duration, table: &mut Table) -> anyhow::Result<()> {
    let daemon = yard.watch(PANES)?.pid;
    let witness = yard.witness()?;
    std::thread::sleep(REST);
    // Calls of clients are counted where the daemon has waited for them.
    let of_all = || -> anyhow::Result<[Duration; 3]> {
        Ok([
            counters::cpu_time_with_children(daemon)?,
            counters::cpu_time(witness)?,
            counters::cpu_time(server.pid)?,
        ])
    };
    let (begun, before) = (Instant::now(), of_all()?);
    std::thread::sleep(span);
    let (after, took) = (of_all()?, begun.elapsed());
    let share =
        |index: usize| 100.0 * (after[index] - before[index]).as_secs_f64() / took.as_secs_f64();
    let all = share(0) + share(1);
    let what = format!(
        "{SESSIONS} sessions, {PANES} panes at rest: daemon with its calls, witness; share of a \
         core over {} s",
        span.as_secs()
    );
    table.row(&what, &format!("{all:.2} %"), "", all, &Bar::AtMost(1.0, " %"));
    let parts = format!("{:.2} + {:.2} %", share(0), share(1));
    table.note("  each", &parts, "");
    table.note("  the tmux server meanwhile", &format!("{:.2} %", share(2)), "");
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let each = [daemon, witness];
    let memory = yard::memory(&each)?;
    let rss = megabytes(memory.rss);
    let what = "daemon + witness, RSS";
    table.row(what, &format!("{rss:.1} MB"), "", rss, &Bar::AtMost(40.0, " MB"));
    let one = |pid: u32| Ok::<_, anyhow::Error>(megabytes(counters::memory(pid)?.rss));
    let parts = format!("{:.1} + {:.1} MB", one(daemon)?, one(witness)?);
    table.note("  each", &parts, "");
    let parts = format!("{:.1}, {:.1} MB", megabytes(memory.pss), megabytes(memory.private_dirty));
    table.note("  PSS, private and dirty", &parts, "");
    Ok(())
}

/// How quickly the server shows what a pane prints, with and without the watch, by turns.
fn throughput(
    yard: &Yard,
    server: &Server,
    common: &Common,
    table: &mut Table,
) -> anyhow::Result<()> {
    let (turns, bytes) = (common.count(5, 3), common.count(PRINTED.0, PRINTED.1));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("text");
    text(&file, bytes)?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    show(server, &file)?;
    for _ in 0..turns {
        with.push(show(server, &file)?);
        yard.look_away()?;
        without.push(show(server, &file)?);
        yard.watch(PANES)?;
    }
    let (with, without) = (Samples::of_times(&with), Samples::of_times(&without));
    let rate = |times: &Samples| bytes as f64 / 1e3 / times.median();
    let what = format!("tmux shows {} MiB, median of {turns}, watched / not watched", bytes >> 20);
    let (ours, theirs) =
        (format!("{:.1} MB/s", rate(&with)), format!("{:.1} MB/s", rate(&without)));
    table.note(&what, &ours, &theirs);
    let spread = |times: &Samples| format!("{:.0} … {:.0} ms", times.least(), times.most());
    table.note("  least and most time", &spread(&with), &spread(&without));
    let ratio = with.median() / without.median();
    let noise = without.most() / without.least();
    let what = format!("  time watched / not (without, runs differ by {noise:.2} ×)");
    table.row(&what, &format!("{ratio:.3} ×"), "", ratio, &Bar::AtMost(1.05, " ×"));
    Ok(())
}

/// Lines of 80 columns, and now and then a colour.
fn text(file: &Path, bytes: usize) -> anyhow::Result<()> {
    let mut out = BufWriter::new(fs::File::create(file)?);
    let (mut number, mut written) = (0_u64, 0);
    while written < bytes {
        let line = format!("\x1b[3{}m{number:08}\x1b[0m {}\n", number % 8, "abcdefghi ".repeat(6));
        out.write_all(line.as_bytes())?;
        (number, written) = (number + 1, written + line.len());
    }
    Ok(out.flush()?)
}

/// The time that a pane takes to print a file.
fn show(server: &Server, file: &Path) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let command = format!("cat {}; tmux wait-for -S shown", file.display());
    server.ask(["new-window", "-d", "-t", "s0", &command])?;
    server.ask(["wait-for", "shown"])?;
    Ok(begun.elapsed())
}
