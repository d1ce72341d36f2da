//! Limits on the whole tree, by each mechanism that this machine has.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use wk_holder::{
    protocol::Reply,
    spec::{LegacyCgroups, LimitMechanism, Spec},
};
use wk_model::{AttemptExited, Change, HeldLimit, LimitKind, LimitReached, Limits, Mechanism};

use crate::{
    cgroups::{Fence, Leaf},
    harness::{PIPES, Place, Session, Watch, os, script},
};

const MIB: u64 = 1 << 20;

/// A tree that is held to `limits` by whatever `with` asks for.
struct Held {
    session: Session,
    leaves: Vec<Leaf>,
}

impl Held {
    /// None where this machine has no such mechanism.
    fn start(text: &str, limits: Limits, with: Mechanism) -> Option<Self> {
        Self::start_spec(script(text), limits, with)
    }

    fn start_spec(mut spec: Spec, limits: Limits, with: Mechanism) -> Option<Self> {
        spec.tree_limits = limits;
        let mark = tempfile::tempdir().unwrap();
        spec.environment.push(os(format!("MARK={}", mark.path().display())));
        let mut leaves = Vec::new();
        let mut legacy = LegacyCgroups::default();
        let mut unified = None;
        let mut add = |leaf: Option<Leaf>| {
            let path = leaf.as_ref().map(|leaf| os(leaf.text()));
            leaves.extend(leaf);
            path
        };
        match with {
            Mechanism::Sampling => spec.limit_mechanism = LimitMechanism::Sampling,
            Mechanism::CgroupV2 => unified = Some(add(Leaf::unified())?),
            Mechanism::CgroupV1 if limits.memory.is_some() => {
                legacy.memory = Some(add(Leaf::legacy("memory"))?);
            }
            Mechanism::CgroupV1 => legacy.pids = Some(add(Leaf::legacy("pids"))?),
            Mechanism::Holder => {}
        }
        let place = Place::new(&spec);
        let mut launch = place.launch();
        (launch.cgroup, launch.legacy_cgroups) = (unified, legacy);
        Some(Self { session: Session::launch(place, &launch), leaves })
    }

    /// Waits until an event of this kind is told.
    fn until_told(&mut self, kind: &str) -> LimitReached {
        loop {
            if let Some(reached) = self.told(kind) {
                return reached;
            }
            self.session.control.until(|reply| *reply == Reply::Bell);
        }
    }

    fn told(&self, kind: &str) -> Option<LimitReached> {
        let mut told = self.session.place.entries().into_iter().filter_map(|entry| {
            (entry.change.kind() == kind).then_some(())?;
            match entry.change {
                Change::LimitWarning(reached) | Change::LimitExceeded(reached) => Some(reached),
                _ => None,
            }
        });
        let first = told.next();
        assert_eq!(told.next(), None, "told once");
        first
    }

