//! Turns a record into what one peer is told.

use std::{fs, io::Read};

use wk_holder::host::{self, ProcessStat};
use wk_mask::mask_arguments;
use wk_model::{
    Ancestor, Change, CommandSeen, Delivery, ExitSeen, Moment, OomVictimSeen, ProcessId,
    SeenProcess, SignalSeen, Target, Time,
};

use crate::raw::{Raw, RawAncestor, RawSender, RawTarget, RawWhat, arguments};

/// No more of a command line is read: of the one that sent, and of those above it.
const SENDER_ROOM: u64 = 1024;
const ANCESTOR_ROOM: u64 = 256;

/// To whom something is told, and what `/proc` would show them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) uid: u32,
    /// `/proc` is mounted so that it shows nobody others' processes.
    pub(crate) hides: bool,
}

impl Reader {
    fn may_see(self, uid: u32) -> bool {
        !self.hides || self.uid == 0 || self.uid == uid
    }
}

/// The watched process of a record; none for a command.
pub(crate) fn root(raw: &Raw) -> Option<ProcessId> {
    match &raw.what {
        RawWhat::Signal { target, .. } | RawWhat::Exit { target, .. } | RawWhat::Oom { target } => {
            Some(id(target.root_pid, target.root_start_time))
        }
        RawWhat::Command { .. } => None,
    }
}

/// When it happened, by both clocks.
pub(crate) fn moment(at_ns: u64) -> Moment {
    let now = host::now();
    let ago_ms = i64::try_from(now.boot_ns.saturating_sub(at_ns) / 1_000_000).unwrap_or(0);
    let time = Time::from_millis(now.time.as_millis().saturating_sub(ago_ms));
    Moment { time, boot: now.boot, boot_ns: at_ns }
}

/// What happened, in the words of the journal.
pub(crate) fn change(raw: &Raw, reader: Reader) -> Change {
    match &raw.what {
        RawWhat::Signal {
            target,
            sender,
            signal,
            code,
            result,
            exits,
            is_kernel,
            kill_argument,
        } => Change::SignalSeen(Box::new(SignalSeen {
            signal: *signal,
            code: *code,
            delivery: delivery(*result),
            sender: seen(sender, reader),
            sender_exits: *exits,
            sender_is_kernel: *is_kernel,
            kill_argument: *kill_argument,
            target: aimed_at(target),
        })),
        RawWhat::Exit { target, status } => {
            let signal = status & 0x7f;
            Change::ExitSeen(ExitSeen {
                target: aimed_at(target),
                code: (signal == 0).then_some((status >> 8) & 0xff),
                signal: (signal != 0).then_some(signal),
                core_dumped: status & 0x80 != 0,
            })
        }
        RawWhat::Oom { target } => {
            Change::OomVictimSeen(OomVictimSeen { target: aimed_at(target) })
        }
        RawWhat::Command { process } => {
            Change::CommandSeen(Box::new(CommandSeen { process: seen(process, reader) }))
        }
    }
}

fn delivery(result: i32) -> Delivery {
    match result {
        0 => Delivery::Delivered,
        1 => Delivery::Ignored,
        2 => Delivery::AlreadyPending,
        _ => Delivery::Lost,
    }
}

fn aimed_at(target: &RawTarget) -> Target {
    Target {
        process: id(target.pid, target.start_time),
        comm: target.comm.clone(),
        parent: target.parent,
        root: id(target.root_pid, target.root_start_time),
    }
}

fn seen(raw: &RawSender, reader: Reader) -> SeenProcess {
    let visible = reader.may_see(raw.uid);
    let process = id(raw.pid, raw.start_time);
    let argv = match raw.argv.is_empty() {
        false => mask_arguments(&raw.argv),
        true => command_line(&process, SENDER_ROOM).unwrap_or_default(),
    };
    SeenProcess {
        process,
        comm: if visible { raw.comm.clone() } else { String::new() },
        argv: if visible { argv } else { Vec::new() },
        uid: raw.uid,
        ancestry: raw.ancestry.iter().map(|raw| above(raw, reader)).collect(),
        cgroup: (visible && raw.cgroup != 0).then_some(raw.cgroup),
        tty: (visible && raw.tty != 0).then_some(raw.tty),
    }
}

