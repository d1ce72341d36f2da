//! How soon a death is known, judged, and settled: from the `kill -9` to the events that tell of
//! it, one death at a time.

use anyhow::Context;
use clap::Parser;
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
    samples::Samples,
    sessions::{self, Events},
};
use wk_holder::host;

/// Measure from death to verdict
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// How long deaths may follow each other and belong together.
const WINDOW_MS: f64 = 200.0;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("verdict_latency")?;
    let count = common.count(200, 10);
    let house = House::new(&common.folder()?)?;
    std::fs::write(&house.places().config, format!("[deaths]\nwindow = \"{WINDOW_MS}ms\"\n"))?;
    let daemon = house.start()?;
    let client = house.client();
    let mut events = Events::after(&client, daemon.last_seq).await?;
    let (mut known, mut first, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..count {
        let request = sessions::request(&["sleep", "1000"])?;
        let key = format!("verdict-{number}-{}", host::now().boot_ns);
        let session = client.create(&request, &key).await?;
        let pid = session.pid.context("the session runs")?;
        let killed = host::now().boot_ns;
        let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status()?;
        anyhow::ensure!(status.success(), "cannot kill {pid}");
        let since = |then: u64| then.saturating_sub(killed) as f64 / 1e6;
        known.push(since(events.next("attempt_exited").await?.1));
        let (event, at) = events.next("verdict_reached").await?;
        anyhow::ensure!(event.data["cause"] == "killed", "not told: {}", event.data);
        first.push(since(at));
        let (event, at) = events.next("verdict_reached").await?;
        anyhow::ensure!(event.data["settled"] == true, "not settled: {}", event.data);
        settled.push(since(at) - WINDOW_MS);
    }
    let ms = |value: f64| format!("{value:.1} ms");
    for (what, values, bar) in [
        ("a subscriber has `attempt_exited`", known, 50.0),
        ("the first verdict", first, 500.0),
        ("the settled verdict, less the window", settled, 500.0),
    ] {
        let samples = Samples::new(values);
        table.note(&format!("kill → {what}, {count}, median",), &ms(samples.median()), "");
        table.row("  p99", &ms(samples.p99()), "", samples.p99(), &Bar::AtMost(bar, " ms"));
    }
    println!("{table}");
    Ok(())
}
