//! How long `wk tools` and `wk timeline` take over 100,000 events of tools.

use std::process::Stdio;

use clap::Parser;
use wk_bench::{
    arguments::Common,
    house::{House, time},
    report::{Bar, Table},
    samples::Samples,
};
use wk_holder::host;
use wk_journal::Journal;
use wk_model::{
    BootId, Change, Created, Draft, Excerpt, Kind, Moment, SessionId, Source, Time, ToolFinished,
    ToolOutcome, ToolStarted,
};

/// Measure `wk tools` and `wk timeline`
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// Events of one batch.
const BATCH: usize = 4000;
const TOOLS: [&str; 8] = ["Bash", "Read", "Edit", "Grep", "Glob", "Write", "WebFetch", "Task"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("tools")?;
    let (events, runs) = (common.count(100_000, 20_000), common.count(20, 5));
    let house = House::new(&common.folder()?)?;
    let session = SessionId::from_number(7);
    write(&house, session, events).await?;
    house.start()?;
    let id = session.to_string();
    let calls: [(&str, Vec<&str>); 4] = [
        ("`wk tools SESSION`", vec!["tools", &id]),
        ("`wk tools`", vec!["tools"]),
        ("`wk timeline SESSION`", vec!["timeline", &id]),
        ("`wk timeline SESSION --format json`", vec!["timeline", &id, "--format", "json"]),
    ];
    for (what, words) in calls {
        let mut times = Vec::new();
        for _ in 0..runs {
            let mut command = house.wk([]);
            command.args(&words).stdout(Stdio::null());
            times.push(time(&mut command)?);
        }
        let times = Samples::of_times(&times);
        let what = format!("{what}, {events} events, whole process, median of {runs}");
        let shown = format!("{:.0} ms", times.median());
        table.row(&what, &shown, "", times.median(), &Bar::AtMost(1000.0, " ms"));
    }
    println!("{table}");
    Ok(())
}

async fn write(house: &House, session: SessionId, events: usize) -> anyhow::Result<()> {
    let journal = Journal::open(&house.places().state.join("journal.db"))?.journal;
    let start = host::now().time.as_millis() - events as i64 * 100;
    let draft = |number: usize, change| Draft {
        at: Moment {
            time: Time::from_millis(start + number as i64 * 100),
            boot: BootId::default(),
            boot_ns: number as u64 * 100_000_000,
        },
        session_id: Some(session),
        source: Source::daemon(),
        source_seq: None,
        trace_parent: None,
        change,
    };
    let created = Created { session_kind: Kind::Agent, ..Created::default() };
    let mut drafts = vec![draft(0, Change::SessionCreated(Box::new(created)))];
    // As long as those of a use of a tool are.
    let text = "cargo test --workspace -- --nocapture ".repeat(27);
    let excerpt = Excerpt { bytes: text.len() as u64, text: Some(text) };
    for number in 0..events / 2 {
        let (tool, use_id) =
            (TOOLS[number % TOOLS.len()].to_owned(), Some(format!("toolu_{number}")));
        let started = ToolStarted {
            tool: tool.clone(),
            tool_use_id: use_id.clone(),
            agent_id: None,
            input: excerpt.clone(),
            payload_bytes: 0,
        };
        let finished = ToolFinished {
            tool,
            tool_use_id: use_id,
            outcome: if number % 50 == 0 { ToolOutcome::Failed } else { ToolOutcome::Succeeded },
            duration_ms: Some(100),
            output: excerpt.clone(),
            ..ToolFinished::default()
        };
        drafts.push(draft(number * 2, Change::ToolStarted(Box::new(started))));
        drafts.push(draft(number * 2 + 1, Change::ToolFinished(Box::new(finished))));
        if drafts.len() >= BATCH {
            journal.append(std::mem::take(&mut drafts)).await?;
        }
    }
    journal.append(drafts).await?;
    journal.close().await;
    Ok(())
}
