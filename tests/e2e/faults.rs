//! Why sessions end: every way to die, once; `cargo xtask faults` does the same many times.

use std::path::Path;

use wk_api::{Death, DeathsQuery, Why, WhyQuery};
use wk_model::Cause;
use wk_tests::{
    TestDaemon,
    faults::{Lane, Run, Suite, end_witness},
    skip, within,
};

fn suite(witness: Option<&Path>) -> Suite {
    Suite {
        misbehave: env!("CARGO_BIN_EXE_misbehave").into(),
        witness: witness.map(Path::to_owned),
        times: 1,
        lanes: 3,
        seed: 7,
        only: None,
        except: None,
        chaos: false,
    }
}

fn complain(run: &Run) {
    eprintln!("WRONG {}: {}", run.way, run.shown);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_witness_every_verdict_is_right() {
    if !is_root() || !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return skip("the kernel's witness needs root and BTF");
    }
    let folder = tempfile::Builder::new().prefix("wk-witness-").tempdir_in("/tmp").unwrap();
    let tally = suite(Some(folder.path())).run(complain).await;
    end_witness(folder.path());
    eprintln!("{}", tally.table());
    assert!(tally.compared().count() >= 20, "most ways can happen here");
    assert_eq!(tally.wrong().map(|run| run.way).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_witness_causes_are_right_and_nobody_is_accused() {
    let tally = suite(None).run(complain).await;
    eprintln!("{}", tally.table());
    assert_eq!(tally.wrong().map(|run| run.way).collect::<Vec<_>>(), Vec::<&str>::new());
}

async fn why(wk: &TestDaemon, session: &str, query: WhyQuery) -> Why {
    let path = format!("/sessions/{session}/why");
    within("a verdict", wk.client().get(&path, &query)).await.expect("there is a verdict")
}

#[tokio::test]
async fn who_died_while_no_daemon_lived_gets_a_verdict_from_the_next_one_and_one_only() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--", "sleep", "1000"]).await;
    let process = session.process().await;
    let holder = session.holder().await;
    wk.kill().await;
    process.kill();
    holder.ended().await;
    wk.ok(["daemon", "start"]).await;
    session.ended().await;
    let query = WhyQuery { wait_ms: Some(20_000), ..WhyQuery::default() };
    let told = why(&wk, &session.id, query).await.verdict;
    assert_eq!((told.signal, told.settled), (Some(9), true));
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    let again = why(&wk, &session.id, WhyQuery::default()).await.verdict;
    assert_eq!(again, told, "the next daemon has nothing to add");
    let deaths = wk.client().get::<Vec<Death>>("/deaths", &DeathsQuery::default()).await.unwrap();
    assert_eq!(deaths.len(), 1);
    let journal = wk.journal().await;
    let detected = journal.iter().filter(|event| event["kind"] == "session_death_detected");
    assert_eq!(detected.count(), 1);
}

#[tokio::test]
async fn each_attempt_has_a_verdict_of_its_own() {
    let wk = TestDaemon::start().await;
    let script = "test $WK_ATTEMPT = 2 || exit 3";
    let options = ["--retries", "1", "--retry-delay", "10ms", "--", "sh", "-c", script];
    let session = wk.run(options).await;
    session.ended().await;
    let settled = |attempt| WhyQuery { attempt: Some(attempt), wait_ms: Some(20_000) };
    let first = why(&wk, &session.id, settled(1)).await.verdict;
    let second = why(&wk, &session.id, settled(2)).await.verdict;
    assert_eq!((first.cause, first.exit_code), (Cause::Failed, Some(3)));
    assert_eq!((second.cause, second.exit_code), (Cause::Completed, Some(0)));
}

#[tokio::test]
async fn asking_why_says_what_is_wrong_with_the_question() {
    let wk = TestDaemon::start().await;
    let nobody = wk.wk(["why", "--last"]).await.failed(2);
    assert!(nobody.contains("no session has ended unexpectedly"), "{nobody}");
    let session = wk.run(["--name", "living", "--", "sleep", "1000"]).await;
    let lives = wk.wk(["why", "living"]).await.failed(1);
    assert!(lives.contains("has not ended"), "{lives}");
    let bad = wk.wk(["deaths", "--cause", "boredom"]).await.failed(2);
    assert!(bad.contains("killed") && bad.contains("oom-cgroup"), "{bad}");
    session.process().await.kill();
    session.ended().await;
    assert!(wk.ok(["why", "living"]).await.contains("SIGKILL"));
    let list = wk.ok(["deaths", "--format", "csv"]).await;
    assert!(list.lines().nth(1).is_some_and(|line| line.contains(&session.id)), "{list}");
}

/// A lane with a witness of its own; none where this machine cannot have one.
async fn watched(folder: &Path) -> Option<Lane> {
    if !is_root() || !Path::new("/sys/kernel/btf/vmlinux").exists() {
        skip("the kernel's witness needs root and BTF");
        return None;
    }
    Some(Lane::start(Path::new(env!("CARGO_BIN_EXE_misbehave")), Some(folder), None).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_that_one_pattern_killed_are_one_mass_death_and_each_has_one_verdict() {
    let folder = tempfile::Builder::new().prefix("wk-witness-").tempdir_in("/tmp").unwrap();
    let Some(lane) = watched(folder.path()).await else { return };
    let (mark, mut sessions) = (Lane::mark(), Vec::new());
    for number in 0..50 {
        sessions.push(lane.living(&format!("{mark}{number}")).await);
    }
    let killer = lane.act("pkill", &["-9", "-f", &mark]).await;
    for session in &sessions {
        lane.settled(&session.id).await;
        let verdict = why(&lane.daemon, &session.id, WhyQuery::default()).await.verdict;
        assert_eq!(verdict.cause, Cause::Killed);
        assert_eq!(verdict.culprit.map(|culprit| culprit.pid), Some(killer));
        assert_eq!(verdict.scope.deaths.len(), 50);
    }
    let journal = lane.daemon.journal().await;
    let count = |kind: &str| journal.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!((count("mass_death"), count("session_death_detected")), (1, 50));
    let settled = journal
        .iter()
        .filter(|event| event["kind"] == "verdict_reached" && event["data"]["settled"] == true);
    assert_eq!(settled.count(), 50);
    drop(lane);
    end_witness(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killers_secrets_and_escapes_are_nowhere_to_be_seen() {
    const SECRET: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    let folder = tempfile::Builder::new().prefix("wk-witness-").tempdir_in("/tmp").unwrap();
    let Some(lane) = watched(folder.path()).await else { return };
    let session = lane.living(&Lane::mark()).await;
    let script = format!("kill -9 {}; :", lane.pid(&session).await);
    let escape = "\u{1b}]0;owned\u{7}\u{9b}2J\r\n";
    let words = ["-c", &script, &format!("--token=ghp_{SECRET}"), &format!("ghp_{SECRET}"), escape];
    let killer = lane.act("bash", &words).await;
    lane.settled(&session.id).await;
    let said = lane.daemon.ok(["why", &session.id]).await;
    assert!(said.contains(&killer.to_string()), "{said}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    let json = lane.daemon.ok(["why", &session.id, "--format", "json"]).await;
    let events = lane.daemon.ok(["events"]).await;
    let mut told = vec![said, json, events, lane.daemon.log()];
    let mut folders = vec![lane.daemon.state()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => told.push(
                    String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default())
                        .into_owned(),
                ),
            }
        }
    }
    assert!(told.iter().any(|text| text.contains("--token=")), "the rest of it is told");
    let leak = told.iter().find(|text| text.contains(&SECRET[..12]));
    assert_eq!(leak, None);
    drop(lane);
    end_witness(folder.path());
}
