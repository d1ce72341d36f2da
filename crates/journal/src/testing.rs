//! Events for tests.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, json};
use wk_model::{
    Admitted, Alternative, Ancestor, AttemptExited, AttemptStarted, Before, BootId, BreakerClosed,
    BreakerOpened, Category, Cause, Change, CommandSeen, Compaction, Condition, Confidence,
    Created, Culprit, DeathDetected, Delivery, Draft, Ending, Event, EvidenceLine, Excerpt,
    ExitSeen, FailurePattern, HealthChanged, HealthOptions, HeldLimit, HolderUsage, Hook,
    Identified, JournalGap, Kind, LastMove, LimitKind, LimitReached, Limits, MassDeath, Mechanism,
    Moment, OnFinishEnded, OnFinishStarted, OnStale, OomVictimSeen, Orphan, Outcome, OutputGap,
    Parked, PermissionWaited, ProcessId, ProcessUse, Prompt, Queued, Recovering, RecoveryOptions,
    Reported, Requester, Resized, Restarted, Scope, ScopeKind, SeenProcess, Seq, Session,
    SessionId, ShellCommand, SignalSeen, Source, Stopped, Subagent, Summary, Target, Time,
    TmuxHealth, TmuxLayout, TmuxPane, TmuxServerGone, TmuxServerSeen, TmuxWindow, Tokens,
    ToolFinished, ToolOutcome, ToolStarted, Unreachable, Verdict, WaitsFor, WitnessLost,
    WitnessStarted,
};

use crate::Journal;

pub(crate) const START: i64 = 1_762_838_432_521;

pub(crate) fn boot(number: u32) -> BootId {
    format!("{number:032x}").parse().unwrap()
}

fn excerpt() -> Excerpt {
    Excerpt { text: Some("cargo test".to_owned()), bytes: 10 }
}

fn subagent() -> Subagent {
    Subagent { agent_id: "a1".to_owned(), agent_type: Some("Explore".to_owned()) }
}

pub(crate) fn id(number: u64) -> SessionId {
    // Spread out, so that a short prefix tells them apart.
    SessionId::from_number(number.wrapping_mul(0x0123_4567_89ab_cdef))
}

/// The moment `ms` after the start of time in tests.
pub(crate) fn at(ms: u64) -> Moment {
    let time = Time::from_millis(START + i64::try_from(ms).unwrap());
    Moment { time, boot: boot(1), boot_ns: ms * 1_000_000 }
}

pub(crate) fn draft(session: impl Into<Option<SessionId>>, ms: u64, change: Change) -> Draft {
    Draft {
        at: at(ms),
        session_id: session.into(),
        source: Source::daemon(),
        source_seq: None,
        trace_parent: None,
        change,
    }
}

pub(crate) fn numbered(source: &str, number: u64, draft: Draft) -> Draft {
    Draft { source: Source(source.to_owned()), source_seq: Some(number), ..draft }
}

pub(crate) fn event(session: SessionId, change: Change) -> Event {
    Event {
        seq: Seq(1),
        at: at(0),
        recorded_at: Time::from_millis(START),
        session_id: Some(session),
        source: Source::daemon(),
        source_seq: 1,
        trace_parent: None,
        change,
    }
}

pub(crate) fn open(path: &Path) -> Journal {
    Journal::open(path).unwrap().journal
}

pub(crate) fn close(journal: Journal) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(journal.close());
}

pub(crate) fn created(name: &str) -> Change {
    Change::SessionCreated(Box::new(Created {
        name: Some(name.to_owned()),
        command: vec!["true".to_owned()],
        terminal: true,
        ..Created::default()
    }))
}

pub(crate) fn started(attempt: u32) -> Change {
    Change::AttemptStarted(AttemptStarted {
        attempt,
        process: Some(process(7)),
        holder: Some(process(6)),
        cgroup: Some("wk/a".to_owned()),
        cols: 80,
        rows: 24,
        limits: vec![HeldLimit {
            limit: LimitKind::Memory,
            value: 1024,
            mechanism: Mechanism::CgroupV1,
        }],
    })
}

pub(crate) fn exited(attempt: u32, code: i32) -> Change {
    exited_by(attempt, Ending::Exited { code }, None)
}

pub(crate) fn exited_by(attempt: u32, ending: Ending, limit: Option<LimitKind>) -> Change {
    let usage = HolderUsage { output_bytes: 12, ..HolderUsage::default() };
    let last_lines = (limit.is_some()).then(|| "out of memory".to_owned());
    Change::AttemptExited(AttemptExited { attempt, ending, limit, usage, last_lines })
}

pub(crate) fn resized(cols: u16) -> Change {
    Change::SessionResized(Resized { cols, rows: 50 })
}

