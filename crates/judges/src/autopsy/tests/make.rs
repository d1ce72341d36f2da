//! Evidence to examine: a session whose leader is node (100) below its holder (90).

use wk_model::{
    Ancestor, BootId, Cause, CommandSeen, Confidence, Delivery, Ending, ExitSeen, Kind, Moment,
    OomVictimSeen, ProcessId, SeenProcess, SessionId, SignalSeen, Target, Time,
};

use crate::autopsy::{Coverage, Evidence, Fact, Opinion, Subject, TmuxSubject, What, examine};

pub(super) const LEADER: u32 = 100;
pub(super) const CHILD: u32 = 110;
pub(super) const HOLDER: u32 = 90;
pub(super) const SERVER: u32 = 50;
/// The tmux shell that a pane runs.
pub(super) const TTY: u32 = 0x8801;

/// When the session ended, in milliseconds after boot.
const END_MS: u64 = 1_000_000;

pub(super) fn process(pid: u32) -> ProcessId {
    ProcessId { boot: BootId::default(), pid, start_time: u64::from(pid) * 10 }
}

/// So many milliseconds before the end.
pub(super) fn before(ms: i64) -> Moment {
    let boot_ms = END_MS.saturating_add_signed(-ms);
    Moment {
        time: Time::from_millis(1_700_000_000_000 - ms),
        boot: BootId::default(),
        boot_ns: boot_ms * 1_000_000,
    }
}

pub(super) fn fact(ms: i64, what: What) -> Fact {
    Fact { at: before(ms), source: "witness".into(), what }
}

/// Somebody outside: its parent is a shell (300), run by cron (812).
pub(super) fn outsider(pid: u32, line: &str) -> SeenProcess {
    let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let comm = argv[0].rsplit('/').next().unwrap().to_owned();
    let above = |pid: u32, comm: &str| Ancestor {
        pid,
        start_time: u64::from(pid) * 10,
        comm: comm.into(),
        argv: Vec::new(),
    };
    SeenProcess {
        process: process(pid),
        comm,
        argv,
        uid: 1000,
        ancestry: vec![above(300, "bash"), above(812, "cron"), above(1, "init")],
        cgroup: None,
        tty: None,
    }
}

/// One below these processes, nearest first.
pub(super) fn below(pid: u32, line: &str, above: &[(u32, &str)]) -> SeenProcess {
    let ancestry = above
        .iter()
        .map(|(pid, comm)| Ancestor {
            pid: *pid,
            start_time: u64::from(*pid) * 10,
            comm: (*comm).into(),
            argv: Vec::new(),
        })
        .collect();
    SeenProcess { ancestry, ..outsider(pid, line) }
}

pub(super) fn target(pid: u32) -> Target {
    let (comm, parent, root) = match pid {
        LEADER => ("node", HOLDER, LEADER),
        HOLDER => ("wk-holder", 1, HOLDER),
        SERVER => ("tmux: server", 1, SERVER),
        CHILD => ("worker", LEADER, LEADER),
        other => ("other", 1, other),
    };
    Target { process: process(pid), comm: comm.into(), parent, root: process(root) }
}

/// A signal by `kill`.
pub(super) fn shot(signal: i32, to: u32, sender: SeenProcess) -> SignalSeen {
    SignalSeen {
        signal,
        code: 0,
        delivery: Delivery::Delivered,
        sender,
        sender_exits: false,
        sender_is_kernel: false,
        kill_argument: Some(to.cast_signed()),
        target: target(to),
    }
}

pub(super) fn kernel(signal: i32, to: u32, current: SeenProcess) -> SignalSeen {
    SignalSeen { code: 0x80, kill_argument: None, ..shot(signal, to, current) }
}

/// By a worker of the kernel, as from a terminal.
pub(super) fn worker(signal: i32, to: u32) -> SignalSeen {
    let worker = SeenProcess { ancestry: Vec::new(), ..outsider(33, "kworker/u8:1") };
    SignalSeen { sender_is_kernel: true, ..kernel(signal, to, worker) }
}

