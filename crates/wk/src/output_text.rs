//! What a session has printed, from its recording.

use std::{collections::VecDeque, io::Write, time::Duration};

use anyhow::Context as _;
use tokio::time::{Instant, sleep};
use wk_api::{OutputChunk, OutputQuery, OutputStream};
use wk_client::{Client, ClientError, SseStream};
use wk_model::Time;

use crate::{complaint, connect::Daemon, text::visible::visible};

/// How long a daemon may stay away in the middle.
const PATIENCE: Duration = Duration::from_secs(10);

/// One thing that the daemon tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Chunk(OutputChunk),
    /// Something is missing, in a sentence.
    Notice(String),
}

/// The output of a session, piece by piece; goes on by itself when the daemon comes back.
#[derive(Debug)]
pub(crate) struct OutputReader<'a> {
    daemon: &'a Daemon,
    path: String,
    query: OutputQuery,
    stream: Option<SseStream>,
    resume: Resume,
    cut_since: Option<Instant>,
}

/// Where to go on: a moment is not exact, so what was read of it is counted.
#[derive(Debug, Default)]
struct Resume {
    last: Option<Time>,
    /// Chunks of the last moment that were read.
    seen: VecDeque<OutputChunk>,
    /// Chunks that come again after a new beginning.
    expected: VecDeque<OutputChunk>,
}

impl Resume {
    /// Whether a chunk is new.
    fn is_new(&mut self, chunk: &OutputChunk) -> bool {
        if self.expected.front() == Some(chunk) {
            self.expected.pop_front();
            return false;
        }
        self.expected.clear();
        if self.last != Some(chunk.time) {
            self.last = Some(chunk.time);
            self.seen.clear();
        }
        self.seen.push_back(chunk.clone());
        // A moment of more pieces than this is seen again in part, which harms nobody.
        if self.seen.len() > 1000 {
            self.seen.pop_front();
        }
        true
    }

    fn begin_again(&mut self) -> Option<Time> {
        self.expected = self.seen.clone();
        self.last
    }
}

impl<'a> OutputReader<'a> {
    pub(crate) fn new(daemon: &'a Daemon, session: &str, query: OutputQuery) -> Self {
        let path = format!("/sessions/{}/output", Client::segment(session));
        let resume = Resume::default();
        Self { daemon, path, query, stream: None, resume, cut_since: None }
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Told>> {
        loop {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let (path, query) = (&self.path, &self.query);
                    let open = async |client: &Client| client.events(path, query, None).await;
                    self.stream.insert(self.daemon.repeat(open).await?)
                }
            };
            let event = match stream.next().await {
                Ok(Some(event)) => event,
                Ok(None) | Err(ClientError::Closed(_)) => {
                    self.begin_again().await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.cut_since = None;
            match event.event.as_str() {
                "output" => {
                    let chunk: OutputChunk = serde_json::from_str(&event.data)
                        .context("the daemon's answer cannot be read")?;
                    if self.resume.is_new(&chunk) {
                        return Ok(Some(Told::Chunk(chunk)));
                    }
                }
                "notice" => {
                    let text = serde_json::from_str(&event.data).unwrap_or(event.data);
                    return Ok(Some(Told::Notice(text)));
                }
                "end" => return Ok(None),
                _ => {}
            }
        }
    }

    async fn begin_again(&mut self) -> anyhow::Result<()> {
        let since = *self.cut_since.get_or_insert_with(Instant::now);
        anyhow::ensure!(
            since.elapsed() < PATIENCE,
            "the daemon closes the connection again and again"
        );
        sleep(Duration::from_millis(20)).await;
        self.stream = None;
        if let Some(last) = self.resume.begin_again() {
            self.query.since = Some(last.to_string());
        }
        Ok(())
    }
}

/// Writes all that an ended session had printed, to our stdout and stderr.
pub(crate) async fn print_all(daemon: &Daemon, session: &str) -> anyhow::Result<()> {
    let mut reader = OutputReader::new(daemon, session, OutputQuery::default());
    loop {
        match reader.next().await {
            Ok(Some(Told::Chunk(OutputChunk { stream: OutputStream::Stdout, text, .. }))) => {
                std::io::stdout().write_all(text.as_bytes())?;
            }
            Ok(Some(Told::Chunk(OutputChunk { text, .. }))) => {
                std::io::stderr().write_all(text.as_bytes())?;
            }
            Ok(Some(Told::Notice(text))) => complaint::say(&format!("wk: {}", visible(&text))),
            Ok(None) => return Ok(std::io::stdout().flush()?),
            // Without a recording there is nothing to show; how it ended still counts.
            Err(error) => {
                complaint::say(&format!(
                    "wk: its output cannot be shown: {}",
                    visible(&error.to_string())
                ));
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(ms: i64, text: &str) -> OutputChunk {
        let time = Time::from_millis(ms);
        OutputChunk { time, stream: OutputStream::Stdout, text: text.into() }
    }

    #[test]
    fn after_a_cut_only_what_is_new_is_told() {
        let mut resume = Resume::default();
        for told in [chunk(1, "a"), chunk(2, "b"), chunk(2, "c")] {
            assert!(resume.is_new(&told));
        }
        assert_eq!(resume.begin_again(), Some(Time::from_millis(2)));
        assert!(!resume.is_new(&chunk(2, "b")));
        assert!(!resume.is_new(&chunk(2, "c")));
        assert!(resume.is_new(&chunk(2, "c")));
        assert!(resume.is_new(&chunk(3, "d")));
    }

    #[test]
    fn what_has_gone_meanwhile_does_not_hide_what_is_new() {
        let mut resume = Resume::default();
        assert!(resume.is_new(&chunk(1, "a")));
        resume.begin_again();
        assert!(resume.is_new(&chunk(5, "z")));
        assert!(resume.is_new(&chunk(5, "a")));
    }
}
