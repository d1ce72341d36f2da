//! A restart is one intent: a session goes on, and nobody is told that it was over.

use std::fs;

use serde_json::Value;
use wk_model::{Phase, Status};
use wk_tests::{Outcome, Session, Terminal, TestDaemon, within};

/// Says which run it is; all but the first wait for a file.
const RUNS: &str = "echo run $WK_ATTEMPT; [ $WK_ATTEMPT = 1 ] && exec sleep 1000
                    until [ -e go ]; do sleep 0.05; done";

/// Does not mind being asked to end; the next attempt does.
const STUBBORN: &str = "echo $$ >> pids
                        [ $WK_ATTEMPT = 1 ] || { echo again; exec sleep 1000; }
                        trap '' TERM HUP; echo ready; while :; do sleep 1; done";

fn go(wk: &TestDaemon) {
    fs::write(wk.work().join("go"), "").unwrap();
}

/// The session's events of one kind.
async fn told(wk: &TestDaemon, session: &Session, kind: &str) -> Vec<Value> {
    let of_it = |event: &Value| event["kind"] == kind && event["session_id"] == session.id.as_str();
    wk.journal().await.into_iter().filter(of_it).collect()
}

/// Calls `wk` while something else is done.
fn meanwhile(wk: &TestDaemon, words: &[&str]) -> tokio::task::JoinHandle<Outcome> {
    tokio::spawn(Outcome::of(wk.call(words)))
}

#[tokio::test]
async fn a_restart_is_no_end_to_dependents_waiters_rules_and_clients() {
    let wk = TestDaemon::new();
    let rule = "[[on]]\nname = \"tell\"\nevent = \"session_closed\"\nlabel = \"it=web\"\n";
    wk.configure(&format!("{rule}run = [\"sh\", \"-c\", 'echo $WK_ATTEMPT >> heard']\n"));
    let finish = "echo $WK_ATTEMPT $WK_STATUS >> told";
    let words = ["--name", "web", "-l", "it=web", "--on-finish", finish, "--", "sh", "-c", RUNS];
    let session = wk.run(words).await;
    let dependent = wk.run(["--after", "web", "--", "true"]).await;
    let waiter = meanwhile(&wk, &["wait", "web"]);
    let mut client = Terminal::open(wk.call(["attach", "web"]));
    client.until_shows("run 1").await;

    let text = wk.ok(["restart", "web", "--grace", "0s"]).await;

    assert!(text.contains("attempt 2"), "{text}");
    client.until_shows("run 2").await;
    assert_eq!(dependent.view().await.phase, Phase::Queued);
    assert!(told(&wk, &session, "session_closed").await.is_empty());
    go(&wk);
    assert_eq!(client.ended().await, 0, "{}", client.shown());
    assert_eq!(waiter.await.unwrap().code, 0);
    assert_eq!(dependent.ended().await.status, Some(Status::Completed));
    let mut events = wk.events().await;
    events.until_kind(&session.id, "on_finish_ended").await;
    for (kind, count) in [
        ("session_restarted", 1),
        ("session_closed", 1),
        ("on_finish_started", 1),
        ("attempt_exited", 2),
        ("session_stopped", 0),
        ("session_death_detected", 0),
        ("transition_refused", 0),
    ] {
        assert_eq!(told(&wk, &session, kind).await.len(), count, "{kind}");
    }
    assert_eq!(fs::read_to_string(wk.work().join("told")).unwrap(), "2 completed\n");
    let rules = async || wk.status().await.rules[0].delivered;
    let delivered = async {
        while rules().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("the rule is told", delivered).await;
    assert_eq!(fs::read_to_string(wk.path().join("heard")).unwrap(), "2\n");
    // Why the first attempt ended is known nevertheless.
    let verdicts = told(&wk, &session, "verdict_reached").await;
    let first = verdicts.iter().find(|event| event["data"]["attempt"] == 1).unwrap();
    assert_eq!(first["data"]["cause"], "stopped", "{first}");
}

#[tokio::test]
async fn a_restart_outlives_the_daemon_that_was_asked_for_it() {
    let mut wk = TestDaemon::start().await;
    wk.expect_kills();
    let session = wk.script(STUBBORN).await;
    session.until_shows("ready").await;
    let first = session.process().await;
    let mut events = wk.events().await;
    let caller = meanwhile(&wk, &["restart", &session.id, "--grace", "3s"]);
    events.until_kind(&session.id, "session_restarted").await;
    wk.kill().await;
    assert!(first.is_alive(), "it is within its grace");
    wk.ok(["daemon", "start"]).await;
    let exited = events.until_kind(&session.id, "attempt_exited").await;
    let started =
        events.until(|event| event.kind == "attempt_started" && event.data["attempt"] == 2).await;
    assert!(exited.seq < started.seq && exited.time <= started.time);
    first.ended().await;
    session.until_shows("again").await;
    caller.await.unwrap();
    let pids = fs::read_to_string(wk.work().join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 2, "{pids}");
    assert!(told(&wk, &session, "session_closed").await.is_empty());
    assert!(told(&wk, &session, "transition_refused").await.is_empty());
}

#[tokio::test]
async fn a_stop_takes_back_a_restart_that_is_under_way() {
    let wk = TestDaemon::start().await;
    let session = wk.script(STUBBORN).await;
    session.until_shows("ready").await;
    let mut events = wk.events().await;
    let caller = meanwhile(&wk, &["restart", &session.id, "--grace", "1h"]);
    events.until_kind(&session.id, "session_restarted").await;
    wk.ok(["stop", &session.id, "--grace", "0s"]).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Cancelled), 1));
    let refused = caller.await.unwrap();
    assert!(refused.clone().failed(1).contains("was ended before attempt 2"), "{refused}");
    events.until_kind(&session.id, "session_closed").await;
}

