//! Whether every session that can recover does: sessions that fail once, twice or for ever, by
//! chance from a seed, with three retries and no delay.
//!
//! Each attempt looks whether anything of the attempt before it is still alive: the command
//! itself, or the child that some of them leave behind.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use wk_api::{ListQuery, RecoveryRequest, SessionView};
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
    seed::Seed,
    sessions::{self, Events},
    spawns,
};
use wk_holder::host;
use wk_model::{Liveness, ProcessId, Status};

/// Measure how many sessions recover
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Who fails how often follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Fail so many times, then end well
    #[command(hide = true)]
    Attempt { folder: PathBuf, failures: u32, how: u64 },
    /// Stay behind
    #[command(hide = true)]
    Linger,
}

const RETRIES: u32 = 3;

/// More failures than anybody retries.
const FOR_EVER: u32 = 1000;

fn main() -> anyhow::Result<()> {
    let Args { common, seed, role } = Args::parse();
    match role {
        Some(Role::Attempt { folder, failures, how }) => attempt(&folder, failures, how),
        Some(Role::Linger) => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common, seed)),
    }
}

/// One attempt; `how` it fails: by code, by signal, or by signal with a child that stays.
fn attempt(folder: &Path, failures: u32, how: u64) -> anyhow::Result<()> {
    let variable = |name| std::env::var(name).with_context(|| format!("no {name}"));
    let (session_id, attempt) = (variable("WK_SESSION_ID")?, variable("WK_ATTEMPT")?);
    let file = folder.join(&session_id);
    let known: Vec<ProcessId> = match fs::read(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        text => serde_json::from_slice(&text?)?,
    };
    if known.iter().any(|process| host::liveness(process) != Liveness::Dead) {
        note(&folder.join("doubles"), &session_id)?;
    }
    note(&folder.join("attempts"), &session_id)?;
    let child = (how == 2).then(linger).transpose()?;
    let processes = [Some(std::process::id()), child].into_iter().flatten().map(host::identify);
    let processes: Vec<_> = processes.collect::<Result<_, _>>()?;
    fs::write(&file, serde_json::to_vec(&processes)?)?;
    if attempt.parse::<u32>()? > failures {
        return Ok(());
    }
    if how == 0 {
        std::process::exit(3);
    }
    spawns::crash();
}

fn note(file: &Path, session_id: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    Ok(file.write_all(format!("{session_id}\n").as_bytes())?)
}

fn linger() -> anyhow::Result<u32> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("linger").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.spawn()?.id())
}

async fn measure(common: &Common, seed: u64) -> anyhow::Result<()> {
    let mut table = Table::begin("recovery")?;
    let count = common.count(200, 30);
    println!("seed {seed}\n");
    let house = House::new(&common.folder()?)?;
    let daemon = house.start()?;
    let client = house.client();
    let mut events = Events::after(&client, daemon.last_seq).await?;
    let marks = tempfile::tempdir()?;

    let mut chance = Seed(seed);
    let failures: Vec<u32> =
        (0..count).map(|_| [1, 2, FOR_EVER][chance.below(3) as usize]).collect();
    let me = std::env::current_exe()?;
    let requests = failures.iter().map(|failures| {
        let (me, folder) = (me.to_string_lossy(), marks.path().to_string_lossy());
        let how = chance.below(3).to_string();
        let command = [&me, "attempt", &folder, &failures.to_string(), &how];
        let mut request = sessions::request(&command)?;
        request.recovery = RecoveryRequest {
            retries: Some(RETRIES),
            delay_ms: Some(0),
            ..RecoveryRequest::default()
        };
        anyhow::Ok(request)
    });
    let requests = requests.collect::<anyhow::Result<Vec<_>>>()?;
    let begun = Instant::now();
    let started = sessions::start_all(&client, requests).await?;
    for _ in 0..count {
        events.next("session_closed").await?;
    }
    let took = begun.elapsed();

    let query = ListQuery { limit: Some(0), ..ListQuery::default() };
    let (now, _) = client.list::<SessionView>("/sessions", &query).await?;
    let fates: Vec<_> = started
        .iter()
        .zip(&failures)
        .filter_map(|(session, failures)| {
            let view = now.iter().find(|view| view.session_id == session.session_id)?;
            Some((view, *failures))
        })
        .collect();
    let ended = |status, failures: &dyn Fn(u32) -> bool| {
        let fits = |(view, of): &&(&SessionView, u32)| {
            let attempts = (*of).min(RETRIES) + 1;
            failures(*of) && view.status == Some(status) && view.attempt == attempts
        };
        fates.iter().filter(fits).count()
    };
    let recoverable = failures.iter().filter(|failures| **failures <= RETRIES).count();
    let recovered = ended(Status::Completed, &|failures| failures <= RETRIES);
    let given_up = ended(Status::Failed, &|failures| failures > RETRIES);
    let left = now.iter().filter(|view| view.status == Some(Status::Recovering)).count();
    let attempts = lines(&marks.path().join("attempts"))?;
    let wanted: u32 = failures.iter().map(|failures| (*failures).min(RETRIES) + 1).sum();
    let doubles = lines(&marks.path().join("doubles"))?;

    let mut exactly = |what: &str, figure: usize, want: usize| {
        let bar = Bar::Exactly(want as f64, "");
        table.row(what, &figure.to_string(), "", figure as f64, &bar);
    };
    exactly(
        &format!("recovered, of {count} that fail once, twice or for ever"),
        recovered,
        recoverable,
    );
    exactly("  given up after 3 retries", given_up, count - recoverable);
    exactly("attempts, by their own count", attempts, wanted as usize);
    exactly("  that found the attempt before them alive", doubles, 0);
    exactly("left in `recovering`", left, 0);
    let rate = 100.0 * recovered as f64 / recoverable as f64;
    let bar = Bar::Exactly(100.0, " %");
    table.row("recovery rate, of those that can", &format!("{rate:.1} %"), "", rate, &bar);
    table.note("  all ended after", &format!("{:.1} s", took.as_secs_f64()), "");
    println!("{table}");
    Ok(())
}

/// How many lines a file has; none where there is no file.
fn lines(file: &Path) -> anyhow::Result<usize> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        text => Ok(text?.lines().count()),
    }
}
