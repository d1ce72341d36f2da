//! Every command line that "Session Tracking Quick Start Guide" promises, with `wk` as the
//! program: other teams' scripts are made of them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use wk_tests::{Outcome, Tcp, TestDaemon, raw_call, skip, wk_program};

/// The guide's "Integration with Monitoring", to the letter.
const MONITOR: &str = include_str!("quick_start/monitor.py");

/// What it leaves to whoever uses it: how alerts are sent, and `requests` where that is missing.
const AROUND: &str = r#"
import builtins, json, runpy, sys, types, urllib.request
try:
    import requests
except ImportError:
    requests = types.ModuleType("requests")
    class Response:
        def __init__(self, body):
            self.json = lambda: json.loads(body)
    requests.get = lambda url: Response(urllib.request.urlopen(url).read())
    sys.modules["requests"] = requests
builtins.send_alert = print
runpy.run_path(sys.argv[1], run_name="__main__")
"#;

/// In the order of the guide, as it writes them; what follows looks at what they print.
const LINES: &[&str] = &[
    "wk mcp start",
    "wk list-sessions --type admin_shell",
    "wk show-session sess_abc123",
    "wk list-sessions --type admin_shell",
    "wk list-sessions --component mahavishnu",
    "wk list-sessions --user les",
    "wk list-sessions \\
    --type admin_shell \\
    --after \"2026-02-01\" \\
    --before \"2026-02-08\"",
    "wk list-sessions --type admin_shell --output sessions.csv",
    "wk list-sessions --duration-greater 3600",
    "wk list-sessions --duration-greater 86400  # > 24 hours",
    "wk show-session sess_abc123",
    "wk show-session sess_abc123 --format json | jq '.duration_seconds'",
    "wk mcp start",
    "wk mcp restart",
    "wk list-sessions --duration-greater 3600",
    "wk list-sessions --duration-greater 86400 | \\
    mail -s \"Long-running shells detected\" admin@example.com",
    "wk list-sessions \\
    --type admin_shell \\
    --after \"$(date -v-7d +%Y-%m-%d)\" \\
    --output admin_audit_$(date +%Y%m%d).csv",
    "wk list-sessions --type admin_shell --incomplete",
    "wk list-sessions --limit 10",
    "wk list-sessions --after \"2026-02-01\" --before \"2026-02-07\"",
    "wk list-sessions --component mahavishnu",
    "wk list-sessions --format json > sessions.json",
    "wk list-sessions --format csv > sessions.csv",
    "wk analytics --type admin_shell --metric duration",
    "wk analytics --type admin_shell --metric count --period daily",
    "wk analytics --type admin_shell --metric unique_users",
    "wk analytics --type admin_shell --metric peak_hours",
    // These end what those above look at.
    "wk end-session sess_abc123",
    "wk list-sessions --incomplete --format json | \\
    jq -r '.[].session_id' | \\
    xargs -I {} wk end-session {}",
];

/// What the guide expects to be installed, made like it: `date` of a Mac, and mail that stays.
const PROGRAMS: [(&str, &str); 2] = [
    (
        "date",
        "#!/bin/sh\nif [ \"$1\" = -v-7d ]; then shift; set -- -d '7 days ago' \"$@\"; fi\nexec /bin/date \"$@\"\n",
    ),
    ("mail", "#!/bin/sh\ncat > \"$HOME/mail.txt\"\n"),
];

struct Reader<'a> {
    wk: &'a TestDaemon,
    path: String,
}

