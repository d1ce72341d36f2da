//! `wk attach`: coming, going, and what is refused.

use std::process::Stdio;

use tokio::io::AsyncReadExt;
use wk_tests::{Outcome, Terminal, TestDaemon, within};

const DETACH: &[u8] = b"\x1c";

/// Shows the bytes that reach it, in hex.
const KEYS: &str = "stty raw -echo; echo ready; exec od -An -tx1 -w1 -v";

#[tokio::test]
async fn the_detach_key_pressed_twice_is_passed_through_once() {
    let wk = TestDaemon::new();
    let mut terminal = Terminal::open(wk.call(["run", "--name", "keys", "--", "sh", "-c", KEYS]));
    terminal.until_shows("ready").await;
    terminal.send([DETACH, DETACH, b"x"].concat());
    terminal.until_shows("78").await;
    let seen: Vec<String> = terminal.shown().split_whitespace().map(String::from).collect();
    assert_eq!(seen, ["ready", "1c", "78"]);
    terminal.send(DETACH);
    terminal.until_shows("come back with `wk attach keys`").await;
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test]
async fn another_key_can_detach() {
    let wk = TestDaemon::new();
    let session = wk.run(["--name", "keys", "--", "sh", "-c", KEYS]).await;
    session.until_shows("ready").await;
    let mut by_flag = Terminal::open(wk.call(["attach", "keys", "--detach-key", "C-]"]));
    by_flag.until_shows("ready").await;
    by_flag.send(b"\x1c\x1d");
    by_flag.until_shows("come back").await;
    by_flag.ended().await;
    session.until_shows("1c").await;
    wk.configure("[attach]\ndetach_key = \"C-t\"\n");
    let mut by_setting = Terminal::open(wk.call(["attach", "keys"]));
    by_setting.until_shows("1c").await;
    by_setting.send(b"\x14");
    by_setting.until_shows("come back").await;
    assert_eq!(by_setting.ended().await, 0);
}

#[tokio::test]
async fn attaching_in_a_session_is_refused_unless_it_is_asked_for() {
    let wk = TestDaemon::new();
    let inner = wk.run(["--name", "inner", "--", "cat"]).await;
    let mut command = wk.call(["run", "--name", "outer", "--", "sh"]);
    command.env("PS1", "ready> ");
    let mut outer = Terminal::open(command);
    outer.until_shows("ready>").await;
    let program = wk_tests::wk_program();
    outer.send(format!("clear; {} attach inner; echo code $?\r", program.display()));
    outer.until_shows("code 1").await;
    assert!(outer.shown().contains("--nested"), "{}", outer.shown());
    outer.send(format!("clear; {} attach inner --nested --detach-key C-t\r", program.display()));
    outer.send("to the inner one\r");
    inner.until_shows("to the inner one").await;
    outer.send(b"\x14");
    outer
        .until("a prompt after it", |screen| {
            let text = screen.text(false);
            let back = text.find("come back with `wk attach inner`");
            back.is_some_and(|at| text[at..].contains("ready>"))
        })
        .await;
    outer.send("exit\r");
    assert_eq!(outer.ended().await, 0);
}

#[tokio::test]
async fn there_is_nothing_to_attach_to() {
    let wk = TestDaemon::start().await;
    let ended = wk.run(["--name", "over", "--", "sh", "-c", "exit 3"]).await;
    ended.ended().await;
    let mut terminal = Terminal::open(wk.call(["attach", "over"]));
    terminal.until_shows("exit code 3").await;
    terminal.until_shows("wk logs over").await;
    assert_eq!(terminal.ended().await, 1);
    let mut terminal = Terminal::open(wk.call(["attach", "nobody"]));
    terminal.until_shows("no session `nobody`").await;
    assert_eq!(terminal.ended().await, 1);
    let session = wk.run(["--", "cat"]).await;
    let no_terminal = wk.wk(["attach", &session.id]).await.failed(1);
    assert!(
        no_terminal.contains("--read-only") && no_terminal.contains("wk send"),
        "{no_terminal}"
    );
}