pub(crate) fn stopped() -> Change {
    Change::SessionStopped(Stopped { by: requester(), grace_ms: 10_000 })
}

pub(crate) fn removed() -> Change {
    Change::SessionRemoved { by: requester() }
}

pub(crate) fn note(text: &str) -> Change {
    let data = Map::from_iter([("text".to_owned(), json!(text))]);
    Change::Other { kind: "note_taken".to_owned(), data }
}

/// A session's whole life.
pub(crate) fn life(session: SessionId, ms: u64, name: &str, code: i32) -> Vec<Draft> {
    vec![
        draft(session, ms, created(name)),
        draft(session, ms + 1, started(1)),
        draft(session, ms + 2, exited(1, code)),
    ]
}

/// One change of every kind.
pub(crate) fn every_change() -> Vec<Change> {
    let orphan = Orphan {
        process: process(9),
        comm: "sleep".to_owned(),
        command: vec!["sleep".to_owned(), "60".to_owned()],
        signal: Some(15),
    };
    vec![
        Change::SessionCreated(Box::new(full_creation())),
        Change::SessionQueued(Queued { waits_for: WaitsFor::Slot { scope: "overall".to_owned() } }),
        Change::SessionAdmitted(Admitted { attempt: 1, instance: Some("work".to_owned()) }),
        started(1),
        resized(100),
        Change::OutputGap(OutputGap { bytes: 4096, reason: "slow disk".to_owned() }),
        exited_by(1, Ending::Signaled { signal: 9, core_dumped: true }, Some(LimitKind::CpuTime)),
        recovering(2),
        parked(2),
        Change::SessionRestarted(Restarted {
            by: requester(),
            attempt: 2,
            grace_ms: Some(10_000),
            stale_since: Some(Time::from_millis(START)),
        }),
        Change::LimitWarning(limit_reached()),
        Change::LimitExceeded(limit_reached()),
        Change::HealthChanged(HealthChanged {
            conditions: vec![Condition::Stale],
            before: Vec::new(),
            reasons: vec!["no output for 5m".to_owned()],
        }),
        Change::TransitionRefused {
            seq: Seq(3),
            refused: "attempt_started".to_owned(),
            reason: "session ended".to_owned(),
        },
        Change::SessionAdopted { holder: process(6) },
        Change::SessionUnreachable(Unreachable { why: "no answer".to_owned() }),
        Change::SessionRepaired,
        stopped(),
        Change::SessionClosed { outcome: Outcome::Cancelled },
        removed(),
        Change::SessionSummarised(Box::new(summary())),
        Change::OrphanFound(orphan.clone()),
        Change::OrphanEnded(orphan),
        Change::OnFinishStarted(OnFinishStarted { attempt: 1 }),
        Change::OnFinishEnded(OnFinishEnded {
            attempt: 1,
            ending: Some(Ending::Exited { code: 0 }),
            timed_out: false,
            duration_ms: 7,
        }),
        Change::BreakerOpened(BreakerOpened {
            template: "claude".to_owned(),
            instance: "work".to_owned(),
            until: Time::from_millis(1_762_840_800_000),
        }),
        Change::BreakerClosed(BreakerClosed {
            template: "claude".to_owned(),
            instance: "work".to_owned(),
            by: Some(requester()),
        }),
        Change::VerdictReached(Box::new(verdict())),
        Change::SessionDeathDetected(DeathDetected {
            attempt: 1,
            cause: Cause::Killed,
            summary: "killed by pkill (42)".to_owned(),
        }),
        Change::MassDeath(Box::new(MassDeath {
            cause: Cause::Killed,
            scope: verdict().scope,
            culprit: verdict().culprit,
            summary: "3 sessions were killed by pkill (42)".to_owned(),
        })),
        Change::SignalSeen(Box::new(SignalSeen {
            signal: 9,
            code: 0,
            delivery: Delivery::Delivered,
            sender: seen_process(),
            sender_exits: false,
            sender_is_kernel: false,
            kill_argument: Some(7),
            target: target(),
        })),
        Change::ExitSeen(ExitSeen {
            target: target(),
            code: None,
            signal: Some(9),
            core_dumped: false,
        }),
        Change::OomVictimSeen(OomVictimSeen { target: target() }),
        Change::CommandSeen(Box::new(CommandSeen { process: seen_process() })),
        Change::WitnessStarted(WitnessStarted {
            version: "0.1.0".to_owned(),
            generation: "g1".to_owned(),
        }),
        Change::WitnessLost(WitnessLost { reason: "full".to_owned(), records: Some(3) }),
        Change::TmuxServerSeen(TmuxServerSeen {
            server: process(8),
            socket: "/tmp/tmux-1000/default".to_owned(),
            version: "3.3a".to_owned(),
            sessions: 2,
        }),
        Change::TmuxServerGone(TmuxServerGone {
            server: process(8),
            socket: "/tmp/tmux-1000/default".to_owned(),
            exit_code: None,
            signal: Some(9),
            sessions: vec![id(1)],
        }),
        Change::TmuxHealth(TmuxHealth {
            server: process(8),
            socket: "/tmp/tmux-1000/default".to_owned(),
            sessions: Some(2),
            processes: 5,
            memory_bytes: 4096,
            age_seconds: 60,
            socket_exists: true,
        }),
        Change::TmuxLayoutChanged(TmuxLayout {
            windows: vec![TmuxWindow {
                index: 0,
                name: "sh".to_owned(),
                layout: "b25d,80x24,0,0,0".to_owned(),
                active: true,
                panes: vec![TmuxPane {
                    id: "%0".to_owned(),
                    index: 0,
                    process: Some(process(9)),
                    tty: "/dev/pts/3".to_owned(),
                    working_directory: "/srv".to_owned(),
                    start_command: String::new(),
                    current_command: "sleep".to_owned(),
                    current_argv: vec!["sleep".to_owned(), "60".to_owned()],
                }],
            }],
        }),
        Change::SessionRenamed { name: "web-2".to_owned() },
        Change::SessionIdentified(Identified { external_id: "x-2".to_owned() }),
        Change::SessionDescribed {
            metadata: Map::from_iter([("reason".to_owned(), json!("exit"))]),
        },
        Change::ToolStarted(Box::new(ToolStarted {
            tool: "Bash".to_owned(),
            tool_use_id: Some("toolu_1".to_owned()),
            agent_id: None,
            input: excerpt(),
            payload_bytes: 2048,
        })),
        Change::ToolFinished(Box::new(ToolFinished {
            tool: "Bash".to_owned(),
            tool_use_id: Some("toolu_1".to_owned()),
            agent_id: None,
            outcome: ToolOutcome::Failed,
            duration_ms: Some(12),
            error: Some("exit code 1".to_owned()),
            output: excerpt(),
            payload_bytes: 2048,
        })),
        Change::Prompt(Prompt { prompt: excerpt(), payload_bytes: 2048 }),
        Change::Compaction(Compaction { trigger: Some("auto".to_owned()), finished: true }),
        Change::PermissionWaited(PermissionWaited {
            tool: Some("Bash".to_owned()),
            agent_id: Some("a1".to_owned()),
            message: None,
        }),
        Change::SubagentStarted(subagent()),
        Change::SubagentFinished(subagent()),
        Change::Hook(Box::new(Hook {
            event: "Notification".to_owned(),
            agent: Some("claude".to_owned()),
            payload: json!({"message": "waits"}),
            payload_bytes: 19,
        })),
        Change::ShellCommand(ShellCommand {
            command: Some("make".to_owned()),
            exit_code: Some(2),
            duration_ms: Some(100),
        }),
        Change::TokensCounted(Tokens { input: 10, output: 20, messages: 1, ..Tokens::default() }),
        Change::ConfigReloaded,
        Change::DaemonStarted { process: process(5), version: "0.1.0".to_owned() },
        Change::DaemonStopped,
        Change::JournalGap(JournalGap { events: Some(3), reason: "full disk".to_owned() }),
        note("cargo test"),
    ]
}

