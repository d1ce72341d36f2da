//! Whether what is not dead is ever called dead: renamed, detached, stopped, unreachable, busy,
//! with its daemon killed. In the end two sessions really die, to see that it would be told.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use rustix::process::Signal;
use serde_json::Value;
use wk_api::{SessionView, TmuxServerView};
use wk_bench::{
    arguments::Common,
    report::{Bar, Table},
    sessions,
    yard::{self, Server, Yard},
};
use wk_model::{Kind, Phase, Status};

/// Measure false deaths
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// Sessions of each of the three servers that are troubled, and of ours.
const SESSIONS: usize = 14;
const SERVERS: usize = 3;
const HELD: usize = 10;

/// The server that only draws.
const WINDOWS: usize = 20;
const PANES: usize = 10;

/// Kinds of events that say that something ended.
const DEATHS: [&str; 7] = [
    "attempt_exited",
    "session_closed",
    "session_death_detected",
    "mass_death",
    "verdict_reached",
    "tmux_server_gone",
    "session_recovering",
];

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("living")?;
    let rounds = common.count(60, 4);
    let yard = Yard::new(&common.folder()?)?;
    std::fs::write(&yard.house.places().config, "[tmux]\nhealth_interval = \"1s\"\n")?;
    let mut trouble = Trouble::begin(yard).await?;
    let begun = Instant::now();
    for round in 0..rounds {
        trouble.round(round)?;
    }
    let took = begun.elapsed();
    trouble.until_all_is_known().await?;
    let events = trouble.happened.values().sum::<usize>();
    for (kind, count) in &trouble.happened {
        table.note(kind, &count.to_string(), "");
    }
    let what = format!("living events in {} s", took.as_secs());
    let least = if common.quick { 0.0 } else { 10_000.0 };
    table.row(&what, &events.to_string(), "", events as f64, &Bar::AtLeast(least, ""));
    let counts = trouble.counts()?;
    let false_deaths: usize = DEATHS.iter().filter_map(|kind| counts.get(*kind)).sum();
    if false_deaths > 0 {
        println!("{counts:#?}");
    }
    let none = Bar::Exactly(0.0, "");
    table.row("false deaths", &false_deaths.to_string(), "", false_deaths as f64, &none);
    let all = SERVERS * SESSIONS + 1 + HELD;
    for (what, kind) in [("sessions", "session_created"), ("  attempts", "attempt_started")] {
        let count = counts.get(kind).copied().unwrap_or_default();
        let bar = Bar::Exactly(all as f64, "");
        table.row(&format!("{what} that were seen"), &count.to_string(), "", count as f64, &bar);
    }
    let told = |kind: &str| counts.get(kind).copied().unwrap_or_default().to_string();
    table.note("  `session_renamed`", &told("session_renamed"), "");
    table.note("  `session_unreachable`", &told("session_unreachable"), "");
    table.note("  `session_repaired`", &told("session_repaired"), "");
    table.note("running in the end, with the names that they have", &all.to_string(), "");
    let real = trouble.kill_two().await?;
    table.row(
        "told where two really die",
        &real.to_string(),
        "",
        real as f64,
        &Bar::Exactly(2.0, ""),
    );
    println!("{table}");
    Ok(())
}

struct Trouble {
    yard: Yard,
    servers: Vec<Server>,
    wide: Server,
    held: Vec<SessionView>,
    happened: BTreeMap<&'static str, usize>,
    /// The names that sessions have now, by server and number.
    names: BTreeMap<(u32, String), String>,
}

impl Trouble {
    async fn begin(yard: Yard) -> anyhow::Result<Self> {
        let mut servers = Vec::new();
        for number in 0..SERVERS {
            let server = yard.server(&format!("s{number}"), "first", "exec sleep 3600")?;
            let more: Vec<String> = (1..SESSIONS).map(|number| format!("made-{number}")).collect();
            let make = |name| ["new-session", "-d", "-s", name, "exec sleep 3600", ";"];
            server.ask(more.iter().flat_map(|name| make(name)))?;
            servers.push(server);
        }
        let wide = yard.server("wide", "wide", "sleep 3600")?;
        draw_many(&wide)?;
        let panes = SERVERS * SESSIONS + WINDOWS * PANES + 1;
        yard.watch(panes)?;
        let requests: Result<Vec<_>, _> = (0..HELD).map(|_| sessions::request(&["cat"])).collect();
        let held = sessions::start_all(&yard.house.client(), requests?).await?;
        let names = BTreeMap::from([((wide.pid, "$0".to_owned()), "wide".to_owned())]);
        Ok(Self { yard, servers, wide, held, happened: BTreeMap::new(), names })
    }

    fn count(&mut self, what: &'static str, count: usize) {
        *self.happened.entry(what).or_default() += count;
    }

