//! A house whose daemon watches tmux servers of this measure's own, and a witness of its own:
//! whatever else runs on this machine is neither seen nor touched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    counters,
    house::{Daemon, House, program},
    sweeper::Sweeper,
};

/// Ends servers whatever became of their sockets, and takes the witness out of the kernel.
///
/// The daemon goes first, by the house's own sweeper: it would start another witness.
const SWEEP: &str = r#"
for try in $(seq 100); do
    [ -e "$3" ] || break
    sleep 0.2
done
for file in "$1"/*.server; do
    pid=$(cat "$file" 2>/dev/null) || continue
    [ "$(cat "/proc/$pid/comm")" = "tmux: server" ] && kill -KILL "$pid"
done
pid=$(cat "$1/w/witness.lock" 2>/dev/null) &&
    [ "$(cat "/proc/$pid/comm")" = "wk-witness" ] && kill -KILL "$pid"
for try in 1 2 3 4 5 6 7 8 9 10; do
    "$2" --remove --dir "$1/w" && break
    sleep 0.2
done
rm -rf "$1/w""#;

/// A watched place.
#[derive(Debug)]
pub struct Yard {
    // Dropped in this order.
    pub house: House,
    _sweeper: Sweeper,
    witness: PathBuf,
    folder: TempDir,
}

impl Yard {
    /// Lays the places out; nothing runs yet.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let witness = program("wk-witness")?;
        // Socket paths are short.
        let own = tempfile::Builder::new().prefix("wky").tempdir_in("/tmp")?;
        let surroundings = vec![
            ("TMUX_TMPDIR", own.path().to_owned()),
            ("WK_WITNESS_DIR", own.path().join("w")),
            ("WK_WITNESS", witness.clone()),
        ];
        let house = House::with(folder, surroundings)?;
        let sweeper = Sweeper::new(SWEEP, |command| {
            command.arg(own.path()).arg(&witness).arg(house.places().socket());
        })?;
        Ok(Self { house, _sweeper: sweeper, witness, folder: own })
    }

    /// Starts a tmux server with one session of 80×24.
    pub fn server(&self, name: &str, session: &str, command: &str) -> anyhow::Result<Server> {
        let mut server =
            Server { name: name.to_owned(), folder: self.folder.path().to_owned(), pid: 0 };
        server.ask(["new-session", "-d", "-x", "80", "-y", "24", "-s", session, command])?;
        server.pid = server.ask(["display-message", "-p", "#{pid}"])?.parse()?;
        fs::write(server.folder.join(format!("{name}.server")), server.pid.to_string())?;
        Ok(server)
    }

    /// The witness that runs here, once there is one.
    pub fn witness(&self) -> anyhow::Result<u32> {
        let lock = self.folder.path().join("w/witness.lock");
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let pid = fs::read_to_string(&lock).ok().and_then(|text| text.trim().parse().ok());
            if let Some(pid) = pid
                && comm(pid) == "wk-witness"
            {
                return Ok(pid);
            }
            ensure!(Instant::now() < deadline, "no witness runs: root and BTF are needed");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the daemon and the witness, and takes everything of theirs out of the kernel.
    pub fn look_away(&self) -> anyhow::Result<()> {
        let witness = self.witness()?;
        self.house.ask(["daemon", "stop"])?;
        kill(witness, Signal::TERM)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let mut remove = Command::new(&self.witness);
            remove.arg("--remove").arg("--dir").arg(self.folder.path().join("w"));
            if remove.stderr(Stdio::null()).status()?.success() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the witness cannot be removed");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts the daemon; returns when it watches `count` panes.
    pub fn watch(&self, count: usize) -> anyhow::Result<Daemon> {
        let daemon = self.house.start()?;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let text = self.house.ask(["tmux", "--format", "json"])?;
            let servers: Vec<wk_api::TmuxServerView> = serde_json::from_str(&text)?;
            let panes: u32 = servers.iter().filter_map(|server| server.panes).sum();
            if panes as usize >= count {
                self.witness()?;
                return Ok(daemon);
            }
            ensure!(Instant::now() < deadline, "{panes} panes of {count} are watched");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A tmux server in a [`Yard`]; it ends with that.
#[derive(Clone, Debug)]
pub struct Server {
    name: String,
    folder: PathBuf,
    pub pid: u32,
}

impl Server {
    pub fn socket(&self) -> PathBuf {
        let uid = rustix::process::geteuid().as_raw();
        self.folder.join(format!("tmux-{uid}")).join(&self.name)
    }

    /// A client, quiet, without any settings of the user.
    pub fn client<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &self.name, "-f", "/dev/null"]);
        command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
        command.env_remove("TMUX").env("TMUX_TMPDIR", &self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What a client prints.
    pub fn ask<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> anyhow::Result<String> {
        let mut client = self.client(words);
        let output = client.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.context("cannot run tmux: `apt install tmux`")?;
        let why = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{client:?} failed: {why}");
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(self.pid, signal)
    }
}

/// Of some processes together.
pub fn memory(pids: &[u32]) -> anyhow::Result<counters::Memory> {
    let mut sum = counters::Memory::default();
    for pid in pids {
        let one = counters::memory(*pid)?;
        sum.pss += one.pss;
        sum.rss += one.rss;
        sum.private_dirty += one.private_dirty;
    }
    Ok(sum)
}

/// Signals a process of this measure's own.
pub fn kill(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no pid")?;
    kill_process(pid, signal).with_context(|| format!("cannot signal {pid:?}"))
}

fn comm(pid: u32) -> String {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    comm.trim().to_owned()
}