#[tokio::test]
async fn a_restart_between_two_attempts_does_not_wait_and_closes_nothing() {
    let wk = TestDaemon::start().await;
    let script = format!("[ $WK_ATTEMPT = 1 ] && exit 3; {RUNS}");
    let words = ["--name", "web", "--retries", "1", "--retry-delay", "10m", "--", "sh", "-c"];
    let session = wk.run(words.into_iter().chain([script.as_str()])).await;
    wk.events().await.until_kind(&session.id, "session_recovering").await;
    let text = wk.ok(["restart", "web"]).await;
    assert!(text.contains("attempt 2"), "{text}");
    session.until_shows("run 2").await;
    assert!(told(&wk, &session, "session_closed").await.is_empty());
    go(&wk);
    assert_eq!(session.ended().await.status, Some(Status::Completed));
}

#[tokio::test]
async fn a_session_that_keeps_falling_silent_is_not_restarted_for_ever() {
    let wk = TestDaemon::start().await;
    let stale = ["--health-interval", "100ms", "--stale-after", "300ms", "--on-stale", "restart"];
    let finish = "echo $WK_ATTEMPT $WK_STATUS $WK_CAUSE >> told";
    let budget = ["--retries", "2", "--retry-delay", "0s", "--on-finish", finish];
    let script = "trap 'exit 0' TERM; sleep 1000 & wait";
    let words = stale.into_iter().chain(budget).chain(["--", "sh", "-c", script]);
    let session = wk.run(words).await;
    let view = session.ended().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Failed), 3));
    assert_eq!((view.retry_count, view.max_retries), (2, 2));
    let recovering = told(&wk, &session, "session_recovering").await;
    assert!(recovering.iter().all(|event| event["data"]["category"] == "stale"));
    assert_eq!(recovering.len(), 2);
    assert_eq!(told(&wk, &session, "session_closed").await.len(), 1);
    assert!(told(&wk, &session, "transition_refused").await.is_empty());
    wk.events().await.until_kind(&session.id, "on_finish_ended").await;
    assert_eq!(fs::read_to_string(wk.work().join("told")).unwrap(), "3 failed stale\n");
}

