//! Many sessions: no more run than may, the others wait for their turn, and everybody gets one.

use std::{
    fs::{self, File},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wk_api::SessionView;
use wk_model::{Phase, Status};
use wk_tests::{Events, Outcome, Session, TestDaemon, Watch, within};

/// Says that it has started, and runs until the test lets it go.
const UNTIL_GO: &str = "echo $WK_SESSION_ID >> started; until [ -e go ]; do sleep 0.05; done";

async fn at_most(most: u32) -> TestDaemon {
    let wk = TestDaemon::new();
    wk.configure(&format!("[session]\nmax_concurrent = {most}\n"));
    wk.ok(["daemon", "start"]).await;
    wk
}

fn started(wk: &TestDaemon) -> Vec<String> {
    let text = fs::read_to_string(wk.work().join("started")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn go(wk: &TestDaemon) {
    File::create(wk.work().join("go")).unwrap();
}

async fn sessions(wk: &TestDaemon, count: u32, script: &str) -> Vec<Session> {
    let count = count.to_string();
    let ids = wk.ok(["run", "-d", "--count", &count, "--", "sh", "-c", script]).await;
    ids.lines().map(|id| wk.session(id)).collect()
}

async fn queued(wk: &TestDaemon, words: &[&str]) -> Session {
    let session = wk.run(words).await;
    let view = session.view().await;
    assert_eq!((view.phase, view.status), (Phase::Queued, None), "{view:?}");
    session
}

async fn until(events: &mut Events, session: &Session, kind: &str) {
    events
        .until(|event| {
            event.kind == kind && event.session_id.as_deref() == Some(session.id.as_str())
        })
        .await;
}

/// The most sessions that ran at a time, by the order of the journal.
fn most_at_a_time(journal: &[Value]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for event in journal {
        match event["kind"].as_str() {
            Some("attempt_started") => now += 1,
            Some("attempt_exited") => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

fn ids<'a>(journal: &'a [Value], kind: &str) -> Vec<&'a str> {
    let of_kind = journal.iter().filter(|event| event["kind"] == kind);
    of_kind.filter_map(|event| event["session_id"].as_str()).collect()
}

#[tokio::test]
async fn no_more_run_than_may_and_who_came_first_runs_first() {
    let wk = at_most(2).await;
    let mut all = Vec::new();
    for number in 0..6 {
        all.push(wk.script(&format!("{UNTIL_GO}; echo {number}")).await);
    }
    let mut views = Vec::new();
    for session in &all {
        views.push(session.view().await);
    }
    let phases: Vec<Phase> = views.iter().map(|view| view.phase).collect();
    assert_eq!(phases[..2], [Phase::Running; 2]);
    assert_eq!(phases[2..], [Phase::Queued; 4]);
    assert_eq!(views[2].waits_for.as_deref(), Some("a free slot"));
    assert!(views[2].pid.is_none() && views[0].waits_for.is_none());
    let list = wk.ok(["ls"]).await;
    assert!(list.contains("WAITS FOR") && list.contains("a free slot"), "{list}");
    let shown = wk.ok(["show", &all[5].id]).await;
    assert!(shown.contains("waits for    a free slot"), "{shown}");
    let refused = wk.wk(["send", &all[5].id, "x"]).await.failed(1);
    assert!(refused.contains("waits for its turn"), "{refused}");

    go(&wk);
    for session in &all {
        assert_eq!(session.ended().await.status, Some(Status::Completed));
    }
    let journal = wk.journal().await;
    assert_eq!(most_at_a_time(&journal), 2);
    let order: Vec<&str> = all.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids(&journal, "session_created"), order);
    assert_eq!(ids(&journal, "session_queued"), order[2..]);
    assert_eq!(ids(&journal, "session_closed").len(), 6);
    assert!(ids(&journal, "transition_refused").is_empty());
    assert_eq!(started(&wk).len(), 6);
}

#[tokio::test]
async fn a_queue_survives_daemons_that_are_killed() {
    let mut wk = at_most(2).await;
    wk.expect_trouble();
    let all = sessions(&wk, 7, UNTIL_GO).await;
    assert_eq!(all.len(), 7);
    for _ in 0..2 {
        wk.kill().await;
        wk.ok(["daemon", "start"]).await;
        let views = wk.sessions().await;
        let count = |phase| views.iter().filter(|view| view.phase == phase).count();
        assert_eq!((count(Phase::Running), count(Phase::Queued)), (2, 5));
    }
    go(&wk);
    // In the middle of it, too.
    all[2].ended().await;
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    for session in &all {
        let view = session.ended().await;
        assert_eq!((view.status, view.attempt), (Some(Status::Completed), 1), "{view:?}");
    }
    let mut started = started(&wk);
    started.sort_unstable();
    started.dedup();
    assert_eq!(started.len(), 7, "each ran");
    let journal = wk.journal().await;
    assert_eq!(ids(&journal, "attempt_started").len(), 7, "and ran once");
    assert!(most_at_a_time(&journal) <= 2);
}

#[tokio::test]
async fn a_queued_session_can_be_cancelled_and_waited_for() {
    let wk = at_most(1).await;
    let first = wk.script(UNTIL_GO).await;
    let second = queued(&wk, &["--name", "second", "--", "sh", "-c", UNTIL_GO]).await;
    let third = queued(&wk, &["--", "sh", "-c", "echo third"]).await;
    let waits = wk.call(["wait", "second"]).stdout(Stdio::null()).spawn().unwrap();
    assert!(wk.ok(["stop", "second"]).await.contains("stopped second"));
    let view = second.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Cancelled), 0));
    assert_eq!(view.error.as_deref(), Some("stopped before its turn came"));
    let waits = within("wk wait", tokio::task::spawn_blocking(|| waits.wait_with_output())).await;
    assert_eq!(waits.unwrap().unwrap().status.code(), Some(1));
    go(&wk);
    first.ended().await;
    assert_eq!(third.ended().await.status, Some(Status::Completed));
    assert_eq!(started(&wk), [first.id.as_str()]);
    let journal = wk.journal().await;
    assert_eq!(ids(&journal, "session_closed").len(), 3);
    // A name that was given up is free, and a session that never ran can be asked for again.
    wk.ok(["restart", "second"]).await;
    assert_eq!(second.ended().await.status, Some(Status::Completed));
    assert_eq!(ids(&wk.journal().await, "session_closed").len(), 4);
}

