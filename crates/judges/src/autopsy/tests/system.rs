//! The kernel's OOM killer, and the system's keepers.

use wk_model::{Cause::*, Confidence::*, SeenProcess};

use super::make::*;
use crate::autopsy::{Evidence, Fact, LogNote, Shared, What, examine};

const LEAF: &str = "/user.slice/user-1000.slice/wk.service/s1";

fn log(note: LogNote) -> Fact {
    Fact { source: "kernel log".into(), ..fact(3, What::Log(note)) }
}

fn oom(pid: u32, memcg: Option<&str>) -> Fact {
    log(LogNote::KernelOom { pid, comm: "node".into(), memcg: memcg.map(str::to_owned) })
}

fn counter(cgroup: &str, kills: u64) -> Fact {
    fact(0, What::OomCounter { cgroup: cgroup.into(), kills })
}

fn systemd() -> SeenProcess {
    SeenProcess { uid: 0, ancestry: Vec::new(), ..outsider(1, "systemd --system") }
}

#[test]
fn the_kernels_oom_killer_has_no_culprit() {
    let neighbour = || outsider(4711, "stress --vm 1");
    let struck = || seen(3, kernel(9, LEADER, neighbour()));
    check(vec![
        (
            "in a cgroup",
            evidence(by_signal(9), vec![struck(), victim(2, LEADER), oom(LEADER, Some(LEAF))]),
            OomCgroup,
            Certain,
            None,
        ),
        (
            "in a cgroup, by its counter",
            evidence(by_signal(9), vec![struck(), victim(2, LEADER), counter(LEAF, 1)]),
            OomCgroup,
            Certain,
            None,
        ),
        (
            "for the machine",
            evidence(by_signal(9), vec![struck(), victim(2, LEADER), oom(LEADER, None)]),
            OomSystem,
            Certain,
            None,
        ),
        (
            "nobody says which",
            evidence(by_signal(9), vec![struck(), victim(2, LEADER)]),
            OomSystem,
            Likely,
            None,
        ),
        (
            "its child, and it passed that on",
            evidence(by_code(137), vec![victim(9, CHILD), oom(CHILD, Some(LEAF))]),
            OomCgroup,
            Certain,
            None,
        ),
        (
            "its child, and it failed otherwise",
            evidence(by_code(1), vec![victim(9, CHILD), oom(CHILD, Some(LEAF))]),
            Failed,
            Likely,
            None,
        ),
        (
            "another's victim",
            evidence(by_signal(9), vec![victim(9, 999), sent(2, 9, LEADER, neighbour())]),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "somebody killed what was chosen as well",
            evidence(by_signal(9), vec![sent(4, 9, LEADER, neighbour()), victim(2, LEADER)]),
            Killed,
            Likely,
            Some(4711),
        ),
        (
            "the log names it, no witness",
            unseen(by_signal(9), vec![oom(LEADER, Some(LEAF))]),
            OomCgroup,
            Certain,
            None,
        ),
        (
            "only the counter, no witness",
            unseen(by_signal(9), vec![counter("/sys/fs/cgroup/user.slice", 2)]),
            OomCgroup,
            Likely,
            None,
        ),
        (
            "the counter of another cgroup, no witness",
            unseen(by_signal(9), vec![counter("/user.slice/user-1000.slice/wk.service/s10", 2)]),
            Killed,
            Likely,
            None,
        ),
    ]);
    let found = examine(&evidence(by_signal(9), vec![victim(2, LEADER), oom(LEADER, Some("/a"))]));
    assert_eq!(found.shared, Some(Shared::Cgroup("/a".into())));
}

#[test]
fn keepers_of_the_system_are_told_from_killers() {
    let oomd = || LogNote::OomDaemon {
        daemon: "systemd-oomd".into(),
        pid: None,
        unit: Some("wk.service".into()),
        text: "Killed wk.service due to memory pressure".into(),
    };
    let unit =
        |unit: &str| log(LogNote::UnitStopped { unit: unit.into(), text: "Stopping".into() });
    let out = |uid| log(LogNote::LoggedOut { uid: Some(uid), text: "Session 3 logged out".into() });
    let early = SeenProcess { uid: 0, ..outsider(640, "earlyoom -m 5") };
    check(vec![
        (
            "earlyoom",
            evidence(by_signal(15), vec![sent(4, 15, LEADER, early)]),
            OomDaemon,
            Certain,
            Some(640),
        ),
        ("systemd-oomd's log", unseen(by_signal(9), vec![log(oomd())]), OomDaemon, Likely, None),
        (
            "a unit, by systemd's hand and word",
            evidence(by_signal(15), vec![sent(4, 15, LEADER, systemd()), unit("wk.service")]),
            ServiceStopped,
            Certain,
            None,
        ),
        (
            "a unit, by its word",
            unseen(by_signal(15), vec![unit("wk.service")]),
            ServiceStopped,
            Likely,
            None,
        ),
        ("another unit", unseen(by_signal(15), vec![unit("s.service")]), Killed, Likely, None),
        (
            "a unit that stops, and somebody who was quicker",
            evidence(
                by_signal(9),
                vec![sent(4, 9, LEADER, outsider(4711, "kill -9 100")), unit("wk.service")],
            ),
            Killed,
            Certain,
            Some(4711),
        ),
        (
            "a unit with its holder in it",
            evidence(
                wk_model::Ending::HolderLost,
                vec![sent(9, 15, HOLDER, systemd()), unit("wk.service")],
            ),
            ServiceStopped,
            Certain,
            None,
        ),
        (
            "systemd, and no log",
            evidence(by_signal(15), vec![sent(4, 15, LEADER, systemd())]),
            ServiceStopped,
            Likely,
            None,
        ),
        (
            "logged out",
            evidence(by_signal(15), vec![sent(4, 15, LEADER, systemd()), out(1000)]),
            LoggedOut,
            Certain,
            None,
        ),
        ("logged out, unseen", unseen(by_signal(9), vec![out(1000)]), LoggedOut, Likely, None),
        ("another's log-out", unseen(by_signal(9), vec![out(7)]), Killed, Likely, None),
        ("a clean end meanwhile", unseen(by_code(0), vec![out(1000)]), Completed, Certain, None),
    ]);
}

#[test]
fn a_limit_of_ours_is_no_oom_kill() {
    let evidence = Evidence {
        limit: Some(wk_model::LimitReached {
            attempt: 1,
            limit: wk_model::LimitKind::Memory,
            max: 1,
            value: 2,
            mechanism: wk_model::Mechanism::CgroupV2,
            largest: Vec::new(),
        }),
        ..evidence(by_signal(9), vec![counter(LEAF, 1)])
    };
    check(vec![("ours", evidence, LimitMemory, Certain, None)]);
}
