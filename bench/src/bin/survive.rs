//! What sessions are left of when the daemon is killed with -9, again and again, while they
//! print: all of them, once each, with every line. tmux and, where it is installed,
//! supervisord get the same printers and are killed once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use rustix::process::{Pid, Signal, kill_process};
use wk_api::SessionView;
use wk_bench::{
    arguments::Common,
    house::{House, find},
    printer,
    report::{Bar, Table},
    samples::Samples,
    sessions::{self, Events},
    sweeper::Sweeper,
    tmux::Tmux,
};
use wk_holder::{folder, host};
use wk_model::{Liveness, ProcessId};
use wk_recording::{Kind, Stream};

/// Measure what outlives the daemon
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Print numbered lines
    #[command(hide = true)]
    Printer { folder: PathBuf, name: String },
}

fn main() -> anyhow::Result<()> {
    let Args { common, role } = Args::parse();
    match role {
        Some(Role::Printer { folder, name }) => printer::print(&folder, &name),
        None => tokio::runtime::Runtime::new()?.block_on(measure(&common)),
    }
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("survive")?;
    let (count, kills) = (common.count(100, 20), common.count(20, 4));
    let house = House::new(&common.folder()?)?;
    let marks = Marks::new()?;
    let of_tmux = tmux(count).await?;
    let of_supervisord = find("supervisord").map(|_| supervisord(count)).transpose()?;

    house.start()?;
    let requests = (0..count).map(|number| {
        let [me, verb, folder, name] = marks.command(number)?;
        sessions::request(&[&me, &verb, &folder, &name])
    });
    let begun = Instant::now();
    let started = sessions::start_all(&house.client(), requests.collect::<Result<_, _>>()?).await?;
    marks.until(count)?;
    let mut restarts = Vec::new();
    for kill in 0..kills {
        // At other moments of what the daemon does.
        tokio::time::sleep(Duration::from_millis(200 + 37 * kill as u64 % 300)).await;
        restarts.push(restart(&house, count).await?);
    }
    let alive = unchanged(&started, &sessions::living(&house.client()).await?);
    let of_printers = printer::started(&marks.folder())?;
    let took = begun.elapsed();
    house.ask(["stop", "--all"])?;
    let holders: Vec<u32> = started.iter().filter_map(|session| session.holder_pid).collect();
    sessions::until_gone(&holders).await?;

    let lines = read(&house, &started, &of_printers);
    let (whole, of_all) = (lines.iter().flatten().count(), lines.iter().flatten().sum::<u64>());
    for error in lines.iter().filter_map(|lines| lines.as_ref().err()).take(3) {
        println!("{error:#}");
    }
    let doubled = of_printers.len().abs_diff(count);
    let restarts = Samples::new(restarts);
    let peers = |figure: fn(&Fate) -> usize| {
        let of_supervisord = of_supervisord.as_ref();
        let supervisord = of_supervisord.map(|fate| format!(", supervisord {}", figure(fate)));
        format!("tmux {}{}", figure(&of_tmux), supervisord.unwrap_or_default())
    };
    let all = Bar::Exactly(count as f64, "");
    let what = format!("alive of {count}, as they were (wk: {kills} kills; peers: 1)");
    table.row(&what, &alive.to_string(), &peers(|fate| fate.alive), alive as f64, &all);
    table.row(
        "started twice",
        &doubled.to_string(),
        &peers(|fate| fate.doubled),
        doubled as f64,
        &Bar::Exactly(0.0, ""),
    );
    let most = restarts.most();
    let what = format!("restart → {count} adopted, slowest of {kills}");
    table.row(&what, &format!("{most:.0} ms"), "(none adopt)", most, &Bar::AtMost(1000.0, " ms"));
    table.note("  median", &format!("{:.0} ms", restarts.median()), "");
    table.row(
        "recordings without a line missing or torn",
        &whole.to_string(),
        "(none record)",
        whole as f64,
        &all,
    );
    table.note("  lines in them", &of_all.to_string(), "");
    let rate = of_all as f64 / took.as_secs_f64() / count as f64;
    table.row("  lines/s of each", &format!("{rate:.0}"), "", rate, &Bar::AtLeast(100.0, ""));
    println!("{table}");
    Ok(())
}

/// Kills the daemon and starts it; milliseconds until a subscriber knows all as adopted.
async fn restart(house: &House, count: usize) -> anyhow::Result<f64> {
    let daemon = house.daemon()?;
    daemon.kill()?;
    // Output goes on with nobody there.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = host::now().boot_ns;
    house.ask(["daemon", "start"])?;
    let mut events = Events::after(&house.client(), 0).await?;
    let (mut adopted, mut last) = (std::collections::BTreeSet::new(), start);
    // The journal tells of earlier daemons too: what counts comes after the last start.
    let started = house.daemon()?.pid;
    loop {
        let (event, _) = events.next("daemon_started").await?;
        if event.data["process"]["pid"] == started {
            break;
        }
    }
    while adopted.len() < count {
        let (event, heard) = events.next("session_adopted").await?;
        adopted.extend(event.session_id);
        last = heard;
    }
    Ok((last - start) as f64 / 1e6)
}

