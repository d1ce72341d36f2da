//! What ended sessions leave behind goes, and nothing else; what outlived them is found.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;
use wk_sources::folder_watch::FolderWatch;
use wk_tests::{TestDaemon, within};

/// Waits for something on the disk, below `folder`, that the kernel does not tell of whole.
async fn until(what: &str, folder: &Path, met: impl Fn() -> bool) {
    let mut watch = FolderWatch::new(folder).unwrap();
    let seen = async {
        while !met() {
            let _ = timeout(Duration::from_millis(50), watch.changed()).await;
        }
    };
    within(what, seen).await;
}

/// Calls `wk clean` until a session has settled, and so is among what goes.
async fn cleaned(wk: &TestDaemon, session: &str, words: &[&str]) -> Value {
    let words = [&["clean", "--format", "json"], words].concat();
    let cleaned = async {
        loop {
            let told = wk.wk(&words).await.json();
            let removed = told["removed"].as_array().unwrap();
            if removed.iter().any(|removed| removed["session_id"] == session) {
                return told;
            }
        }
    };
    within("the session to settle", cleaned).await
}

#[tokio::test]
async fn what_ended_goes_as_the_settings_say_and_stays_listed() {
    let wk = TestDaemon::new();
    let often = "[cleanup]\ninterval = \"200ms\"\nlive_state_after = \"0s\"\n";
    wk.configure(often);
    let lives = wk.run(["--name", "lives", "--", "cat"]).await;
    let done = wk.run(["--name", "done", "--", "echo", "hello there"]).await;
    done.ended().await;
    let (sessions, folder) = (wk.state().join("sessions"), wk.session_folder(&done.id));
    until("the live state to go", &sessions, || !folder.join("spec.json").exists()).await;
    assert!(folder.join("recording").exists(), "recordings have their own time");
    assert!(wk.ok(["logs", "done"]).await.contains("hello there"));
    let before = wk.wk(["show", "done", "--format", "json"]).await.json();
    assert_eq!((&before["exit_code"], &before["recording"]["kept"]), (&0.into(), &true.into()));

    wk.configure(&format!("{often}recordings_max = 0\n"));
    wk.ok(["config", "reload"]).await;
    until("the recording to go", &sessions, || !folder.exists()).await;

    assert!(wk.ok(["ls", "--all"]).await.contains("done"));
    assert!(wk.ok(["show", "done"]).await.contains("cleaned up"));
    for verb in ["logs", "play"] {
        let refused = wk.wk([verb, "done"]).await.failed(1);
        assert!(refused.contains("cleaned up"), "{verb}: {refused}");
    }
    let after = wk.wk(["show", "done", "--format", "json"]).await.json();
    assert_eq!(after["recording"]["kept"], false);
    assert_eq!(after["output_bytes"], before["output_bytes"]);
    assert!(wk.session_folder(&lives.id).join("spec.json").exists());
    wk.ok(["send", "lives", "still here", "--enter"]).await;
    lives.until_shows("still here").await;
    wk.ok(["doctor", "--rebuild"]).await;
}

