//! How many events per second the daemon takes in over HTTP, each on the disk before it is
//! answered: in batches, and one by one from many clients. The clients run here, on the same
//! cores.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};
use wk_api::DaemonStatus;
use wk_bench::{
    arguments::Common,
    counters,
    house::House,
    http::{Caller, post},
    report::{Bar, Table},
    samples::Samples,
};

/// Measure the intake of events over HTTP
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

const BATCH: usize = 256;
const CLIENTS: usize = 32;

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("ingest")?;
    let address = ("WK_SERVER_LISTEN", "127.0.0.1:0".into());
    let house = House::with(&common.folder()?, vec![address])?;
    house.start()?;
    let status: DaemonStatus =
        serde_json::from_str(&house.ask(["daemon", "status", "--format", "json"])?)?;
    let address: SocketAddr = status.listen.context("it does not listen")?.parse()?;
    let token = house.ask(["token"])?;

    let batches = common.count(400, 40);
    let each = post(
        address,
        "/events",
        &token,
        &json!((0..BATCH).map(event).collect::<Vec<_>>()).to_string(),
    );
    for clients in [1, 2, 4] {
        let (took, _) = run(address, clients, batches / clients, |_| vec![each.clone()])?;
        let events = (batches / clients * clients * BATCH) as f64;
        let rate = events / took.as_secs_f64();
        let what = format!("events/s in batches of {BATCH}, {clients} clients");
        table.row(&what, &format!("{rate:.0}"), "", rate, &Bar::AtLeast(20_000.0, "/s"));
    }

    let singles = common.count(1500, 100);
    let (took, times) = run(address, CLIENTS, singles, |client| {
        (0..16)
            .map(|n| post(address, "/events", &token, &event(client * 16 + n).to_string()))
            .collect()
    })?;
    let rate = (CLIENTS * singles) as f64 / took.as_secs_f64();
    let what = format!("events/s one by one, {CLIENTS} clients");
    table.row(&what, &format!("{rate:.0}"), "", rate, &Bar::AtLeast(5_000.0, "/s"));
    let times = Samples::of_times(&times);
    let shown = format!("{:.2} / {:.2} ms", times.median(), times.p99());
    table.note("… from request to answer, median / p99", &shown, "");

    let before = journal(&house)?;
    let body = event(1).to_string();
    let request = post(address, "/events", &token, &body);
    let start = Instant::now();
    let calls = common.count(2000, 200);
    for _ in 0..calls {
        Caller::new(address)?.call(&request)?;
    }
    let rate = calls as f64 / start.elapsed().as_secs_f64();
    table.note("events/s, one client, a connection for each", &format!("{rate:.0}"), "");
    anyhow::ensure!(journal(&house)? - before == calls as u64, "not each was journalled once");
    let busy = counters::busy_cores()?;
    table.note("cores that are busy afterwards", &format!("{busy:.2}"), "");
    print!("{table}");
    Ok(())
}

/// Runs clients side by side; how long all took, and each call.
fn run(
    address: SocketAddr,
    clients: usize,
    calls: usize,
    requests: impl Fn(usize) -> Vec<Vec<u8>>,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let callers = (0..clients).map(|client| {
        let mut caller = Caller::new(address)?;
        let requests = requests(client);
        caller.call(&requests[0])?;
        Ok((caller, requests))
    });
    let callers: Vec<_> = callers.collect::<anyhow::Result<_>>()?;
    let start = Instant::now();
    let running = callers.into_iter().map(|(mut caller, requests)| {
        thread::spawn(move || -> anyhow::Result<Vec<Duration>> {
            let mut times = Vec::with_capacity(calls);
            for request in requests.iter().cycle().take(calls) {
                let start = Instant::now();
                caller.call(request)?;
                times.push(start.elapsed());
            }
            Ok(times)
        })
    });
    let running: Vec<_> = running.collect();
    let mut times = Vec::new();
    for client in running {
        times.extend(client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??);
    }
    Ok((start.elapsed(), times))
}

fn journal(house: &House) -> anyhow::Result<u64> {
    Ok(house.daemon()?.last_seq)
}

/// About as large as those that agents' hooks send: half a kilobyte.
fn event(number: usize) -> Value {
    json!({
        "source_app": "bench",
        "session_id": format!("0192f0c1-7f5e-7aa0-8000-{:012}", number % 50),
        "hook_event_type": "PostToolUse",
        "payload": {
            "session_id": format!("0192f0c1-7f5e-7aa0-8000-{:012}", number % 50),
            "cwd": "/home/ann/src/project",
            "hook_event_name": "PostToolUse",
            "tool_name": "Bash",
            "tool_input": { "command": "cargo test --workspace 2>&1 | tail -n 40" },
            "tool_response": { "stdout": "test result: ok. 312 passed; 0 failed", "exit": 0 },
            "tool_use_id": format!("toolu_{number:024}"),
        },
        "timestamp": 1_700_000_000_000_u64 + number as u64,
    })
}
