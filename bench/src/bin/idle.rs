//! What sessions cost that do nothing: 1,000 of them, the daemon's share of a core, its
//! memory, and how often a holder wakes up. tmux has its own 1,000 beside it.

use std::time::Duration;

use clap::Parser;
use wk_bench::{
    arguments::Common,
    counters,
    house::House,
    report::{Bar, Table},
    sessions,
    tmux::Tmux,
};

/// Measure idle sessions
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("idle")?;
    let count = common.count(1000, 100);
    let span = Duration::from_secs(common.count(30, 5) as u64);
    let house = House::new(&common.folder()?)?;
    let daemon = house.start()?.pid;
    let tmux = Tmux::start("idle")?;
    let server = tmux.pid()?;

    let requests = (0..count).map(|_| sessions::request(&["sleep", "3600"]));
    let started = sessions::start_all(&house.client(), requests.collect::<Result<_, _>>()?).await?;
    tmux.fill(count, |_| "exec sleep 3600".to_owned())?;
    let holders: Vec<u32> = started.iter().filter_map(|session| session.holder_pid).collect();
    tokio::time::sleep(Duration::from_secs(3)).await;

    let wakeups = || holders.iter().map(|pid| counters::sleeps(*pid)).sum::<anyhow::Result<u64>>();
    let of_all = || -> anyhow::Result<_> {
        let cpu = (counters::cpu_time(daemon)?, counters::cpu_time(server)?);
        Ok((cpu, wakeups()?, counters::sleeps(daemon)?, counters::sleeps(server)?))
    };
    let before = of_all()?;
    tokio::time::sleep(span).await;
    let after = of_all()?;
    let living = sessions::living(&house.client()).await?.len();

    let percent =
        |from: Duration, to: Duration| 100.0 * (to - from).as_secs_f64() / span.as_secs_f64();
    let (ours, theirs) = (percent(before.0.0, after.0.0), percent(before.0.1, after.0.1));
    let (wk, tmux) = (format!("{ours:.2} %"), format!("{theirs:.2} %"));
    let what = format!("daemon, share of a core over {} s", span.as_secs());
    table.row(&what, &wk, &tmux, ours, &Bar::AtMost(0.5, " %"));
    let rss = |pid| counters::memory(pid).map(|memory| memory.rss as f64 / 1e6);
    let (ours, theirs) = (rss(daemon)?, rss(server)?);
    let (wk, tmux) = (format!("{ours:.1} MB"), format!("{theirs:.1} MB"));
    table.row("daemon, RSS", &wk, &tmux, ours, &Bar::AtMost(50.0, " MB"));
    let woken = after.1 - before.1;
    let what = format!("wakeups of {count} holders");
    table.row(&what, &woken.to_string(), "(no holders)", woken as f64, &Bar::Exactly(0.0, ""));
    let of = |from: u64, to: u64| (to - from).to_string();
    table.note("wakeups of the daemon", &of(before.2, after.2), &of(before.3, after.3));
    table.row(
        "sessions alive",
        &living.to_string(),
        "",
        living as f64,
        &Bar::Exactly(count as f64, ""),
    );
    println!("{table}");
    Ok(())
}
