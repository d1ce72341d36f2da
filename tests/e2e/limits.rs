//! Limits on a session's whole tree, as a user meets them.

use std::fs::{self, File};

use serde_json::Value;
use wk_model::{LimitKind, Status};
use wk_tests::{Session, TestDaemon, skip};

/// At most 255 processes, whatever becomes of them.
const GROW: &str = "grow() { [ $1 -gt 0 ] || exec sleep 1000; grow $(($1-1)) & grow $(($1-1)) & \
                    wait; }; grow 7";

const SAMPLING: &str = "[session]\nlimit_mechanism = \"sampling\"\n";

/// The one event of this kind that a session has.
async fn told(wk: &TestDaemon, session: &Session, kind: &str) -> Value {
    let journal = wk.journal().await;
    let own = journal.iter().filter(|event| event["session_id"] == session.id.as_str());
    let told: Vec<_> = own.filter(|event| event["kind"] == kind).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    told[0]["data"].clone()
}

/// Waits for the end of a session that goes over a limit, and checks what is said of it.
async fn exceeded(wk: &TestDaemon, session: &Session, limit: LimitKind, status: Status) -> Value {
    let view = session.ended().await;
    assert_eq!((view.status, view.limit_exceeded), (Some(status), Some(limit)), "{view:?}");
    let told = told(wk, session, "limit_exceeded").await;
    assert_eq!(told["limit"], serde_json::to_value(limit).unwrap());
    assert_eq!(told["attempt"], 1);
    told
}

