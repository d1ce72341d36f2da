//! How fast the journal takes events in and lists sessions.
//!
//! Four producers append batches and wait for each; then one appends events one by one. The
//! journal is on a real disk, with its indexes and projection, and is checked at the end: it
//! must hold what was acknowledged, and a rebuild must find nothing to put right.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Parser;
use serde_json::{Map, json};
use wk_journal::{Journal, Resolved, SessionQuery};
use wk_model::{
    AttemptExited, AttemptStarted, BootId, Change, Created, Draft, Ending, HolderUsage, Kind,
    Label, Moment, ProcessId, Resized, Seq, SessionId, Source, Status, Time,
};

const PRODUCERS: u64 = 4;
const BATCH: usize = 256;
const START: i64 = 1_790_000_000_000;

/// Measure the journal
#[derive(Parser)]
struct Args {
    /// Folder on the disk to measure
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Events to append in batches
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// Sessions that they belong to
    #[arg(long, default_value_t = 1000)]
    sessions: u64,
    /// Events to append one by one
    #[arg(long, default_value_t = 2000)]
    single: u64,
    /// Ended sessions to list from, beside 1,000 that live
    #[arg(long, default_value_t = 100_000)]
    past: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.dir)?;
    let folder = tempfile::tempdir_in(&args.dir)?;
    appends(&folder.path().join("appends.db"), &args).await?;
    lists(&folder.path().join("lists.db"), &args).await
}

async fn appends(path: &Path, args: &Args) -> anyhow::Result<()> {
    let journal = Journal::open(path)?.journal;
    let (took, latencies) = batched(&journal, args).await?;
    let rate = args.events as f64 / took.as_secs_f64();
    let mut own = Sessions::new(u64::MAX, 10, args.single + 10);
    let mut single = Vec::new();
    for _ in 0..args.single {
        let (draft, start) = (own.next(), Instant::now());
        journal.append(vec![draft]).await?;
        single.push(start.elapsed());
    }
    let bytes = std::fs::metadata(path)?.len();
    println!("{:<44}{:>14}", "batched appends, events/s", format!("{rate:.0}"));
    row("  a batch of 256, acknowledged", latencies);
    row("lone append, acknowledged", single);

    let start = Instant::now();
    let report = journal.rebuild().await?;
    ensure!(report.differing.is_empty(), "a rebuild differs: {:?}", report.differing);
    ensure!(report.events == args.events + args.single, "{} events are there", report.events);
    ensure!(report.sessions == args.sessions + 10, "{} sessions are there", report.sessions);
    ensure!(journal.last() == Seq(report.events), "the last event is {}", journal.last());
    row("rebuild, equal", vec![start.elapsed()]);
    journal.close().await;
    let start = Instant::now();
    drop(Journal::open(path)?);
    row("open", vec![start.elapsed()]);
    println!("{:<44}{:>11} MB", "journal.db", bytes >> 20);
    Ok(())
}

