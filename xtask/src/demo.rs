//! `cargo xtask demo`: a short real story, in folders of its own.
//!
//! Everything it shows is what the programs print, and everything it claims is checked.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    command::{cargo, output, run as run_command},
    metadata::Graph,
    packages,
};

const SESSIONS: [&str; 3] = ["build", "tests", "agent"];

/// Takes some seconds, so that it outlives what happens to the daemon.
const STEPS: &str = r#"for i in 1 2 3 4 5 6 7 8; do
    printf '\033[3%dm%s: step %d of 8\033[0m\n' $((i % 7 + 1)) "$1" $i; sleep 1
done
"#;

/// Works until somebody minds.
const AGENT: &str = "echo thinking; while :; do sleep 60; done\n";

pub(crate) fn run() -> Result<()> {
    packages::ensure(&[packages::BUILD])?;
    run_command(&mut cargo(
        "build --release --locked --quiet -p wk -p wk-holder -p wk-hook -p wk-witness",
    ))?;
    let stage = Stage::set(&Graph::read()?.target.join("release/wk"))?;
    stage.tell()
}

/// A daemon's world of its own; gone when the story is over, however it ends.
struct Stage {
    wk: PathBuf,
    folder: PathBuf,
    sweeper: Option<Child>,
}

/// Runs once its input ends, which is also when this process was interrupted or killed.
const SWEEP: &str =
    r#"cat; "$0" stop --all --grace 0s; "$0" daemon stop; rm -rf "${WK_STATE_DIR%/state}""#;

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut sweeper) = self.sweeper.take() {
            drop(sweeper.stdin.take());
            // What it could not remove lies in the system's folder for what may go.
            sweeper.wait().ok();
        }
    }
}

impl Stage {
    fn set(wk: &Path) -> Result<Self> {
        let folder = env::temp_dir().join(format!("wk-demo-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(folder.join("steps"), STEPS).context("cannot write the demo's script")?;
        fs::write(folder.join("agent"), AGENT).context("cannot write the demo's script")?;
        let mut stage = Self { wk: wk.to_owned(), folder, sweeper: None };
        let mut sweeper = Command::new("sh");
        sweeper.args(["-c", SWEEP]).arg(wk).envs(stage.places()).process_group(0);
        sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        stage.sweeper = Some(sweeper.spawn().context("cannot run `sh`")?);
        Ok(stage)
    }

    fn places(&self) -> [(&'static str, PathBuf); 3] {
        [("WK_STATE_DIR", "state"), ("WK_RUNTIME_DIR", "run"), ("WK_CONFIG", "config.toml")]
            .map(|(variable, name)| (variable, self.folder.join(name)))
    }

    fn tell(&self) -> Result<()> {
        say("Three sessions, each printing for eight seconds");
        for name in SESSIONS {
            self.show(&format!("run -d --name {name} -- sh steps {name}"))?;
        }
        self.show("ls")?;

        say("The daemon is killed, as hard as it goes");
        let before = self.pids()?;
        let daemon = self.daemon_pid()?;
        println!("$ kill -9 {daemon}");
        run_command(Command::new("sh").args(["-c", "kill -9 \"$0\"", &daemon.to_string()]))?;

        say("The next command starts another, which finds all three as they were");
        self.show("ls")?;
        ensure!(self.daemon_pid()? != daemon, "the daemon has outlived a kill -9");
        ensure!(self.pids()? == before, "not every session has lived on");
        println!("(the same three processes: {before:?})");

        say("They end when they are done, and nothing that they printed is missing");
        self.show("wait build tests agent")?;
        self.show("ls")?;
        for name in SESSIONS {
            let printed = output(&mut self.wk(&format!("logs {name}")))?;
            ensure!(printed.lines().count() == 8, "{name} has lost output: {printed}");
        }

        say("One of them, played back four times as fast");
        self.show("play --speed 4 agent")?;
        say("It is 05:20: three agents work, and somebody cleans up");
        self.kill_all()?;
        say("That is all; the folders of this demo are removed");
        Ok(())
    }

    /// Three sessions die of one command that is gone a millisecond later.
    fn kill_all(&self) -> Result<()> {
        let mark = format!("night-shift-{}", std::process::id());
        for name in ["claude", "codex", "gemini"] {
            self.show(&format!("run -d --name {name} --kind agent -- sh agent {mark}"))?;
        }
        println!("$ pkill -9 -f {mark}");
        run_command(Command::new("pkill").args(["-9", "-f", &mark]))?;
        self.show("wait claude codex gemini").ok();
        self.show("why --last --group --settled")?;
        let why = self.json("why claude --format json")?;
        let (cause, scope) = (&why["cause"], &why["scope"]["kind"]);
        ensure!(cause == "killed" && scope == "systemic", "not told: {cause}, {scope}");
        self.show("deaths")
    }

    fn wk(&self, arguments: &str) -> Command {
        let mut wk = Command::new(&self.wk);
        wk.args(arguments.split_whitespace()).envs(self.places()).env_remove("WK_SESSION_ID");
        wk.current_dir(&self.folder);
        wk
    }

    fn show(&self, arguments: &str) -> Result<()> {
        println!("$ wk {arguments}");
        run_command(&mut self.wk(arguments))
    }

    fn json(&self, arguments: &str) -> Result<Value> {
        let text = output(&mut self.wk(arguments))?;
        serde_json::from_str(&text).with_context(|| format!("`wk {arguments}` printed no JSON"))
    }

    fn daemon_pid(&self) -> Result<u64> {
        let status = self.json("daemon status --format json")?;
        status["pid"].as_u64().context("the daemon does not say its pid")
    }

    /// The processes of the sessions, which must all be running.
    fn pids(&self) -> Result<Vec<u64>> {
        let sessions = self.json("ls --status running --format json")?;
        let mut pids: Vec<u64> = sessions
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|session| session["pid"].as_u64())
            .collect();
        pids.sort_unstable();
        match pids.len() {
            3 => Ok(pids),
            found => bail!("{found} of 3 sessions run"),
        }
    }
}

fn say(what: &str) {
    println!("\n# {what}");
}