fn verdict() -> Verdict {
    Verdict {
        attempt: 1,
        end_time: Time::from_millis(START),
        revision: 1,
        settled: true,
        cause: Cause::Killed,
        signal: Some(9),
        exit_code: None,
        culprit: Some(Culprit {
            pid: 42,
            start_time: Some(1234),
            comm: "pkill".to_owned(),
            argv: vec!["pkill".to_owned(), "-9".to_owned()],
            uid: Some(1000),
            username: Some("ann".to_owned()),
            ancestry: vec![ancestor()],
            session_id: None,
        }),
        scope: Scope { kind: ScopeKind::Targeted, deaths: vec![id(1)], within_ms: 0, shared: None },
        confidence: Confidence::Certain,
        summary: "killed by pkill (42)".to_owned(),
        outcome: Outcome::Failed,
        unexpected: true,
        evidence: vec![EvidenceLine {
            at: Some(Time::from_millis(START)),
            source: "witness".to_owned(),
            text: "SIGKILL from pkill (42)".to_owned(),
        }],
        alternatives: vec![Alternative {
            cause: Cause::OomSystem,
            confidence: Confidence::Possible,
            text: "memory was short".to_owned(),
        }],
        missing: vec!["the kernel log".to_owned()],
        before: Some(Before { age_seconds: 60, ..Before::default() }),
        advice: vec!["look at crontab".to_owned()],
    }
}