    fn held(&self) -> Vec<HeldLimit> {
        match &self.session.place.entries()[0].change {
            Change::AttemptStarted(started) => started.limits.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the end, which must be the limit's and leave nothing behind.
    fn finish(&mut self, limit: LimitKind) -> (AttemptExited, LimitReached) {
        let folder = self.session.place.path().to_str().unwrap().to_owned();
        let exited = self.session.finish();
        assert_eq!(exited.limit, Some(limit), "{:?}", self.session.place.entries());
        assert!(self.leaves.iter().all(|leaf| !leaf.0.exists()), "the leaves are gone");
        let alive = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
            let text = fs::read(entry.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(&folder)
        });
        assert_eq!(alive.count(), 0, "somebody survived");
        (exited, self.told("limit_exceeded").expect("it is told"))
    }
}

/// Runs a test by each mechanism; one that is missing here is named.
fn by_each(mechanisms: &[Mechanism], test: impl Fn(Mechanism) -> Option<()>) {
    for mechanism in mechanisms {
        if test(*mechanism).is_none() {
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            eprintln!("SKIPPED: {test} by {}: no such group can be made here", mechanism.as_str());
        }
    }
}

fn memory(bytes: u64) -> Limits {
    Limits { memory: Some(bytes), ..Limits::default() }
}

#[test]
fn memory_is_warned_of_and_then_held() {
    by_each(&[Mechanism::CgroupV1, Mechanism::Sampling], |mechanism| {
        // `tail` keeps what has no line end.
        let text = "{ head -c 85000000 /dev/zero; read line </dev/tty; head -c 900000000 \
                    /dev/zero; read line </dev/tty; } | tail >/dev/null";
        let mut held = Held::start(text, memory(100_000_000), mechanism)?;
        let value = 100_000_000;
        assert_eq!(held.held(), [HeldLimit { limit: LimitKind::Memory, value, mechanism }]);
        let warning = held.until_told("limit_warning");
        assert!((80_000_000..100_000_000).contains(&warning.value), "{warning:?}");
        assert_eq!((warning.max, warning.mechanism), (100_000_000, mechanism));
        assert_eq!(warning.largest[0].comm, "tail", "{warning:?}");
        assert!(held.told("limit_exceeded").is_none());

        held.session.terminal().type_in(b"\n");
        let (exited, reached) = held.finish(LimitKind::Memory);

        assert!(reached.value > 100_000_000, "{reached:?}");
        // It was found before it was twice as much, however fast it grew.
        assert!(reached.value < 500_000_000, "{reached:?}");
        assert_eq!(reached.largest[0].comm, "tail", "{reached:?}");
        assert!(reached.largest.len() <= 3);
        assert!(exited.usage.cpu_ms.is_some());
        Some(())
    });
}

#[test]
fn memory_that_many_share_counts_once() {
    by_each(&[Mechanism::Sampling], |mechanism| {
        // Nine shells with one copy of 20 MB: each by itself they would have 180.
        let text = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); for n in 1 2 3 4 5 6 7 8; do \
                    (sleep 1000; :) & done; echo ready; read line; exit 0";
        let mut held = Held::start(text, memory(120 * MIB), mechanism)?;
        held.session.until_screen_shows("ready");
        held.session.terminal().type_in(b"four\n");
        let exited = held.session.finish();
        assert_eq!(exited.limit, None, "{:?}", held.session.place.entries());
        Some(())
    });
}

#[test]
fn files_that_were_read_are_nobodys_memory() {
    by_each(&[Mechanism::CgroupV1], |mechanism| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let text =
            format!("head -c 150000000 /dev/zero >'{0}'; cat '{0}' >/dev/null", file.display());
        let mut held = Held::start(&text, memory(64 * MIB), mechanism)?;
        let exited = held.session.finish();
        assert_eq!((exited.limit, exited.ending.exit_code()), (None, Some(0)));
        Some(())
    });
}

#[test]
fn what_the_kernel_kills_for_memory_has_met_its_limit() {
    by_each(&[Mechanism::CgroupV1], |mechanism| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("go");
        let text = format!(
            "echo ready; until [ -e '{}' ]; do sleep 0.01; done; exec tail /dev/zero",
            file.display()
        );
        let mut held = Held::start(&text, memory(50 * MIB), mechanism)?;
        held.session.until_screen_shows("ready");
        let command = Watch::new(held.session.pid());
        let holder = Pid::from_child(&held.session.holder);
        // The holder does not get to look.
        kill_process(holder, Signal::STOP).unwrap();
        fs::write(&file, "").unwrap();
        assert!(command.ends());
        kill_process(holder, Signal::CONT).unwrap();
        let (exited, reached) = held.finish(LimitKind::Memory);
        assert_eq!(exited.ending.signal(), Some(libc::SIGKILL));
        assert!(reached.value >= 50 * MIB, "{reached:?}");
        Some(())
    });
}

#[test]
fn who_takes_more_memory_while_asked_to_end_is_not_asked_for_long() {
    by_each(&[Mechanism::CgroupV1, Mechanism::Sampling], |mechanism| {
        let mut spec = script("trap '' TERM HUP; tail /dev/zero");
        spec.grace_ms = 3_600_000;
        let mut held = Held::start_spec(spec, memory(50 * MIB), mechanism)?;
        held.finish(LimitKind::Memory);
        Some(())
    });
}

