//! Several clients of one session at a time.

use wk_tests::{Terminal, TestDaemon};

#[tokio::test]
async fn two_see_the_same_and_the_size_follows_the_active_one() {
    let wk = TestDaemon::new();
    let script = "trap 'stty size' WINCH; while :; do read line && echo \"heard $line\"; done";
    let session = wk.run(["--name", "both", "--", "sh", "-c", script]).await;
    let mut large = Terminal::sized(wk.call(["attach", "both"]), 100, 30);
    large.until_shows("30 100").await;
    let mut small = Terminal::sized(wk.call(["attach", "both"]), 60, 20);
    small.until_shows("20 60").await;
    // Typing makes a client the active one.
    large.send("large\r");
    large.until_shows("heard large").await;
    small.until_shows("heard large").await;
    large.until("its size again", |screen| screen.text(false).matches("30 100").count() == 2).await;
    small.send("small\r");
    large.until_shows("heard small").await;
    small.until("its size again", |screen| screen.text(false).matches("20 60").count() == 2).await;
    // The corner of the active window is dragged.
    small.resize(70, 22);
    large.until_shows("22 70").await;
    session.until_shows("22 70").await;
}

#[tokio::test]
async fn who_only_watches_cannot_type_or_resize() {
    let wk = TestDaemon::new();
    let script =
        "trap 'stty size' WINCH; echo ready; while :; do read line && echo \"heard $line\"; done";
    let session = wk.run(["--name", "watched", "--", "sh", "-c", script]).await;
    session.until_shows("ready").await;
    let mut watcher = Terminal::sized(wk.call(["attach", "watched", "--read-only"]), 100, 30);
    watcher.until_shows("ready").await;
    watcher.send("from the watcher\r");
    let mut typist = Terminal::open(wk.call(["attach", "watched"]));
    typist.until_shows("ready").await;
    typist.send("from the typist\r");
    watcher.until_shows("heard from the typist").await;
    let shown = watcher.shown();
    assert!(!shown.contains("watcher") && !shown.contains("30 100"), "{shown}");
    watcher.send(b"\x1c");
    watcher.until_shows("come back").await;
    assert_eq!(watcher.ended().await, 0);
}

#[tokio::test]
async fn one_that_stops_reading_disturbs_nobody() {
    let wk = TestDaemon::new();
    let script = "echo ready; read go; seq -f 'line %.0f' 1 300000; echo finished; read end";
    let session = wk.run(["--name", "flood", "--", "sh", "-c", script]).await;
    session.until_shows("ready").await;
    let mut stuck = Terminal::open(wk.call(["attach", "flood"]));
    stuck.until_shows("ready").await;
    // From here on nobody takes what `stuck` prints.
    let mut other = Terminal::open(wk.call(["attach", "flood"]));
    other.until_shows("ready").await;
    other.send("\r");
    other.until_shows("finished").await;
    session.until_shows("finished").await;
    // And once it reads again it gets the screen as it is.
    stuck.until_shows("finished").await;
    let lines =
        |terminal: &Terminal| terminal.shown().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&stuck), lines(&other));
}

#[tokio::test]
async fn many_come_and_go() {
    let wk = TestDaemon::new();
    let session = wk.run(["--name", "busy", "--", "cat"]).await;
    for round in 0..3 {
        let mut terminals: Vec<_> =
            (0..8).map(|_| Terminal::open(wk.call(["attach", "busy"]))).collect();
        let text = format!("round {round}");
        for terminal in &mut terminals {
            terminal.send(format!("{text}\r"));
            terminal.until_shows(&text).await;
        }
        // Dropped: the windows and their clients are gone without a word.
    }
    session.until_shows("round 2").await;
}
