//! The kernel's witness, as a daemon that runs as root has it: who killed a session is journalled
//! with it, whoever dies on the way.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wk_tests::{Session, TestDaemon, skip, witness_program};

/// A daemon with a witness of its own.
struct Watched {
    wk: TestDaemon,
}

impl Watched {
    /// None: this machine cannot have one, which is said aloud.
    async fn start() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("not root: no witness");
            return None;
        }
        if !Path::new("/sys/kernel/btf/vmlinux").exists() {
            skip("this kernel has no BTF: no witness");
            return None;
        }
        let wk = TestDaemon::new();
        wk.configure(&format!("[witness]\ndir = \"{}\"\n", folder(&wk).display()));
        let mut command = wk.call(["daemon", "start"]);
        command.env_remove("WK_WITNESS_DIR").env_remove("WK_WITNESS_START");
        command.env("WK_WITNESS", witness_program());
        assert!(command.output().unwrap().status.success());
        wk.events().await.until(|event| event.kind == "witness_started").await;
        Some(Self { wk })
    }

    async fn signal_of(&self, session: &Session) -> Value {
        let mut events = self.wk.events().await;
        let of_it = |data: &Value| data["signal"] == 9 && data["code"] == 0;
        let id = Some(session.id.clone());
        let seen = events
            .until(|event| {
                event.kind == "signal_seen" && event.session_id == id && of_it(&event.data)
            })
            .await;
        seen.data.clone()
    }

    /// Kills the witness with -9.
    fn kill_witness(&self) {
        let folder = folder(&self.wk);
        let pid = witnesses(&folder).pop().expect("a witness");
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Nobody starts it again.
        let _ = self.wk.call(["stop", "--all", "--grace", "0s"]).output();
        let _ = self.wk.call(["daemon", "stop"]).output();
        let folder = folder(&self.wk);
        for pid in witnesses(&folder) {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        let remove =
            || Command::new(witness_program()).arg("--remove").arg("--dir").arg(&folder).status();
        // The one that was killed may still be on its way.
        while !remove().unwrap().success() {
            std::thread::yield_now();
        }
    }
}

fn folder(wk: &TestDaemon) -> PathBuf {
    wk.path().join("w")
}

/// Witnesses of a folder.
fn witnesses(folder: &Path) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let end = [b"--dir\0", folder.as_os_str().as_encoded_bytes(), b"\0"].concat();
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.ends_with(&end)
    })
    .collect()
}

fn shoot(pid: u32) -> String {
    let script = format!("kill -9 {pid}; :");
    Command::new("sh").args(["-c", &script]).status().unwrap();
    script
}

#[tokio::test]
async fn who_killed_a_session_is_journalled_with_it() {
    let Some(watched) = Watched::start().await else { return };
    let session = watched.wk.run(["--", "sleep", "1000"]).await;
    let script = shoot(session.process().await.pid());
    let seen = watched.signal_of(&session).await;
    assert_eq!(seen["sender"]["argv"], serde_json::json!(["sh", "-c", script]));
}

#[tokio::test]
async fn what_happens_while_daemon_and_witness_are_dead_is_told_once() {
    let Some(mut watched) = Watched::start().await else { return };
    watched.wk.expect_trouble();
    let session = watched.wk.run(["--", "sleep", "1000"]).await;
    let other = watched.wk.run(["--", "sleep", "1000"]).await;
    let (first, second) = (session.process().await.pid(), other.process().await.pid());
    shoot(first);
    watched.signal_of(&session).await;
    watched.wk.kill().await;
    watched.kill_witness();
    let script = shoot(second);
    let mut command = watched.wk.call(["daemon", "start"]);
    command.env_remove("WK_WITNESS_DIR").env_remove("WK_WITNESS_START");
    command.env("WK_WITNESS", witness_program());
    assert!(command.output().unwrap().status.success());
    let seen = watched.signal_of(&other).await;
    assert_eq!(seen["sender"]["argv"], serde_json::json!(["sh", "-c", script]));
    watched.signal_of(&session).await;
    let journal = watched.wk.journal().await;
    let kills = journal.iter().filter(|event| {
        event["kind"] == "signal_seen" && event["data"]["code"] == 0 && event["data"]["signal"] == 9
    });
    assert_eq!(kills.count(), 2, "each once");
}
