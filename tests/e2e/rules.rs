//! Rules: events that run a command, or are posted.

use std::{fs, path::Path};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wk_api::RuleStatus;
use wk_sources::folder_watch::FolderWatch;
use wk_tests::{TestDaemon, within};

/// Waits until a file has so many lines.
async fn lines(path: &Path, count: usize) -> Vec<String> {
    let mut watch = FolderWatch::new(path.parent().unwrap()).unwrap();
    let written = async {
        loop {
            let text = fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count && text.ends_with('\n') {
                return lines;
            }
            let look = std::time::Duration::from_millis(50);
            let _ = tokio::time::timeout(look, watch.changed()).await;
        }
    };
    within("a rule's command", written).await
}

/// Waits until a rule stands so.
async fn rule(wk: &TestDaemon, wanted: impl Fn(&RuleStatus) -> bool) -> RuleStatus {
    let stands = async {
        loop {
            if let Some(rule) = wk.status().await.rules.into_iter().find(&wanted) {
                return rule;
            }
            tokio::task::yield_now().await;
        }
    };
    within("a rule", stands).await
}

fn heard(wk: &TestDaemon) -> std::path::PathBuf {
    wk.path().join("heard")
}

#[tokio::test]
async fn a_command_gets_the_event_and_what_it_is_about() {
    let wk = TestDaemon::new();
    let script = "echo \"$WK_EVENT $WK_SESSION_ID $WK_NAME $WK_STATUS $WK_CAUSE $WK_EXIT_CODE \
                  $WK_RULE $(cat)\" >> heard";
    wk.configure(&format!(
        "[[on]]\nname = \"tell\"\nevent = \"session_closed\"\nstatus = \"failed\"\n\
         label = \"team=red\"\nrun = [\"sh\", \"-c\", '''{script}''']\n"
    ));
    wk.run(["--", "false"]).await.ended().await;
    wk.run(["-l", "team=red", "--", "true"]).await.ended().await;
    let session = wk.run(["--name", "web", "-l", "team=red", "--", "sh", "-c", "exit 3"]).await;
    let told = lines(&heard(&wk), 1).await;
    let (facts, event) = told[0].split_at(told[0].find('{').unwrap());
    assert_eq!(facts, format!("session_closed {} web failed exit_code 3 tell ", session.id));
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(
        (&event["kind"], &event["session_id"]),
        (&"session_closed".into(), &session.id.as_str().into())
    );
    let rule = rule(&wk, |rule| rule.delivered == 1).await;
    assert_eq!((rule.name.as_str(), rule.action.as_str()), ("tell", "run sh"));
    assert!(wk.ok(["daemon", "status"]).await.contains("tell (run sh): 1 delivered"));
}

#[tokio::test]
async fn one_that_hangs_or_is_missing_harms_nobody() {
    let wk = TestDaemon::new();
    wk.configure(
        "[[on]]\nname = \"hangs\"\nevent = \"session_closed\"\ntimeout = \"200ms\"\nattempts = 1\n\
         run = [\"sleep\", \"1000\"]\n\
         [[on]]\nname = \"missing\"\nevent = \"session_closed\"\nattempts = 2\n\
         retry_delay = \"1ms\"\nrun = [\"/nonexistent/program\"]\n\
         [[on]]\nname = \"good\"\nevent = \"session_closed\"\nrun = [\"sh\", \"-c\", \"echo >> heard\"]\n",
    );
    for _ in 0..3 {
        wk.run(["--", "true"]).await.ended().await;
    }
    lines(&heard(&wk), 3).await;
    let hangs = rule(&wk, |rule| rule.name == "hangs" && rule.failed == 3).await;
    assert!(hangs.last_error.unwrap().contains("took too long"));
    let missing = rule(&wk, |rule| rule.name == "missing" && rule.failed == 3).await;
    assert!(missing.last_error.unwrap().contains("could not be started"));
    rule(&wk, |rule| rule.name == "good" && rule.delivered == 3).await;
}

