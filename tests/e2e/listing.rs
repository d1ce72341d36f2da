//! `wk ls` and `wk show`: what there is, and what `S` may be.

use serde_json::Value;
use wk_tests::{Outcome, Terminal, TestDaemon};

/// The ids in a list that was printed as JSON.
fn ids(list: &Value) -> Vec<String> {
    let id = |view: &Value| view["session_id"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn every_filter_selects() {
    let wk = TestDaemon::start().await;
    let done = wk.run(["--name", "done", "--", "true"]).await;
    let failed = wk.run(["--name", "bad", "-l", "team=x", "--", "false"]).await;
    let slow = wk.run(["--name", "slow", "--timeout", "20ms", "--", "sleep", "60"]).await;
    for session in [&done, &failed, &slow] {
        session.ended().await;
    }
    let agent =
        ["--kind", "agent", "--agent-id", "a7", "-l", "team=x", "-l", "tier=1", "--", "cat"];
    let agent = wk.run(agent).await;
    let part = wk.run(["--component", "search", "--", "cat"]).await;
    let gone = wk.run(["--kind", "shell", "--", "cat"]).await;
    wk.ok(["stop", &gone.id]).await;
    gone.ended().await;
    let user = agent.view().await.username.unwrap();
    for (words, want) in [
        (&["--status", "completed"][..], &[&done][..]),
        (&["--status", "timeout,cancelled"], &[&gone, &slow]),
        (&["--active"], &[&part, &agent]),
        (&["--failed"], &[&slow, &failed]),
        (&["--kind", "agent"], &[&agent]),
        (&["--kind", "shell,agent"], &[&gone, &agent]),
        (&["--agent-id", "a7"], &[&agent]),
        (&["--component", "search"], &[&part]),
        (&["--user", "nobody-like-this"], &[]),
        (&["--user", &user, "--active"], &[&part, &agent]),
        (&["-l", "team=x"], &[&agent, &failed]),
        (&["-l", "team=x", "-l", "tier=1"], &[&agent]),
        (&["--name", "bad"], &[&failed]),
        (&["--limit", "2"], &[&gone, &part]),
        (&["--before", &slow.id], &[&failed, &done]),
        (&["--after", "1h", "--kind", "agent"], &[&agent]),
        (&["--before", "1h"], &[]),
        (&["--before", "tomorrow", "--type", "agent"], &[&agent]),
        (&["--type", "shell", "--after", "yesterday"], &[&gone]),
        (&["--type", "admin_shell"], &[]),
        (&["--type", "bash"], &[]),
        (&["--incomplete"], &[]),
        (&["--duration-greater", "1h"], &[]),
        (&["--duration-greater", "3600", "--active"], &[]),
    ] {
        let list = wk.wk([&["ls", "--format", "json"], words].concat()).await.json();
        let want: Vec<&str> = want.iter().map(|session| session.id.as_str()).collect();
        assert_eq!(ids(&list), want, "{words:?}");
    }
    let cut = wk.wk(["ls", "--limit", "2"]).await;
    assert!(cut.stderr.contains("--limit 0"), "{cut}");
    assert!(!wk.wk(["ls"]).await.stderr.contains("--limit"));
}

#[tokio::test]
async fn a_table_fits_and_is_plain_in_a_pipe() {
    let wk = TestDaemon::start().await;
    wk.run(["--", "printf", "\u{1b}[2Jcleared 漢字"]).await.ended().await;
    assert!(wk.ok(["ls"]).await.contains("\\u{1b}[2J"), "what acts on a terminal is escaped");
    let long = "echo 'this is a rather long command line that no table of 80 columns has room for'; \
                printf '\\033[31m'; exec cat";
    wk.run(["--name", "a-name-that-is-longer-than-most-names-are", "--", "sh", "-c", long]).await;
    for verb in [&["ls"][..], &["show", "a-name-that-is-longer-than-most-names-are"]] {
        let text = wk.ok(verb).await;
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    let mut coloured = Terminal::open(wk.call(["ls"]));
    assert_eq!(coloured.ended().await, 0);
    assert!(String::from_utf8_lossy(coloured.raw()).contains("\u{1b}[32mrunning"));
    let mut call = wk.call(["ls"]);
    call.env("NO_COLOR", "1");
    let mut plain = Terminal::open(call);
    assert_eq!(plain.ended().await, 0);
    assert!(!String::from_utf8_lossy(plain.raw()).contains('\u{1b}'));
    let mut narrow = Terminal::sized(wk.call(["ls", "--color", "never"]), 70, 24);
    assert_eq!(narrow.ended().await, 0);
    let text = String::from_utf8_lossy(narrow.raw()).into_owned();
    assert!(text.lines().all(|line| line.trim_end().chars().count() <= 70), "{text}");
}

#[tokio::test]
async fn lists_are_read_by_machines() {
    let wk = TestDaemon::start().await;
    assert_eq!(wk.wk(["ls", "--format", "json"]).await.json(), serde_json::json!([]));
    let session = wk.run(["--name", "web", "--", "sh", "-c", "echo \"a, b\"; cat"]).await;
    let view = wk.wk(["show", "web", "--format", "json"]).await.json();
    let list = wk.wk(["ls", "--format", "json"]).await.json();
    assert_eq!(ids(&list), [session.id.as_str()]);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&list[0]), keys(&view));
    let csv = wk.ok(["ls", "--format", "csv"]).await;
    let (head, row) = csv.split_once("\r\n").unwrap();
    let mut names: Vec<&str> = head.split(',').collect();
    names.sort_unstable();
    assert_eq!(names, keys(&view));
    assert!(row.contains(r#"echo \""a, b\""; cat"#), "{row}");
    assert!(row.starts_with(&session.id) && row.ends_with("\r\n"));
}

#[tokio::test]
async fn a_list_goes_into_a_file_in_the_format_of_its_name() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--component", "search", "--", "true"]).await;
    session.ended().await;
    let read = |name: &str| std::fs::read_to_string(wk.work().join(name)).unwrap();
    for verb in ["ls", "list-sessions"] {
        assert_eq!(wk.ok([verb, "--output", "a.json"]).await, "");
        assert_eq!(ids(&serde_json::from_str(&read("a.json")).unwrap()), [session.id.as_str()]);
        wk.ok([verb, "-o", "a.csv"]).await;
        assert!(read("a.csv").starts_with("session_id,name,"), "{}", read("a.csv"));
        wk.ok([verb, "-o", "a.txt"]).await;
        assert!(read("a.txt").starts_with("ID  "), "{}", read("a.txt"));
        wk.ok([verb, "-o", "b.csv", "--format", "json"]).await;
        assert_eq!(ids(&serde_json::from_str(&read("b.csv")).unwrap()), [session.id.as_str()]);
    }
    wk.ok(["show", &session.id, "-o", "show.json"]).await;
    assert!(read("show.json").contains(&session.id));
    let refused = wk.wk(["ls", "-o", "none/a.csv"]).await.failed(1);
    assert!(refused.contains("cannot write `none/a.csv`"), "{refused}");
    // Of a call that fails, nothing comes into the file.
    wk.wk(["ls", "-o", "a.csv", "--after", "yesteryear"]).await.failed(2);
    assert!(read("a.csv").starts_with("session_id,name,"));
}

#[tokio::test]
async fn sessions_are_added_up_over_time() {
    let wk = TestDaemon::start().await;
    for component in ["search", "search", "mail"] {
        wk.run(["--component", component, "--", "true"]).await.ended().await;
    }
    let lives = wk.run(["--component", "mail", "--kind", "agent", "--", "cat"]).await;
    let ask = async |words: &[&str]| {
        wk.wk([&["analytics", "--format", "json"], words].concat()).await.json()
    };
    let all = ask(&[]).await;
    assert_eq!((&all["metric"], &all["overall"]["sessions"]), (&"count".into(), &4.into()));
    assert!(all["overall"]["average_seconds"].is_null());
    let by = ask(&["--by", "component", "--metric", "duration", "--period", "daily"]).await;
    let groups: Vec<_> = by["rows"].as_array().unwrap().iter().map(|row| &row["group"]).collect();
    assert_eq!(groups, ["mail", "search"]);
    for row in by["rows"].as_array().unwrap() {
        assert_eq!(row["sessions"], 2);
        assert!(row["median_seconds"].as_f64().unwrap() < 30.0, "{row}");
        assert_eq!(row["period"].as_str().unwrap().len(), "2026-11-20".len());
        assert!(row["period_start"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{row}");
    }
    let hours = ask(&["--metric", "peak_hours", "--type", "agent"]).await;
    let hours = hours["rows"].as_array().unwrap().clone();
    assert_eq!(hours.len(), 24);
    let counted: u64 = hours.iter().map(|row| row["sessions"].as_u64().unwrap()).sum();
    assert_eq!(counted, 1);
    assert!(wk.ok(["analytics", "--metric", "peak_hours"]).await.contains("  ████"));
    let users = ask(&["--metric", "unique_users", "--after", "1h ago"]).await;
    assert_eq!(users["overall"]["unique_users"], 1);
    let none = ask(&["--component", "nothing", "--before", "now"]).await;
    assert_eq!((&none["overall"]["sessions"], &none["rows"]), (&0.into(), &serde_json::json!([])));
    let csv = wk.ok(["analytics", "--by", "type", "--format", "csv"]).await;
    assert!(csv.contains("\r\n,,,command,3,") && csv.contains("\r\n,,,agent,1,"), "{csv}");
    let mut far = wk.call(["analytics", "--period", "hourly", "--format", "json"]);
    far.env("TZ", "XXX-5:45");
    let far = Outcome::of(far).await.json();
    assert!(far["rows"][0]["period"].as_str().unwrap().ends_with(":00+05:45"), "{far}");
    for (query, part) in [
        ("?metric=x", "count, duration, unique_users, peak_hours"),
        ("?period=yearly", "hourly"),
        ("?by=pid", "component"),
        ("?zone=Nowhere", "Berlin"),
        ("?metric=peak_hours&period=daily", "hours of the day"),
        ("?after=yesterday", "after"),
        ("?limit=-1", "limit"),
    ] {
        let path = format!("/api/analytics{query}");
        let answer = wk_tests::raw_call(&wk.socket(), "GET", &path, "", b"").await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(part), "{query}");
    }
    wk.ok(["stop", &lives.id]).await;
    lives.ended().await;
}

#[tokio::test]
async fn a_session_is_its_id_a_unique_prefix_or_its_name() {
    let wk = TestDaemon::start().await;
    // Of 40 ids, two begin with the same of 32 characters.
    let mut sessions = Vec::new();
    for _ in 0..40 {
        let request = wk_api::CreateSession {
            command: vec![wk_model::OsText::new("true").unwrap()],
            ..Default::default()
        };
        let view = wk.client().create(&request, &sessions.len().to_string()).await.unwrap();
        sessions.push(view.session_id);
    }
    let first = |id: &String| id[..1].to_owned();
    let alike: Vec<&String> = sessions
        .iter()
        .filter(|id| sessions.iter().filter(|other| first(other) == first(id)).count() > 1)
        .collect();
    let prefix = first(alike[0]);
    let outcome = wk.wk(["show", &prefix]).await;
    let told = outcome.clone().failed(1);
    for id in alike.iter().filter(|id| first(id) == prefix) {
        assert!(told.contains(id.as_str()), "{outcome}");
    }
    assert!(wk.ok(["show", &alike[0][..10]]).await.contains(alike[0].as_str()));
    let unknown = wk.wk(["show", "nobody"]).await.failed(1);
    assert!(unknown.contains("no session `nobody`") && unknown.contains("wk ls"), "{unknown}");
    for odd in ["../../etc", "a b", "%2e%2e", "é", "?x=y#z"] {
        let told = wk.wk(["show", odd]).await;
        assert!(told.clone().failed(1).contains("no session"), "{told}");
    }

    // A name goes to who has it now: the living one, else the last that had it.
    let old = wk.run(["--name", "web", "--", "true"]).await;
    old.ended().await;
    assert_eq!(wk.session("web").view().await.session_id, old.id);
    let new = wk.run(["--name", "web", "--", "cat"]).await;
    assert_eq!(wk.session("web").view().await.session_id, new.id);
}

#[tokio::test]
async fn what_ended_before_today_is_asked_for() {
    let wk = TestDaemon::start().await;
    let session = wk.run(["--", "true"]).await;
    session.ended().await;
    assert!(wk.ok(["ls"]).await.contains(&session.id));
    // Somewhere east of here, midnight lies between its end and now.
    let second = session.view().await.end_time.unwrap().as_millis() / 1000 % 86_400 + 1;
    let east = 86_400 - second;
    wk.ok(["run", "--no-record", "--", "sleep", "1"]).await;
    wk.ok(["rm", &wk.sessions().await[0].session_id]).await;
    let mut call = wk.call(["ls"]);
    call.env("TZ", format!("XXX-{}:{:02}:{:02}", east / 3600, east / 60 % 60, east % 60));
    let outcome = Outcome::of(call).await;
    assert!(outcome.text().is_empty() && outcome.stderr.contains("wk ls --all"), "{outcome}");
    assert!(wk.ok(["ls", "--all"]).await.contains(&session.id));
}