#[tokio::test]
async fn clean_says_what_would_go_and_then_what_went() {
    let wk = TestDaemon::start().await;
    let done = wk.run(["--name", "done", "--", "echo", "hello"]).await;
    let stuck = wk.run(["--name", "stuck", "--", "echo", "hello"]).await;
    let lives = wk.run(["--", "cat"]).await;
    done.ended().await;
    stuck.ended().await;
    assert!(wk.ok(["clean"]).await.contains("nothing to clean up"));
    assert!(wk.ok(["clean", "--older-than", "30m"]).await.contains("nothing to clean up"));

    let would = cleaned(&wk, &done.id, &["--older-than", "0s", "--dry-run"]).await;
    assert_eq!(would["dry_run"], true);
    assert!(would["bytes"].as_u64().unwrap() > 0);
    assert!(wk.session_folder(&done.id).join("spec.json").exists(), "nothing was removed");

    // One that cannot go does not keep the others.
    let in_the_way = wk.state().join("sessions").join(format!(".removed-{}", stuck.id));
    fs::create_dir(&in_the_way).unwrap();
    fs::write(in_the_way.join("file"), "x").unwrap();
    cleaned(&wk, &stuck.id, &["--older-than", "0s", "--dry-run"]).await;
    let went = wk.wk(["clean", "--older-than", "0s"]).await;
    assert_eq!(went.code, 1, "{went}");
    assert!(went.stderr.contains(&stuck.id), "{went}");
    assert!(went.text().contains(&done.id) && went.text().contains("removed"), "{went}");
    assert!(!wk.session_folder(&done.id).exists());
    assert!(wk.session_folder(&stuck.id).join("spec.json").exists());
    assert!(wk.session_folder(&lives.id).join("spec.json").exists());
    fs::remove_dir_all(&in_the_way).unwrap();
    assert!(wk.ok(["clean", "--older-than", "0s"]).await.contains("stuck"));
    assert!(!wk.session_folder(&stuck.id).exists());
    assert!(wk.ok(["ls", "--all"]).await.contains("stuck"));
    assert!(wk.wk(["clean", "--older-than", "soon"]).await.failed(2).contains("1h30m"));
}

/// A process that says it is of a session; ended with this.
struct Left(Child);

