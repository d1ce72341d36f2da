//! Real interactive programs, left and found again: an editor, a pager, a shell, `top`.

use std::fs;

use wk_tests::{Terminal, TestDaemon, within};

/// What Ctrl-\ sends.
const DETACH: &[u8] = b"\x1c";

/// Where the cursor is put at last, and what modes are set there.
fn modes(terminal: &mut Terminal) -> String {
    let state = terminal.state();
    let screen = state.rsplit("\x1b[?1049h").next().unwrap_or_default();
    let sequences: Vec<&str> = screen.split('\x1b').collect();
    let place = sequences.iter().rfind(|sequence| sequence.ends_with('H'));
    let mut all = vec![place.copied().unwrap_or_default()];
    all.extend(sequences.iter().filter(|sequence| sequence.starts_with("[?")));
    all.join(" ")
}

/// What is shown, where the cursor is, and what modes are set.
fn look(terminal: &mut Terminal) -> (String, String) {
    (terminal.shown(), modes(terminal))
}

/// Waits until two terminals are alike: either may be behind the session, by any piece of what
/// draws its screen.
async fn until_alike(one: &mut Terminal, other: &mut Terminal) -> (String, String) {
    let alike = async {
        loop {
            let looks = (look(one), look(other));
            if looks.0 == looks.1 {
                return looks.0;
            }
            let open = tokio::select! {
                open = one.more() => open,
                open = other.more() => open,
            };
            assert!(open, "a terminal has left");
        }
    };
    within("two terminals that show the same", alike).await
}

#[tokio::test]
async fn an_editor_is_as_it_was_after_detaching_and_a_dead_daemon() {
    let mut wk = TestDaemon::new();
    wk.expect_trouble();
    let words = ["run", "--name", "edit", "--", "vim", "-u", "NONE", "-N", "notes.txt"];
    let mut first = Terminal::open(wk.call(words));
    first.until_shows("notes.txt").await;
    first.send("ihello\rworld");
    first.until_shows("world").await;
    first.until_shows("-- INSERT --").await;
    wk.ok(["wait", "edit", "--until", "idle", "--idle", "300ms"]).await;
    // What the session itself has, as a fresh terminal is shown it.
    let mut witness = Terminal::open(wk.call(["attach", "--read-only", "edit"]));
    let before = until_alike(&mut first, &mut witness).await;
    witness.close();
    witness.exit_code().await;
    first.send(DETACH);
    first.until_shows("come back with `wk attach edit`").await;
    assert_eq!(first.ended().await, 0);

    wk.kill().await;
    let mut second = Terminal::open(wk.call(["attach", "edit"]));
    let the_same = async {
        // Modes and cursor come last, and may come in another piece than the text.
        while look(&mut second) != before {
            assert!(second.more().await, "it has left:\n{}", second.shown());
        }
    };
    within("the same screen, cursor and modes", the_same).await;

    // And typing goes on where it was left: in the middle of a line, in insert mode.
    second.send(" again\x1b:wq\r");
    assert_eq!(second.ended().await, 0);
    assert_eq!(fs::read_to_string(wk.work().join("notes.txt")).unwrap(), "hello\nworld again\n");
}

#[tokio::test]
async fn an_editor_goes_on_under_a_daemon_that_is_killed_while_it_is_attached() {
    let mut wk = TestDaemon::new();
    wk.expect_trouble();
    let words = ["run", "--name", "edit", "--", "vim", "-u", "NONE", "-N", "notes.txt"];
    let mut terminal = Terminal::open(wk.call(words));
    terminal.until_shows("notes.txt").await;
    terminal.send("ione");
    terminal.until_shows("one").await;
    for (word, shown) in [(" two", "one two"), (" three", "one two three")] {
        wk.kill().await;
        wk.comes_up().await;
        terminal.send(word);
        terminal.until_shows(shown).await;
    }
    wk.ok(["daemon", "restart"]).await;
    terminal.send(" four\x1b:wq\r");
    assert_eq!(terminal.ended().await, 0);
    assert_eq!(fs::read_to_string(wk.work().join("notes.txt")).unwrap(), "one two three four\n");
}

#[tokio::test]
async fn a_pager_is_left_at_its_place_and_the_terminal_as_it_was() {
    let wk = TestDaemon::new();
    let text: String = (1..=500).map(|number| format!("line {number}\n")).collect();
    fs::write(wk.work().join("long.txt"), text).unwrap();
    let mut first = Terminal::open(wk.call(["run", "--name", "page", "--", "less", "long.txt"]));
    let before = first.line_settings();
    first.until_shows("long.txt").await;
    first.send("100g");
    first.until_shows("line 122").await;
    let page = first.shown();
    first.send(DETACH);
    first.until_shows("come back").await;
    assert!(!first.shown().contains("line 122"), "the pager's screen is gone:\n{}", first.shown());
    let after = first.line_settings();
    assert_eq!(
        (after.local_modes, after.input_modes, after.output_modes),
        (before.local_modes, before.input_modes, before.output_modes),
    );
    assert_eq!(first.ended().await, 0);

    let mut second = Terminal::open(wk.call(["attach", "page"]));
    second.until_shows("line 122").await;
    assert_eq!(second.shown(), page);
    second.send("q");
    second.until_shows("[session page ended: exit code 0]").await;
    assert_eq!(second.ended().await, 0);
    assert!(!second.shown().contains("line 122"), "{}", second.shown());
}

#[tokio::test]
async fn a_shell_keeps_its_jobs_and_its_history() {
    let wk = TestDaemon::new();
    let words = ["run", "--name", "shell", "--kind", "shell", "--", "bash", "--norc", "-i"];
    let mut command = wk.call(words);
    command.env("PS1", "ready> ");
    let mut first = Terminal::open(command);
    first.until_shows("ready>").await;
    first.send("X=kept; cd /; sleep 1000 &\r");
    first.until_shows("[1]").await;
    // The window is closed without a word.
    first.close();
    first.exit_code().await;

    let mut second = Terminal::open(wk.call(["attach", "shell"]));
    second.until_shows("[1]").await;
    second.send("echo $X in $PWD; jobs\r");
    second.until_shows("kept in /").await;
    second.until_shows("Running").await;
    second.send("\x1b[A\x1b[A\x01true; kill %1; #\r");
    second.until_shows("true; kill %1; #X=kept").await;
    second.send("exit 9\r");
    second.until_shows("[session shell ended: exit code 9]").await;
    assert_eq!(second.ended().await, 9);
}

#[tokio::test]
async fn top_goes_on_in_another_window_of_another_size() {
    let wk = TestDaemon::new();
    let mut first = Terminal::open(wk.call(["run", "--name", "load", "--", "top", "-d", "1"]));
    first.until_shows("load average").await;
    first.send(DETACH);
    first.until_shows("come back").await;
    first.ended().await;
    let mut second = Terminal::sized(wk.call(["attach", "load"]), 132, 40);
    // Columns that 80 have no room for, drawn by top itself for the new size.
    second
        .until("a wide line", |screen| {
            let text = screen.text(false);
            text.contains("load average") && text.lines().any(|line| line.trim_end().len() > 80)
        })
        .await;
    second.send("q");
    assert_eq!(second.ended().await, 0);
}

#[tokio::test]
async fn ctrl_c_reaches_the_program_in_front() {
    let wk = TestDaemon::new();
    let script = "trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Terminal::open(wk.call(["run", "--", "sh", "-c", script]));
    terminal.until_shows("ready").await;
    terminal.send(b"\x03");
    terminal.until_shows("interrupted").await;
    assert_eq!(terminal.ended().await, 4);
}
