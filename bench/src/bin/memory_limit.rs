//! A runaway allocator beside healthy sessions: how soon after it has crossed its memory limit
//! it is told of and gone, by the kernel's count and by looking, and whether anybody else
//! notices.
//!
//! The allocator takes 1 GB/s and notes when it has the first byte above its limit.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use wk_api::{CreateSession, SessionView};
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
    samples::Samples,
    sessions::{self, Events},
};
use wk_holder::host;
use wk_model::Status;

/// Measure how a memory limit is kept
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Take 1 GB/s, and leave the moment at which a limit was crossed in a file
    #[command(hide = true)]
    Runaway { limit: u64, file: PathBuf },
    /// Have a little, and live
    #[command(hide = true)]
    Healthy,
}

/// What all have, the runaway too.
const LIMIT: u64 = 256 << 20;

const HEALTHY: usize = 20;

/// What the runaway takes at a time, at which intervals.
const PIECE: usize = 1 << 20;
const PAUSE: Duration = Duration::from_micros(1048);

/// What it has besides, at most: it may cross its limit so many bytes, or 8 ms, sooner than by
/// what it takes. Times are from the earliest moment at which it can have crossed.
const OTHERWISE: u64 = 8 << 20;

/// It ends by itself, should nobody end it: the machine is others' too.
const MOST: usize = 2 << 30;

fn main() -> anyhow::Result<()> {
    let Args { common, role } = Args::parse();
    match role {
        Some(Role::Runaway { limit, file }) => run_away(limit, &file),
        Some(Role::Healthy) => {
            let kept = vec![1_u8; 32 << 20];
            std::hint::black_box(&kept);
            std::thread::sleep(Duration::from_secs(3600));
            Ok(())
        }
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common)),
    }
}

fn run_away(limit: u64, file: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (mut taken, mut crossed) = (Vec::new(), false);
    while taken.len() * PIECE < MOST {
        taken.push(vec![1_u8; PIECE]);
        if !crossed && (taken.len() * PIECE) as u64 > limit - OTHERWISE {
            crossed = true;
            fs::write(file, host::now().boot_ns.to_string())?;
        }
        let due = begun + PAUSE * u32::try_from(taken.len())?;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    std::hint::black_box(&taken);
    std::thread::sleep(Duration::from_secs(60));
    Ok(())
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("memory_limit")?;
    let rounds = common.count(20, 3);
    for mechanism in ["auto", "sampling"] {
        let house = House::new(&common.folder()?)?;
        let settings = format!("[session]\nlimit_mechanism = \"{mechanism}\"\n");
        fs::write(&house.places().config, settings)?;
        house.start()?;
        rows(&mut table, &run(&house, rounds).await?, rounds);
    }
    println!("{table}");
    Ok(())
}

/// What came of the runaways of one mechanism.
struct Outcome {
    mechanism: String,
    ended: usize,
    named: usize,
    healthy: usize,
    /// Milliseconds from the crossing until it was found, and until all of it was gone.
    found: Samples,
    gone: Samples,
    /// MiB above the limit when it was found.
    above: Samples,
}

async fn run(house: &House, rounds: usize) -> anyhow::Result<Outcome> {
    let me = std::env::current_exe()?.to_string_lossy().into_owned();
    let client = house.client();
    let limited = |command: &[&str]| -> anyhow::Result<CreateSession> {
        Ok(CreateSession {
            max_memory: Some(LIMIT),
            grace_ms: Some(2000),
            ..sessions::request(command)?
        })
    };
    let healthy = (0..HEALTHY).map(|_| limited(&[&me, "healthy"]));
    let healthy = sessions::start_all(&client, healthy.collect::<Result<_, _>>()?).await?;
    let home = tempfile::tempdir()?;
    let (mut ended, mut named, mut mechanism) = (0, 0, String::new());
    let (mut found, mut gone, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let file = home.path().join(round.to_string());
        let mut events = Events::after(&client, house.daemon()?.last_seq).await?;
        let runaway = limited(&[&me, "runaway", &LIMIT.to_string(), &file.to_string_lossy()])?;
        let started = sessions::start_all(&client, vec![runaway]).await?;
        let session = started.first().context("it was not started")?;
        let (told, _) = events.next("limit_exceeded").await?;
        let (closed, _) = events.next("attempt_exited").await?;
        ensure!(told.session_id.as_ref() == Some(&session.session_id), "another was ended");
        let text = fs::read_to_string(&file).context("it was ended before it crossed")?;
        let crossed = text.parse::<u64>()? as f64 / 1e6;
        let at = |event: &wk_api::EventView| millis_of(event, crossed);
        found.push(at(&told));
        gone.push(at(&closed));
        above
            .push((told.data["value"].as_f64().unwrap_or(0.0) - LIMIT as f64) / f64::from(1 << 20));
        let culprit = &told.data["largest"][0];
        named += usize::from(culprit["pid"].as_u64() == session.pid.map(u64::from));
        mechanism = told.data["mechanism"].as_str().unwrap_or_default().to_owned();
        let path = format!("/sessions/{}", session.session_id);
        let view: SessionView = client.get(&path, &()).await?;
        ended += usize::from(view.status == Some(Status::Failed));
    }
    let living = sessions::living(&client).await?;
    let untouched = |old: &&SessionView| {
        living.iter().any(|new| new.session_id == old.session_id && new.pid == old.pid)
    };
    let healthy = healthy.iter().filter(untouched).count();
    let (found, gone, above) = (Samples::new(found), Samples::new(gone), Samples::new(above));
    Ok(Outcome { mechanism, ended, named, healthy, found, gone, above })
}

/// Milliseconds between a moment of the boot clock and an event, by the wall clock of both.
fn millis_of(event: &wk_api::EventView, crossed: f64) -> f64 {
    let now = host::now();
    let boot_at_event = now.boot_ns as f64 / 1e6 - now.time.millis_since(event.time) as f64;
    boot_at_event - crossed
}

fn rows(table: &mut Table, outcome: &Outcome, rounds: usize) {
    let Outcome { mechanism, ended, named, healthy, found, gone, above } = outcome;
    let by = mechanism.replace('_', " ");
    let mut exact = |what: &str, figure: usize, of: usize| {
        let bar = Bar::Exactly(of as f64, "");
        table.row(what, &figure.to_string(), "", figure as f64, &bar);
    };
    exact(&format!("{by}: runaways ended of {rounds}"), *ended, rounds);
    exact("  healthy sessions untouched", *healthy, HEALTHY);
    exact("  the culprit named first", *named, rounds);
    let (most, bar) = (found.most(), Bar::AtMost(250.0, " ms"));
    table.row("  crossing → found, latest", &format!("{most:.0} ms"), "", most, &bar);
    table.note("    median", &format!("{:.0} ms", found.median()), "");
    table.note("  above the limit by then, most", &format!("{:.0} MiB", above.most()), "");
    table.note("  crossing → its end told, latest", &format!("{:.0} ms", gone.most()), "");
}