impl<'a> Reader<'a> {
    fn new(wk: &'a TestDaemon) -> Self {
        let folder = wk.path().join("bin");
        fs::create_dir(&folder).unwrap();
        for (name, text) in PROGRAMS {
            let program = folder.join(name);
            fs::write(&program, text).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let ours = wk_program().parent().unwrap().display().to_string();
        let others = std::env::var("PATH").unwrap();
        Self { wk, path: format!("{}:{ours}:{others}", folder.display()) }
    }

    /// Types one line of the guide; the session in it is this one.
    async fn types(&self, line: &str, session: &str) -> Outcome {
        let mut shell = self.wk.command("bash");
        shell.args(["-o", "pipefail", "-c", &line.replace("sess_abc123", session)]);
        shell.env("PATH", &self.path);
        Outcome::of(shell).await
    }
}

/// A shell tells that it has begun; none: this daemon is not told of shells.
async fn begins(
    wk: &TestDaemon,
    number: u32,
    component: &str,
    user: &str,
    at: &str,
) -> Option<String> {
    let told = json!({
        "event_version": "1.0",
        "event_id": format!("550e8400-e29b-41d4-a716-{number:012}"),
        "event_type": "session_start",
        "component_name": component,
        "shell_type": "MahavishnuShell",
        "timestamp": at,
        "pid": 12345,
        "user": {"username": user, "home": "/Users/les"},
        "hostname": "mbp-local",
        "environment": {
            "python_version": "3.13.0",
            "platform": "macOS-15.2-arm64-arm-64bit",
            "cwd": "/Users/les/Projects/mahavishnu",
        },
        "metadata": {"component_version": "1.0.0", "cli_enabled": true, "adapters": ["prefect"]},
    });
    let answer = post(wk, "/api/track/start", &told).await?;
    Some(answer["session_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
}

async fn ends(wk: &TestDaemon, session: &str, at: &str) {
    let told = json!({"session_id": session, "event_type": "session_end", "timestamp": at});
    let answer = post(wk, "/api/track/end", &told).await.unwrap();
    assert_eq!(answer["status"], "ended", "{answer}");
}

async fn post(wk: &TestDaemon, path: &str, body: &Value) -> Option<Value> {
    let headers = "content-type: application/json\r\n";
    let answer = raw_call(&wk.socket(), "POST", path, headers, body.to_string().as_bytes()).await;
    let told = answer.json();
    if answer.status == 404 && told["detail"].as_str().unwrap().contains("no such route") {
        return None;
    }
    assert_eq!(answer.status, 200, "{told}");
    Some(told)
}

fn ago(hours: i64) -> String {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let ms = i64::try_from(elapsed.as_millis()).unwrap() - hours * 3_600_000;
    wk_model::Time::from_millis(ms).to_string()
}

fn written(wk: &TestDaemon, name: &str) -> String {
    fs::read_to_string(wk.work().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn every_line_of_the_quick_start_works_as_it_says() {
    let mut wk = TestDaemon::new();
    wk.set("WK_SERVER_LISTEN", "127.0.0.1:0");
    wk.ok(["daemon", "start"]).await;
    // The guide's own shell, one that lives for two days, one of somebody else.
    let Some(ended) = begins(&wk, 1, "mahavishnu", "les", "2026-02-06T10:30:00Z").await else {
        return skip("this daemon is not told of shells");
    };
    ends(&wk, &ended, "2026-02-06T10:35:00Z").await;
    let long = begins(&wk, 2, "mahavishnu", "les", &ago(48)).await.unwrap();
    let other = begins(&wk, 3, "akosha", "ann", &ago(0)).await.unwrap();
    let reader = Reader::new(&wk);
    for line in LINES {
        let session = if line.contains("end-session") { &long } else { &ended };
        let outcome = reader.types(line, session).await;
        assert_eq!(outcome.code, 0, "{outcome}");
        let text = outcome.text();
        let shows = |ids: &[&String]| {
            for id in [&ended, &long, &other] {
                assert_eq!(text.contains(id.as_str()), ids.contains(&id), "{id}: {outcome}");
            }
        };
        match *line {
            "wk list-sessions --type admin_shell" => {
                shows(&[&ended, &long, &other]);
                assert!(text.starts_with("┌──") && text.contains("│ Session ID "), "{outcome}");
                assert!(text.contains("│ mahavishnu │ les  │"), "{outcome}");
            }
            "wk list-sessions --component mahavishnu" | "wk list-sessions --user les" => {
                shows(&[&ended, &long]);
            }
            "wk list-sessions --duration-greater 3600" => shows(&[&long]),
            "wk list-sessions --limit 10" => shows(&[&ended, &long, &other]),
            "wk show-session sess_abc123" => {
                assert!(text.contains("ended, after 5m 0s"), "{outcome}");
                assert!(text.contains("2026-02-06 10:30:00"), "{outcome}");
                assert!(text.contains("2026-02-06 10:35:00"), "{outcome}");
            }
            line if line.contains("jq '.duration_seconds'") => {
                assert_eq!(text.trim().parse::<f64>().unwrap(), 300.0);
            }
            line if line.contains("> 24 hours") => shows(&[&long]),
            line if line.contains("2026-02-01") => shows(&[&ended]),
            line if line.contains("--output sessions.csv") => {
                let csv = written(&wk, "sessions.csv");
                assert!(csv.starts_with("session_id,") && csv.lines().count() == 4, "{csv}");
            }
            line if line.contains("mail") => {
                let mail = fs::read_to_string(wk.path().join("mail.txt")).unwrap();
                assert!(mail.contains(&long) && !mail.contains(&ended), "{mail}");
            }
            line if line.contains("admin_audit") => audited(&wk, &[&long, &other]),
            "wk list-sessions --type admin_shell --incomplete" => shows(&[&long, &other]),
            line if line.contains("> sessions.json") => {
                let list: Value = serde_json::from_str(&written(&wk, "sessions.json")).unwrap();
                assert_eq!(list.as_array().unwrap().len(), 3);
            }
            line if line.contains("> sessions.csv") => {
                assert_eq!(written(&wk, "sessions.csv").lines().count(), 4);
            }
            line if line.contains("--metric duration") => assert!(text.contains("5m 0s"), "{text}"),
            line if line.contains("--period daily") => {
                assert!(text.contains("2026-02-06         1"), "{text}");
            }
            line if line.contains("unique_users") => {
                assert!(text.lines().nth(1).unwrap().trim().ends_with('2'), "{text}");
            }
            line if line.contains("peak_hours") => {
                assert!(text.contains("10:00") && text.contains('█'), "{text}");
            }
            line if line.contains("end-session") => {
                assert!(text.contains("the record is closed"), "{text}");
            }
            line => assert!(line.starts_with("wk mcp "), "nobody looked at what {line} printed"),
        }
    }
    let left = wk.ok(["list-sessions", "--incomplete", "--format", "json"]).await;
    assert_eq!(left.trim(), "[]");
    let shown = wk.ok(["show-session", &long]).await;
    assert!(shown.contains("ended, after 2d 0h"), "{shown}");
}

#[tokio::test]
async fn the_monitoring_script_of_the_quick_start_runs_unchanged() {
    if !has_python() {
        return skip("there is no python3");
    }
    let mut wk = TestDaemon::new();
    wk.set("WK_AUTH_MODE", "open");
    let tcp = Tcp::start(&mut wk).await;
    let long = begins(&wk, 1, "mahavishnu", "les", &ago(48)).await.unwrap();
    let brief = begins(&wk, 2, "akosha", "ann", &ago(0)).await.unwrap();
    let script = wk.path().join("monitor.py");
    let port = tcp.address.port().to_string();
    assert_eq!(MONITOR.matches("8678").count(), 1);
    fs::write(&script, MONITOR.replace("8678", &port)).unwrap();
    let mut python = wk.command("python3");
    python.arg("-c").arg(AROUND).arg(&script);
    let said = Outcome::of(python).await.ok();
    assert!(said.starts_with(&format!("Long-running shell detected: {long}\n")), "{said}");
    assert!(said.contains("Component: mahavishnu\nDuration: 1728"), "{said}");
    assert!(said.contains("User: les") && !said.contains(&brief), "{said}");
}

fn has_python() -> bool {
    let tried = std::process::Command::new("python3").arg("--version").output();
    tried.is_ok_and(|output| output.status.success())
}

/// The weekly report has these shells, under today's name.
fn audited(wk: &TestDaemon, sessions: &[&String]) {
    let is_report = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("admin_audit_2"))
    };
    let entries = fs::read_dir(wk.work()).unwrap().map(|entry| entry.unwrap().path());
    let reports: Vec<_> = entries.filter(|path| is_report(path)).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let csv = fs::read_to_string(&reports[0]).unwrap();
    assert_eq!(csv.lines().count(), 1 + sessions.len(), "{csv}");
    assert!(sessions.iter().all(|session| csv.contains(session.as_str())), "{csv}");
}
