//! Why sessions end: every way to die, once; `cargo xtask faults` does the same many times.

use std::path::Path;

use wk_api::{Death, DeathsQuery, Why, WhyQuery};
use wk_model::Cause;
use wk_tests::{
    TestDaemon,
    faults::{Run, Suite, end_witness},
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