impl Left {
    fn of(wk: &TestDaemon, session: &str, script: &str) -> Self {
        let mut command: Command = wk.command("sh");
        command.args(["-c", script]).env("WK_SESSION_ID", session);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn orphans_are_told_of_once_and_ended_when_asked() {
    let wk = TestDaemon::new();
    wk.configure("[cleanup]\ninterval = \"200ms\"\n[session]\ngrace = \"300ms\"\n");
    let other = TestDaemon::start().await;
    let done = wk.run(["--", "true"]).await;
    let shell = wk.run(["--kind", "shell", "--", "true"]).await;
    let lives = wk.run(["--", "cat"]).await;
    done.ended().await;
    shell.ended().await;
    let sleep = "exec sleep 1000";
    let mut orphan = Left::of(&wk, &done.id, sleep);
    let mut stubborn = Left::of(&wk, &done.id, "trap '' TERM; while :; do sleep 1; done");
    let kept = [&shell.id, &lives.id, &"0123456789ab".to_owned()];
    let mut kept = kept.map(|session| Left::of(&wk, session, sleep));
    let mut events = wk.events().await;
    for pid in [orphan.0.id(), stubborn.0.id()] {
        let of_it = |data: &Value| data["process"]["pid"] == pid;
        // Whichever of the two is found first.
        let mut again = wk.events().await;
        again.until(|event| event.kind == "orphan_found" && of_it(&event.data)).await;
    }

    let shown = wk.ok(["clean", "--orphans", "--dry-run"]).await;
    assert!(shown.contains(&orphan.0.id().to_string()) && shown.contains("would be"), "{shown}");
    assert!(wk.ok(["daemon", "status"]).await.contains("wk clean --orphans"));
    let none = other.ok(["clean", "--orphans"]).await;
    assert!(none.contains("nothing to clean up"), "another daemon's: {none}");
    assert!(orphan.lives() && stubborn.lives());

    let ended = wk.wk(["clean", "--orphans", "--format", "json"]).await.json();
    let signal_of = |pid: u32| {
        let orphans = ended["orphans"].as_array().unwrap();
        orphans.iter().find(|orphan| orphan["pid"] == pid).map(|orphan| orphan["signal"].clone())
    };
    assert_eq!(signal_of(orphan.0.id()), Some(15.into()), "{ended}");
    assert_eq!(signal_of(stubborn.0.id()), Some(9.into()), "{ended}");
    assert!(!orphan.lives() && !stubborn.lives());
    assert!(kept.iter_mut().all(Left::lives), "not ours to end");
    events.until(|e| e.kind == "orphan_ended" && e.data["process"]["pid"] == orphan.0.id()).await;
    let journal = wk.journal().await;
    let found = journal.iter().filter(|event| {
        event["kind"] == "orphan_found" && event["data"]["process"]["pid"] == orphan.0.id()
    });
    assert_eq!(found.count(), 1, "told of once, however often it was seen");
}

#[tokio::test]
async fn the_journal_forgets_what_is_old_and_a_rebuild_compares_equal() {
    let wk = TestDaemon::new();
    let keep = "[cleanup]\ninterval = \"1h\"\nlive_state_after = \"none\"\n";
    wk.configure(keep);
    let lives = wk.run(["--name", "lives", "--", "cat"]).await;
    let gone = wk.run(["--name", "gone", "--", "true"]).await;
    gone.ended().await;
    let mut events = wk.events().await;
    // The last that is said of it: what comes after the cut would keep it.
    events.until_kind(&gone.id, "verdict_reached").await;
    let old_id = events.last_id.clone().unwrap();
    wk.ok(["config", "reload"]).await;
    wk.configure(&format!("{keep}journal_after = \"0s\"\n"));
    wk.ok(["config", "reload"]).await;
    let would = wk.wk(["clean", "--dry-run", "--format", "json"]).await.json();
    assert!(would["events"].as_u64().unwrap() >= 6, "{would}");

    let went = wk.wk(["clean", "--format", "json"]).await.json();

    assert!(went["events"].as_u64().unwrap() >= 6, "{went}");
    let listed = wk.ok(["ls", "--all"]).await;
    assert!(listed.contains("lives") && !listed.contains("gone"), "{listed}");
    assert!(!wk.session_folder(&gone.id).exists());
    assert!(wk.session_folder(&lives.id).join("spec.json").exists());
    let kinds: Vec<_> = wk.journal().await.iter().map(|event| event["kind"].clone()).collect();
    assert!(kinds.contains(&"session_summarised".into()), "{kinds:?}");
    assert!(!kinds.contains(&"session_created".into()), "{kinds:?}");
    let mut resumed = wk_tests::Events::resume(wk.client(), Some(&old_id)).await;
    assert_eq!(resumed.next_raw().await.unwrap().event, "reset");
    let rebuilt = wk.wk(["doctor", "--rebuild", "--format", "json"]).await.json();
    assert!(rebuilt.to_string().contains("\"differing\":[]"), "{rebuilt}");

    // The session lives on, through another daemon too.
    wk.kill().await;
    wk.ok(["send", "lives", "still here", "--enter"]).await;
    lives.until_shows("still here").await;
    wk.ok(["stop", "lives"]).await;
    lives.ended().await;
    wk.ok(["doctor", "--rebuild"]).await;
}

#[tokio::test]
async fn sessions_are_counted_by_what_they_have_in_common() {
    let wk = TestDaemon::start().await;
    for (label, script) in [("team=red", "exit 0"), ("team=red", "exit 3"), ("team=blue", "exit 0")]
    {
        wk.run(["-l", label, "--", "sh", "-c", script]).await.ended().await;
    }
    wk.run(["-l", "team=red", "--", "cat"]).await;
    let stats = wk.wk(["stats", "--by", "label:team", "--format", "json"]).await.json();
    assert_eq!(
        (&stats["overall"]["sessions"], &stats["overall"]["active"]),
        (&4.into(), &1.into())
    );
    assert_eq!(stats["groups"][0]["group"], "red");
    assert_eq!(stats["groups"][0]["failure_rate"], 0.5);
    assert!(stats["groups"][0]["median_seconds"].is_number());
    assert!(wk.ok(["stats"]).await.contains("all"));
    assert!(wk.ok(["stats", "--format", "csv"]).await.starts_with("group,sessions"));
    assert_eq!(
        wk.wk(["stats", "--since", "0s", "--format", "json"]).await.json()["overall"]["sessions"],
        1
    );
    assert!(wk.wk(["stats", "--by", "colour"]).await.stderr.contains("label:KEY"));
}
