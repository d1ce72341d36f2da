//! 200 hooks at once from 20 projects, 10 of one name, while the daemon is killed again and
//! again: every event is on its true session, none is lost, none comes twice.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Write,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::{Value, json};
use wk_bench::{
    arguments::Common,
    house::{House, program},
    report::{Bar, Table},
};

/// Measure what becomes of many hooks
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// How long hooks are called
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Hooks at once
    #[arg(long, default_value_t = 200)]
    at_once: usize,
    /// How often the daemon is killed
    #[arg(long, default_value_t = 5)]
    kills: u32,
}

const PROJECTS: usize = 20;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut table = Table::begin("hook_load")?;
    let length = Duration::from_secs(if args.common.quick { 5 } else { args.seconds });
    let house = House::new(&args.common.folder()?)?;
    house.start()?;
    let folder = tempfile::tempdir_in(args.common.folder()?)?;
    let projects = projects(&folder)?;
    let hook = program("wk-hook")?;
    for (number, project) in projects.iter().enumerate() {
        call(&house, &hook, project, &start(number))?;
    }
    let (over, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let sent: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..args.at_once)
            .map(|caller| {
                let (house, hook, projects, over, failed) =
                    (&house, &hook, &projects, &over, &failed);
                scope.spawn(move || {
                    let mut sent = 0;
                    while !over.load(Ordering::Relaxed) {
                        let project = (caller + sent) % PROJECTS;
                        let payload = use_of_tool(project, caller, sent);
                        if call(house, hook, &projects[project], &payload).is_err() {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        let killed = kill_again_and_again(&house, length, args.kills);
        over.store(true, Ordering::Relaxed);
        let sent = callers.into_iter().map(|caller| caller.join().unwrap_or(0)).collect();
        killed.map(|()| sent)
    })
    .inspect_err(|error| eprintln!("{error:#}"))?;
    let begun = Instant::now();
    house.ask(["daemon", "start"])?;
    until_taken(&house)?;
    let drained = begun.elapsed();
    let found = look(&house, &sent)?;
    let all: usize = sent.iter().sum();
    let rate = all as f64 / length.as_secs_f64();
    let what = format!(
        "{} hooks at once for {} s from {PROJECTS} projects, the daemon killed {} times",
        args.at_once,
        length.as_secs(),
        args.kills
    );
    table.note(&what, &format!("{all} hooks, {rate:.0}/s"), "");
    let zero = || Bar::Exactly(0.0, "");
    for (what, number) in [
        ("  hooks that did not end with 0, or said something", failed.load(Ordering::Relaxed)),
        ("  lost", found.lost),
        ("  taken in twice", found.twice),
        ("  not on their true session", found.misplaced),
        ("  sessions too many or too few", found.sessions.abs_diff(PROJECTS)),
    ] {
        table.row(what, &number.to_string(), "", number as f64, &zero());
    }
    table.note(
        "  the last are in the journal after",
        &format!("{:.1} s", drained.as_secs_f64()),
        "",
    );
    println!("{table}");
    Ok(())
}

/// Half of them have one name.
fn projects(folder: &tempfile::TempDir) -> anyhow::Result<Vec<PathBuf>> {
    (0..PROJECTS)
        .map(|number| {
            let name = if number % 2 == 0 { "same".into() } else { format!("project{number}") };
            let project = folder.path().join(number.to_string()).join(name);
            fs::create_dir_all(project.join(".git"))?;
            Ok(project)
        })
        .collect()
}

fn start(project: usize) -> Value {
    json!({"hook_event_name": "SessionStart", "session_id": format!("s{project}"), "source": "startup"})
}

/// Every fifth tells no id, as older agents do.
fn use_of_tool(project: usize, caller: usize, number: usize) -> Value {
    let mut payload = json!({"hook_event_name": "PreToolUse", "session_id": format!("s{project}"),
        "tool_name": "Bash", "tool_input": {"command": "x".repeat(1500)},
        "tool_use_id": format!("{project}/{caller}/{number}")});
    if number % 5 == 4
        && let Some(object) = payload.as_object_mut()
    {
        object.remove("session_id");
    }
    payload
}

fn call(
    house: &House,
    hook: &std::path::Path,
    project: &std::path::Path,
    payload: &Value,
) -> anyhow::Result<()> {
    let mut command = house.program(hook);
    command.arg("claude").current_dir(project);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("stdin")?.write_all(payload.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    Ok(())
}

fn kill_again_and_again(house: &House, length: Duration, kills: u32) -> anyhow::Result<()> {
    let pause = length / (kills + 1);
    for _ in 0..kills {
        thread::sleep(pause);
        house.daemon()?.kill()?;
        house.ask(["daemon", "start"])?;
    }
    thread::sleep(pause);
    Ok(())
}

fn until_taken(house: &House) -> anyhow::Result<()> {
    let spool = wk_hook::spool::Spool::new(house.places().state.join("hooks"));
    let deadline = Instant::now() + Duration::from_secs(120);
    while !spool.waiting()?.is_empty() {
        ensure!(Instant::now() < deadline, "the daemon does not take in what waits");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[derive(Default)]
struct Found {
    lost: usize,
    twice: usize,
    misplaced: usize,
    sessions: usize,
}

fn look(house: &House, sent: &[usize]) -> anyhow::Result<Found> {
    let listed = house.ask(["ls", "--all", "--limit", "0", "--format", "json"])?;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    let agents = listed.iter().filter(|session| session["kind"] == "agent");
    let ids: HashMap<_, _> = agents
        .filter_map(|session| {
            Some((session["session_id"].as_str()?, session["external_id"].as_str()?))
        })
        .collect();
    let mut found = Found { sessions: ids.len(), ..Found::default() };
    let mut got = HashSet::new();
    for line in house.ask(["events"])?.lines() {
        let event: Value = serde_json::from_str(line)?;
        if event["kind"] != "tool_started" {
            continue;
        }
        let use_id = event["data"]["tool_use_id"].as_str().unwrap_or_default().to_owned();
        let project = use_id.split('/').next().unwrap_or_default();
        let session = event["session_id"].as_str().and_then(|id| ids.get(id));
        found.misplaced += usize::from(session != Some(&format!("s{project}").as_str()));
        found.twice += usize::from(!got.insert(use_id));
    }
    for (caller, sent) in sent.iter().enumerate() {
        for number in 0..*sent {
            let project = (caller + number) % PROJECTS;
            found.lost += usize::from(!got.contains(&format!("{project}/{caller}/{number}")));
        }
    }
    Ok(found)
}