    fn round(&mut self, round: usize) -> anyhow::Result<()> {
        let stopped = round.is_multiple_of(4).then_some(round / 4 % SERVERS);
        let until =
            Instant::now() + [5000, 200, 2000, 1000].map(Duration::from_millis)[round / 4 % 4];
        if let Some(stopped) = stopped {
            self.servers[stopped].signal(Signal::STOP)?;
        }
        self.draw(round)?;
        let unreachable = (round % 3 == 1).then(|| (round + 1) % SERVERS);
        let unreachable = unreachable.filter(|index| Some(*index) != stopped);
        if let Some(index) = unreachable {
            self.lose_socket(index)?;
        }
        if round % 12 == 4 || round % 12 == 10 {
            self.yard.house.daemon()?.kill()?;
            self.yard.house.start()?;
            self.count("daemon killed with -9 and started", 1);
        }
        if let Some(index) = unreachable {
            self.repair(index, round)?;
        }
        for index in (0..SERVERS).filter(|index| Some(*index) != stopped) {
            for again in 0..4 {
                self.rename(index, round * 4 + again)?;
            }
            self.attach(index)?;
            self.come_and_go(index)?;
            self.split(index)?;
        }
        self.stop_held(if round % 10 == 5 { Duration::from_secs(3) } else { Duration::ZERO })?;
        if let Some(stopped) = stopped {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            self.servers[stopped].signal(Signal::CONT)?;
            self.count("tmux server stopped, 0.2 … 5 s, and continued", 1);
        }
        Ok(())
    }

    /// All panes print, and all are made smaller or greater.
    fn draw(&mut self, round: usize) -> anyhow::Result<()> {
        let (width, height) = (150 + round % 50, 40 + round % 20);
        let mut words = Vec::new();
        for window in 1..=WINDOWS {
            let line = format!(
                "send-keys -t wide:{window} Enter ; resize-window -t wide:{window} -x {width} -y \
                 {height} ; select-layout -t wide:{window} tiled ;"
            );
            words.extend(line.split_whitespace().map(str::to_owned));
        }
        self.wide.ask(words)?;
        self.count("storm of redraws of 200 panes", 1);
        Ok(())
    }

    fn rename(&mut self, index: usize, turn: usize) -> anyhow::Result<()> {
        let server = self.servers[index].clone();
        let mut words = Vec::new();
        for number in 0..SESSIONS {
            let (id, name) = (format!("${number}"), name(index, number, turn));
            let line = ["rename-session", "-t", &id, &name, ";"];
            words.extend(line.map(str::to_owned));
            self.names.insert((server.pid, id), name);
        }
        server.ask(words)?;
        self.count("session renamed", SESSIONS);
        Ok(())
    }

    /// Clients come and go: by themselves, or sent away.
    fn attach(&mut self, index: usize) -> anyhow::Result<()> {
        let server = self.servers[index].clone();
        for number in 0..4 {
            let id = format!("${number}");
            let mut client = server.client(["-C", "attach-session", "-t", &id]);
            let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let mut lines = BufReader::new(client.stdout.take().context("piped")?).lines();
            let attached = lines
                .by_ref()
                .any(|line| line.is_ok_and(|line| line.starts_with("%session-changed")));
            ensure!(attached, "a client could not attach");
            if number % 2 == 0 {
                server.ask(["detach-client", "-s", &id])?;
            }
            drop(client.stdin.take());
            lines.for_each(drop);
            client.wait()?;
        }
        self.count("client attached", 4);
        self.count("client detached", 4);
        Ok(())
    }

    fn come_and_go(&mut self, index: usize) -> anyhow::Result<()> {
        for _ in 0..8 {
            let listed = self.servers[index].ask(["list-sessions", "-F", "#{session_id}"])?;
            ensure!(listed.lines().count() == SESSIONS, "sessions of tmux are gone: {listed}");
        }
        self.count("client came and went", 8);
        Ok(())
    }

    /// Panes and windows come and go, and the sessions stay.
    fn split(&mut self, index: usize) -> anyhow::Result<()> {
        let server = self.servers[index].clone();
        let ids: Vec<String> = (0..SESSIONS).map(|number| format!("${number}")).collect();
        let split = |id| ["split-window", "-d", "-t", id, "exec sleep 3600", ";"];
        server.ask(ids.iter().flat_map(|id| split(id)))?;
        let close = |id: &String| {
            let pane = format!("{id}:.1");
            ["kill-pane", "-t", &pane, ";"].map(str::to_owned)
        };
        server.ask(ids.iter().flat_map(close))?;
        let window = |id| ["new-window", "-d", "-t", id, "true", ";"];
        server.ask(ids.iter().take(4).flat_map(|id| window(id)))?;
        self.count("pane made", SESSIONS);
        self.count("pane killed", SESSIONS);
        self.count("window made, which ends by itself", 4);
        Ok(())
    }

    fn lose_socket(&mut self, index: usize) -> anyhow::Result<()> {
        std::fs::remove_file(self.servers[index].socket())?;
        Ok(())
    }

    fn repair(&mut self, index: usize, round: usize) -> anyhow::Result<()> {
        let server = self.servers[index].clone();
        self.until_server(server.pid, |seen| !seen.reachable)?;
        if round.is_multiple_of(2) {
            server.signal(Signal::USR1)?;
        } else {
            self.yard.house.ask(["tmux", "repair"])?;
        }
        self.until_server(server.pid, |seen| seen.reachable)?;
        self.count("socket deleted, and repaired", 1);
        Ok(())
    }

