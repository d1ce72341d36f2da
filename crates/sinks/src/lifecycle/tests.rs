use std::{os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use serde_json::Value;
use wk_model::{
    AttemptExited, AttemptStarted, Before, Cause, Change, CommandSeen, Confidence, Created,
    Culprit, DeathDetected, Delivery, Draft, Ending, HolderUsage, HostState, Moment, Outcome,
    ProcessId, Scope, ScopeKind, SeenProcess, SessionId, SignalSeen, Source, Target, Time,
    TmuxPlace, Verdict,
};

use super::*;

const START: i64 = 1_762_838_432_521;

fn process(pid: u32) -> ProcessId {
    ProcessId { boot: Default::default(), pid, start_time: 1 }
}

fn draft(session: impl Into<Option<SessionId>>, ms: u64, change: Change) -> Draft {
    let time = Time::from_millis(START).plus_millis(ms);
    Draft {
        at: Moment { time, boot: Default::default(), boot_ns: ms * 1_000_000 },
        session_id: session.into(),
        source: Source::daemon(),
        source_seq: None,
        trace_parent: None,
        change,
    }
}

fn life(session: SessionId) -> Vec<Draft> {
    let created = Created {
        command: vec!["claude".into()],
        tmux: Some(TmuxPlace {
            server: process(5),
            socket: "/tmp/s".into(),
            id: "$1".into(),
            name: "mozbook-session".into(),
        }),
        ..Created::default()
    };
    let started = AttemptStarted {
        attempt: 1,
        process: Some(process(7)),
        holder: Some(process(6)),
        cgroup: None,
        cols: 80,
        rows: 24,
        limits: Vec::new(),
    };
    let exited = AttemptExited {
        attempt: 1,
        ending: Ending::Signaled { signal: 9, core_dumped: false },
        limit: None,
        usage: HolderUsage::default(),
        last_lines: None,
    };
    vec![
        draft(session, 0, Change::SessionCreated(Box::new(created))),
        draft(session, 10, Change::AttemptStarted(started)),
        draft(session, 810_000, Change::AttemptExited(exited)),
    ]
}

fn verdict(session: SessionId, settled: bool) -> Change {
    let culprit = Culprit { pid: 4711, comm: "pkill".into(), ..Culprit::default() };
    let before = Before {
        age_seconds: 810,
        last_command: Some("claude".into()),
        output_bytes: Some(12_345),
        watched_seconds: 809,
        observations: 27,
        since_last_observation_ms: Some(1500),
        active_sessions: 1,
        host: HostState {
            memory_used_bytes: Some(3 << 30),
            cpu_percent: Some(12),
            ..HostState::default()
        },
        ..Before::default()
    };
    Change::VerdictReached(Box::new(Verdict {
        attempt: 1,
        end_time: Time::from_millis(START).plus_millis(810_000),
        revision: if settled { 2 } else { 1 },
        settled,
        cause: Cause::Killed,
        signal: Some(9),
        exit_code: None,
        culprit: Some(culprit),
        scope: Scope {
            kind: ScopeKind::Targeted,
            deaths: vec![session],
            within_ms: 0,
            shared: None,
        },
        confidence: Confidence::Certain,
        summary: "pkill (4711) killed it".into(),
        outcome: Outcome::Failed,
        unexpected: true,
        evidence: Vec::new(),
        alternatives: Vec::new(),
        missing: Vec::new(),
        before: Some(before),
        advice: Vec::new(),
    }))
}

fn death(session: SessionId) -> Vec<Draft> {
    let detected = DeathDetected {
        attempt: 1,
        cause: Cause::Killed,
        summary: "pkill (4711) killed it".into(),
    };
    vec![
        draft(session, 810_100, verdict(session, false)),
        draft(session, 810_100, Change::SessionDeathDetected(detected)),
        draft(session, 810_200, Change::SessionClosed { outcome: Outcome::Failed }),
        draft(session, 812_600, verdict(session, true)),
    ]
}

fn seen(pid: u32, comm: &str, argv: &[&str]) -> SeenProcess {
    SeenProcess {
        process: process(pid),
        comm: comm.into(),
        argv: argv.iter().map(ToString::to_string).collect(),
        uid: 1000,
        ancestry: Vec::new(),
        cgroup: None,
        tty: None,
    }
}

fn signal(sender: SeenProcess, code: i32, target: u32) -> SignalSeen {
    let target =
        Target { process: process(target), comm: "node".into(), parent: 6, root: process(target) };
    SignalSeen {
        signal: 9,
        code,
        delivery: Delivery::Delivered,
        sender,
        sender_exits: false,
        sender_is_kernel: false,
        kill_argument: None,
        target,
    }
}

fn signalled(session: SessionId, ms: u64, seen: SignalSeen) -> Draft {
    draft(session, ms, Change::SignalSeen(Box::new(seen)))
}

/// A folder with a journal, and the sink at work on it.
struct Room {
    folder: tempfile::TempDir,
    journal: Journal,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("journal.db")).unwrap().journal;
        Self { folder, journal }
    }

    fn cursor(&self) -> Cursor {
        Cursor::new(self.folder.path().join("lifecycle.cursor"))
    }

    /// Appends, and runs the sink until it has taken all in.
    async fn tell(&self, from: Seq, drafts: Vec<Draft>) {
        self.journal.append(drafts).await.unwrap();
        let around = Surroundings {
            journal: self.journal.clone(),
            folder: self.folder.path().join("log"),
            sessions: self.folder.path().join("sessions"),
            rotation: Rotation { max_size: 1 << 20, backups: 2 },
            user_name: |uid| Some(format!("user{uid}")),
        };
        let ending = CancellationToken::new();
        let sink = tokio::spawn(run(around, self.cursor(), from, ending.clone()));
        let all = async {
            while self.cursor().load(&self.journal) < self.journal.last()
                || !self.folder.path().join("lifecycle.cursor").exists()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("all is taken in");
        ending.cancel();
        sink.await.unwrap().unwrap();
    }

    fn lines(&self, path: impl AsRef<Path>) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join(path)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_life_and_its_death_are_told_in_lines_that_others_know() {
    let (room, session) = (Room::new(), SessionId::from_number(7));
    let own = room.folder.path().join("sessions").join(session.as_str());
    std::fs::create_dir_all(&own).unwrap();
    room.tell(Seq(0), life(session).into_iter().chain(death(session)).collect()).await;
    let lines = room.lines("log/session_lifecycle.log");
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let want = [
        "session_created",
        "polling_started",
        "polling_ended",
        "session_closed",
        "session_death_detected",
    ];
    assert_eq!(events, want);
    assert_eq!(lines[0]["timestamp"], "2025-11-11T05:20:32.521Z");
    assert!(lines.iter().all(|line| line["tmux"] == "mozbook-session"));
    assert!(lines.iter().all(|line| line["session_id"] == session.as_str()));
    let death = &lines[4];
    assert_eq!((&death["reason"], &lines[2]["reason"]), (&"killed".into(), &"SIGKILL".into()));
    let context = &death["context"];
    for (name, want) in [
        ("tmux_session_name", Value::from("mozbook-session")),
        ("session_id", session.as_str().into()),
        ("age_seconds", 810.into()),
        ("last_command", "claude".into()),
        ("output_size_bytes", 12_345.into()),
        ("polling_duration_seconds", 809.into()),
        ("poll_count", 27.into()),
        ("seconds_since_last_poll", 1.5.into()),
        ("active_sessions_count", 1.into()),
        ("other_active_sessions", Value::Array(Vec::new())),
        ("system_memory_mb", 3072.into()),
        ("system_cpu_percent", 12.into()),
        ("tmux_sessions", Value::Null),
        ("tmux_process_count", Value::Null),
    ] {
        assert_eq!(context.get(name), Some(&want), "{name}");
    }
    assert_eq!(context["verdict"]["culprit"]["pid"], 4711);
    assert_eq!(room.lines(own.join("lifecycle.log")), lines);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&own.join("lifecycle.log")), 0o600);
    assert_eq!(mode(&room.folder.path().join("log/session_lifecycle.log")), 0o600);
}