pub(super) fn itself(pid: u32) -> SeenProcess {
    SeenProcess { ancestry: Vec::new(), ..outsider(pid, "node") }
}

pub(super) fn sent(ms: i64, signal: i32, to: u32, sender: SeenProcess) -> Fact {
    fact(ms, What::Signal(shot(signal, to, sender)))
}

pub(super) fn seen(ms: i64, signal: SignalSeen) -> Fact {
    fact(ms, What::Signal(signal))
}

pub(super) fn exited(ms: i64, pid: u32, code: Option<i32>, signal: Option<i32>) -> Fact {
    fact(ms, What::Exit(ExitSeen { target: target(pid), code, signal, core_dumped: false }))
}

pub(super) fn victim(ms: i64, pid: u32) -> Fact {
    fact(ms, What::OomVictim(OomVictimSeen { target: target(pid) }))
}

pub(super) fn command(ms: i64, process: SeenProcess) -> Fact {
    fact(ms, What::Command(CommandSeen { process }))
}

pub(super) fn by_signal(signal: i32) -> Ending {
    Ending::Signaled { signal, core_dumped: false }
}

pub(super) fn by_code(code: i32) -> Ending {
    Ending::Exited { code }
}

pub(super) fn evidence(ending: Ending, facts: Vec<Fact>) -> Evidence {
    Evidence {
        subject: Subject {
            session_id: SessionId::from_random(1),
            kind: Kind::Command,
            name: Some("work".into()),
            watched: false,
            uid: Some(1000),
            leader: Some(process(LEADER)),
            holder: Some(process(HOLDER)),
            tmux: None,
            processes: vec![process(LEADER), process(CHILD)],
            working_directory: Some("/work".into()),
            cgroup: Some("/user.slice/user-1000.slice/wk.service/s1".into()),
        },
        ended_at: before(0),
        ending,
        last_lines: None,
        limit: None,
        stopped: None,
        coverage: Coverage::Full,
        unread: Vec::new(),
        facts,
    }
}

pub(super) fn unseen(ending: Ending, facts: Vec<Fact>) -> Evidence {
    let coverage = Coverage::None { why: "it was not running".into() };
    Evidence { coverage, ..evidence(ending, facts) }
}

/// A session of tmux whose shell is the leader; nobody of ours waits for it.
pub(super) fn in_tmux(ending: Ending, alive: bool, facts: Vec<Fact>) -> Evidence {
    let mut evidence = evidence(ending, facts);
    evidence.subject = Subject {
        kind: Kind::Tmux,
        watched: true,
        holder: None,
        tmux: Some(TmuxSubject {
            server: process(SERVER),
            socket: "/tmp/tmux-1000/default".into(),
            id: "$3".into(),
            name: "work".into(),
            server_alive: Some(alive),
            options: Vec::new(),
            pane_ttys: vec![TTY],
            parts: Vec::new(),
            attached: false,
        }),
        ..evidence.subject
    };
    evidence
}

pub(super) type Row<'a> = (&'a str, Evidence, Cause, Confidence, Option<u32>);

/// Cause, confidence and the culprit's pid of each row; and what must hold for all.
pub(super) fn check(rows: Vec<Row>) {
    for (case, evidence, cause, confidence, culprit) in rows {
        let opinion = examine(&evidence);
        let got = (opinion.cause, opinion.confidence, culprit_of(&opinion));
        assert_eq!(got, (cause, confidence, culprit), "{case}: {opinion:#?}");
        assert!(!opinion.summary.is_empty() && !opinion.summary.contains('\n'), "{case}");
        assert!(!opinion.evidence.is_empty(), "{case}");
        if confidence < Confidence::Certain {
            let open = opinion.missing.len() + opinion.alternatives.len();
            assert!(open > 0, "{case}: nothing says why it is not certain: {opinion:#?}");
        }
    }
}

pub(super) fn culprit_of(opinion: &Opinion) -> Option<u32> {
    opinion.culprit.as_ref().map(|culprit| culprit.pid)
}
