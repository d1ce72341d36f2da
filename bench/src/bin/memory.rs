//! What a holder costs in memory: 100 idle sessions of 80×24, recorded, masked and emulated,
//! beside dtach, which has one process for each session too, and tmux, which has one for all.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use clap::Parser;
use wk_bench::{
    arguments::Common,
    counters::{self, Memory},
    house::{House, find},
    report::{Bar, Table},
    samples::Samples,
    sessions,
    sweeper::Sweeper,
    tmux::Tmux,
};

/// Measure the memory of holders
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Sessions
    #[arg(long, default_value_t = 100)]
    sessions: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common, sessions: wanted } = Args::parse();
    let mut table = Table::begin("memory")?;
    let count = common.count(wanted, wanted.min(20));
    let house = House::new(&common.folder()?)?;
    house.start()?;
    let tmux = Tmux::start("memory")?;

    let requests = (0..count).map(|_| sessions::request(&["sleep", "3600"]));
    let started = sessions::start_all(&house.client(), requests.collect::<Result<_, _>>()?).await?;
    tmux.fill(count, |_| "exec sleep 3600".to_owned())?;
    let dtach = find("dtach").map(|_| Dtach::start(count)).transpose()?;
    // What starting has left behind is given back, or counts.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let holders: Vec<u32> = started.iter().filter_map(|session| session.holder_pid).collect();
    anyhow::ensure!(holders.len() == count, "{} of {count} sessions have a holder", holders.len());
    let ours = Share::of(&holders)?;
    let peers = dtach.as_ref().map(|dtach| Share::of(&dtach.pids)).transpose()?;
    let dtachs = |figure: fn(&Share) -> f64| {
        peers
            .as_ref()
            .map_or("(no dtach)".to_owned(), |share| format!("dtach {}", kb(figure(share))))
    };
    let what = format!("PSS of a holder, mean of {count}");
    let bar = Bar::AtMost(300.0, " kB");
    table.row(&what, &kb(ours.pss), &dtachs(|share| share.pss), ours.pss, &bar);
    table.note("  the largest", &kb(ours.largest), &dtachs(|share| share.largest));
    table.note("  of it private and written", &kb(ours.private), &dtachs(|share| share.private));
    let server = counters::memory(tmux.pid()?)?.pss as f64 / 1000.0;
    table.note("PSS of all holders", &kb(ours.pss * count as f64), &format!("tmux {}", kb(server)));
    let per_session = server / count as f64;
    table.note("  for each session", &kb(ours.pss), &format!("tmux {}", kb(per_session)));
    println!("{table}");
    Ok(())
}

/// What each of many like processes has, in kB.
struct Share {
    pss: f64,
    largest: f64,
    private: f64,
}

impl Share {
    fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let all = pids.iter().map(|pid| counters::memory(*pid)).collect::<Result<Vec<_>, _>>()?;
        let mean = |figure: fn(&Memory) -> u64| {
            all.iter().map(figure).sum::<u64>() as f64 / 1000.0 / all.len() as f64
        };
        let largest = Samples::new(all.iter().map(|memory| memory.pss as f64 / 1000.0).collect());
        Ok(Self {
            pss: mean(|memory| memory.pss),
            largest: largest.most(),
            private: mean(|memory| memory.private_dirty),
        })
    }
}

/// Masters of dtach in the foreground, so that they end with their sweeper.
struct Dtach {
    pids: Vec<u32>,
    _sweeper: Sweeper,
    _folder: tempfile::TempDir,
}

impl Dtach {
    fn start(count: usize) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("wkb").tempdir_in("/tmp")?;
        let mut masters = Vec::new();
        for number in 0..count {
            let mut command = Command::new("dtach");
            command.arg("-N").arg(folder.path().join(number.to_string())).args(["sleep", "3600"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            masters.push(command.spawn()?.id());
        }
        let sweeper = Sweeper::new("kill \"$@\"", |command| {
            command.args(masters.iter().map(ToString::to_string));
        })?;
        Ok(Self { pids: masters, _sweeper: sweeper, _folder: folder })
    }
}

fn kb(value: f64) -> String {
    format!("{value:.0} kB")
}
