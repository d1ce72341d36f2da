//! What looking after the health of 1,000 sessions costs the daemon: its share of a core, its
//! memory, and what the journal grows by while nothing happens.
//!
//! The daemon is measured empty, with sessions that nobody looks at, and with all of them
//! looked at every 30 s.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use clap::Parser;
use wk_api::HealthNumbers;
use wk_bench::{
    arguments::Common,
    counters,
    house::House,
    report::{Bar, Table},
    sessions,
};

/// Measure the health checks of idle sessions
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("health")?;
    let count = common.count(1000, 100);
    let interval = Duration::from_secs(common.count(30, 2) as u64);
    let span = Duration::from_secs(common.count(90, 6) as u64);
    let house = House::new(&common.folder()?)?;
    let settings = |interval: &str| {
        let text = format!("[health]\ninterval = \"{interval}\"\n");
        fs::write(&house.places().config, text).context("cannot write the settings")
    };
    settings("none")?;
    let daemon = house.start()?.pid;
    house.ask(["health"])?;
    let rss = || Ok::<_, anyhow::Error>(counters::memory(daemon)?.rss as f64);
    let empty = rss()?;

    let requests = (0..count).map(|_| sessions::request(&["sleep", "3600"]));
    sessions::start_all(&house.client(), requests.collect::<Result<_, _>>()?).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (unseen, unseen_cpu) = (rss()?, share(daemon, span).await?);

    settings(&format!("{}s", interval.as_secs()))?;
    house.ask(["config", "reload"])?;
    // Every session has its first look, and some have their second.
    tokio::time::sleep(interval + Duration::from_secs(2)).await;
    let (seq, bytes) = (house.daemon()?.last_seq, journal_bytes(&house.places().state)?);
    let sleeps = counters::sleeps(daemon)?;
    let cpu = share(daemon, span).await?;
    let wakeups = counters::sleeps(daemon)? - sleeps;
    let events = house.daemon()?.last_seq - seq;
    let growth = journal_bytes(&house.places().state)?.saturating_sub(bytes);
    let seen = rss()?;
    let numbers: HealthNumbers = serde_json::from_str(&house.ask(["health", "--format", "json"])?)?;

    let seconds = span.as_secs();
    let what = format!("daemon, share of a core over {seconds} s");
    table.row(&what, &format!("{cpu:.2} %"), "", cpu, &Bar::AtMost(1.0, " %"));
    table.note("  where nobody looks", &format!("{unseen_cpu:.2} %"), "");
    table.note("  wakeups", &wakeups.to_string(), "");
    let each = |from: f64, to: f64| (to - from) / count as f64 / 1e3;
    let health = each(unseen, seen);
    let what = "daemon, RSS for each session's health";
    table.row(what, &format!("{health:.2} kB"), "", health, &Bar::AtMost(2.0, " kB"));
    let all = each(empty, seen);
    table.note("  for each session, over an empty daemon", &format!("{all:.2} kB"), "");
    let rss = [empty, unseen, seen].map(|bytes| format!("{:.1}", bytes / 1e6)).join(", ");
    table.note("  empty, sessions unseen, all seen", &format!("{rss} MB"), "");
    let what = format!("journal, growth in {seconds} s");
    table.row(&what, &format!("{growth} B"), "", growth as f64, &Bar::Exactly(0.0, " B"));
    table.row("  events", &events.to_string(), "", events as f64, &Bar::Exactly(0.0, ""));
    let healthy = numbers.healthy_sessions;
    let bar = Bar::Exactly(count as f64, "");
    table.row("sessions found healthy", &healthy.to_string(), "", healthy as f64, &bar);
    let memory = numbers.average_memory_usage.context("no session was looked at")?;
    table.note("  their memory, mean", &format!("{} kB", memory / 1000), "");
    println!("{table}");
    Ok(())
}

/// A process's share of a core, in percent.
async fn share(pid: u32, span: Duration) -> anyhow::Result<f64> {
    let before = counters::cpu_time(pid)?;
    tokio::time::sleep(span).await;
    let used = counters::cpu_time(pid)? - before;
    Ok(100.0 * used.as_secs_f64() / span.as_secs_f64())
}

/// The journal and its write-ahead log.
fn journal_bytes(state: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(state).context("cannot list the state")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("journal.db") {
            sum += entry.metadata()?.len();
        }
    }
    Ok(sum)
}