fn ancestor() -> Ancestor {
    Ancestor {
        pid: 41,
        start_time: 1200,
        comm: "cron".to_owned(),
        argv: vec!["/usr/sbin/cron".to_owned()],
    }
}

fn seen_process() -> SeenProcess {
    SeenProcess {
        process: process(42),
        comm: "pkill".to_owned(),
        argv: vec!["pkill".to_owned(), "-9".to_owned()],
        uid: 1000,
        ancestry: vec![ancestor()],
        cgroup: Some(77),
        tty: None,
    }
}

fn target() -> Target {
    Target { process: process(7), comm: "node".to_owned(), parent: 6, root: process(6) }
}

fn summary() -> Summary {
    let session = Session::create(&event(id(1), created("a"))).unwrap();
    let last = LastMove { boot: boot(1), boot_ns: 5, seq: Seq(7) };
    Summary { session, last: Some(last) }
}

pub(crate) fn recovering(attempt: u32) -> Change {
    Change::SessionRecovering(Recovering {
        attempt,
        category: Category::Crash,
        retry: attempt - 1,
        max_retries: 3,
        delay_ms: 2100,
        not_before: Time::from_millis(1_762_838_432_521),
        since: Time::from_millis(1_762_838_430_421),
    })
}

pub(crate) fn restarted(attempt: u32) -> Change {
    let by = requester();
    Change::SessionRestarted(Restarted { by, attempt, grace_ms: Some(10_000), stale_since: None })
}

pub(crate) fn parked(attempt: u32) -> Change {
    Change::SessionParked(Parked {
        attempt,
        category: Category::RateLimit,
        until: Time::from_millis(1_762_840_800_000),
        reason: "try again in 40 minutes".to_owned(),
    })
}

fn limit_reached() -> LimitReached {
    LimitReached {
        attempt: 1,
        limit: LimitKind::Memory,
        max: 1000,
        value: 801,
        mechanism: Mechanism::Sampling,
        largest: vec![ProcessUse {
            pid: 7,
            comm: "node".to_owned(),
            memory_bytes: 800,
            cpu_ms: 12,
        }],
    }
}

pub(crate) fn sessions_in_each_state() -> Vec<Session> {
    let mut session = Session::create(&event(id(1), created("a"))).unwrap();
    let mut sessions = vec![session.clone()];
    let queued = Queued { waits_for: WaitsFor::Slot { scope: "overall".to_owned() } };
    let admitted = Admitted { attempt: 1, instance: None };
    for change in [
        Change::SessionQueued(queued),
        Change::SessionAdmitted(admitted),
        started(1),
        exited(1, 3),
        recovering(2),
        started(2),
        restarted(3),
        exited(2, 1),
        started(3),
        exited(3, 1),
        parked(4),
        started(4),
        stopped(),
        exited(4, 0),
        removed(),
    ] {
        session.apply(&event(id(1), change)).unwrap();
        sessions.push(session.clone());
    }
    sessions
}

fn full_creation() -> Created {
    Created {
        reported: Some(Reported {
            verified: true,
            heartbeat: true,
            remote: false,
            client_time: None,
        }),
        shell_type: Some("bash".to_owned()),
        python_version: Some("3.13.0".to_owned()),
        name: Some("web".to_owned()),
        session_kind: Kind::Agent,
        command: vec!["npm".to_owned(), "start".to_owned()],
        working_directory: Some("/srv".to_owned()),
        uid: Some(1000),
        username: Some("ann".to_owned()),
        hostname: Some("host".to_owned()),
        platform: Some("linux".to_owned()),
        parent_id: Some(id(2)),
        external_id: Some("x-1".to_owned()),
        template: Some("server".to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
        agent_id: Some("agent-1".to_owned()),
        component_name: Some("api".to_owned()),
        metadata: Map::from_iter([("ticket".to_owned(), json!(7))]),
        terminal: true,
        recorded: true,
        keep_descendants: false,
        limits: Limits { time_ms: Some(60_000), ..Limits::default() },
        recovery: RecoveryOptions {
            retries: 3,
            restore: true,
            patterns: vec![FailurePattern {
                category: Category::RateLimit,
                exit_code: None,
                screen: Some("usage limit reached".to_owned()),
            }],
            ..RecoveryOptions::default()
        },
        health: HealthOptions {
            interval_ms: Some(5000),
            stale_after_ms: None,
            hung_after_ms: None,
            on_stale: Some(OnStale::Stop),
        },
        watched: false,
        tmux: None,
        after: Some(id(2)),
        on_finish: true,
        idempotency_key: Some("key-1".to_owned()),
    }
}

fn process(pid: u32) -> ProcessId {
    ProcessId { boot: boot(1), pid, start_time: 1234 }
}

fn requester() -> Requester {
    Requester { uid: 1000, pid: Some(42), client: Some("wk".to_owned()) }
}