#[tokio::test]
async fn what_is_under_way_when_the_daemon_is_killed_is_told_again() {
    let mut wk = TestDaemon::new();
    wk.expect_trouble();
    wk.configure(
        "[[on]]\nevent = \"session_closed\"\nrun = [\"sh\", \"-c\", \
         'echo $WK_SESSION_ID >> heard; until [ -e go ]; do sleep 0.05; done; echo >> done']\n",
    );
    let session = wk.run(["--", "true"]).await;
    session.ended().await;
    assert_eq!(lines(&heard(&wk), 1).await, std::slice::from_ref(&session.id));
    wk.kill().await;
    wk.ok(["daemon", "start"]).await;
    assert_eq!(lines(&heard(&wk), 2).await, [session.id.clone(), session.id]);
    fs::write(wk.path().join("go"), "").unwrap();
    rule(&wk, |rule| rule.delivered == 1).await;
    // The first one, which nobody watches any more, ends as well.
    lines(&wk.path().join("done"), 2).await;
    // It is done now: a daemon that ends and comes back has nothing to tell.
    wk.ok(["daemon", "restart"]).await;
    wk.run(["--", "true"]).await.ended().await;
    assert_eq!(lines(&heard(&wk), 3).await.len(), 3);
}

#[tokio::test]
async fn a_reload_changes_the_rules() {
    let wk = TestDaemon::start().await;
    wk.configure(
        "[[on]]\nevent = \"session_closed\"\nrun = [\"sh\", \"-c\", \"echo one >> heard\"]\n",
    );
    wk.ok(["config", "reload"]).await;
    wk.run(["--", "true"]).await.ended().await;
    lines(&heard(&wk), 1).await;
    wk.configure(
        "[[on]]\nevent = \"session_closed\"\nrun = [\"sh\", \"-c\", \"echo two >> heard\"]\n",
    );
    wk.ok(["config", "reload"]).await;
    wk.run(["--", "true"]).await.ended().await;
    assert_eq!(lines(&heard(&wk), 2).await, ["one", "two"]);
    wk.configure("[[on]]\nevent = \"session_closed\"\n");
    let told = wk.wk(["config", "reload"]).await.failed(1);
    assert!(told.contains("a rule needs an action"), "{told}");
    assert_eq!(wk.status().await.rules.len(), 1, "kept as it was");
}

/// Takes one request, and answers with a status; tells head and body.
async fn answer(listener: &TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let wanted = |request: &[u8]| {
        let text = String::from_utf8_lossy(request).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        (body.len() >= length.parse::<usize>().ok()?).then(|| text.clone())
    };
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "cut: {}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&buffer[..read]);
        if let Some(text) = wanted(&request) {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            return text;
        }
    }
}

#[tokio::test]
async fn an_event_is_posted_until_it_is_taken() {
    let wk = TestDaemon::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    wk.configure(&format!(
        "[[on]]\nname = \"hook\"\nevent = \"session_closed\"\nretry_delay = \"1ms\"\n\
         post = \"http://127.0.0.1:{port}/hook?key=secret\"\n"
    ));
    let session = wk.run(["--", "true"]).await;
    let first = within("a request", answer(&listener, "500 Oh")).await;
    let second = within("a request", answer(&listener, "204 Fine")).await;
    let key = |text: &str| {
        text.lines().find(|line| line.starts_with("idempotency-key: ")).map(str::to_owned)
    };
    assert_eq!(key(&first).unwrap(), key(&second).unwrap());
    assert!(second.starts_with("POST /hook?key=secret HTTP/1.1\r\n"), "{second}");
    let body: Value = serde_json::from_str(second.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["session_id"], session.id.as_str());
    let rule = rule(&wk, |rule| rule.delivered == 1).await;
    assert!(rule.last_error.unwrap().contains("answered 500"));
    assert!(!rule.action.contains("secret"));
}
