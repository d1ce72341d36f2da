//! What is recorded, how much of it, and what never is.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::Value;
use wk_tests::{Outcome, Terminal, TestDaemon, skip};

/// A session's recording, as players get it.
async fn download(wk: &TestDaemon, id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let path = format!("/sessions/{id}/recording");
    let keep = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    wk.client().download(&path, &(), keep).await.unwrap();
    bytes
}

/// The lines of a session's recording, as the API gives it: header first.
async fn cast(wk: &TestDaemon, id: &str) -> Vec<Value> {
    let text = String::from_utf8(download(wk, id).await).expect("asciicast is UTF-8");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn codes(cast: &[Value]) -> String {
    cast[1..].iter().map(|row| row[1].as_str().unwrap()).collect()
}

/// Bytes of a folder's files.
fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// Whether any file below has these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Option<String> {
    fs::read_dir(folder).unwrap().flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let found = fs::read(&path).unwrap_or_default().windows(bytes.len()).any(|w| w == bytes);
        found.then(|| path.display().to_string())
    })
}

#[tokio::test]
async fn a_recording_is_valid_asciicast_with_sizes_and_the_exit() {
    let wk = TestDaemon::new();
    let words = ["run", "--name", "edit", "--", "vim", "-u", "NONE", "-N", "notes.txt"];
    let mut terminal = Terminal::open(wk.call(words));
    terminal.until_shows("notes.txt").await;
    terminal.resize(90, 30);
    wk.events().await.until(|event| event.kind == "session_resized").await;
    terminal.send(":cq\r");
    assert_eq!(terminal.ended().await, 1);
    let id = wk.session("edit").view().await.session_id;
    let cast = cast(&wk, &id).await;
    assert_eq!(cast[0]["version"], 3);
    assert_eq!((&cast[0]["term"]["cols"], &cast[0]["term"]["rows"]), (&80.into(), &24.into()));
    for row in &cast[1..] {
        let fields =
            (row[0].as_f64(), row[1].as_str(), row[2].as_str(), row.as_array().unwrap().len());
        assert!(matches!(fields, (Some(0.0..), Some(_), Some(_), 3)), "{row}");
    }
    let of = |code: &str| -> Vec<&str> {
        let rows = cast[1..].iter().filter(|row| row[1] == code);
        rows.map(|row| row[2].as_str().unwrap()).collect()
    };
    assert_eq!(of("r"), ["90x30"]);
    assert_eq!(of("x"), ["1"]);
    assert!(of("i").is_empty(), "what is typed is not recorded");
    assert!(of("o").concat().contains("notes.txt"));
    assert!(codes(&cast).ends_with('x'), "the exit comes last: {}", codes(&cast));
}

#[tokio::test]
async fn asciinemas_own_player_takes_it() {
    let wk = TestDaemon::start().await;
    let session = wk.script("echo hello; printf '\\033[31mred\\n'").await;
    session.ended().await;
    let version = std::process::Command::new("asciinema").arg("--version").output();
    let version = version.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    let version = version.unwrap_or_default();
    if !version.contains(" 3.") {
        return skip(&format!("asciinema 3 is not here (found `{}`)", version.trim()));
    }
    let file = wk.work().join("session.cast");
    fs::write(&file, download(&wk, &session.id).await).unwrap();
    let mut convert = wk.command("asciinema");
    convert.args(["convert", "-f", "txt"]).arg(&file).arg("/dev/stdout");
    let text = Outcome::of(convert).await.ok();
    assert!(text.contains("hello") && text.contains("red"), "{text}");
}