#[tokio::test]
async fn what_has_no_retries_is_not_to_be_restarted_when_it_is_stale() {
    let wk = TestDaemon::start().await;
    let refused = wk.wk(["run", "-d", "--on-stale", "restart", "--", "true"]).await;
    assert!(refused.clone().failed(1).contains("--retries"), "{refused}");
    assert!(wk.sessions().await.is_empty());
}

#[tokio::test]
async fn what_the_settings_say_of_the_stale_ends_nothing_that_has_no_retries() {
    let wk = TestDaemon::new();
    wk.configure("[health]\non_stale = \"restart\"\n");
    let stale = ["--health-interval", "100ms", "--stale-after", "1s"];
    let left_alone = wk.run(stale.into_iter().chain(["--", "cat"])).await;
    wk.events().await.until_kind(&left_alone.id, "health_changed").await;
    let budget = ["--retries", "1", "--retry-delay", "0s"];
    let script = "[ $WK_ATTEMPT = 1 ] && exec sleep 1000; exit 0";
    let words = stale.into_iter().chain(budget).chain(["--", "sh", "-c", script]);
    let restarted = wk.run(words).await.ended().await;
    assert_eq!((restarted.status, restarted.attempt), (Some(Status::Completed), 2));
    let view = left_alone.view().await;
    assert_eq!((view.status, view.attempt), (Some(Status::Running), 1));
}

#[tokio::test]
async fn restarts_are_counted() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "web", "-l", "team=x", "--", "cat"]).await;
    wk.ok(["restart", "web", "--grace", "0s"]).await;
    let restarts = async || {
        let stats = wk.wk(["stats", "--by", "label:team", "--format", "json"]).await.json();
        let numbers = [&stats["overall"], &stats["groups"][0]];
        numbers.map(|numbers| numbers["restarts"].as_u64().unwrap())
    };
    assert_eq!(restarts().await, [1, 1], "while it lives");
    wk.ok(["stop", "web", "--grace", "0s"]).await;
    session.ended().await;
    assert_eq!(restarts().await, [1, 1], "and when it has ended");
    wk.ok(["restart", "web"]).await;
    assert_eq!(restarts().await, [2, 2]);
    assert!(wk.ok(["stats"]).await.contains("RESTARTS"));
}

#[tokio::test]
async fn a_group_is_restarted_with_those_that_have_ended() {
    let wk = TestDaemon::start().await;
    let ended = wk.run(["--name", "over", "-l", "g=1", "--", "true"]).await;
    ended.ended().await;
    let older = wk.run(["--name", "lives", "-l", "g=1", "--", "true"]).await;
    older.ended().await;
    let lives = wk.run(["--name", "lives", "-l", "g=1", "--", "cat"]).await;
    let gone = wk.run(["-l", "g=1", "--", "true"]).await;
    gone.ended().await;
    fs::remove_file(wk.session_folder(&gone.id).join("spec.json")).unwrap();
    let restarted = wk.wk(["restart", "-l", "g=1", "--grace", "0s"]).await;
    let wanted = [&lives, &ended].map(|session| format!("({}) runs: attempt 2\n", session.id));
    let said = restarted.text();
    assert!(wanted.iter().all(|line| said.contains(line)), "{restarted}");
    assert_eq!(said.lines().count(), 2, "{restarted}");
    assert!(restarted.stderr.contains("1 session was cleaned up"), "{restarted}");
    assert_eq!(restarted.code, 0, "{restarted}");
    assert_eq!(lives.view().await.attempt, 2);
    assert_eq!(ended.ended().await.attempt, 2);
    assert_eq!(older.view().await.attempt, 1, "its name is another one's");
}

#[tokio::test]
async fn what_was_cleaned_up_says_how_to_begin_anew() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "web", "--", "sh", "-c", "exit 0"]).await;
    session.ended().await;
    fs::remove_file(wk.session_folder(&session.id).join("spec.json")).unwrap();
    let refused = wk.wk(["restart", "web"]).await;
    let said = refused.clone().failed(1);
    for part in ["live_state_after", "`wk run --name web -- sh -c 'exit 0'`"] {
        assert!(said.contains(part), "{refused}");
    }
}
