//! How long `wk ls` takes with 1,000 living sessions and 100,000 past ones, and whether a
//! holder that does not answer slows it down. tmux lists 1,000 sessions beside it.

use std::{process::Stdio, time::Duration};

use anyhow::Context;
use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};
use wk_api::SessionView;
use wk_bench::{
    arguments::Common,
    house::{House, time},
    past,
    report::{Bar, Table},
    samples::Samples,
    sessions,
    sweeper::Sweeper,
    tmux::Tmux,
};
use wk_holder::host;

/// Measure `wk ls`
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// Runs of what has no bar.
const FEW: usize = 15;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("list")?;
    let (living, gone) = (common.count(1000, 100), common.count(100_000, 10_000));
    let runs = common.count(100, 20);
    let house = House::new(&common.folder()?)?;
    past::write(&house.places().state.join("journal.db"), gone, host::now().time).await?;
    house.start()?;
    let tmux = Tmux::start("list")?;
    let requests = (0..living).map(|_| sessions::request(&["sleep", "3600"]));
    let started = sessions::start_all(&house.client(), requests.collect::<Result<_, _>>()?).await?;
    tmux.fill(living, |_| "exec sleep 3600".to_owned())?;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let ls = || {
        let mut command = house.wk(["ls"]);
        // It says that there are more than it shows.
        command.stderr(Stdio::null());
        command
    };
    let holder = Holder::of(&started[0])?;
    let (mut free, mut stuck, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        // Who comes first changes: it finds the caches as tmux left them.
        if run % 2 == 0 {
            free.push(time(&mut ls())?);
        }
        holder.signal(Signal::STOP)?;
        stuck.push(time(&mut ls())?);
        holder.signal(Signal::CONT)?;
        if run % 2 == 1 {
            free.push(time(&mut ls())?);
        }
        theirs.push(time(&mut tmux.command(&["list-sessions"]))?);
    }
    let (free, stuck) = (Samples::of_times(&free), Samples::of_times(&stuck));
    let theirs = Samples::of_times(&theirs);
    let ms = |value: f64| format!("{value:.2} ms");
    let bar = Bar::AtMost(30.0, " ms");
    let what = format!("`wk ls`, whole process, median of {runs}");
    table.row(&what, &ms(free.median()), &ms(theirs.median()), free.median(), &bar);
    table.row("  p99", &ms(free.p99()), &ms(theirs.p99()), free.p99(), &bar);
    table.row("with a holder under SIGSTOP, median", &ms(stuck.median()), "", stuck.median(), &bar);
    table.row("  p99", &ms(stuck.p99()), "", stuck.p99(), &bar);
    let ratio = stuck.median() / free.median();
    // Two medians of one thing differ by so much.
    let bar = Bar::AtMost(1.1, " ×");
    table.row("  stopped ÷ free, medians", &format!("{ratio:.2} ×"), "", ratio, &bar);

    for arguments in
        [&["--limit", "0"][..], &["--all"], &["--all", "--failed"], &["--format", "json"]]
    {
        let times = (0..FEW).map(|_| time(ls().args(arguments)));
        let times = times.collect::<Result<Vec<_>, _>>()?;
        let what = format!("`wk ls {}`, median of {FEW}", arguments.join(" "));
        table.note(&what, &ms(Samples::of_times(&times).median()), "");
    }
    for by in ["template", "label:team", "label:ticket"] {
        // It says that there are more groups than it shows.
        let stats = || time(house.wk(["stats", "--by", by]).stderr(Stdio::null()));
        let times = (0..FEW).map(|_| stats());
        let times = Samples::of_times(&times.collect::<Result<Vec<_>, _>>()?);
        let what = format!("`wk stats --by {by}` over {gone} past ones, median of {FEW}");
        let bar = Bar::AtMost(100.0, " ms");
        table.row(&what, &ms(times.median()), "", times.median(), &bar);
    }
    println!("{table}");
    Ok(())
}

/// A holder that can be made to stand still, and goes on in the end.
struct Holder {
    pid: Pid,
    _sweeper: Sweeper,
}

impl Holder {
    fn of(session: &SessionView) -> anyhow::Result<Self> {
        let number = session.holder_pid.context("the session has no holder")?;
        let comm = std::fs::read_to_string(format!("/proc/{number}/comm"))?;
        anyhow::ensure!(comm.trim() == "wk-holder", "{number} is not a holder but {comm}");
        let sweeper = Sweeper::new("kill -CONT \"$1\"", |command| {
            command.arg(number.to_string());
        })?;
        let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
        Ok(Self { pid: pid.context("the holder has no pid")?, _sweeper: sweeper })
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid, signal).context("cannot signal the holder")
    }
}
