//! A fork bomb under a limit of processes: it is ended, leaves nothing behind, and others can
//! use the machine meanwhile.
//!
//! The bomb stands inside a fence, with the daemon and nobody else: a cgroup that bounds it
//! whatever becomes of the measure; the limit is far below. Without such a fence there is no
//! measure. Who measures stands outside, as other users of the machine do.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Parser;
use wk_api::CreateSession;
use wk_bench::{
    arguments::Common,
    house::House,
    report::{Bar, Table},
    samples::Samples,
    sessions::{self, Events},
};
use wk_holder::host;
use wk_model::OsText;

/// Measure what a fork bomb comes to
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

const BOMB: &str = "trap '' TERM HUP; bomb() { bomb | bomb & }; bomb; sleep 1000";

const LIMIT: u64 = 100;

/// Processes and threads that the daemon and all its sessions may come to.
const FENCE: u64 = 3000;

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let fence = Fence::new()?;
    let measured = tokio::runtime::Runtime::new()?.block_on(measure(&common, &fence));
    drop(fence);
    measured
}

async fn measure(common: &Common, fence: &Fence) -> anyhow::Result<()> {
    let mut table = Table::begin("fork_bomb")?;
    let rounds = common.count(10, 2);
    for mechanism in ["auto", "sampling"] {
        let house = House::new(&common.folder()?)?;
        let settings = format!("[session]\nlimit_mechanism = \"{mechanism}\"\n");
        fs::write(&house.places().config, settings)?;
        // The daemon stays inside, and with it all that it starts.
        fence.inside(|| house.start())?;
        run(&mut table, &house, rounds).await?;
    }
    println!("{table}");
    Ok(())
}

async fn run(table: &mut Table, house: &House, rounds: usize) -> anyhow::Result<()> {
    let client = house.client();
    let (mut ended, mut survivors, mut most, mut by) = (0, 0, 0, String::new());
    let (mut took, mut commands) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut events = Events::after(&client, house.daemon()?.last_seq).await?;
        let request = bomb(round)?;
        let meter = Meter::start();
        let begun = Instant::now();
        let started = sessions::start_all(&client, vec![request]).await?;
        let (told, _) = events.next("limit_exceeded").await?;
        events.next("session_closed").await?;
        took.push(begun.elapsed());
        let holders: Vec<u32> = started.iter().filter_map(|session| session.holder_pid).collect();
        sessions::until_gone(&holders).await?;
        commands.extend(meter.stop()?);
        ended += usize::from(told.data["limit"] == "processes");
        most = most.max(told.data["value"].as_u64().unwrap_or(0));
        by = told.data["mechanism"].as_str().unwrap_or_default().replace('_', " ");
        survivors += carriers(&mark(round))?;
    }
    let exact =
        |figure: usize, of: usize| (figure.to_string(), figure as f64, Bar::Exactly(of as f64, ""));
    let (text, figure, bar) = exact(ended, rounds);
    table.row(&format!("{by}: bombs ended of {rounds}"), &text, "", figure, &bar);
    let (text, figure, bar) = exact(survivors, 0);
    table.row("  survivors", &text, "", figure, &bar);
    let took = Samples::of_times(&took);
    table.note("  its start → its end told, latest", &format!("{:.0} ms", took.most()), "");
    table.note("  processes when it was found, most", &most.to_string(), "");
    let commands = Samples::of_times(&commands);
    let (latest, bar) = (commands.most(), Bar::AtMost(1000.0, " ms"));
    let what = "  `true` run by another meanwhile, slowest";
    table.row(what, &format!("{latest:.0} ms"), "", latest, &bar);
    table.note("    median", &format!("{:.1} ms", commands.median()), "");
    Ok(())
}

fn mark(round: usize) -> String {
    format!("WK_BENCH_BOMB={}-{round}", std::process::id())
}

fn bomb(round: usize) -> anyhow::Result<CreateSession> {
    let mut request = sessions::request(&["sh", "-c", BOMB])?;
    let environment = request.environment.get_or_insert_default();
    environment.push(OsText::new(mark(round)).context("a variable")?);
    Ok(CreateSession { max_processes: Some(LIMIT), grace_ms: Some(2000), ..request })
}

/// Processes that carry a mark in their environment.
fn carriers(mark: &str) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let carries = environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes());
        count += usize::from(carries && host::identify(pid)?.is_some());
    }
    Ok(count)
}

/// Somebody else, who runs a small command again and again.
struct Meter {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<Vec<Duration>>>,
}

impl Meter {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = std::thread::spawn(move || {
            let mut times = Vec::new();
            while !seen.load(Ordering::Relaxed) {
                let start = Instant::now();
                ensure!(Command::new("/bin/true").status()?.success(), "`true` failed");
                times.push(start.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(times)
        });
        Self { over, thread }
    }

    fn stop(self) -> anyhow::Result<Vec<Duration>> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the meter failed"))?
    }
}

/// A cgroup v1 of processes with a bound.
struct Fence(PathBuf);

impl Fence {
    fn new() -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mount = mounts.lines().find_map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            let fits = fields.get(2) == Some(&"cgroup")
                && fields.get(3)?.split(',').any(|option| option == "pids");
            fits.then(|| fields.get(1).copied())?
        });
        let mount = mount.context("no cgroup v1 of processes: no bomb without a fence")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.split_once(":pids:").map(|(_, path)| path));
        let own = own.context("this process is in no group of processes")?;
        let name = format!("wk-bench-fence-{}", std::process::id());
        let group = Path::new(mount).join(own.trim_start_matches('/')).join(name);
        fs::create_dir(&group).context("cannot make a fence")?;
        let fence = Self(group);
        fs::write(fence.0.join("pids.max"), FENCE.to_string())?;
        Ok(fence)
    }

    /// Enters it for as long as `work` takes: who is born there stays.
    fn inside<T>(&self, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        fs::write(self.0.join("cgroup.procs"), "0").context("cannot enter the fence")?;
        let done = work();
        let outside = self.0.parent().context("the fence has no outside")?;
        fs::write(outside.join("cgroup.procs"), "0").context("cannot leave the fence")?;
        done
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("pids.max"), "0");
        // Sweepers are about to leave it.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
