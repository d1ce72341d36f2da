//! Events for tests.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, json};
use wk_model::{
    AttemptExited, AttemptStarted, BootId, Change, Created, Draft, Ending, Event, HolderUsage,
    JournalGap, Kind, LimitKind, Moment, Orphan, Outcome, OutputGap, ProcessId, Requester, Resized,
    Seq, Session, SessionId, Source, Stopped, Time, Unreachable,
};

use crate::Journal;

pub(crate) const START: i64 = 1_762_838_432_521;

pub(crate) fn boot(number: u32) -> BootId {
    format!("{number:032x}").parse().unwrap()
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
        holder: process(6),
        cgroup: Some("wk/a".to_owned()),
        cols: 80,
        rows: 24,
    })
}

pub(crate) fn exited(attempt: u32, code: i32) -> Change {
    exited_by(attempt, Ending::Exited { code }, None)
}

pub(crate) fn exited_by(attempt: u32, ending: Ending, limit: Option<LimitKind>) -> Change {
    let usage = HolderUsage { output_bytes: 12, ..HolderUsage::default() };
    Change::AttemptExited(AttemptExited { attempt, ending, limit, usage })
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

pub(crate) fn hook(text: &str) -> Change {
    let data = Map::from_iter([("text".to_owned(), json!(text))]);
    Change::Other { kind: "tool_started".to_owned(), data }
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
        started(1),
        resized(100),
        Change::OutputGap(OutputGap { bytes: 4096, reason: "slow disk".to_owned() }),
        exited_by(1, Ending::Signaled { signal: 9, core_dumped: true }, Some(LimitKind::CpuTime)),
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
        Change::OrphanFound(orphan.clone()),
        Change::OrphanEnded(orphan),
        Change::ConfigReloaded,
        Change::DaemonStarted { process: process(5), version: "0.1.0".to_owned() },
        Change::DaemonStopped,
        Change::JournalGap(JournalGap { events: Some(3), reason: "full disk".to_owned() }),
        hook("cargo test"),
    ]
}

pub(crate) fn sessions_in_each_state() -> Vec<Session> {
    let mut session = Session::create(&event(id(1), created("a"))).unwrap();
    let mut sessions = vec![session.clone()];
    for change in [started(1), stopped(), exited(1, 0), removed()] {
        session.apply(&event(id(1), change)).unwrap();
        sessions.push(session.clone());
    }
    sessions
}

fn full_creation() -> Created {
    Created {
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
        time_limit_ms: Some(60_000),
        idempotency_key: Some("key-1".to_owned()),
    }
}

fn process(pid: u32) -> ProcessId {
    ProcessId { boot: boot(1), pid, start_time: 1234 }
}

fn requester() -> Requester {
    Requester { uid: 1000, pid: Some(42), client: Some("wk".to_owned()) }
}
