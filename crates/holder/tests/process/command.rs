//! What the command is given, and how its end is told.

use std::{fs, os::unix::fs::PermissionsExt};

use wk_holder::spec::ResourceLimit;
use wk_model::{Change, Ending};

use crate::harness::{PIPES, Place, Session, os, script, spec};

#[test]
fn an_exit_code_is_told() {
    let mut session = Session::start(&script("exit 3"));
    assert_eq!(session.ending(), Ending::Exited { code: 3 });
    let kinds: Vec<_> =
        session.place.entries().iter().map(|e| e.change.kind().to_owned()).collect();
    assert_eq!(kinds, ["attempt_started", "attempt_exited"]);
}

#[test]
fn a_signal_is_told() {
    let mut session = Session::start(&script("kill -SEGV $$"));
    let Ending::Signaled { signal, .. } = session.ending() else { panic!("not signaled") };
    assert_eq!(signal, libc::SIGSEGV);
}

#[test]
fn the_start_tells_who_runs_and_who_holds() {
    let mut session = Session::start(&script("read line"));
    let status = session.status().clone();
    assert_eq!(status.holder.pid, session.holder.id());
    let entries = session.place.entries();
    let Change::AttemptStarted(started) = &entries[0].change else { panic!("{entries:?}") };
    assert_eq!((started.process, started.holder), (status.process, Some(status.holder)));
    assert_eq!((started.cols, started.rows), (80, 24));
    let line = fs::read(format!("/proc/{}/cmdline", session.holder.id())).unwrap();
    assert_eq!(line, b"wk-holder\0");
    let mut client = session.terminal();
    client.type_in(b"\n");
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
}

#[test]
fn a_command_that_is_not_there_is_127() {
    for command in ["no-such-command-here", "/no/such/file"] {
        let mut session = Session::start(&spec(&[command]));
        assert_eq!(session.status().process, None);
        assert!(session.status().ended.is_some());
        let Ending::ExecFailed { code, error } = session.ending() else { panic!("it ran") };
        assert_eq!(code, 127);
        assert!(error.contains(command), "{error}");
        assert_eq!(session.place.entries().len(), 1, "it never started");
    }
}

#[test]
fn what_cannot_be_executed_is_126_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let long = "x".repeat(10 << 20);
    let mut gone = spec(&["true"]);
    gone.working_directory = os("/no/such/directory");
    for (spec, why) in [
        (spec(&[&file("plain", "x", 0o644)]), "may not be executed"),
        (spec(&[&file("script", "#!/no/such/interpreter\n", 0o755)]), "interpreter"),
        (spec(&["echo", &long]), "too long"),
        (gone, "/no/such/directory"),
    ] {
        let mut session = Session::start(&spec);
        let Ending::ExecFailed { code, error } = session.ending() else { panic!("it ran") };
        assert_eq!(code, 126, "{error}");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_script_without_a_first_line_is_the_shells() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    fs::write(&path, "echo \"[$0 $1]\"; exit 4").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut spec = spec(&["script", "word"]);
    spec.environment = vec![os(format!("PATH=/nowhere:{}", dir.path().to_str().unwrap()))];
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 4 });
    let recorded = session.place.recorded();
    assert!(recorded.contains(&format!("[{} word]", path.to_str().unwrap())), "{recorded}");
}

#[test]
fn the_callers_world_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let mut spec = script("pwd; umask; ulimit -n; ulimit -c; env | od -An -c");
    spec.stdio = PIPES;
    spec.working_directory = os(dir.to_str().unwrap());
    spec.umask = 0o027;
    spec.environment.push(os(*b"ODD=\xff\xfe"));
    spec.environment.push(os("WK_ATTEMPT=99"));
    spec.limits = vec![
        ResourceLimit { resource: libc::RLIMIT_NOFILE, soft: Some(77), hard: Some(88) },
        ResourceLimit { resource: libc::RLIMIT_CORE, soft: Some(0), hard: None },
    ];
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    let recorded = session.place.recorded();
    let lines: Vec<_> = recorded.lines().collect();
    assert_eq!(lines[..4], [dir.to_str().unwrap(), "0027", "77", "0"]);
    let environment: String = lines[4..].concat().chars().filter(|c| *c != ' ').collect();
    assert!(environment.contains("ODD=377376\\n"), "{environment}");
    assert!(environment.contains("WK_ATTEMPT=1\\n") && !environment.contains("WK_ATTEMPT=99"));
    assert!(environment.contains(&format!("WK_SESSION_ID={}\\n", spec.session_id)));
}

#[test]
fn signals_and_descriptors_start_fresh() {
    let mut spec = script("grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l");
    spec.stdio = PIPES;
    let mut session = Session::start(&spec);
    assert_eq!(session.ending(), Ending::Exited { code: 0 });
    let recorded = session.place.recorded();
    let lines: Vec<_> = recorded.lines().collect();
    for line in &lines[..2] {
        assert!(line.ends_with("0000000000000000"), "{recorded}");
    }
    // 0, 1, 2 and the folder that `ls` reads.
    assert_eq!(lines[2].trim(), "4", "{recorded}");
}

#[test]
fn what_a_command_used_is_told() {
    let mut session =
        Session::start(&script("echo hello; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"));
    let usage = session.finish().usage;
    assert_eq!(usage.output_bytes, "hello\r\n".len() as u64);
    assert!(usage.cpu_ms.is_some() && usage.max_rss_bytes.unwrap() > 100_000);
    assert!(usage.last_activity.is_some());
    let gauges = wk_holder::gauge::Gauges::read(session.place.path()).unwrap().unwrap();
    assert_eq!(gauges.output_bytes, usage.output_bytes);
    assert!(gauges.recorded_bytes > 0);
}

#[test]
fn a_spec_of_no_use_is_refused() {
    for (text, mode, why) in [(&b"{"[..], 0o600, "understood"), (b"{}", 0o644, "0600")] {
        let place = Place::new(&script("true"));
        place.write_spec(text, mode);
        let launch = place.launch();
        let mut session = Session::launch(place, &launch);
        let wk_holder::protocol::Reply::Refused(reason) = &session.launched else {
            panic!("{:?}", session.launched)
        };
        assert!(reason.contains(why), "{reason}");
        assert!(session.wait().success());
        assert!(session.place.entries().is_empty());
    }
}