#[tokio::test]
async fn the_end_is_told_with_the_exit_code() {
    let wk = TestDaemon::new();
    for (script, told, code) in [
        ("echo ready; read x; exit 3", "exit code 3", 3),
        ("echo ready; read x; kill -SEGV $$", "signal 11 (SIGSEGV)", 139),
    ] {
        let words = ["run", "--name", "brief", "--", "sh", "-c", script];
        let mut terminal = Terminal::open(wk.call(words));
        terminal.until_shows("ready").await;
        terminal.send("\r");
        terminal.until_shows(&format!("[session brief ended: {told}")).await;
        assert_eq!(terminal.ended().await, code);
    }
}

#[tokio::test]
async fn a_quick_command_shows_its_output_and_nothing_else() {
    let wk = TestDaemon::start().await;
    for _ in 0..5 {
        let mut terminal = Terminal::open(wk.call(["run", "--", "echo", "that was quick"]));
        assert_eq!(terminal.ended().await, 0);
        assert_eq!(terminal.shown().trim(), "that was quick");
    }
}

#[tokio::test]
async fn a_hang_up_of_the_terminal_leaves_the_session_alone() {
    let wk = TestDaemon::new();
    let mut terminal = Terminal::open(wk.call(["run", "--name", "stays", "--", "cat"]));
    terminal.send("typed\r");
    terminal.until("an echo", |screen| screen.text(false).matches("typed").count() == 2).await;
    let process = wk.session("stays").process().await;
    terminal.close();
    terminal.exit_code().await;
    assert!(process.is_alive());
    let mut again = Terminal::open(wk.call(["attach", "stays"]));
    again.until("the text", |screen| screen.text(false).matches("typed").count() == 2).await;
    again.send(b"\x04");
    assert_eq!(again.ended().await, 0);
}

#[tokio::test]
async fn a_killed_client_leaves_the_session_alone() {
    let wk = TestDaemon::new();
    let mut terminal = Terminal::open(wk.call(["run", "--name", "stays", "--", "cat"]));
    terminal.send("typed\r");
    terminal.until("an echo", |screen| screen.text(false).matches("typed").count() == 2).await;
    terminal.process().kill();
    assert_eq!(terminal.ended().await, 137);
    wk.ok(["send", "stays", "more", "--enter"]).await;
    wk.session("stays").until_shows("more").await;
}

#[tokio::test]
async fn watching_needs_no_terminal() {
    let wk = TestDaemon::new();
    let session = wk.script("echo first; read x; echo second").await;
    session.until_shows("first").await;
    let mut command =
        tokio::process::Command::from(wk.call(["attach", "--read-only", &session.id]));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    // The screen as it is comes without any end of a line.
    while !String::from_utf8_lossy(&seen).contains("first") {
        let read = within("the first words", stdout.read_buf(&mut seen)).await.unwrap();
        assert!(read > 0, "it left");
    }
    wk.ok(["send", &session.id, "--enter"]).await;
    within("the rest", stdout.read_to_end(&mut seen)).await.unwrap();
    assert!(String::from_utf8_lossy(&seen).contains("second"));
    assert_eq!(within("its end", child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_program_that_asks_the_terminal_gets_one_answer() {
    let wk = TestDaemon::new();
    // DSR, asked once by a key: every byte that comes back is shown.
    let script =
        "stty raw -echo; echo ready; read -r x; printf '\\033[6n'; exec od -An -tx1 -w1 -v";
    let session = wk.run(["--name", "asks", "--", "sh", "-c", script]).await;
    session.until_shows("ready").await;
    let mut one = Terminal::open(wk.call(["attach", "asks"]));
    let mut two = Terminal::open(wk.call(["attach", "asks"]));
    one.until_shows("ready").await;
    two.until_shows("ready").await;
    one.send("\n");
    one.until_shows("52").await;
    two.until_shows("52").await;
    // Whatever a second answer would have brought comes before this key.
    two.send("z");
    two.until_shows("7a").await;
    assert_eq!(two.shown().matches("52").count(), 1, "{}", two.shown());
    let plain = Outcome::of(wk.call(["screen", "asks"])).await.ok();
    assert_eq!(plain.matches("1b").count(), 1, "{plain}");
}