    /// Waits until the daemon sees a server so.
    fn until_server(
        &self,
        pid: u32,
        is_so: impl Fn(&TmuxServerView) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.yard.house.ask(["tmux", "--format", "json"])?;
            let servers: Vec<TmuxServerView> = serde_json::from_str(&text)?;
            if servers.iter().any(|server| server.pid == Some(pid) && is_so(server)) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "waited in vain for server {pid}: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Commands and their holders are stopped, and go on.
    fn stop_held(&mut self, span: Duration) -> anyhow::Result<()> {
        let of = |pid: fn(&SessionView) -> Option<u32>| -> Vec<u32> {
            self.held.iter().filter_map(pid).collect()
        };
        let both = [of(|session| session.pid), of(|session| session.holder_pid)];
        for pids in &both {
            pids.iter().try_for_each(|pid| yard::kill(*pid, Signal::STOP))?;
            std::thread::sleep(span.max(Duration::from_millis(20)));
            pids.iter().try_for_each(|pid| yard::kill(*pid, Signal::CONT))?;
        }
        self.count("held command stopped and continued", HELD);
        self.count("holder stopped and continued", HELD);
        Ok(())
    }

    /// Waits until all sessions are listed as running, with the names that they have.
    async fn until_all_is_known(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let wrong = self.wrong(&sessions::living(&self.yard.house.client()).await?);
            let Some(wrong) = wrong else { break };
            if Instant::now() > deadline {
                bail!("in the end: {wrong}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // What was suspected only now would be told by then.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let wrong = self.wrong(&sessions::living(&self.yard.house.client()).await?);
        wrong.map_or(Ok(()), |wrong| bail!("in the end: {wrong}"))
    }

    /// What is not as it is.
    fn wrong(&self, seen: &[SessionView]) -> Option<String> {
        let is_well = |view: &SessionView| {
            view.phase == Phase::Running && view.status == Some(Status::Running)
        };
        if let Some(ill) = seen.iter().find(|view| !is_well(view)) {
            return Some(format!("{} is {:?}, {:?}", ill.session_id, ill.phase, ill.status));
        }
        let held = |old: &SessionView| {
            seen.iter().any(|now| now.session_id == old.session_id && now.pid == old.pid)
        };
        if !self.held.iter().all(held) {
            return Some("a held session is not listed".into());
        }
        let of_tmux = seen.iter().filter(|view| view.kind == Kind::Tmux);
        let names: BTreeMap<_, _> = of_tmux.filter_map(place).collect();
        if names != self.names {
            return Some(format!("{names:?} instead of {:?}", self.names));
        }
        let count = self.names.len() + self.held.len();
        (seen.len() != count).then(|| format!("{} sessions instead of {count}", seen.len()))
    }

    /// Events of the journal, by kind.
    fn counts(&self) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        for line in self.yard.house.ask(["events"])?.lines() {
            let event: Value = serde_json::from_str(line)?;
            let kind = event["kind"].as_str().context("an event without a kind")?;
            *counts.entry(kind.to_owned()).or_default() += 1;
        }
        Ok(counts)
    }

    /// One of tmux and one of ours.
    async fn kill_two(&self) -> anyhow::Result<usize> {
        self.servers[0].ask(["kill-session", "-t", "$3"])?;
        yard::kill(self.held[0].pid.context("it runs")?, Signal::KILL)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let exited = self.counts()?.get("attempt_exited").copied().unwrap_or_default();
            if exited >= 2 || Instant::now() > deadline {
                return Ok(exited);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Where a tmux session is, and its name.
fn place(view: &SessionView) -> Option<((u32, String), String)> {
    let tmux = view.tmux.as_ref()?;
    let server = u32::try_from(tmux["server"].as_u64()?).ok()?;
    let name = tmux["name"].as_str()?.to_owned();
    Some(((server, view.external_id.clone()?), name))
}

/// Names that shells, tmux and terminals take for something else, too.
fn name(server: usize, number: usize, turn: usize) -> String {
    match turn % 4 {
        0 => format!("; rm -rf {server}-{number}-{turn}"),
        1 => format!("漢字 {server} $(id) {number}-{turn}"),
        2 => format!("%exit {server}-{number}-{turn}"),
        // In tmux each name is of one session at a time only.
        _ => format!("work-{server}-{number}-{turn}"),
    }
}

/// Windows full of panes, each of which prints when it is told to.
fn draw_many(wide: &Server) -> anyhow::Result<()> {
    const PRINTER: &str = "while read -r _; do seq 1 200; done";
    for window in 1..=WINDOWS {
        let window = format!("wide:{window}");
        wide.ask(["new-window", "-d", "-t", &window, PRINTER])?;
        wide.ask(["resize-window", "-t", &window, "-x", "200", "-y", "60"])?;
        for _ in 1..PANES {
            let split = ["split-window", "-d", "-t", &window, PRINTER, ";"];
            wide.ask([&split[..], &["select-layout", "-t", &window, "tiled"]].concat())?;
        }
        wide.ask(["set-option", "-w", "-t", &window, "synchronize-panes", "on"])?;
    }
    Ok(())
}
