//! 500 sessions that are asked for at once, of which 20 may run at a time: how many ran at a
//! time by their own clocks, whether all ended, and whether who came first ran first.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use wk_api::{ListQuery, SessionView};
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
};
use wk_holder::host;
use wk_model::Status;

/// Measure the queue
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Note when it starts and when it ends
    #[command(hide = true)]
    Worker { marks: PathBuf },
}

/// How long a worker works.
const WORK: Duration = Duration::from_millis(50);

/// Nothing takes so long, unless something is broken.
const PATIENCE: Duration = Duration::from_mins(5);

fn main() -> anyhow::Result<()> {
    let Args { common, role } = Args::parse();
    match role {
        Some(Role::Worker { marks }) => work(&marks),
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common)),
    }
}

fn work(marks: &Path) -> anyhow::Result<()> {
    let id = std::env::var("WK_SESSION_ID").context("no session")?;
    let mut marks = OpenOptions::new().append(true).open(marks)?;
    let mut note =
        |what| marks.write_all(format!("{} {what} {id}\n", host::now().boot_ns).as_bytes());
    note("start")?;
    std::thread::sleep(WORK);
    Ok(note("end")?)
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("queue")?;
    let (count, most) = (common.count(500, 60), common.count(20, 5));
    let house = House::new(&common.folder()?)?;
    fs::write(&house.places().config, format!("[session]\nmax_concurrent = {most}\n"))?;
    let folder = tempfile::tempdir()?;
    let marks = folder.path().join("marks");
    fs::write(&marks, "")?;
    house.start()?;
    let (me, path) = (std::env::current_exe()?, marks.to_string_lossy().into_owned());
    let (me, number) = (me.to_string_lossy().into_owned(), count.to_string());
    let begun = Instant::now();
    let mut run = house.wk(["run", "-d", "--count", &number, "--", &me, "worker", &path]);
    anyhow::ensure!(run.stdout(Stdio::null()).status()?.success(), "`wk run --count` failed");
    let asked = begun.elapsed();
    let views = ended(&house, count).await?;
    let took = begun.elapsed();

    let mut noted = Vec::new();
    for line in fs::read_to_string(&marks)?.lines() {
        let mut words = line.split(' ');
        let at: u64 = words.next().context("an empty line")?.parse()?;
        let starts = words.next() == Some("start");
        noted.push((at, starts, words.next().context("no session")?.to_owned()));
    }
    noted.sort();
    let (mut now, mut at_a_time) = (0_i64, 0);
    for (_, starts, _) in &noted {
        now += if *starts { 1 } else { -1 };
        at_a_time = at_a_time.max(now);
    }
    let started: Vec<&str> =
        noted.iter().filter(|(_, starts, _)| *starts).map(|(.., id)| id.as_str()).collect();
    let completed = views.iter().filter(|view| view.status == Some(Status::Completed)).count();
    let (inversions, ahead) = disorder(&views, &started);

    let what = format!("ran at a time, of {count} that were asked for at once");
    table.row(&what, &at_a_time.to_string(), "", at_a_time as f64, &Bar::AtMost(most as f64, ""));
    let all = Bar::Exactly(count as f64, "");
    table.row("ended well", &completed.to_string(), "", completed as f64, &all);
    table.row(
        "started, by their own word",
        &started.len().to_string(),
        "",
        started.len() as f64,
        &all,
    );
    table.row(
        "furthest that one got ahead of its place",
        &ahead.to_string(),
        "",
        ahead as f64,
        &Bar::AtMost(most as f64, ""),
    );
    let pairs = count * (count - 1) / 2;
    table.note("  pairs that started the other way round", &format!("{inversions} of {pairs}"), "");
    table.note("all asked for after", &format!("{:.2} s", asked.as_secs_f64()), "");
    let ideal = WORK.as_secs_f64() * count as f64 / most as f64;
    table.note("all ended after", &format!("{:.2} s", took.as_secs_f64()), "");
    table.note("  their work alone", &format!("{ideal:.2} s"), "");
    println!("{table}");
    Ok(())
}

/// Waits until all have ended.
async fn ended(house: &House, count: usize) -> anyhow::Result<Vec<SessionView>> {
    let (client, deadline) = (house.client(), Instant::now() + PATIENCE);
    let query = ListQuery { limit: Some(0), ..ListQuery::default() };
    loop {
        let (views, _): (Vec<SessionView>, _) = client.list("/sessions", &query).await?;
        let ended = views.iter().filter(|view| view.end_time.is_some()).count();
        if ended == count {
            return Ok(views);
        }
        anyhow::ensure!(Instant::now() < deadline, "{ended} of {count} have ended");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Pairs that started in another order than they were asked for, and the most places that one
/// started before its own.
fn disorder(views: &[SessionView], started: &[&str]) -> (usize, usize) {
    let mut asked: Vec<_> = views.iter().map(|view| (view.start_time, &view.session_id)).collect();
    asked.sort();
    let place: HashMap<&str, usize> =
        asked.iter().enumerate().map(|(place, (_, id))| (id.as_str(), place)).collect();
    let places: Vec<usize> = started.iter().filter_map(|id| place.get(id).copied()).collect();
    let inversions = |(at, one): (usize, &usize)| places[at..].iter().filter(|p| *p < one).count();
    let ahead = places.iter().enumerate().map(|(at, place)| place.saturating_sub(at));
    (places.iter().enumerate().map(inversions).sum(), ahead.max().unwrap_or(0))
}
