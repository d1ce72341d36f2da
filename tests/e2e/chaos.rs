//! Chaos, from a seed: a thousand sessions that end well, fail, crash, run into limits, and are
//! stopped and killed at random moments, alone or with their holders, while their daemon is
//! killed under them. Each ends as its options say.

mod plan;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use wk_api::{SessionView, StopRequest, WaitQuery, Waited};
use wk_client::Client;
use wk_tests::{TestDaemon, Watch};

use plan::{Fate, Plan};

const SESSIONS: u64 = 1000;
const AT_ONCE: usize = 32;
const DAEMON_DEATHS: usize = 5;

/// The seed, unless `WK_CHAOS_SEED` names another.
const SEED: u64 = 0x5eed;

/// Calls until there is a daemon that answers.
async fn insist<T>(what: &str, call: impl AsyncFn() -> Result<T, wk_client::ClientError>) -> T {
    let answered = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                // The next daemon takes a moment, of which nothing tells.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    wk_tests::within(what, answered).await
}

/// Sees to each attempt that does not end by itself, and waits for the session's end.
async fn follow(client: &Client, id: &str, plan: &Plan) -> SessionView {
    for (attempt, fate) in (1..).zip(&plan.fates) {
        let (Fate::Killed(delay) | Fate::HolderKilled(delay) | Fate::Stopped(delay)) = *fate else {
            continue;
        };
        let view = until_runs(client, id, attempt).await;
        let victim = if matches!(fate, Fate::HolderKilled(_)) { view.holder_pid } else { view.pid };
        let (Some(pid), true) = (victim, view.attempt == attempt) else { break };
        let watch = Watch::new(pid);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        match fate {
            Fate::Stopped(_) => stop(client, id).await,
            _ => watch.kill(),
        }
    }
    let ended =
        async || client.get::<Waited>(&format!("/sessions/{id}/wait"), &WaitQuery::default()).await;
    insist("the end", ended).await.session
}

/// Waits for an attempt, or for one that should never have been.
async fn until_runs(client: &Client, id: &str, attempt: u32) -> SessionView {
    loop {
        let query = WaitQuery { until: wk_api::WaitFor::Running, ..WaitQuery::default() };
        let path = format!("/sessions/{id}/wait");
        let waited = insist("an attempt", async || client.get::<Waited>(&path, &query).await);
        let view = waited.await.session;
        if view.end_time.is_some() || view.attempt >= attempt {
            return view;
        }
        // An earlier attempt still runs, and is about to end.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Asks until it was heard: an answer may be lost, and what has ended cannot be stopped.
async fn stop(client: &Client, id: &str) {
    let path = format!("/sessions/{id}");
    insist("a stop", async || {
        match client.get::<SessionView>(&path, &()).await {
            Ok(view) if view.end_time.is_some() => return Ok(()),
            _ => {}
        }
        let (path, asked) = (format!("{path}/stop"), StopRequest::default());
        client.post::<Value>(&path, &(), &asked).await.map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sessions_end_as_their_options_say() {
    let seed = std::env::var("WK_CHAOS_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    eprintln!("to see the same again: WK_CHAOS_SEED={seed}");
    let mut wk = TestDaemon::new();
    wk.configure(plan::SETTINGS);
    wk.ok(["daemon", "start"]).await;
    wk.expect_trouble();
    let at_once = Semaphore::new(AT_ONCE);
    let begun = watch::Sender::new(0_u64);
    let run = async |number: u64| {
        let _slot = at_once.acquire().await.unwrap();
        let plan = Plan::of(seed, number);
        let (request, key) = (plan.request(&wk), format!("chaos-{number}"));
        let created = insist("a session", async || wk.client().create(&request, &key).await).await;
        begun.send_modify(|begun| *begun += 1);
        let ended = follow(wk.client(), &created.session_id, &plan).await;
        assert_eq!((ended.status, ended.attempt), plan.want(), "{plan:?} {ended:?}");
        (created.session_id, plan)
    };
    let chaos = async {
        for death in 1..=DAEMON_DEATHS {
            let part = SESSIONS * death as u64 / (DAEMON_DEATHS as u64 + 1);
            let mut begun = begun.subscribe();
            begun.wait_for(|begun| *begun >= part).await.unwrap();
            wk.kill().await;
            let started = wk.wk(["daemon", "start"]).await;
            assert_eq!(started.code, 0, "{started}\n{}", wk.log());
        }
    };
    let all = futures_util::future::join_all((0..SESSIONS).map(run));
    let (plans, ()) = tokio::join!(all, chaos);

    let doubles = std::fs::read_to_string(wk.work().join("doubles")).unwrap_or_default();
    assert_eq!(doubles, "", "sessions that ran twice at a time");
    let mut counts: HashMap<String, BTreeMap<String, u32>> = HashMap::new();
    for event in wk.journal().await {
        let Some(id) = event["session_id"].as_str() else { continue };
        let kind = event["kind"].as_str().unwrap().to_owned();
        *counts.entry(id.to_owned()).or_default().entry(kind).or_default() += 1;
    }
    for (id, plan) in plans {
        let of = |kind: &str| counts[&id].get(kind).copied().unwrap_or(0);
        let (_, attempts) = plan.want();
        assert_eq!(of("attempt_started"), attempts, "{id} {plan:?}");
        assert_eq!(of("session_parked"), plan.parks(), "{id} {plan:?}");
        assert_eq!(of("session_recovering"), attempts - 1 - plan.parks(), "{id} {plan:?}");
        assert_eq!(of("session_closed"), 1, "{id} {plan:?}");
    }
    let waiting: Vec<Value> =
        serde_json::from_str(&wk.ok(["ls", "--active", "--format", "json"]).await).unwrap();
    assert!(waiting.is_empty(), "{waiting:?}");
}
