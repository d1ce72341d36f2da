//! The journal's events, from the first one on.

use wk_api::{EventQuery, EventView};
use wk_client::{Client, SseEvent, SseStream};

use crate::within;

/// A subscription that waits for events, and can say what it has seen.
#[derive(Debug)]
pub struct Events {
    stream: SseStream,
    /// Who is asked to go on where the daemon was killed.
    again: Option<Client>,
    /// What came before the event that is waited for.
    passed: Vec<EventView>,
    /// The id of the last event, to go on from.
    pub last_id: Option<String>,
}

impl Events {
    /// All events: those that are in the journal, and those that come.
    pub async fn subscribe(client: &Client) -> Self {
        Self::resume(client, None).await
    }

    /// Events after the one with this id.
    pub async fn resume(client: &Client, last_id: Option<&str>) -> Self {
        let query = EventQuery { follow: Some(true), ..EventQuery::default() };
        let opened = within("events", client.events("/events", &query, last_id)).await;
        let stream = opened.expect("the daemon sends events");
        Self { stream, again: None, passed: Vec::new(), last_id: last_id.map(str::to_owned) }
    }

    /// All events, of however many daemons, one after the other.
    pub async fn of_any_daemon(client: &Client) -> Self {
        let stream = within("a daemon", reopened(client, None)).await;
        Self { stream, again: Some(client.clone()), passed: Vec::new(), last_id: None }
    }

    /// The next message as it came; none at the end of the stream.
    pub async fn next_raw(&mut self) -> Option<SseEvent> {
        within("an event", self.stream.next()).await.ok().flatten()
    }

    /// The next event; none at the end of the stream.
    pub async fn next(&mut self) -> Option<EventView> {
        let raw = self.stream.next().await.ok().flatten()?;
        self.last_id = raw.id.or(self.last_id.take());
        let event: EventView = serde_json::from_str(&raw.data)
            .unwrap_or_else(|error| panic!("{error} in {}", raw.data));
        assert_eq!(raw.event, event.kind);
        Some(event)
    }

    /// Waits for an event; a failure shows those that were passed over.
    pub async fn until(&mut self, mut wanted: impl FnMut(&EventView) -> bool) -> EventView {
        let found = tokio::time::timeout(crate::PATIENCE, async {
            loop {
                let Some(event) = self.next().await else {
                    let Some(client) = &self.again else { return None };
                    self.stream = reopened(client, self.last_id.as_deref()).await;
                    continue;
                };
                if wanted(&event) {
                    return Some(event);
                }
                self.passed.push(event);
            }
        });
        let found = found.await;
        match found {
            Ok(Some(event)) => event,
            Ok(None) => panic!("the stream ended; passed over:\n{}", self.passed()),
            Err(_) => panic!("no such event; passed over:\n{}", self.passed()),
        }
    }

    /// Waits for an event of a session.
    pub async fn until_kind(&mut self, session_id: &str, kind: &str) -> EventView {
        self.until(|event| event.kind == kind && event.session_id.as_deref() == Some(session_id))
            .await
    }

    fn passed(&self) -> String {
        let line = |event: &EventView| {
            let session = event.session_id.as_deref().unwrap_or("-");
            format!("{} {} {session} {}", event.seq, event.kind, event.data)
        };
        self.passed.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

async fn reopened(client: &Client, last_id: Option<&str>) -> SseStream {
    let query = EventQuery { follow: Some(true), ..EventQuery::default() };
    loop {
        match client.events("/events", &query, last_id).await {
            Ok(stream) => return stream,
            // Nothing tells of a daemon that somebody starts.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}