fn above(raw: &RawAncestor, reader: Reader) -> Ancestor {
    if !reader.may_see(raw.uid) {
        return Ancestor { pid: raw.pid, start_time: raw.start_time, ..Ancestor::default() };
    }
    let whole = (raw.argv.is_empty() || raw.cut)
        .then(|| command_line(&id(raw.pid, raw.start_time), ANCESTOR_ROOM))
        .flatten();
    Ancestor {
        pid: raw.pid,
        start_time: raw.start_time,
        comm: raw.comm.clone(),
        argv: whole.unwrap_or_else(|| mask_arguments(&raw.argv)),
    }
}

/// The command line of a process that still lives, with secrets masked.
fn command_line(process: &ProcessId, room: u64) -> Option<Vec<String>> {
    if process.pid == 0 {
        return None;
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(format!("/proc/{}/cmdline", process.pid)).ok()?;
    file.take(room).read_to_end(&mut bytes).ok()?;
    // Read first, asked afterwards who it was.
    let stat = ProcessStat::read(process.pid).ok()??;
    let found = arguments(&bytes);
    (stat.start_time == process.start_time && !found.is_empty()).then(|| mask_arguments(&found))
}

fn id(pid: u32, start_time: u64) -> ProcessId {
    ProcessId { boot: host::boot_id(), pid, start_time }
}

/// Whether `/proc` hides other users' processes.
pub(crate) fn proc_hides() -> bool {
    fs::read_to_string("/proc/self/mounts").is_ok_and(|mounts| hides(&mounts))
}

fn hides(mounts: &str) -> bool {
    let mut of_proc = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        (fields.nth(1) == Some("/proc")).then(|| fields.nth(1).unwrap_or_default())
    });
    // The last one lies over all others.
    of_proc.next_back().is_some_and(|options| {
        options.split(',').any(|option| {
            option.strip_prefix("hidepid=").is_some_and(|how| !matches!(how, "0" | "off"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> RawSender {
        RawSender {
            pid: u32::MAX,
            uid: 5,
            comm: "curl".into(),
            argv: ["curl", "--token", "correct-horse-battery"].map(String::from).into(),
            ancestry: vec![RawAncestor {
                pid: u32::MAX,
                uid: 6,
                comm: "bash".into(),
                argv: vec!["bash".into()],
                ..RawAncestor::default()
            }],
            ..RawSender::default()
        }
    }

    #[test]
    fn secrets_in_command_lines_are_masked() {
        let seen = seen(&sender(), Reader { uid: 5, hides: false });
        assert_eq!(seen.argv[2], "*********************");
        assert_eq!(seen.ancestry[0].argv, ["bash"]);
    }

    #[test]
    fn where_proc_hides_others_so_do_we() {
        let own = seen(&sender(), Reader { uid: 5, hides: true });
        assert_eq!((own.comm.as_str(), own.ancestry[0].comm.as_str()), ("curl", ""));
        let other = seen(&sender(), Reader { uid: 6, hides: true });
        assert_eq!((other.comm.as_str(), other.argv.len(), other.uid), ("", 0, 5));
        assert_eq!(other.ancestry[0].comm, "bash");
        let root = seen(&sender(), Reader { uid: 0, hides: true });
        assert_eq!(root.comm, "curl");
    }

    #[test]
    fn hiding_is_an_option_of_the_mount() {
        assert!(!hides("proc /proc proc rw,nosuid 0 0\n"));
        assert!(!hides("proc /proc proc rw,hidepid=0 0 0\n"));
        assert!(hides("proc /proc proc rw,hidepid=invisible 0 0\nx /proc/sys x rw 0 0\n"));
        assert!(!hides("proc /proc proc rw,hidepid=2 0 0\nproc /proc proc rw 0 0\n"));
    }

    #[test]
    fn a_moment_has_both_clocks() {
        let now = host::now();
        let earlier = moment(now.boot_ns - 5_000_000_000);
        let ago = now.time.millis_since(earlier.time);
        assert!((4_900..5_100).contains(&ago), "{ago}");
    }
}
