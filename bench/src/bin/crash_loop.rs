//! What becomes of a command that crashes at once: how often it is started in 20 s, beside
//! supervisord, pm2 and runit as they come; and of one that crashes, runs well for a while, and
//! crashes again.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use wk_api::{EventQuery, EventView, SessionView};
use wk_bench::{
    arguments::Common,
    house::{House, find},
    report::{Bar, Table},
    samples::Samples,
    spawns, supervisors,
};
use wk_model::Status;

/// Measure crash loops
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Note this spawn, and crash
    #[command(hide = true)]
    Crash { file: PathBuf },
    /// Note this spawn; crash, or run well for a while, as its number says
    #[command(hide = true)]
    Service { file: PathBuf },
}

const DELAY_MS: u64 = 100;

/// Spawns of the service that run well: the first of them crashes after a while.
const WELL: [usize; 2] = [4, 7];

/// Longer than the `healthy_after` of this measure, 2 s.
const WELL_FOR: Duration = Duration::from_secs(3);

/// Sessions that are to give up, whose delays are to differ.
const SHORT: usize = 4;

fn main() -> anyhow::Result<()> {
    let Args { common, role } = Args::parse();
    match role {
        Some(Role::Crash { file }) => {
            spawns::note(&file)?;
            spawns::crash()
        }
        Some(Role::Service { file }) => service(&file),
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common)),
    }
}

fn service(file: &Path) -> anyhow::Result<()> {
    let number = spawns::note(file)?;
    if number == WELL[0] {
        std::thread::sleep(WELL_FOR);
    } else if number == WELL[1] {
        // Until it is stopped, and bounded.
        std::thread::sleep(Duration::from_secs(60));
    }
    spawns::crash();
}

/// A session of this measure and where its spawns are.
struct Looped {
    session_id: String,
    file: PathBuf,
}

impl Looped {
    fn start(house: &House, file: PathBuf, role: &str, retries: u32) -> anyhow::Result<Self> {
        let (me, retries) = (std::env::current_exe()?, retries.to_string());
        let delay = format!("{DELAY_MS}ms");
        let (me, spawned) = (me.to_string_lossy(), file.to_string_lossy());
        let session_id = house.ask([
            "run",
            "-d",
            "--retries",
            &retries,
            "--retry-delay",
            &delay,
            "--",
            &me,
            role,
            &spawned,
        ])?;
        Ok(Self { session_id, file })
    }

    async fn view(&self, house: &House) -> anyhow::Result<SessionView> {
        Ok(house.client().get(&format!("/sessions/{}", self.session_id), &()).await?)
    }

    /// What each wait was over what it would be without jitter, by the journal.
    async fn jitter(&self, house: &House) -> anyhow::Result<Vec<f64>> {
        let query = EventQuery { session: Some(self.session_id.clone()), ..EventQuery::default() };
        let mut stream = house.client().events("/events", &query, None).await?;
        let mut ratios = Vec::new();
        while let Some(event) = stream.next().await? {
            let event: EventView = serde_json::from_str(&event.data)?;
            if event.kind == "session_recovering" {
                let number = |name: &str| event.data[name].as_u64().context("a number is missing");
                let plain = DELAY_MS << (number("retry")? - 1);
                ratios.push(number("delay_ms")? as f64 / plain as f64);
            }
        }
        Ok(ratios)
    }
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("crash_loop")?;
    let span = Duration::from_secs(common.count(20, 10) as u64);
    let house = House::new(&common.folder()?)?;
    fs::write(&house.places().config, "[session]\nhealthy_after = \"2s\"\n")?;
    house.start()?;
    let marks = tempfile::tempdir()?;
    let file = |name: &str| marks.path().join(name);
    let me = std::env::current_exe()?;

    let mut peers = Vec::new();
    for (name, start) in supervisors::ALL {
        let spawned = file(name);
        if find(name).is_none() {
            println!("SKIPPED: {name} is not installed\n");
            continue;
        }
        let running = start(&[&me.to_string_lossy(), "crash", &spawned.to_string_lossy()])?;
        peers.push((name, spawned, running));
    }
    let looped = Looped::start(&house, file("wk"), "crash", 10)?;
    let service = Looped::start(&house, file("service"), "service", 3)?;
    let short: Vec<Looped> = (0..SHORT)
        .map(|number| Looped::start(&house, file(&format!("short{number}")), "crash", 5))
        .collect::<Result<_, _>>()?;
    // Longest for who began last: each is counted from its first spawn.
    tokio::time::sleep(span + Duration::from_secs(1)).await;