#[tokio::test]
async fn who_runs_a_queued_session_waits_with_it() {
    let wk = at_most(1).await;
    let first = wk.script(UNTIL_GO).await;
    let mut events = wk.events().await;
    let mut call = wk.call(["run", "--", "sh", "-c", "read word; echo got $word; exit 5"]);
    call.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = call.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"bread\n").unwrap();
    events.until(|event| event.kind == "session_queued").await;
    go(&wk);
    Watch::new(child.id()).ended().await;
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "got bread\n", "{said}");
    assert_eq!(output.status.code(), Some(5));
    assert!(said.contains("waits for a free slot"), "{said}");
    first.ended().await;
}

#[tokio::test]
async fn ctrl_c_cancels_a_session_whose_turn_has_not_come() {
    let wk = at_most(1).await;
    let first = wk.script(UNTIL_GO).await;
    let mut events = wk.events().await;
    let mut call = wk.call(["run", "--", "sh", "-c", UNTIL_GO]);
    call.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = call.spawn().unwrap();
    // Once it says so, it listens.
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let said = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        (line, said)
    });
    let (line, _open) = within("a word on stderr", said).await.unwrap();
    assert!(line.contains("Ctrl-C cancels it"), "{line}");
    let queued = events.until(|event| event.kind == "session_queued").await;
    let session = wk.session(queued.session_id.as_deref().unwrap());
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    Watch::new(child.id()).ended().await;
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(session.ended().await.status, Some(Status::Cancelled));
    go(&wk);
    first.ended().await;
    assert_eq!(started(&wk), [first.id.as_str()]);
}

#[tokio::test]
async fn a_session_starts_after_another_has_ended_well() {
    let wk = TestDaemon::start().await;
    let first = wk.run(["--name", "build", "--", "sh", "-c", UNTIL_GO]).await;
    let then =
        queued(&wk, &["--name", "test", "--after", "build", "--", "sh", "-c", "echo x"]).await;
    let last = queued(&wk, &["--after", "test", "--", "true"]).await;
    let want = format!("the end of session {}", first.id);
    assert_eq!(then.view().await.waits_for, Some(want));
    go(&wk);
    assert_eq!(last.ended().await.status, Some(Status::Completed));
    let [first, then, last] = [first.view().await, then.view().await, last.view().await];
    assert!(first.end_time <= then.end_time && then.end_time <= last.end_time);
    // One that has ended well is waited for no longer.
    let late = wk.run(["--after", &first.session_id, "--", "true"]).await;
    assert_eq!(late.ended().await.status, Some(Status::Completed));
}

