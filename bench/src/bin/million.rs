//! How long lists, statistics and analytics take over a million sessions: whole processes, with
//! every filter, with those that fit nothing and with several at once.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use clap::Parser;
use wk_bench::{
    arguments::Common,
    counters::until_idle,
    house::{House, time},
    past,
    report::{Bar, Table},
    samples::Samples,
};
use wk_holder::host;

/// Measure lists and analytics over a million sessions
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// What users ask for, and what is worst for an index: much of each, nothing of all together.
const LISTS: &[&[&str]] = &[
    &[],
    &["--all"],
    &["--all", "--failed"],
    &["--all", "--status", "timeout"],
    &["--all", "--kind", "agent"],
    &["--all", "--type", "admin_shell"],
    &["--all", "--type", "bash"],
    &["--all", "--type", "no-such-shell"],
    &["--all", "--component", "component-7"],
    &["--all", "--component", "no-such-component"],
    &["--all", "--user", "user-3"],
    &["--all", "--user", "seldom"],
    &["--all", "--agent-id", "agent-7"],
    &["--all", "--name", "job-77"],
    &["--all", "-l", "team=team-1"],
    &["--all", "-l", "ticket=T-4711"],
    &["--after", "3 months ago", "--before", "2 months ago"],
    &["--all", "--duration-greater", "3600"],
    &["--all", "--duration-greater", "90000"],
    &["--all", "--duration-greater", "900000"],
    &["--all", "--incomplete"],
    &["--all", "--component", "component-7", "--user", "user-3", "--after", "1 week ago"],
    // Each fits many, both together none: 12 and 9 have 3 in common.
    &["--all", "--component", "component-7", "--user", "user-2"],
    &["--all", "--type", "admin_shell", "--failed", "--duration-greater", "90000"],
    &["--all", "-l", "team=team-1", "--failed"],
    &["--all", "-l", "team=team-0", "--failed", "--user", "seldom"],
    &["--all", "--agent-id", "agent-7", "--duration-greater", "3600"],
    &["--all", "--name", "job-77", "--type", "bash"],
];

const ANALYTICS: &[&[&str]] = &[
    &["--metric", "duration"],
    &["--metric", "duration", "--by", "component"],
    &["--metric", "duration", "--period", "daily", "--by", "type"],
    &["--metric", "count", "--period", "hourly"],
    &["--metric", "count", "--period", "monthly", "--by", "user"],
    &["--metric", "unique_users", "--period", "weekly"],
    &["--metric", "peak_hours"],
    &["--metric", "peak_hours", "--type", "admin_shell", "--by", "component"],
    &["--metric", "duration", "--type", "admin_shell", "--after", "1 month ago"],
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("million")?;
    let (gone, runs) = (common.count(1_000_000, 20_000), common.count(25, 5));
    let house = House::new(&common.folder()?)?;
    let journal = house.places().state.join("journal.db");
    let start = Instant::now();
    past::write(&journal, gone, host::now().time).await?;
    let took = start.elapsed();
    let daemon = house.start()?;
    // It examines the ends that it finds without a verdict.
    let rested = until_idle(daemon.pid, Duration::from_secs(600))?;
    let rate = 4.0 * gone as f64 / took.as_secs_f64();
    table.note("events/s while they were written", &format!("{rate:.0}"), "");
    let seconds = format!("{:.0} s", rested.as_secs_f64());
    table.note("after its start, the daemon was at rest after", &seconds, "");
    let bytes = std::fs::metadata(&journal)?.len() >> 20;
    table.note("journal.db", &format!("{bytes} MiB"), "");

    let measures = [("ls", LISTS, 50.0), ("analytics", ANALYTICS, 200.0)];
    for (verb, lines, most) in measures {
        for arguments in lines {
            let times = (0..runs).map(|_| {
                // It says that there are more than it shows.
                time(house.wk([verb]).args(*arguments).stderr(Stdio::null()))
            });
            let times = Samples::of_times(&times.collect::<Result<Vec<_>, _>>()?);
            let what = format!("`wk {verb} {}`, median of {runs}", arguments.join(" "));
            let (median, p99) = (times.median(), times.p99());
            let figure = format!("{median:.1} ms (p99 {p99:.1})");
            table.row(&what, &figure, "", median, &Bar::AtMost(most, " ms"));
        }
    }
    for by in ["template", "component", "label:team", "label:ticket"] {
        let stats = || time(house.wk(["stats", "--by", by]).stderr(Stdio::null()));
        let times = Samples::of_times(&(0..runs).map(|_| stats()).collect::<Result<Vec<_>, _>>()?);
        let what = format!("`wk stats --by {by}` over {gone}, median of {runs}");
        table.note(&what, &format!("{:.1} ms", times.median()), "");
    }
    println!("{table}");
    Ok(())
}