#[test]
fn a_fork_bomb_is_ended_and_nothing_of_it_is_left() {
    // Never without a fence: a bomb that is not caught would be everybody's.
    let Some(_fence) = Fence::around_this_process(1500) else {
        eprintln!("SKIPPED: a fork bomb: no cgroup v1 of processes can be made here");
        return;
    };
    by_each(&[Mechanism::CgroupV1, Mechanism::Sampling], |mechanism| {
        let mut spec = script("trap '' TERM HUP; bomb() { bomb | bomb & }; bomb; sleep 1000");
        // Found early it is few, and asked first: what then does not grow has its grace.
        spec.grace_ms = 5000;
        spec.stdio = PIPES;
        let limits = Limits { processes: Some(30), ..Limits::default() };
        let mut held = Held::start_spec(spec, limits, mechanism)?;
        let (_, reached) = held.finish(LimitKind::Processes);
        assert!(reached.value > 30, "{reached:?}");
        assert_eq!(reached.mechanism, mechanism);
        Some(())
    });
}

#[test]
fn processes_may_be_as_many_as_the_limit_says() {
    by_each(&[Mechanism::CgroupV1, Mechanism::Sampling], |mechanism| {
        let text =
            "for n in 1 2 3 4; do sleep 1000 & done; echo ready; read line; kill %1 %2 %3 %4";
        let limits = Limits { processes: Some(5), ..Limits::default() };
        let mut held = Held::start(text, limits, mechanism)?;
        let warning = held.until_told("limit_warning");
        assert!((4..=5).contains(&warning.value), "{warning:?}");
        held.session.until_screen_shows("ready");
        held.session.terminal().type_in(b"\n");
        assert_eq!(held.session.finish().limit, None);
        Some(())
    });
}

#[test]
fn cpu_time_of_the_ended_counts_too() {
    by_each(&[Mechanism::CgroupV2, Mechanism::Sampling], |mechanism| {
        // Each loop burns some, and is waited for.
        let text = "while :; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); done";
        let limits = Limits { cpu_time_ms: Some(400), ..Limits::default() };
        let mut held = Held::start(text, limits, mechanism)?;
        assert_eq!(held.held()[0].mechanism, mechanism);
        let (_, reached) = held.finish(LimitKind::CpuTime);
        assert!((400..5000).contains(&reached.value), "{reached:?}");
        let warning = held.told("limit_warning");
        assert!(warning.is_none_or(|warning| warning.value < 400));
        Some(())
    });
}

#[test]
fn output_is_held_where_it_passes() {
    for stdio in [PIPES, crate::harness::TERMINAL] {
        let mut spec = script("yes");
        spec.stdio = stdio;
        let limits = Limits { output: Some(1 << 20), ..Limits::default() };
        let mut held = Held::start_spec(spec, limits, Mechanism::Holder).unwrap();
        let (exited, reached) = held.finish(LimitKind::Output);
        assert_eq!(reached.mechanism, Mechanism::Holder);
        assert!(reached.value > 1 << 20 && exited.usage.output_bytes >= reached.value);
    }
}

#[test]
fn who_says_nothing_is_idle_and_who_is_typed_to_is_not() {
    let limits = Limits { idle_ms: Some(400), ..Limits::default() };
    let mut held = Held::start("read line; exec sleep 1000", limits, Mechanism::Holder).unwrap();
    let warning = held.until_told("limit_warning");
    assert!((320..400).contains(&warning.value), "{warning:?}");
    held.session.terminal().type_in(b"\n");
    let (_, reached) = held.finish(LimitKind::Idle);
    assert!(reached.value >= 400, "{reached:?}");
    let entries = held.session.place.entries();
    let at = |kind: &str| entries.iter().find(|e| e.change.kind() == kind).unwrap().at.boot_ns;
    // It was typed to behind the warning: the time counts from then.
    let apart = (at("limit_exceeded") - at("limit_warning")) / 1_000_000;
    assert!(apart >= 390, "{apart} ms");
}

#[test]
fn a_time_limit_warns_and_ends() {
    let limits = Limits { time_ms: Some(100), ..Limits::default() };
    let mut held = Held::start("exec sleep 1000", limits, Mechanism::Holder).unwrap();
    let (_, reached) = held.finish(LimitKind::Time);
    assert_eq!(reached.largest[0].comm, "sleep");
    assert!(held.told("limit_warning").is_some());
}
