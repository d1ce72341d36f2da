//! What many short sessions leave behind: 10,000 of them, 50 at a time. The daemon's
//! descriptors, threads, memory and dead children, cgroup leaves and files must be back where
//! they were, and half as many again must leave no more memory in use.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use tokio::{sync::Semaphore, task::JoinSet};
use wk_api::{WaitQuery, Waited};
use wk_bench::{
    arguments::Common,
    counters,
    house::House,
    report::{Bar, Table},
    sessions,
};
use wk_client::Client;
use wk_holder::host;

/// Measure what short sessions leave behind
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Sessions at a time
    #[arg(long, default_value_t = 50)]
    at_once: usize,
}

/// Everything of an ended session goes at the next look. The looks are further apart than a
/// thread of the pool waits for work (10 s), or each look would keep one more.
const SETTINGS: &str = "[cleanup]\ninterval = \"15s\"\nlive_state_after = \"0s\"\n\
                        recordings_after = \"0s\"\n";

/// What is left after so long stays.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common, at_once } = Args::parse();
    let mut table = Table::begin("churn")?;
    let count = common.count(10_000, 500);
    let house = House::new(&common.folder()?)?;
    fs::write(&house.places().config, SETTINGS)?;
    let daemon = house.start()?.pid;
    let client = house.client();
    // Caches and threads that come with the first work are not what is looked for.
    let mut ids = churn(&client, count / 10, at_once, "warm").await?;
    let before = settled(&house, daemon, &ids, None).await?;
    let start = Instant::now();
    ids.extend(churn(&client, count, at_once, "run").await?);
    let took = start.elapsed();
    let after = settled(&house, daemon, &ids, Some(&before)).await?;

    ids.extend(churn(&client, count / 2, at_once, "again").await?);
    let again = settled(&house, daemon, &ids, Some(&before)).await?;

    let rate = count as f64 / took.as_secs_f64();
    table.note(&format!("{count} sessions, {at_once} at a time"), &format!("{rate:.0} /s"), "");
    for (what, before, after) in [
        ("the daemon's descriptors", before.descriptors, after.descriptors),
        ("its threads", before.threads, after.threads),
        ("its children that nobody has reaped", before.zombies, after.zombies),
        ("holders", before.holders, after.holders),
        ("cgroup leaves", before.leaves, after.leaves),
        ("session folders", before.folders, after.folders),
        ("sockets", before.sockets, after.sockets),
        ("files and folders of any kind", before.files, after.files),
    ] {
        let shown = format!("{before} → {after}");
        table.row(what, &shown, "", after as f64, &Bar::AtMost(before as f64, ""));
    }
    // The first batch may still fill caches; by the second they should be full.
    let some = format!("its RSS, after {} and after {count} more", count / 10);
    let more = format!("  after {} more", count / 2);
    for (what, before, after, most) in [(some, &before, &after, 4.0), (more, &after, &again, 1.0)] {
        let shown = format!("{:.1} → {:.1} MB", before.rss as f64 / 1e6, after.rss as f64 / 1e6);
        let grown = (after.rss as f64 - before.rss as f64) / 1e6;
        table.row(&what, &shown, "", grown, &Bar::AtMost(most, " MB more"));
    }
    println!("{table}");
    Ok(())
}

/// Runs sessions to their ends, so many at a time; says which they were.
async fn churn(
    client: &Client,
    count: usize,
    at_once: usize,
    name: &str,
) -> anyhow::Result<HashSet<String>> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut lives = JoinSet::new();
    let mut ids = HashSet::new();
    for number in 0..count {
        let place = places.clone().acquire_owned().await?;
        let client = client.clone();
        let key = format!("churn-{name}-{number}-{}", host::now().boot_ns);
        lives.spawn(async move {
            let _place = place;
            let request = sessions::request(&["sh", "-c", "echo short"])?;
            let session = client.create(&request, &key).await?;
            let path = format!("/sessions/{}/wait", session.session_id);
            let waited: Waited = client.get(&path, &WaitQuery::default()).await?;
            anyhow::ensure!(waited.session.exit_code == Some(0), "{:?}", waited.session);
            anyhow::Ok(session.session_id)
        });
        while let Some(life) = lives.try_join_next() {
            ids.insert(life??);
        }
    }
    while let Some(life) = lives.join_next().await {
        ids.insert(life??);
    }
    Ok(ids)
}

/// What there is just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    descriptors: u64,
    threads: u64,
    zombies: u64,
    holders: u64,
    leaves: u64,
    folders: u64,
    sockets: u64,
    /// All below the places that are ours.
    files: u64,
    rss: u64,
}

/// Waits until nothing goes any more, or all is back where it was.
async fn settled(
    house: &House,
    daemon: u32,
    ids: &HashSet<String>,
    before: Option<&Left>,
) -> anyhow::Result<Left> {
    let start = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let left = Left::look(house, daemon, ids)?;
        let Left { zombies, holders, leaves, folders, sockets, .. } = left;
        let clean = [zombies, holders, leaves, folders, sockets].iter().all(|count| *count == 0);
        let back = before.is_none_or(|before| {
            left.descriptors <= before.descriptors && left.threads <= before.threads
        });
        // A moment more, for what is given back late.
        if (clean && back && start.elapsed() > Duration::from_secs(6)) || start.elapsed() > PATIENCE
        {
            return Ok(left);
        }
    }
}

impl Left {
    fn look(house: &House, daemon: u32, ids: &HashSet<String>) -> anyhow::Result<Self> {
        let own = PathBuf::from(format!("/proc/{daemon}"));
        let (mut zombies, mut holders) = (0, 0);
        for pid in fs::read_dir("/proc")?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        {
            // Gone meanwhile is as good as gone.
            let Ok(Some(stat)) = host::ProcessStat::read(pid) else { continue };
            zombies += u64::from(stat.parent == daemon && stat.is_dead());
            holders += u64::from(stat.parent == daemon && !stat.is_dead());
        }
        Ok(Self {
            descriptors: entries(&own.join("fd"))?,
            threads: entries(&own.join("task"))?,
            zombies,
            holders,
            leaves: leaves(ids)?,
            folders: entries(&house.places().sessions())?,
            sockets: entries(&house.places().runtime.join("h"))?,
            files: below(&house.places().state) + below(&house.places().runtime),
            rss: counters::memory(daemon)?.rss,
        })
    }
}

fn entries(folder: &Path) -> anyhow::Result<u64> {
    let entries = fs::read_dir(folder);
    Ok(entries.with_context(|| format!("cannot list {}", folder.display()))?.count() as u64)
}

/// Everything below a folder.
fn below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            1 + if is_folder { below(&entry.path()) } else { 0 }
        })
        .sum()
}

/// Groups that were made for these sessions.
fn leaves(ids: &HashSet<String>) -> anyhow::Result<u64> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let is_tree =
        |line: &&str| [" - cgroup2 ", " - cgroup "].iter().any(|kind| line.contains(kind));
    let mounts = mounts.lines().filter(is_tree);
    let points = mounts.filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    Ok(points.map(|point| leaves_below(&point, ids, 6)).sum())
}

fn leaves_below(folder: &Path, ids: &HashSet<String>, depth: usize) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders
        .map(|entry| {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.split('-').next());
            let own = u64::from(id.is_some_and(|id| ids.contains(id)));
            own + if depth > 0 { leaves_below(&entry.path(), ids, depth - 1) } else { 0 }
        })
        .sum()
}