#[tokio::test]
async fn a_known_secret_never_reaches_the_disk_or_a_follower() {
    let wk = TestDaemon::start().await;
    // Put together by the session, so that neither its command nor its input has it.
    let script = "a=01234567 b=89abcdef c=ghijABCD d=EFGHIJ012345; stty -echo; echo ready; read x; \
                  printf 'token ghp_'; printf $a$b; sleep 0.1; printf $c$d; printf ' end\\n'; read x";
    let session = wk.run(["--name", "leaks", "--", "sh", "-c", script]).await;
    session.until_shows("ready").await;
    wk.ok(["send", "leaks", "--enter"]).await;
    session.until_shows(" end").await;
    assert!(session.screen().await.contains("ghp_0123456789abcdef"), "its own terminal shows it");
    wk.ok(["stop", "leaks"]).await;
    session.ended().await;
    let logs = wk.ok(["logs", "leaks"]).await;
    assert!(logs.contains("token ") && logs.contains(" end"), "{logs}");
    assert!(!logs.contains("0123456789abcdef") && !logs.contains("ABCDEFGHIJ"), "{logs}");
    let line = logs.lines().find(|line| line.starts_with("token ")).unwrap();
    assert_eq!(line.len(), "token ghp_0123456789abcdefghijABCDEFGHIJ012345 end".len(), "{line}");
    for piece in [&b"0123456789abcdef"[..], b"ghijABCDEFGHIJ"] {
        assert_eq!(holds(&wk.state(), piece), None);
    }
}

#[tokio::test]
async fn a_recording_stays_within_its_bound_and_says_what_is_gone() {
    let wk = TestDaemon::new();
    wk.configure("[recording]\nmax_size = \"1MiB\"\n");
    let session = wk.script("seq -f 'line %015.0f' 1 1000000; echo finished").await;
    let view = session.ended().await;
    assert!(view.output_bytes.unwrap() > 20 << 20, "{view:?}");
    let folder = wk.session_folder(&session.id).join("recording");
    assert!(size(&folder) <= 1 << 20, "{}", size(&folder));
    let logs = wk.wk(["logs", &session.id]).await;
    assert!(logs.stderr.contains("earlier output"), "{}", logs.stderr);
    let text = logs.ok();
    // The newest part is there, whole; the first line may be cut.
    let numbers: Vec<u64> =
        text.lines().skip(1).filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect();
    assert!(text.ends_with("line 000000001000000\nfinished\n"));
    assert!(numbers.len() > 10_000);
    assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]), "a line is missing or torn");
    let cast = cast(&wk, &session.id).await;
    assert_eq!(cast[0]["version"], 3);
    assert!(codes(&cast).contains('m'), "the drop is marked");
    // Where the beginning is gone, the screen stands in for it.
    assert!(
        wk.ok(["play", &session.id, "--speed", "10000", "--idle-limit", "0s"])
            .await
            .contains("finished")
    );
}

#[tokio::test]
async fn a_gigantic_sequence_and_bad_text_are_absorbed() {
    let wk = TestDaemon::start().await;
    let script = "printf '\\033]0;'; head -c 3000000 /dev/zero | tr '\\0' x; printf '\\007'; \
                  head -c 3000000 /dev/urandom; printf '\\033c'; echo survived; read x";
    let session = wk.run(["--name", "junk", "--", "sh", "-c", script]).await;
    session.until_shows("survived").await;
    let memory =
        fs::read_to_string(format!("/proc/{}/status", session.holder().await.pid())).unwrap();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 40_000, "{peak} kB");
    cast(&wk, &session.id).await;
    wk.ok(["ls"]).await;
}

#[tokio::test]
async fn a_follower_that_stops_reading_disturbs_nobody() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--name", "busy", "--", "yes"]).await;
    let query = wk_api::OutputQuery { follow: Some(true), ..Default::default() };
    let path = session.path("/output");
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(wk.client().events(&path, &query, None).await.unwrap());
    }
    let before = session.view().await.output_bytes.unwrap();
    wk.ok(["run", "--", "true"]).await;
    while session.view().await.output_bytes.unwrap() < before + (10 << 20) {
        tokio::task::yield_now().await;
    }
    let daemon = wk.process().await;
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(resident < 200_000, "{resident} kB");
    session.process().await.signal(Signal::KILL);
    session.ended().await;
}