#[tokio::test]
async fn what_waits_for_a_session_that_fails_is_cancelled_and_says_why() {
    let wk = TestDaemon::start().await;
    let script = format!("{UNTIL_GO}; exit 3");
    let first = wk.run(["--name", "build", "--", "sh", "-c", &script]).await;
    let then = queued(&wk, &["--name", "test", "--after", "build", "--", "touch", "ran"]).await;
    let last = queued(&wk, &["--after", "test", "--", "touch", "ran"]).await;
    go(&wk);
    for (session, other, how) in [(&then, &first, "failed"), (&last, &then, "cancelled")] {
        let view = session.ended().await;
        assert_eq!((view.status, view.attempt), (Some(Status::Cancelled), 0));
        let want = format!("session {}, which had to end well first, is {how}", other.id);
        assert_eq!(view.error.as_deref(), Some(want.as_str()));
    }
    // The same, whenever it is asked for.
    let late = wk.wk(["run", "--after", "build", "--", "touch", "ran"]).await.failed(1);
    assert!(late.contains("which had to end well first, is failed"), "{late}");
    let unknown = wk.wk(["run", "-d", "--after", "nobody", "--", "true"]).await.failed(1);
    assert!(unknown.contains("no session `nobody`"), "{unknown}");
    assert!(!wk.work().join("ran").exists());
    let journal = wk.journal().await;
    assert_eq!(ids(&journal, "session_closed").len(), 4);
    assert!(ids(&journal, "transition_refused").is_empty());
}

#[tokio::test]
async fn a_recovering_session_keeps_its_slot() {
    let wk = at_most(1).await;
    let script = "echo $WK_SESSION_ID >> started; test $WK_ATTEMPT = 3";
    let words = ["--retries", "2", "--retry-delay", "300ms", "--", "sh", "-c", script];
    let first = wk.run(words).await;
    let second = wk.script("echo $WK_SESSION_ID >> started").await;
    second.ended().await;
    assert_eq!(first.view().await.status, Some(Status::Completed));
    let [first, second] = [first.id.as_str(), second.id.as_str()];
    assert_eq!(started(&wk), [first, first, first, second]);
}

#[tokio::test]
async fn settings_that_are_read_again_let_more_run() {
    let wk = at_most(1).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(wk.script(UNTIL_GO).await);
    }
    let mut events = wk.events().await;
    wk.configure("[session]\nmax_concurrent = 2\n");
    wk.ok(["config", "reload"]).await;
    until(&mut events, &all[1], "attempt_started").await;
    assert_eq!(all[2].view().await.phase, Phase::Queued);
    wk.configure("");
    wk.ok(["config", "reload"]).await;
    until(&mut events, &all[2], "attempt_started").await;
    go(&wk);
    for session in &all {
        session.ended().await;
    }
}

#[tokio::test]
async fn a_restart_waits_for_its_turn_too() {
    let wk = at_most(1).await;
    let first = wk.script("exit 4").await;
    first.ended().await;
    let second = wk.script(UNTIL_GO).await;
    let text = wk.ok(["restart", &first.id]).await;
    assert!(text.contains("waits for a free slot"), "{text}");
    let view = first.view().await;
    assert_eq!((view.phase, view.attempt), (Phase::Queued, 1));
    go(&wk);
    second.ended().await;
    let view = first.ended().await;
    assert_eq!((view.attempt, view.exit_code), (2, Some(4)));
    assert_eq!(ids(&wk.journal().await, "session_closed").len(), 3);
}

#[tokio::test]
async fn stopping_all_starts_nobody() {
    let wk = at_most(2).await;
    let all = sessions(&wk, 8, UNTIL_GO).await;
    wk.ok(["stop", "--all", "--grace", "0s"]).await;
    for session in &all {
        assert_eq!(session.ended().await.status, Some(Status::Cancelled));
    }
    assert_eq!(ids(&wk.journal().await, "attempt_started").len(), 2);
}