async fn batched(journal: &Journal, args: &Args) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let (events, sessions) = (args.events / PRODUCERS, args.sessions / PRODUCERS);
    let work: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let mut own = Sessions::new(producer, sessions, events);
            let drafts: Vec<_> = (0..events).map(|_| own.next()).collect();
            drafts.chunks(BATCH).map(<[_]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    let start = Instant::now();
    let producers: Vec<_> = work
        .into_iter()
        .map(|batches| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for batch in batches {
                    let start = Instant::now();
                    journal.append(batch).await?;
                    latencies.push(start.elapsed());
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for producer in producers {
        latencies.extend(producer.await??);
    }
    Ok((start.elapsed(), latencies))
}

async fn lists(path: &Path, args: &Args) -> anyhow::Result<()> {
    let journal = Journal::open(path)?.journal;
    let mut drafts = Vec::new();
    for number in 0..args.past + 1000 {
        let at = moment(number * 1000);
        let session = session_id(number);
        drafts.push(draft(at, session, Source::daemon(), None, created(number)));
        let holder = Source::holder(session, 1);
        drafts.push(draft(at, session, holder.clone(), Some(1), started()));
        // The living are spread among the others.
        if number % (args.past / 1000 + 1) != 0 {
            drafts.push(draft(at, session, holder, Some(2), exited(number)));
        }
        if drafts.len() >= 3000 {
            journal.append(std::mem::take(&mut drafts)).await?;
        }
    }
    journal.append(drafts).await?;
    println!("\n{} sessions live, {} ended", journal.live().len(), args.past);

    let newest = Time::from_millis(START + i64::try_from((args.past + 1000) * 1000)?);
    let ago = |seconds: i64| Some(Time::from_millis(newest.as_millis() - seconds * 1000));
    let query = SessionQuery { limit: 100, ..SessionQuery::default() };
    for (what, query) in [
        ("list, no filter", query.clone()),
        ("list, living or ended lately", SessionQuery { ended_since: ago(500), ..query.clone() }),
        ("list, living or ended ever", SessionQuery { ended_since: ago(1 << 30), ..query.clone() }),
        ("list, active", SessionQuery { active: true, ..query.clone() }),
        ("list, failed", SessionQuery { failed: true, ..query.clone() }),
        ("list, timeout (none)", SessionQuery { statuses: vec![Status::Timeout], ..query.clone() }),
        ("list, one agent", SessionQuery { agent_id: Some("agent-7".into()), ..query.clone() }),
        ("list, one name", SessionQuery { name: Some("job-77".into()), ..query.clone() }),
        (
            "list, a common label",
            SessionQuery { labels: vec![label("team", "team-1")?], ..query.clone() },
        ),
        (
            "list, a rare label",
            SessionQuery { labels: vec![label("ticket", "T-4711")?], ..query.clone() },
        ),
        (
            "list, all kinds but one",
            SessionQuery { kinds: vec![Kind::Command, Kind::Shell, Kind::Tmux], ..query.clone() },
        ),
    ] {
        row(what, repeat(|| journal.sessions(&query).map(drop))?);
    }
    row("count, no filter", repeat(|| journal.count(&query).map(drop))?);
    let some = session_id(args.past / 2);
    let found = |text: &str| journal.resolve(text).map(|found| found != Resolved::None);
    for (what, text) in [
        ("resolve, an id", some.as_str()),
        ("resolve, a prefix", &some.as_str()[..6]),
        ("resolve, a name", "job-77"),
    ] {
        ensure!(found(text)?, "{text} is not found");
        row(what, repeat(|| found(text).map(drop))?);
    }
    row("session, an ended one", repeat(|| journal.session(session_id(1)).map(drop))?);
    journal.close().await;
    let start = Instant::now();
    let journal = Journal::open(path)?.journal;
    row("open", vec![start.elapsed()]);
    let start = Instant::now();
    let report = journal.rebuild().await?;
    ensure!(report.differing.is_empty(), "a rebuild differs: {:?}", report.differing);
    row("rebuild, equal", vec![start.elapsed()]);
    Ok(())
}

/// Sessions of one producer that each go through their life, in a random order.
struct Sessions {
    producer: u64,
    random: u64,
    told: u64,
    /// Per session: how many of its events were told, and how many came from its holder.
    steps: Vec<(u64, u64)>,
    length: u64,
    hooks: u64,
}

impl Sessions {
    fn new(producer: u64, sessions: u64, events: u64) -> Self {
        let steps = vec![(0, 0); sessions.try_into().unwrap_or(1)];
        Self { producer, random: producer, told: 0, steps, length: events / sessions, hooks: 0 }
    }

    fn next(&mut self) -> Draft {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.told += 1;
        let count = self.steps.len() as u64;
        // All begin soon; from then on anyone may be next.
        let index = if self.told <= count { self.told - 1 } else { (self.random >> 33) % count };
        let (step, of_holder) = &mut self.steps[index as usize];
        *step += 1;
        let number = self.producer.wrapping_mul(1 << 20).wrapping_add(index);
        let (session, at) = (session_id(number), moment(self.told));
        let change = match *step {
            1 => return draft(at, session, Source::daemon(), None, created(number)),
            2 => started(),
            step if step == self.length => exited(number),
            step if step % 16 == 0 => {
                Change::SessionResized(Resized { cols: 80 + (step % 100) as u16, rows: 24 })
            }
            _ => {
                self.hooks += 1;
                let source = Source(format!("hooks/{}", self.producer));
                return draft(at, session, source, Some(self.hooks), hook(self.random));
            }
        };
        *of_holder += 1;
        draft(at, session, Source::holder(session, 1), Some(*of_holder), change)
    }
}

fn draft(
    at: Moment,
    session: SessionId,
    source: Source,
    source_seq: Option<u64>,
    change: Change,
) -> Draft {
    Draft { at, session_id: Some(session), source, source_seq, trace_parent: None, change }
}

fn session_id(number: u64) -> SessionId {
    SessionId::from_random(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn moment(ms: u64) -> Moment {
    let time = Time::from_millis(START + ms as i64);
    Moment { time, boot: BootId::default(), boot_ns: ms * 1_000_000 }
}

fn created(number: u64) -> Change {
    let words = ["claude", "--print", "Find out why the nightly build fails and fix it"];
    let labels = [("team", format!("team-{}", number % 10)), ("ticket", format!("T-{number}"))];
    Change::SessionCreated(Box::new(Created {
        name: Some(format!("job-{}", number % 20_000)),
        session_kind: if number.is_multiple_of(3) { Kind::Agent } else { Kind::Command },
        command: words.map(str::to_owned).to_vec(),
        working_directory: Some("/home/ann/src/project".to_owned()),
        uid: Some(1000),
        username: Some("ann".to_owned()),
        hostname: Some("host".to_owned()),
        platform: Some("linux".to_owned()),
        labels: labels
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        agent_id: Some(format!("agent-{}", number % 50)),
        terminal: true,
        recorded: true,
        idempotency_key: Some(format!("0000-{number:016x}")),
        ..Created::default()
    }))
}

fn started() -> Change {
    let process = |pid| ProcessId { boot: BootId::default(), pid, start_time: 123_456 };
    Change::AttemptStarted(AttemptStarted {
        attempt: 1,
        process: Some(process(4711)),
        holder: Some(process(4710)),
        cgroup: Some("user.slice/user-1000.slice/wk/k7f3q2m9x1ab".to_owned()),
        cols: 80,
        rows: 24,
        limits: Vec::new(),
    })
}

fn exited(number: u64) -> Change {
    let ending = match number % 10 {
        0 => Ending::Exited { code: 1 },
        1 => Ending::Signaled { signal: 9, core_dumped: false },
        _ => Ending::Exited { code: 0 },
    };
    let usage = HolderUsage { output_bytes: 81_920, cpu_ms: Some(1200), ..HolderUsage::default() };
    Change::AttemptExited(AttemptExited {
        attempt: 1,
        ending,
        limit: None,
        usage,
        last_lines: None,
    })
}

fn hook(random: u64) -> Change {
    let data = [
        ("tool", json!("Bash")),
        ("tool_use_id", json!(format!("toolu_{random:016x}{random:016x}"))),
        ("transcript", json!("/home/ann/.claude/projects/src-project/session.jsonl")),
        ("command", json!("cargo test --workspace --all-features 2>&1 | tail -n 40")),
        ("duration_ms", json!(random >> 48)),
        ("succeeded", json!(random.is_multiple_of(2))),
    ];
    let data = data.map(|(key, value)| (key.to_owned(), value));
    Change::Other { kind: "tool_finished".to_owned(), data: Map::from_iter(data) }
}

fn label(key: &str, value: &str) -> anyhow::Result<Label> {
    Ok(Label::new(key, value)?)
}

fn repeat<E>(mut once: impl FnMut() -> Result<(), E>) -> Result<Vec<Duration>, E> {
    let mut took = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        once()?;
        took.push(start.elapsed());
    }
    Ok(took)
}

fn row(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    if took.len() == 1 {
        println!("{what:<44}{:>11.2} ms", at(100));
    } else {
        println!(
            "{what:<44}{:>11.2} ms p50 {:>9.2} ms p99 {:>9.2} ms most",
            at(50),
            at(99),
            at(100)
        );
    }
}
