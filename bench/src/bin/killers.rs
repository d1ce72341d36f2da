//! Whether killers that live for milliseconds are named, while the machine starts thousands of
//! other programs; and what the witness costs meanwhile. As root, with BTF.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Parser;
use wk_bench::{
    arguments::Common,
    counters,
    house::{House, find},
    report::{Bar, Table},
    sessions::{self, Events},
};
use wk_client::Client;
use wk_holder::host;

/// Measure how many killers are named under noise
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// Starts programs as fast as it can, until its input ends.
const NOISE: &str = "while :; do /bin/true; done";

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    tokio::runtime::Runtime::new()?.block_on(measure(&common))
}

async fn measure(common: &Common) -> anyhow::Result<()> {
    let mut table = Table::begin("killers")?;
    let count = common.count(1000, 20);
    let house = House::new(&common.folder()?)?;
    std::fs::write(&house.places().config, "[deaths]\nwindow = \"50ms\"\n")?;
    let daemon = house.start()?;
    let client = house.client();
    let mut events = Events::after(&client, daemon.last_seq).await?;
    let witness = witness()?;
    let mut patient = Vec::new();
    for number in 0..common.count(20, 2) {
        patient.push(Patient::start(&client, number).await?);
    }
    let noise: Vec<Noise> = (0..2).map(|_| Noise::start()).collect::<Result<_, _>>()?;
    let (begun, execs, worked) = (Instant::now(), forks()?, counters::cpu_time(witness)?);
    let (mut named, mut wrong) = (0_usize, 0_usize);
    for number in 0..count {
        let request = sessions::request(&["sleep", "1000"])?;
        let key = format!("killers-{number}-{}", host::now().boot_ns);
        let session = client.create(&request, &key).await?;
        let pid = session.pid.context("the session runs")?;
        let killer = kill(number, pid)?;
        match judged(&mut events, &session.session_id, killer).await? {
            Judged::Named => named += 1,
            Judged::Nobody => {}
            Judged::Another => wrong += 1,
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = (forks()? - execs) as f64 / seconds;
    let cost = (counters::cpu_time(witness)? - worked).as_secs_f64() / seconds * 100.0;
    let earlier = common.count(100_000, 200) as u64;
    while forks()? - execs < earlier {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut remembered = 0;
    for killer in &mut patient {
        killer.strike()?;
        match judged(&mut events, &killer.session_id, killer.child.id()).await? {
            Judged::Named => remembered += 1,
            Judged::Nobody => {}
            Judged::Another => wrong += 1,
        }
    }
    drop(noise);
    let share = named as f64 / count as f64 * 100.0;
    table.note("processes started meanwhile", &format!("{rate:.0} /s"), "");
    let what = format!("killers named with arguments and ancestry, of {count}");
    table.row(&what, &format!("{share:.2} %"), "", share, &Bar::AtLeast(99.9, " %"));
    let what =
        format!("named after {earlier} other programs since their start, of {}", patient.len());
    let share = remembered as f64 / patient.len() as f64 * 100.0;
    table.row(&what, &format!("{share:.2} %"), "", share, &Bar::Exactly(100.0, " %"));
    table.row("wrong culprits", &wrong.to_string(), "", wrong as f64, &Bar::Exactly(0.0, ""));
    let text = format!("{cost:.2} %");
    table.row("witness process, share of a core", &text, "", cost, &Bar::AtMost(1.0, " %"));
    println!("{table}");
    Ok(())
}

/// Whom a verdict names.
enum Judged {
    /// The killer, with its arguments, and us above it.
    Named,
    Nobody,
    Another,
}

/// Waits for the settled verdict of a session that `killer` has ended.
async fn judged(events: &mut Events, session_id: &str, killer: u32) -> anyhow::Result<Judged> {
    let verdict = loop {
        let (event, _) = events.next("verdict_reached").await?;
        if event.data["settled"] == true {
            break event;
        }
    };
    ensure!(verdict.session_id.as_deref() == Some(session_id), "out of order");
    let culprit = &verdict.data["culprit"];
    let us = std::process::id();
    let above = culprit["ancestry"].as_array().into_iter().flatten();
    let has_us = above.clone().any(|ancestor| ancestor["pid"] == us);
    let said = culprit["argv"].as_array().is_some_and(|argv| !argv.is_empty());
    if culprit["pid"] == killer && has_us && said {
        return Ok(Judged::Named);
    }
    eprintln!("not named: killer {killer}, verdict {}", verdict.data);
    let other = !culprit.is_null() && culprit["pid"] != killer;
    Ok(if other { Judged::Another } else { Judged::Nobody })
}

/// A killer that waits for long after it was started.
struct Patient {
    session_id: String,
    child: Child,
}

impl Patient {
    async fn start(client: &Client, number: usize) -> anyhow::Result<Self> {
        let request = sessions::request(&["sleep", "1000"])?;
        let key = format!("patient-{number}-{}", host::now().boot_ns);
        let session = client.create(&request, &key).await?;
        let pid = session.pid.context("the session runs")?;
        let mut command = Command::new("sh");
        command.args(["-c", &format!("read line; kill -9 {pid}; :")]).stdin(Stdio::piped());
        Ok(Self { session_id: session.session_id, child: command.spawn()? })
    }

    fn strike(&mut self) -> anyhow::Result<()> {
        // It reads the end of its input, and goes on.
        drop(self.child.stdin.take());
        ensure!(self.child.wait()?.success(), "a killer that had waited cannot kill");
        Ok(())
    }
}

/// By turns: `kill`, a script that exits at once, a line of Python.
fn kill(number: usize, pid: u32) -> anyhow::Result<u32> {
    let mut command = match number % 3 {
        0 => {
            let mut command = Command::new("/bin/kill");
            command.args(["-9", &pid.to_string()]);
            command
        }
        2 if find("python3").is_some() && Path::new("/usr/bin/python3").exists() => {
            let mut command = Command::new("/usr/bin/python3");
            command.args(["-c", &format!("import os; os.kill({pid}, 9)")]);
            command
        }
        _ => {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("kill -9 {pid}; :")]);
            command
        }
    };
    let mut child = command.spawn()?;
    let killer = child.id();
    ensure!(child.wait()?.success(), "cannot kill {pid}");
    Ok(killer)
}

/// The number of the witness that the daemon has started.
fn witness() -> anyhow::Result<u32> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let comm = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            if comm.trim() == "wk-witness" {
                return Ok(pid);
            }
        }
        ensure!(Instant::now() < deadline, "no witness runs: root and BTF are needed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Processes started since boot.
fn forks() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("processes "));
    line.and_then(|count| count.trim().parse().ok()).context("/proc/stat has no `processes`")
}

struct Noise(Child);

impl Noise {
    fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("timeout");
        command.args(["600", "sh", "-c", NOISE]).stdin(Stdio::null());
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        // `timeout` passes TERM on to what it runs.
        if let Ok(pid) = i32::try_from(self.0.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