#[tokio::test]
async fn many_from_one_call_have_names_and_labels_to_act_on() {
    let wk = TestDaemon::start().await;
    let words = ["run", "-d", "--count", "3", "--name", "w", "-l", "team=x", "--format", "json"];
    let mut call = wk.call(words);
    call.args([
        "--",
        "sh",
        "-c",
        "trap 'echo told' USR1; while :; do read word && echo got $word; done",
    ]);
    let views: Vec<SessionView> =
        serde_json::from_str(&Outcome::of(call).await.ok()).expect("sessions as JSON");
    let names: Vec<_> = views.iter().map(|view| view.name.clone().unwrap()).collect();
    assert_eq!(names, ["w-1", "w-2", "w-3"]);
    let other = wk.run(["--", "cat"]).await;
    wk.ok(["send", "-l", "team=x", "bread", "--enter"]).await;
    for view in &views {
        wk.session(&view.session_id).until_shows("got bread").await;
    }
    wk.ok(["signal", "-l", "team=x", "USR1"]).await;
    for view in &views {
        wk.session(&view.session_id).until_shows("told").await;
    }
    assert_eq!(other.screen().await.trim(), "");
    let none = wk.wk(["send", "-l", "team=x"]).await;
    assert!(none.code == 2 && none.stderr.contains("say what to type"), "{none}");
    let taken = wk.wk(["run", "-d", "--count", "2", "--name", "w", "--", "true"]).await.failed(1);
    assert!(taken.contains("`w-1` belongs to a living session"), "{taken}");
    let long = "n".repeat(63);
    let long = wk.wk(["run", "-d", "--count", "2", "--name", &long, "--", "true"]).await.failed(2);
    assert!(long.contains("the name of session 2"), "{long}");
}

#[tokio::test]
async fn the_least_loaded_instance_gets_the_next_session_with_its_variables_and_folder() {
    let wk = TestDaemon::new();
    let other = wk.path().join("other");
    fs::create_dir(&other).unwrap();
    wk.configure(&format!(
        "[template.t]\ncommand = [\"sh\", \"-c\", \"{{args}}\"]\nretries = 0\nenv.ACCOUNT = \"none\"\n\
         [[template.t.instance]]\nname = \"one\"\nenv.ACCOUNT = \"first\"\nmax_concurrent = 1\n\
         [[template.t.instance]]\nname = \"two\"\nenv.ACCOUNT = \"second\"\ncwd = \"{}\"\nmax_concurrent = 1\n",
        other.display(),
    ));
    let script =
        format!("echo $ACCOUNT in $(basename $PWD); cd {}; {UNTIL_GO}", wk.work().display());
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(wk.run(["-t", "t", "--", &script]).await);
    }
    all[0].until_shows("first in work").await;
    all[1].until_shows("second in other").await;
    assert_eq!(all[2].view().await.waits_for.as_deref(), Some("a free slot of t"));
    let list = wk.wk(["instances", "--format", "json"]).await.json();
    assert_eq!((list[0]["instance"].as_str(), list[0]["running"].as_u64()), (Some("one"), Some(1)));
    go(&wk);
    for session in &all {
        assert_eq!(session.ended().await.status, Some(Status::Completed));
    }
}

#[tokio::test]
async fn an_instance_on_which_sessions_fail_gets_none_until_it_is_reset() {
    let wk = TestDaemon::new();
    wk.configure(
        "[template.t]\ncommand = [\"sh\", \"-c\", \"{args}\"]\nretries = 0\n\
         [[template.t.instance]]\nname = \"one\"\n",
    );
    for _ in 0..5 {
        wk.run(["-t", "t", "--", "exit 3"]).await.ended().await;
    }
    let mut events = wk.events().await;
    events.until(|event| event.kind == "breaker_opened").await;
    let session = queued(&wk, &["-t", "t", "--", "exit 0"]).await;
    let want = Some("an instance of t that works".to_owned());
    assert_eq!(session.view().await.waits_for, want);
    // A new daemon knows, too.
    wk.ok(["daemon", "restart"]).await;
    assert!(wk.ok(["instances"]).await.contains("open until"));
    assert_eq!(session.view().await.phase, Phase::Queued);
    wk.ok(["instances", "--reset", "t/one"]).await;
    assert_eq!(session.ended().await.status, Some(Status::Completed));
    let unknown = wk.wk(["instances", "--reset", "t/two"]).await.failed(1);
    assert!(unknown.contains("no instance `t/two`"), "{unknown}");
}
