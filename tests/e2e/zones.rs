//! Time zones by their names, as the machine lists them.

use std::path::Path;

use serde_json::{Value, json};
use wk_tests::{Outcome, TestDaemon, raw_call, skip};

/// A shell that began when it was another day in Berlin than in New York.
async fn shell(wk: &TestDaemon) -> String {
    let told = json!({
        "event_version": "1.0",
        "event_id": "550e8400-e29b-41d4-a716-446655440000",
        "event_type": "session_start",
        "component_name": "zones",
        "shell_type": "bash",
        "timestamp": "2026-07-01T22:40:00Z",
        "pid": 12345,
        "user": {"username": "les", "home": "/home/les"},
        "hostname": "elsewhere",
        "environment": {"python_version": "3.13.0", "platform": "Linux", "cwd": "/work"},
    });
    let body = told.to_string();
    let answer = raw_call(&wk.socket(), "POST", "/api/track/start", "", body.as_bytes()).await;
    answer.json()["session_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn zones_are_known_by_their_names() {
    if !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        return skip("this machine has no list of time zones (tzdata)");
    }
    let wk = TestDaemon::start().await;
    let id = shell(&wk).await;
    let call = async |zone: &str, words: &[&str]| {
        let mut call = wk.call(words);
        call.env("TZ", zone);
        Outcome::of(call).await
    };
    // 00:40 of the second of July in Berlin, whose summer is two hours before UTC.
    for (zone, after, before, found) in [
        ("UTC", "2026-07-02 00:30 [Europe/Berlin]", "2026-07-02 00:50[europe/berlin]", true),
        ("UTC", "2026-07-02 00:30", "2026-07-02 00:50", false),
        ("Europe/Berlin", "2026-07-02 00:30", "2026-07-02 00:50", true),
        (":America/New_York", "2026-07-01 18:30", "Wed Jul  1 18:50:00 EDT 2026", true),
    ] {
        let words = ["ls", "--after", after, "--before", before, "--format", "json"];
        let listed = call(zone, &words).await.json();
        let want = if found { json!([id]) } else { json!([]) };
        let ids: Value =
            listed.as_array().unwrap().iter().map(|s| s["session_id"].clone()).collect();
        assert_eq!(ids, want, "{zone} {after} {before}");
    }
    let shown = call("Europe/Berlin", &["show", &id]).await.ok();
    assert!(shown.contains("2026-07-02 00:40:00"), "{shown}");
    let hours = call("Europe/Berlin", &["analytics", "--metric", "peak_hours"]).await.ok();
    assert!(hours.ends_with("in Europe/Berlin\n"), "{hours}");
    for (zone, day) in [("Europe/Berlin", "2026-07-02"), ("America/New_York", "2026-07-01")] {
        let path = format!("/api/analytics?metric=count&period=daily&zone={zone}");
        let answer = raw_call(&wk.socket(), "GET", &path, "", b"").await.json();
        assert_eq!((&answer["rows"][0]["period"], &answer["zone"]), (&day.into(), &zone.into()));
    }
}

#[tokio::test]
async fn a_zone_that_nobody_knows_is_complained_of() {
    let wk = TestDaemon::start().await;
    let id = shell(&wk).await;
    let mut call = wk.call(["show", &id]);
    call.env("TZ", "Nowhere/Land");
    let outcome = Outcome::of(call).await;
    assert!(outcome.stderr.contains("no time zone `Nowhere/Land` is known"), "{outcome}");
    assert!(outcome.ok().contains("2026-07-01 22:40:00"));
    let refused = wk.wk(["ls", "--after", "2026-02-01 10:30 [Nowhere/Land]"]).await.failed(2);
    assert!(refused.contains("no time zone `Nowhere/Land`"), "{refused}");
    let unclear = wk.wk(["ls", "--after", "02/01/2026"]).await.failed(2);
    assert!(unclear.contains("2026-01-02 or 2026-02-01"), "{unclear}");
    let all = wk.ok(["list-sessions", "--all", "--duration-greater", "1.5h"]).await;
    assert!(all.contains(&id), "{all}");
}