/// How many sessions live in the process that they were started in, in their first attempt.
fn unchanged(before: &[SessionView], now: &[SessionView]) -> usize {
    let same = |a: &SessionView, b: &SessionView| {
        let process = |view: &SessionView| (view.pid, view.process_start_time, view.holder_pid);
        a.session_id == b.session_id && process(a) == process(b) && b.attempt == 1
    };
    let lives = |view: &SessionView| {
        let (pid, start) = view.pid.zip(view.process_start_time).unwrap_or_default();
        let process = ProcessId { boot: host::boot_id(), pid, start_time: start };
        host::liveness(&process) == Liveness::Alive && view.health.alive == Liveness::Alive
    };
    before.iter().filter(|old| now.iter().any(|new| same(old, new) && lives(new))).count()
}

/// The lines of every session's recording, or what is wrong with it.
fn read(
    house: &House,
    sessions: &[SessionView],
    printers: &[(String, ProcessId)],
) -> Vec<anyhow::Result<u64>> {
    let one = |session: &SessionView| {
        let process = printers.iter().find(|(_, process)| Some(process.pid) == session.pid);
        let (_, process) = process.context("it has no printer")?;
        let recording = house.folder(&session.session_id).join(folder::RECORDING);
        let mut shown = String::new();
        for event in wk_recording::Events::new(&recording) {
            match event?.kind {
                Kind::Output { stream: Stream::Stdout, text } => shown.push_str(&text),
                Kind::Resize { .. } | Kind::Exit(_) => {}
                other => anyhow::bail!("it holds {other:?}"),
            }
        }
        printer::check(&shown, process)
    };
    let named = |session| one(session).with_context(|| format!("session {}", session.session_id));
    sessions.iter().map(named).collect()
}

/// What became of a peer's printers.
struct Fate {
    alive: usize,
    doubled: usize,
}

/// Printers under a tmux server that is killed with -9.
async fn tmux(count: usize) -> anyhow::Result<Fate> {
    let marks = Marks::new()?;
    let server = Tmux::start("survive")?;
    let commands = (0..count).map(|number| marks.command(number));
    let commands = commands.collect::<anyhow::Result<Vec<_>>>()?;
    server.fill(count, |number| format!("exec {}", commands[number].join(" ")))?;
    marks.until(count)?;
    let pid = i32::try_from(server.pid()?).ok().and_then(Pid::from_raw);
    kill_process(pid.context("the server has no pid")?, Signal::KILL)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    marks.fate()
}

/// Printers under a supervisord that is killed with -9 and started again.
fn supervisord(count: usize) -> anyhow::Result<Fate> {
    let marks = Marks::new()?;
    let [me, verb, folder, _] = marks.command(0)?;
    let settings = marks.home.path().join("supervisord.conf");
    let home = marks.home.path().display();
    fs::write(
        &settings,
        format!(
            "[supervisord]\nnodaemon=true\nlogfile={home}/log\npidfile={home}/pid\n\
             childlogdir={home}\n[program:p]\ncommand={me} {verb} {folder} s%(process_num)d\n\
             process_name=%(process_num)d\nnumprocs={count}\nstartretries=0\n\
             stdout_logfile_maxbytes=1MB\n"
        ),
    )?;
    let start = || {
        let mut command = Command::new("supervisord");
        command.arg("-c").arg(&settings).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).spawn().context("cannot run supervisord")
    };
    let mut first = start()?;
    marks.until(count)?;
    first.kill()?;
    first.wait()?;
    std::thread::sleep(Duration::from_secs(1));
    let alive = marks.fate()?.alive;
    let mut second = start()?;
    std::thread::sleep(Duration::from_secs(5));
    let doubled = marks.fate()?.doubled;
    rustix::process::kill_process(Pid::from_child(&second), Signal::TERM)?;
    second.wait()?;
    Ok(Fate { alive, doubled })
}

/// Where printers leave word of themselves; those that still live end with it.
struct Marks {
    _sweeper: Sweeper,
    home: tempfile::TempDir,
}

impl Marks {
    fn new() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let folder = home.path().join("marks");
        fs::create_dir(&folder)?;
        let script = "for mark in \"$1\"/*; do pid=${mark##*.}; \
                      [ \"$(readlink \"/proc/$pid/exe\")\" = \"$2\" ] && kill -KILL \"$pid\"; done";
        let me = std::env::current_exe()?;
        let sweeper = Sweeper::new(script, |command| {
            command.arg(&folder).arg(&me);
        })?;
        Ok(Self { _sweeper: sweeper, home })
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("marks")
    }

    /// The command line of a printer.
    fn command(&self, number: usize) -> anyhow::Result<[String; 4]> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let me = std::env::current_exe()?;
        Ok([text(&me), "printer".into(), text(&self.folder()), format!("s{number}")])
    }

    /// Waits until all print.
    fn until(&self, count: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while printer::started(&self.folder())?.len() < count {
            ensure!(Instant::now() < deadline, "the printers do not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn fate(&self) -> anyhow::Result<Fate> {
        let all = printer::started(&self.folder())?;
        let lives = |process: &ProcessId| host::liveness(process) == Liveness::Alive;
        let alive = all.iter().filter(|(_, process)| lives(process)).count();
        let names: std::collections::BTreeSet<_> = all.iter().map(|(name, _)| name).collect();
        Ok(Fate { alive, doubled: all.len() - names.len() })
    }
}