    let seconds = span.as_secs();
    let within = |file: &Path| -> anyhow::Result<Vec<u64>> {
        let all = spawns::read(file)?;
        let end = all.first().copied().unwrap_or(0) + span.as_nanos() as u64;
        Ok(all.into_iter().filter(|at| *at <= end).collect())
    };
    let list = |spawns: &[u64]| {
        let seconds = |ms: u64| format!("{:.2}", ms as f64 / 1e3);
        spawns::intervals(spawns).into_iter().map(seconds).collect::<Vec<_>>().join(" ")
    };
    let ours = within(&looped.file)?;
    let mut theirs = Vec::new();
    let mut notes = vec![format!("wk: {}", list(&ours))];
    for (name, file, _) in &peers {
        let spawned = within(file)?;
        theirs.push(format!("{name} {}", spawned.len()));
        notes.push(format!("{name}: {}", list(&spawned)));
    }
    let what = format!("spawns in {seconds} s of a command that crashes at once");
    let bar = Bar::AtMost(11.0, "");
    table.row(&what, &ours.len().to_string(), &theirs.join(", "), ours.len() as f64, &bar);

    let (mut sooner, mut ratios) = (0, Vec::new());
    for session in short.iter().chain([&looped]) {
        let planned = (0..).map(|retry| DELAY_MS << retry);
        let intervals = spawns::intervals(&spawns::read(&session.file)?);
        sooner += intervals.iter().zip(planned).filter(|(is, least)| *is < least).count();
        ratios.extend(session.jitter(&house).await?);
    }
    table.row(
        "  sooner than 100 ms, doubled each time",
        &sooner.to_string(),
        "",
        sooner as f64,
        &Bar::Exactly(0.0, ""),
    );
    let (least, jitter) = (ratios.iter().copied().fold(f64::NAN, f64::min), Samples::new(ratios));
    let row = format!("{least:.2} × … {:.2} ×", jitter.most());
    let what = format!("  jitter: wait ÷ that, of {} waits", jitter.len());
    table.row(&what, &row, "", jitter.most(), &Bar::AtMost(1.5, " ×"));
    let spread = jitter.most() - least;
    table.row("  spread of it", &format!("{spread:.2}"), "", spread, &Bar::AtLeast(0.1, ""));

    let mut gave_up = 0;
    for session in &short {
        let failed = session.view(&house).await?.status == Some(Status::Failed);
        gave_up += usize::from(failed && spawns::read(&session.file)?.len() == 6);
    }
    let what = format!("given up after `--retries 5`: failed, 6 spawns, of {SHORT}");
    table.row(&what, &gave_up.to_string(), "", gave_up as f64, &Bar::Exactly(SHORT as f64, ""));

    let view = service.view(&house).await?;
    let spawned = spawns::read(&service.file)?;
    let runs = view.status == Some(Status::Running) && spawned.len() == WELL[1];
    let attempt = if runs { view.attempt } else { 0 };
    let what = "crashes 3 times, runs 3 s, crashes 3 times; then runs, `--retries 3`: attempt";
    let bar = Bar::Exactly(WELL[1] as f64, "");
    table.row(what, &attempt.to_string(), "", f64::from(attempt), &bar);
    let well_for = u64::try_from(WELL_FOR.as_millis())?;
    let intervals = spawns::intervals(&spawned);
    // The run that was well lies in it.
    let wait = intervals.get(WELL[0] - 1).map_or(f64::NAN, |ms| ms.saturating_sub(well_for) as f64);
    let what = "  budget and delay anew: wait behind the 3 s";
    table.row(what, &format!("{wait:.0} ms"), "", wait, &Bar::AtMost(2.0 * DELAY_MS as f64, " ms"));
    notes.push(format!("service: {}", list(&spawned)));
    drop(peers);
    println!("{table}\nSeconds between spawns:\n");
    for note in notes {
        println!("- {note}");
    }
    Ok(())
}
