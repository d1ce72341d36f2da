//! What is written about the product is so: README, API page, help, man pages, doctor.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use wk_tests::{Outcome, TestDaemon, raw_call, wk_program};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The commands that a page promises to work, in their order.
fn examples(page: &str) -> Vec<String> {
    let blocks = page.split("```sh test\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_example_of_the_readme_works() {
    let mut wk = TestDaemon::new();
    wk.expect_trouble();
    let blocks = examples(&page("README.md"));
    assert!(blocks.len() > 5, "{blocks:?}");
    let folder = wk_program().parent().unwrap().to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut text = String::new();
    for block in blocks {
        let mut shell = wk.command("sh");
        shell.args(["-e", "-c", &block]).env("PATH", &path).env("WK_SERVER_LISTEN", "127.0.0.1:0");
        let outcome = Outcome::of(shell).await;
        assert_eq!(outcome.code, 0, "{outcome}");
        text += &outcome.text();
    }
    for promised in ["line 3", "HELLO", "it ended with 3", "the answer is 42", "still here 5"] {
        assert!(text.contains(promised), "{promised} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_api_page_and_the_openapi_document_name_the_same_routes() {
    let wk = TestDaemon::start().await;
    let answer = raw_call(&wk.socket(), "GET", "/api/openapi.json", "", b"").await;
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let served: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let path = path.replace("{session}", "{id}");
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let page = page("docs/api.md");
    let named: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|route| route.contains(" /") && !route.ends_with("openapi.json"))
        .map(str::to_owned)
        .collect();
    assert_eq!(served, named);
    // Every reference leads somewhere.
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(found.is_some(), "{reference}");
    }
    // The schema of a session has exactly the fields that a session has.
    let session = wk.run(["--", "true"]).await;
    let view = serde_json::to_value(session.ended().await).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&document["components"]["schemas"]["SessionView"]["properties"]), keys(&view));
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn every_kind_of_event_is_described() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    wk.ok(["run", "--", "true"]).await;
    let stopped = wk.run(["--", "cat"]).await;
    wk.ok(["stop", &stopped.id]).await;
    stopped.ended().await;
    wk.ok(["rm", &stopped.id]).await;
    wk.ok(["config", "reload"]).await;
    wk.run(["--", "cat"]).await;
    wk.ok(["daemon", "restart"]).await;
    let page = page("docs/events.md");
    let journal = wk.journal().await;
    let kinds: BTreeSet<&str> =
        journal.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.len() >= 9, "{kinds:?}");
    for event in &journal {
        let kind = event["kind"].as_str().unwrap();
        let row = page.lines().find(|line| line.starts_with(&format!("| `{kind}`")));
        let row = row.unwrap_or_else(|| panic!("{kind} is not described"));
        for key in event["data"].as_object().unwrap().keys() {
            assert!(row.contains(key.as_str()), "`{key}` of {kind} is not described: {row}");
        }
    }
}

#[tokio::test]
async fn help_completions_and_man_pages_are_there() {
    let wk = TestDaemon::new();
    let help = wk.ok(["help"]).await;
    for verb in [
        "run",
        "attach",
        "ls",
        "show",
        "logs",
        "screen",
        "send",
        "wait",
        "stop",
        "signal",
        "rm",
        "play",
        "events",
        "daemon",
        "doctor",
        "config",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("  {verb} ")), "{verb}: {help}");
        let help = wk.ok([verb, "--help"]).await;
        assert!(help.contains("Example"), "{verb}: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(wk.ok(["completions", shell]).await.contains("attach"), "{shell}");
    }
    let completions = wk.path().join("completions.bash");
    fs::write(&completions, wk.ok(["completions", "bash"]).await).unwrap();
    let mut check = wk.command("bash");
    check.arg("-n").arg(&completions);
    Outcome::of(check).await.ok();
    let pages = wk.path().join("man");
    wk.ok(["man", pages.to_str().unwrap()]).await;
    for name in ["wk.1", "wk-run.1", "wk-attach.1"] {
        assert!(fs::read_to_string(pages.join(name)).unwrap().contains(".TH"), "{name}");
    }
    assert!(wk.ok(["--version"]).await.starts_with("wk 0."));
    assert!(!wk.state().exists(), "none of this needs a daemon");
}

#[tokio::test]
async fn the_doctor_says_what_works_and_what_does_not() {
    let wk = TestDaemon::start().await;
    let well = wk.wk(["doctor"]).await;
    assert_eq!(well.code, 0, "{well}");
    for word in ["daemon", "journal", "holder", "pidfd"] {
        assert!(well.text().contains(&format!("✓ {word}")), "{word}: {well}");
    }
    let checks = wk.wk(["doctor", "--format", "json"]).await.json();
    assert!(checks.to_string().contains("holder"), "{checks}");
    wk.configure("[session]\ngrace = 1\n");
    let ill = wk.wk(["doctor"]).await;
    assert_eq!(ill.code, 1, "{ill}");
    assert!(ill.text().contains("✗ settings") && ill.text().contains("wk config check"), "{ill}");
}
