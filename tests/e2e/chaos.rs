//! Chaos, from a seed: a thousand sessions that end well, fail, crash and are killed at random
//! moments, while their daemon is killed under them. Each ends as its options say.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::Semaphore;
use wk_api::{CreateSession, RecoveryRequest, SessionView, WaitQuery, Waited};
use wk_client::Client;
use wk_model::{OsText, Status};
use wk_tests::{TestDaemon, Watch};

const SESSIONS: u64 = 1000;
const AT_ONCE: usize = 24;
const DAEMON_DEATHS: usize = 5;

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Seed(u64);

impl Seed {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

/// What becomes of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Ends,
    Fails,
    Crashes,
    /// Is killed from outside, so many milliseconds after it was seen to run.
    Killed(u64),
}

impl Fate {
    fn of(seed: &mut Seed) -> Self {
        match seed.below(8) {
            0..=2 => Self::Ends,
            3 | 4 => Self::Fails,
            5 | 6 => Self::Crashes,
            _ => Self::Killed(seed.below(30)),
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Ends => "exit 0",
            Self::Fails => "exit 3",
            Self::Crashes => "kill -SEGV $$",
            Self::Killed(_) => "exec sleep 1000",
        }
    }
}

struct Plan {
    retries: u32,
    fates: Vec<Fate>,
}

impl Plan {
    fn of(number: u64) -> Self {
        let mut seed = Seed(number.wrapping_mul(7919));
        let retries = seed.below(4) as u32;
        let fates = (0..=retries).map(|_| Fate::of(&mut seed)).collect();
        Self { retries, fates }
    }

    /// The status and the attempt it ends with.
    fn want(&self) -> (Status, u32) {
        match self.fates.iter().position(|fate| *fate == Fate::Ends) {
            Some(at) => (Status::Completed, at as u32 + 1),
            None => (Status::Failed, self.retries + 1),
        }
    }

    /// Says so if another attempt of the session runs while it begins.
    fn command(&self) -> Vec<OsText> {
        let cases: String = (1..)
            .zip(&self.fates)
            .map(|(attempt, fate)| format!("{attempt}) {};; ", fate.script()))
            .collect();
        let script = format!(
            "f=pid-$WK_SESSION_ID; \
             if [ -e $f ] && tr '\\0' '\\n' < /proc/$(cat $f)/environ 2>/dev/null | \
                grep -q WK_SESSION_ID=$WK_SESSION_ID; then echo $WK_SESSION_ID >> doubles; fi; \
             echo $$ > $f; case $WK_ATTEMPT in {cases} *) exit 99;; esac"
        );
        ["sh", "-c", &script].into_iter().map(|word| OsText::new(word).unwrap()).collect()
    }

    fn request(&self, wk: &TestDaemon) -> CreateSession {
        let text = |text: String| OsText::new(text).unwrap();
        let path = std::env::var("PATH").unwrap();
        CreateSession {
            command: self.command(),
            working_directory: Some(text(wk.work().to_str().unwrap().to_owned())),
            // How what a test has started is found, should anything stay behind.
            environment: Some(vec![
                text(format!("PATH={path}")),
                text(format!("WK_STATE_DIR={}", wk.state().display())),
            ]),
            record: Some(false),
            recovery: RecoveryRequest {
                retries: Some(self.retries),
                delay_ms: Some(0),
                ..RecoveryRequest::default()
            },
            ..CreateSession::default()
        }
    }
}

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

/// Kills, by identity, each attempt that is to be.
async fn kill_attempts(client: &Client, id: &str, plan: &Plan) -> SessionView {
    let path = format!("/sessions/{id}");
    for (attempt, fate) in (1..).zip(&plan.fates) {
        let Fate::Killed(delay) = fate else { continue };
        let view = loop {
            let waited = insist("an attempt", async || {
                let query = WaitQuery { until: wk_api::WaitFor::Running, ..WaitQuery::default() };
                client.get::<Waited>(&format!("{path}/wait"), &query).await
            });
            let view = waited.await.session;
            if view.end_time.is_some() || view.attempt >= attempt {
                break view;
            }
            // An earlier attempt still runs, and is about to end.
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let (Some(pid), true) = (view.pid, view.attempt == attempt) else { break };
        let watch = Watch::new(pid);
        tokio::time::sleep(Duration::from_millis(*delay)).await;
        watch.kill();
    }
    insist("the end", async || {
        client.get::<Waited>(&format!("{path}/wait"), &WaitQuery::default()).await
    })
    .await
    .session
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sessions_end_as_their_options_say() {
    let mut wk = TestDaemon::start().await;
    wk.expect_trouble();
    let at_once = Semaphore::new(AT_ONCE);
    let run = async |number: u64| {
        let _slot = at_once.acquire().await.unwrap();
        let plan = Plan::of(number);
        let (request, key) = (plan.request(&wk), format!("chaos-{number}"));
        let created = insist("a session", async || wk.client().create(&request, &key).await).await;
        let ended = kill_attempts(wk.client(), &created.session_id, &plan).await;
        let want = plan.want();
        let got = (ended.status, ended.attempt);
        assert_eq!(got, (Some(want.0), want.1), "{:?} {ended:?}", plan.fates);
        (created.session_id, want.1)
    };
    let chaos = async {
        for death in 1..=DAEMON_DEATHS {
            let part = SESSIONS * death as u64 / (DAEMON_DEATHS as u64 + 1);
            while (wk.client().get::<Vec<SessionView>>("/sessions", &[("limit", 0)]).await)
                .is_ok_and(|sessions| (sessions.len() as u64) < part)
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            wk.kill().await;
            let started = wk.wk(["daemon", "start"]).await;
            assert_eq!(started.code, 0, "{started}\n{}", wk.log());
        }
    };
    let all = futures_util::future::join_all((0..SESSIONS).map(run));
    let (attempts, ()) = tokio::join!(all, chaos);

    let doubles = std::fs::read_to_string(wk.work().join("doubles")).unwrap_or_default();
    assert_eq!(doubles, "", "sessions that ran twice at a time");
    let mut counts: HashMap<String, BTreeMap<String, u32>> = HashMap::new();
    for event in wk.journal().await {
        let Some(id) = event["session_id"].as_str() else { continue };
        let kind = event["kind"].as_str().unwrap().to_owned();
        *counts.entry(id.to_owned()).or_default().entry(kind).or_default() += 1;
    }
    for (id, attempts) in attempts {
        let of = |kind: &str| counts[&id].get(kind).copied().unwrap_or(0);
        assert_eq!(of("attempt_started"), attempts, "{id}");
        assert_eq!(of("session_recovering"), attempts - 1, "{id}");
        assert_eq!(of("session_closed"), 1, "{id}");
    }
    let waiting: Vec<Value> =
        serde_json::from_str(&wk.ok(["ls", "--active", "--format", "json"]).await).unwrap();
    assert!(waiting.is_empty(), "{waiting:?}");
}
