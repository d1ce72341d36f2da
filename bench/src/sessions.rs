//! Sessions of a measure, started and seen over the API, and events as they come.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};
use wk_api::{
    CreateSession, EventQuery, EventView, ListQuery, ResourceLimit, SessionView, TerminalSize,
};
use wk_client::Client;
use wk_holder::host;
use wk_model::OsText;

/// Sessions that are started at a time.
const AT_ONCE: usize = 4;

/// Nothing that is waited for takes so long, unless something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request to run `command` in a terminal of 80×24, without core files.
pub fn request(command: &[&str]) -> anyhow::Result<CreateSession> {
    let text = |word: &str| OsText::new(word).context("a word with a NUL byte");
    let path = format!("PATH={}", std::env::var("PATH").unwrap_or_default());
    Ok(CreateSession {
        command: command.iter().map(|word| text(word)).collect::<Result<_, _>>()?,
        working_directory: Some(text("/")?),
        environment: Some(vec![text(&path)?, text("TERM=xterm-256color")?]),
        terminal: Some(TerminalSize { cols: 80, rows: 24 }),
        limits: vec![ResourceLimit { resource: 4, soft: Some(0), hard: Some(0) }],
        // Bounded, whatever becomes of the measure.
        timeout_ms: Some(3_600_000),
        ..CreateSession::default()
    })
}

/// Starts many, a few at a time; in the order of the requests.
pub async fn start_all(
    client: &Client,
    requests: Vec<CreateSession>,
) -> anyhow::Result<Vec<SessionView>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut starts = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let (client, places) = (client.clone(), places.clone());
        starts.spawn(async move {
            let _place = places.acquire_owned().await?;
            let key = format!("bench-{}-{number}", host::now().boot_ns);
            anyhow::Ok((number, client.create(&request, &key).await?))
        });
    }
    let mut started = Vec::new();
    while let Some(start) = starts.join_next().await {
        started.push(start??);
    }
    started.sort_by_key(|(number, _)| *number);
    Ok(started.into_iter().map(|(_, session)| session).collect())
}

/// Every session that has not ended.
pub async fn living(client: &Client) -> anyhow::Result<Vec<SessionView>> {
    let query = ListQuery { active: Some(true), limit: Some(0), ..ListQuery::default() };
    Ok(client.list("/sessions", &query).await?.0)
}

/// An event, and the `CLOCK_BOOTTIME` at which a subscriber had it.
pub type Heard = (EventView, u64);

/// Events as a subscriber has them.
#[derive(Debug)]
pub struct Events {
    heard: mpsc::UnboundedReceiver<anyhow::Result<Heard>>,
}

impl Events {
    /// Subscribes to what comes after `seq`. Events are stamped when they come in, however
    /// late they are asked for.
    pub async fn after(client: &Client, seq: u64) -> anyhow::Result<Self> {
        let query = EventQuery { after: Some(seq), follow: Some(true), ..EventQuery::default() };
        let mut stream = client.events("/events", &query, None).await?;
        let (sender, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let event = match stream.next().await {
                    Ok(Some(event)) => event,
                    Ok(None) => return,
                    Err(error) => {
                        let _ = sender.send(Err(error.into()));
                        return;
                    }
                };
                let now = host::now().boot_ns;
                let view = serde_json::from_str(&event.data).context("an event is no event");
                if sender.send(view.map(|view| (view, now))).is_err() {
                    return;
                }
            }
        });
        Ok(Self { heard })
    }

    /// The next event of this kind.
    pub async fn next(&mut self, kind: &str) -> anyhow::Result<Heard> {
        let next = async {
            while let Some(heard) = self.heard.recv().await {
                let (event, now) = heard?;
                if event.kind == kind {
                    return Ok((event, now));
                }
            }
            bail!("the daemon ended the stream of events")
        };
        timeout(PATIENCE, next).await.with_context(|| format!("waited in vain for `{kind}`"))?
    }
}

/// Waits until nobody of `pids` lives any more.
pub async fn until_gone(pids: &[u32]) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for pid in pids {
        while host::identify(*pid)?.is_some() {
            ensure!(tokio::time::Instant::now() < deadline, "process {pid} does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}
