use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use wk_holder::host;

use super::*;

fn about(processes: Vec<ProcessId>, baselines: Vec<Arc<Baseline>>, since: Moment) -> About {
    About {
        processes,
        baselines,
        cgroup: None,
        since,
        until: host::now(),
        uid: Some(0),
        working_directory: Some("/tmp".into()),
        last_lines: None,
        ending: Ending::Signaled { signal: 9, core_dumped: false },
        patience: Duration::from_secs(5),
    }
}

#[test]
fn a_first_look_is_quick_and_tells_of_screen_and_disk() {
    let me = host::identify(std::process::id()).unwrap().unwrap();
    let system = System::new();
    // The kernel's log is read from its beginning once.
    system.facts(&about(vec![me], Vec::new(), host::now()));
    let mut about = about(vec![me], vec![Arc::new(System::baseline(&me))], host::now());
    about.last_lines = Some("x: No space left on device".into());
    about.patience = QUICK;
    let began = Instant::now();
    let facts = system.facts(&about);
    assert!(began.elapsed() < 4 * QUICK, "{:?}", began.elapsed());
    let whats: Vec<&What> = facts.iter().map(|fact| &fact.what).collect();
    let has = |wanted: fn(&&&What) -> bool| whats.iter().any(|what| wanted(&what));
    assert!(has(|what| matches!(what, What::Screen(ScreenNote::NoSpace(_)))), "{whats:?}");
    assert!(has(|what| matches!(what, What::Screen(ScreenNote::DiskFree { .. }))), "{whats:?}");
    assert!(!has(|what| matches!(what, What::Waited { .. })), "it lives: {whats:?}");
}

#[test]
fn a_unit_or_login_that_it_did_not_live_in_says_nothing() {
    let mut about = about(Vec::new(), Vec::new(), host::now());
    about.cgroup = Some("/user.slice/user-7.slice/session-3.scope".into());
    let line = |note: LogNote, login: Option<&str>| unit_log::Journalled {
        time: about.until.time,
        note,
        login: login.map(str::to_owned),
    };
    let stopped = |unit: &str| {
        line(LogNote::UnitStopped { unit: unit.into(), text: "Stopping".into() }, None)
    };
    let left = |login| line(LogNote::LoggedOut { uid: None, text: "Removed".into() }, Some(login));
    assert!(of_unit(&about, stopped("user-7.slice")).is_some());
    assert!(of_unit(&about, stopped("user-70.slice")).is_none());
    assert!(of_unit(&about, left("3")).is_some());
    assert!(of_unit(&about, left("4")).is_none());
}

/// A memory cgroup of 24 MB of this test's own, where one can be made.
struct Narrow(PathBuf);

impl Narrow {
    fn new() -> Option<Self> {
        let base = PathBuf::from("/sys/fs/cgroup/memory");
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("wk-system-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let narrow = Self(path);
        fs::write(narrow.0.join("memory.limit_in_bytes"), "25165824").ok()?;
        Some(narrow)
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn an_oom_kill_is_told_by_log_and_counter_and_its_end_by_the_pidfd() {
    let Some(narrow) = Narrow::new() else {
        eprintln!("skipped: no cgroup with the memory controller can be made here");
        return;
    };
    let since = host::now();
    let mut child = Command::new("sh");
    child.args(["-c", "read line; exec tail /dev/zero"]).stdin(Stdio::piped());
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    fs::write(narrow.0.join("cgroup.procs"), child.id().to_string()).unwrap();
    let process = host::identify(child.id()).unwrap().unwrap();
    let baseline = Arc::new(System::baseline(&process));
    let _ = child.stdin.take().unwrap().write_all(b"go\n");
    child.wait().unwrap();
    let system = System::new();
    let facts = system.facts(&about(vec![process], vec![baseline], since));
    let told = |what: &What| match what {
        What::Log(LogNote::KernelOom { pid, memcg, .. }) if *pid == process.pid => {
            memcg.as_ref().is_some_and(|group| group.contains("wk-system-test"))
        }
        _ => false,
    };
    let count = |wanted: &dyn Fn(&What) -> bool| facts.iter().filter(|f| wanted(&f.what)).count();
    if system.missing().is_empty() {
        assert_eq!(count(&told), 1, "{facts:#?}");
    }
    assert_eq!(count(&|what| matches!(what, What::OomCounter { kills: 1, .. })), 1, "{facts:#?}");
    let killed = |what: &What| matches!(what, What::Waited { signal: Some(9), .. });
    let waited = |what: &What| matches!(what, What::Waited { .. });
    assert_eq!(count(&killed), count(&waited), "{facts:#?}");
}

#[test]
fn an_oom_kill_of_another_before_the_last_look_is_not_this_end() {
    let Some(narrow) = Narrow::new() else {
        eprintln!("skipped: no cgroup with the memory controller can be made here");
        return;
    };
    let start = |script: &str| {
        let mut child = Command::new("sh");
        child.args(["-c", script]).stdin(Stdio::piped());
        let child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        fs::write(narrow.0.join("cgroup.procs"), child.id().to_string()).unwrap();
        child
    };
    let (mut subject, mut other) = (start("read line"), start("read line; exec tail /dev/zero"));
    let process = host::identify(subject.id()).unwrap().unwrap();
    let baseline = Arc::new(System::baseline(&process));
    drop(other.stdin.take());
    other.wait().unwrap();
    let counts = |since| {
        let facts = System::new().facts(&about(vec![process], vec![baseline.clone()], since));
        facts.iter().filter(|fact| matches!(fact.what, What::OomCounter { .. })).count()
    };
    assert_eq!(counts(host::now()), 1, "it has risen");
    baseline.refresh();
    subject.kill().unwrap();
    subject.wait().unwrap();
    assert_eq!(counts(host::now()), 0);
}