/// Processes that carry a session's id in their environment.
fn carriers(session: &Session) -> usize {
    let wanted = format!("WK_SESSION_ID={}", session.id);
    let carries = |entry: &fs::DirEntry| {
        let text = fs::read(entry.path().join("environ")).unwrap_or_default();
        text.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().filter(carries).count()
}

/// Groups of any hierarchy that are named after a session.
fn groups_of(session: &Session) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut found = Vec::new();
    for mount in mounts.lines().filter(|line| line.contains(" cgroup")) {
        let mut folders = vec![mount.split(' ').nth(1).unwrap().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let path = entry.path().to_string_lossy().into_owned();
                    if path.contains(&session.id) {
                        found.push(path.clone());
                    }
                    folders.push(path);
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn a_session_shows_what_holds_each_of_its_limits() {
    let limits = [
        "--max-memory",
        "512M",
        "--max-cpu-time",
        "10m",
        "--timeout",
        "2h",
        "--idle-timeout",
        "30m",
        "--max-processes",
        "50",
        "--max-output",
        "1G",
        "--",
        "cat",
    ];
    for sampling in [true, false] {
        let wk = TestDaemon::new();
        if sampling {
            wk.configure(SAMPLING);
        }
        let session = wk.run(limits).await;
        let held = session.view().await.limits;
        let all = [held.memory, held.cpu_time, held.time, held.idle, held.processes, held.output];
        let all = all.map(Option::unwrap);
        let values = all.each_ref().map(|limit| limit.value);
        assert_eq!(values, [512 << 20, 600_000, 7_200_000, 1_800_000, 50, 1 << 30]);
        let by = all.map(|limit| limit.mechanism.unwrap());
        assert!([2, 3, 5].iter().all(|own| by[*own] == "holder"), "{by:?}");
        if sampling {
            assert!([0, 1, 4].iter().all(|own| by[*own] == "sampling"), "{by:?}");
        } else {
            for (index, what) in [(0, "memory"), (1, "CPU time"), (4, "processes")] {
                if by[index] == "sampling" {
                    skip(&format!("no cgroup here holds {what}"));
                }
            }
        }
        let shown = wk.ok(["show", &session.id]).await;
        assert!(shown.contains(&format!("max memory   512.0 MiB, by {}", by[0])), "{shown}");
        assert!(shown.contains("idle limit   30m 0s, by holder"), "{shown}");
        wk.ok(["stop", &session.id]).await;
        session.ended().await;
    }
}

#[tokio::test]
async fn memory_is_held_while_there_is_no_daemon() {
    for sampling in [true, false] {
        let mut wk = TestDaemon::new();
        wk.expect_trouble();
        if sampling {
            wk.configure(SAMPLING);
        }
        let script = "echo ready; until [ -e go ]; do sleep 0.02; done; tail /dev/zero";
        let session = wk.run(["--max-memory", "100M", "--", "sh", "-c", script]).await;
        session.until_shows("ready").await;
        wk.kill().await;
        File::create(wk.work().join("go")).unwrap();
        wk.comes_up().await;
        let told = exceeded(&wk, &session, LimitKind::Memory, Status::Failed).await;
        assert_eq!(told["max"], 100 << 20);
        assert!(told["value"].as_u64().unwrap() > 100 << 20, "{told}");
        assert_eq!(told["largest"][0]["comm"], "tail", "{told}");
        let mechanism = told["mechanism"].as_str().unwrap();
        assert_eq!(mechanism == "sampling", sampling || !mechanism.starts_with("cgroup"), "{told}");
        let ended = wk.wk(["wait", &session.id]).await;
        assert_ne!(ended.code, 0);
        assert!(wk.ok(["show", &session.id]).await.contains("memory limit"), "it says why");
        wk.ok(["rm", &session.id]).await;
        assert_eq!(groups_of(&session), Vec::<String>::new());
    }
}

#[tokio::test]
async fn processes_are_held_and_none_survives() {
    for sampling in [true, false] {
        let wk = TestDaemon::new();
        if sampling {
            wk.configure(SAMPLING);
        }
        let session = wk.run(["--max-processes", "20", "--", "sh", "-c", GROW]).await;
        let told = exceeded(&wk, &session, LimitKind::Processes, Status::Failed).await;
        assert!(told["value"].as_u64().unwrap() > 20, "{told}");
        // Its holder has ended all of it before it goes, and takes the groups with it.
        wk.ok(["rm", &session.id]).await;
        assert_eq!(carriers(&session), 0);
        assert_eq!(groups_of(&session), Vec::<String>::new());
    }
}

#[tokio::test]
async fn time_of_each_kind_runs_out() {
    let wk = TestDaemon::start().await;
    for (option, script, limit) in [
        ("--max-cpu-time", "while :; do :; done", LimitKind::CpuTime),
        ("--idle-timeout", "exec sleep 1000", LimitKind::Idle),
        ("--timeout", "exec sleep 1000", LimitKind::Time),
    ] {
        let session = wk.run([option, "300ms", "--", "sh", "-c", script]).await;
        let told = exceeded(&wk, &session, limit, Status::Timeout).await;
        assert!(told["value"].as_u64().unwrap() >= 300, "{told}");
        assert_eq!(wk.wk(["wait", &session.id]).await.code, 124);
    }
}

#[tokio::test]
async fn output_is_held_even_where_the_command_ends_well() {
    let wk = TestDaemon::start().await;
    let script = "trap 'exit 0' TERM; while :; do echo more; done";
    let session = wk.run(["--max-output", "64K", "--", "sh", "-c", script]).await;
    exceeded(&wk, &session, LimitKind::Output, Status::Failed).await;
    let warned = told(&wk, &session, "limit_warning").await;
    assert!(warned["value"].as_u64().unwrap() <= 64 << 10, "{warned}");
    assert_eq!(wk.wk(["wait", &session.id]).await.code, 1, "not a success");
}

#[tokio::test]
async fn limits_that_cannot_be_are_refused_with_what_would() {
    let wk = TestDaemon::start().await;
    for (words, want) in [
        (["--timeout", "1m", "--idle-timeout", "1m"], "never reached before the time limit of 1m"),
        (["--max-memory", "lots", "--timeout", "1m"], "write for example 64MiB"),
        (["--max-processes", "-1", "--timeout", "1m"], "1 or more, or `none`"),
    ] {
        let told = wk.wk(["run", "-d"].into_iter().chain(words).chain(["--", "true"])).await;
        assert!(told.code != 0 && told.to_string().contains(want), "{words:?}: {told}");
    }
    assert!(wk.sessions().await.is_empty(), "nothing was started");
    wk.configure("[session]\ntimeout = \"1h\"\nmax_memory = \"1G\"\nmax_processes = 0\n");
    let refused = wk.wk(["config", "reload"]).await.failed(1);
    assert!(refused.contains("max_processes") && refused.contains("at least 1"), "{refused}");
    wk.configure("[session]\ntimeout = \"1h\"\nidle_timeout = \"2h\"\nmax_memory = \"1G\"\n");
    wk.ok(["config", "reload"]).await;
    let limits = wk.run(["--timeout", "none", "--", "cat"]).await.view().await.limits;
    assert_eq!(limits.time, None);
    assert_eq!(limits.idle.map(|limit| limit.value), Some(7_200_000));
    assert_eq!(limits.memory.map(|limit| limit.value), Some(1 << 30));
}

#[tokio::test]
async fn a_killed_holder_leaves_no_group_behind() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let words = ["--max-memory", "1G", "--max-processes", "50", "--", "sleep", "1000"];
    let session = wk.run(words).await;
    session.holder().await.kill();
    assert_eq!(session.ended().await.status, Some(Status::Failed));
    wk.ok(["rm", &session.id]).await;
    assert_eq!(groups_of(&session), Vec::<String>::new());
}
