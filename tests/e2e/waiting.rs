//! `wk wait`: for an end, for silence, for a text.

use std::process::Stdio;

use wk_tests::{TestDaemon, Watch};

#[tokio::test]
async fn a_wait_ends_with_the_session_and_its_code() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    wk.run(["--name", "waited", "--", "sh", "-c", "read x; exit 6"]).await;
    let mut call = wk.call(["wait", "waited"]);
    let mut child = call.stdin(Stdio::null()).spawn().unwrap();
    let waiting = Watch::new(child.id());
    // A daemon that dies meanwhile is no answer.
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    assert!(waiting.is_alive());
    wk.ok(["send", "waited", "--enter"]).await;
    waiting.ended().await;
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert_eq!(wk.wk(["wait", "waited"]).await.code, 6, "what is over needs no waiting");
    let unknown = wk.wk(["wait", "nobody"]).await.failed(1);
    assert!(unknown.contains("no session"), "{unknown}");
}

#[tokio::test]
async fn several_are_waited_for_until_the_last() {
    let wk = TestDaemon::start().await;
    let good = wk.run(["--name", "good", "--", "true"]).await;
    let late = wk.run(["--name", "late", "--", "sh", "-c", "read x; exit 3"]).await;
    good.ended().await;
    let timed = wk.wk(["wait", "good", "late", "--timeout", "50ms"]).await;
    assert!(timed.code == 124 && timed.stderr.contains("late"), "{timed}");
    wk.ok(["send", "late", "--enter"]).await;
    let outcome = wk.wk(["wait", "good", "late"]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.text().contains("exit code 3"), "{outcome}");
    late.ended().await;
}

#[tokio::test]
async fn a_text_is_waited_for_on_the_screen() {
    let wk = TestDaemon::start().await;
    // The text comes in pieces, and with colours in between.
    let script =
        "read x; printf 'list'; sleep 0.1; printf '\\033[32mening'; printf ' on 80\\n'; read x";
    let session = wk.run(["--name", "web", "--", "sh", "-c", script]).await;
    let text = ["wait", "web", "--until", "listening on 80"];
    assert_eq!(wk.wk([&text[..], &["--timeout", "50ms"]].concat()).await.code, 124);
    wk.ok(["send", "web", "--enter"]).await;
    assert_eq!(wk.wk(text).await.code, 0);
    assert_eq!(wk.wk(["wait", "web", "--until", "text:80"]).await.code, 0);
    wk.ok(["stop", "web"]).await;
    session.ended().await;
    let never = wk.wk(["wait", "web", "--until", "never printed"]).await.failed(1);
    assert!(never.contains("ended first"), "{never}");
}

#[tokio::test]
async fn silence_is_waited_for() {
    let wk = TestDaemon::start().await;
    wk.run(["--name", "busy", "--", "sh", "-c", "while :; do echo x; sleep 0.02; done"]).await;
    let busy = ["wait", "busy", "--until", "idle", "--idle", "2s", "--timeout", "300ms"];
    assert_eq!(wk.wk(busy).await.code, 124);
    wk.run(["--name", "quiet", "--", "sh", "-c", "echo x; exec cat"]).await;
    assert_eq!(wk.wk(["wait", "quiet", "--until", "idle", "--idle", "200ms"]).await.code, 0);
}
