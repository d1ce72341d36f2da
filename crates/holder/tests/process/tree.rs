//! The session's descendants, and what becomes of them.

use std::fs;

use wk_holder::protocol::{Request, StopRequest};
use wk_model::{Change, Ending, Orphan};

use crate::{
    cgroups::Leaf,
    harness::{Place, Session, Watch, script},
};

/// Leaves a process behind that has left the session's process group and session, too.
const LEAVE: &str = "setsid sh -c 'trap \"\" TERM HUP; echo left $$; exec sleep 1000' & ";

fn left(session: &mut Session) -> u32 {
    let shown = session.until_screen_shows("left ");
    let word = shown.split("left ").nth(1).unwrap().split_whitespace().next().unwrap();
    word.parse().unwrap()
}

fn orphans(place: &Place) -> Vec<Orphan> {
    let entries = place.entries().into_iter();
    let orphans = entries.filter_map(|entry| match entry.change {
        Change::OrphanEnded(orphan) => Some(orphan),
        _ => None,
    });
    orphans.collect()
}

#[test]
fn leftovers_are_ended_and_told() {
    let mut spec = script(&format!("{LEAVE} read line"));
    spec.grace_ms = 50;
    let mut session = Session::start(&spec);
    let pid = left(&mut session);
    let leftover = Watch::new(pid);
    session.terminal().type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(!leftover.is_alive());
    let told = orphans(&session.place);
    let told = told.iter().find(|orphan| orphan.process.pid == pid).expect("it is told");
    assert_eq!(told.signal, Some(libc::SIGKILL));
    assert_eq!(told.command, ["sleep", "1000"]);
    let entries = session.place.entries();
    assert!(entries.iter().map(|entry| entry.number).eq(1..=entries.len() as u64));
    assert!(matches!(entries[1].change, Change::AttemptExited(_)), "the exit comes first");
}

#[test]
fn leftovers_are_kept_where_that_is_asked_for() {
    let mut spec = script(&format!("{LEAVE} read line"));
    spec.keep_descendants = true;
    let mut session = Session::start(&spec);
    let leftover = Watch::new(left(&mut session));
    session.terminal().type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(leftover.is_alive());
    assert_eq!(orphans(&session.place), []);
    leftover.kill();
}

#[test]
fn a_stop_reaches_who_has_left_the_session_and_who_forks_on() {
    let fork = "setsid sh -c 'trap \"\" TERM HUP; i=0; while [ $((i += 1)) -lt 3000 ]; do (sleep 0.01 &) ; done' & ";
    let mut session =
        Session::start(&script(&format!("trap '' TERM HUP; {fork} {LEAVE} wait; wait")));
    let leftover = Watch::new(left(&mut session));
    session.control.ask(&Request::Stop(StopRequest { grace_ms: 1 }));
    assert!(session.ending().signal().is_some());
    assert!(!leftover.is_alive());
    let id = "WK_SESSION_ID=";
    let alive = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let of_session = |text: Vec<u8>| {
            let folder = session.place.path().to_str().unwrap().to_owned();
            String::from_utf8_lossy(&text).contains(&folder)
        };
        fs::read(entry.path().join("environ")).is_ok_and(of_session)
    });
    assert_eq!(alive.count(), 0, "{id}");
}

#[test]
fn a_leaf_holds_the_tree_and_goes_with_it() {
    let Some(leaf) = Leaf::unified() else {
        eprintln!("skipped: no cgroup v2 leaf can be made here");
        return;
    };
    let mut spec = script(&format!("{LEAVE} cat /proc/self/cgroup; read line"));
    spec.grace_ms = 50;
    let place = Place::new(&spec);
    let mut launch = place.launch();
    launch.cgroup = Some(crate::harness::os(leaf.0.to_str().unwrap()));
    let mut session = Session::launch(place, &launch);
    let leftover = Watch::new(left(&mut session));
    let name = leaf.0.file_name().unwrap().to_str().unwrap().to_owned();
    session.until_screen_shows(&name);
    let entries = session.place.entries();
    let Change::AttemptStarted(started) = &entries[0].change else { panic!("{entries:?}") };
    assert!(started.cgroup.as_ref().is_some_and(|cgroup| cgroup.ends_with(&name)), "{started:?}");
    let holders = fs::read_to_string(format!("/proc/{}/cgroup", session.holder.id())).unwrap();
    assert!(!holders.contains(&name), "the holder stays outside");
    session.terminal().type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    assert!(!leftover.is_alive());
    assert!(!leaf.0.exists());
}
