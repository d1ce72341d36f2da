//! How soon a session that crashed runs again, where there is no delay: from the last thing that
//! an attempt does to the first thing that the next one does.
//!
//! One crash at a time, session after session.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use wk_api::RecoveryRequest;
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
    samples::Samples,
    sessions::{self, Events},
    spawns,
};
use wk_holder::host;

/// Measure from crash to the next attempt
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Say when it began, wait a moment, say when, and crash
    #[command(hide = true)]
    Crash { folder: PathBuf },
}

/// Retries of each session.
const RETRIES: u32 = 5;

/// A crash that comes sooner after its start than this would measure the start.
const FUSE: Duration = Duration::from_millis(20);

fn main() -> anyhow::Result<()> {
    let begun = host::now().boot_ns;
    let Args { common, role } = Args::parse();
    match role {
        Some(Role::Crash { folder }) => crash(begun, &folder),
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common)),
    }
}

fn crash(begun: u64, folder: &Path) -> anyhow::Result<()> {
    let attempt = std::env::var("WK_ATTEMPT").context("no attempt")?;
    fs::write(folder.join(format!("began-{attempt}")), begun.to_string())?;
    std::thread::sleep(FUSE);
    fs::write(folder.join(format!("crashed-{attempt}")), host::now().boot_ns.to_string())?;
    spawns::crash();
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("recovery_latency")?;
    let count = common.count(50, 5);
    let house = House::new(&common.folder()?)?;
    let daemon = house.start()?;
    let client = house.client();
    let mut events = Events::after(&client, daemon.last_seq).await?;
    let (mut whole, mut known) = (Vec::new(), Vec::new());
    for number in 0..count {
        let marks = tempfile::tempdir()?;
        let (me, folder) = (std::env::current_exe()?, marks.path());
        let mut request =
            sessions::request(&[&me.to_string_lossy(), "crash", &folder.to_string_lossy()])?;
        request.recovery = RecoveryRequest {
            retries: Some(RETRIES),
            delay_ms: Some(0),
            ..RecoveryRequest::default()
        };
        let key = format!("latency-{number}-{}", host::now().boot_ns);
        client.create(&request, &key).await?;
        let mut heard = Vec::new();
        for _ in 0..RETRIES {
            heard.push(events.next("session_recovering").await?.1);
        }
        events.next("session_closed").await?;
        for attempt in 1..=RETRIES {
            let crashed = mark(folder, "crashed", attempt)?;
            let again = mark(folder, "began", attempt + 1)?;
            ensure!(crashed < again, "attempt {attempt} was not over when the next one began");
            whole.push((again - crashed) as f64 / 1e6);
            known.push(heard[attempt as usize - 1].saturating_sub(crashed) as f64 / 1e6);
        }
    }
    let (whole, known) = (Samples::new(whole), Samples::new(known));
    let ms = |value: f64| format!("{value:.2} ms");
    let what = format!("crash → first instruction of the next attempt, {}, median", whole.len());
    table.note(&what, &ms(whole.median()), "");
    table.row("  p99", &ms(whole.p99()), "", whole.p99(), &Bar::AtMost(30.0, " ms"));
    table.note("  most", &ms(whole.most()), "");
    table.note("crash → a subscriber has `session_recovering`, median", &ms(known.median()), "");
    table.note("  p99", &ms(known.p99()), "");
    println!("{table}");
    Ok(())
}

fn mark(folder: &Path, what: &str, attempt: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(folder.join(format!("{what}-{attempt}")));
    text?.parse().with_context(|| format!("attempt {attempt} did not say when it {what}"))
}