#[tokio::test]
async fn a_daemon_that_was_killed_tells_nothing_twice() {
    let (room, session) = (Room::new(), SessionId::from_number(7));
    let strike = signalled(session, 500, signal(seen(9, "pkill", &["pkill", "x"]), 0, 7));
    let first = life(session).into_iter().chain([strike]).collect();
    room.tell(Seq(0), first).await;
    // It had not written down how far it was.
    std::fs::remove_file(room.folder.path().join("lifecycle.cursor")).unwrap();
    room.tell(Seq(0), death(session)).await;
    assert_eq!(room.lines("log/session_lifecycle.log").len(), 5);
    assert_eq!(room.lines("log/killers.log").len(), 1);
}

#[tokio::test]
async fn a_killer_is_one_line_with_all_its_targets_and_bookkeeping_is_none() {
    let room = Room::new();
    let ids: Vec<SessionId> = (1..4).map(SessionId::from_number).collect();
    let pkill = || seen(4711, "pkill", &["pkill", "-9", "-f", "node"]);
    let mut drafts: Vec<Draft> = life(ids[0]);
    drafts.extend(ids.iter().zip(70..).map(|(id, pid)| signalled(*id, 5, signal(pkill(), 0, pid))));
    let kernel = signal(seen(1, "swapper", &[]), 0x80, 7);
    let fault = signal(seen(7, "node", &["node"]), 1, 7);
    let holder = signal(seen(6, "wk-holder", &["wk-holder"]), 0, 7);
    let impostor = signal(seen(66, "wk-holder", &["wk-holder"]), 0, 7);
    let dying = SignalSeen { sender_exits: true, ..signal(seen(8, "sh", &["sh"]), 0, 7) };
    for (ms, seen) in [(6, kernel), (7, fault), (8, holder), (9, impostor), (10, dying)] {
        drafts.push(signalled(ids[0], ms, seen));
    }
    let tmux = |argv: &[&str]| CommandSeen { process: seen(80, "tmux: client", argv) };
    for argv in [&["tmux", "ls"][..], &["tmux", "kill-session", "-t", "work"]] {
        drafts.push(draft(None, 11, Change::CommandSeen(Box::new(tmux(argv)))));
    }
    room.tell(Seq(0), drafts).await;
    let mut lines = room.lines("log/killers.log");
    lines.sort_by_key(|line| line["timestamp"].to_string());
    let senders: Vec<u64> =
        lines.iter().filter_map(|line| line["sender"]["pid"].as_u64()).collect();
    assert_eq!(senders, [4711, 66, 80], "{lines:#?}");
    let struck = lines[0]["targets"].as_array().unwrap();
    let targets: Vec<u64> = struck.iter().filter_map(|target| target["pid"].as_u64()).collect();
    assert_eq!(targets, [70, 71, 72]);
    assert_eq!((&lines[0]["signal"], &lines[0]["sender"]["user"]), (&9.into(), &"user1000".into()));
    assert_eq!(lines[0]["sender"]["argv"][0], "pkill");
    assert_eq!(
        (&lines[2]["signal"], &lines[2]["targets"][0]["name"]),
        (&Value::Null, &"work".into())
    );
    assert_eq!(lines[2]["tmux"], "kill-session");
}

/// What people type to find out what happened.
#[tokio::test]
async fn the_recipes_for_jq_work() {
    let (room, session) = (Room::new(), SessionId::from_number(7));
    room.tell(Seq(0), life(session).into_iter().chain(death(session)).collect()).await;
    let jq = |recipe: &str| {
        let mut jq = Command::new("jq");
        jq.args(["-r", recipe]).arg(room.folder.path().join("log/session_lifecycle.log"));
        jq.output().ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    for (recipe, want) in [
        (r#"select(.event == "session_death_detected") | .session_id"#, session.as_str()),
        (r#"select(.event == "session_death_detected") | .reason"#, "killed"),
        (r#"select(.event == "session_death_detected") | .context.age_seconds"#, "810"),
        (r#"select(.event == "session_death_detected") | .context.verdict.culprit.comm"#, "pkill"),
        (
            r#"select(.tmux == "mozbook-session" and .event == "session_created") | .timestamp"#,
            "2025-11-11T05:20:32.521Z",
        ),
        (r#"select(.event == "polling_ended") | .context.signal"#, "9"),
    ] {
        let Some(told) = jq(recipe) else {
            eprintln!("skipped: jq is not installed");
            return;
        };
        assert_eq!(told, want, "{recipe}");
    }
}
