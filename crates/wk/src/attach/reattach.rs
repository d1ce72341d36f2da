//! From one connection to the next, until the session or our side is done.

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep};
use wk_api::{AttachQuery, SessionView, SignalRequest, problem_type};
use wk_client::{AttachStream, Client, ClientError};
use wk_holder::protocol::Ended;
use wk_model::Phase;

use super::{
    exchange::{Input, Turn, exchange},
    feed::Feed,
    follow::Follow,
    output::Output,
    signals::Signals,
};
use crate::{complaint, connect::Daemon};

/// How long a daemon may take to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A holder ends the input of a session when its feeder has been away for 10 s; a moment less.
const AWAY: Duration = Duration::from_secs(9);

/// How it all came to its end.
#[derive(Debug)]
pub(crate) enum End {
    Ended(Ended),
    /// The session had ended before we could attach (again).
    Over(Box<SessionView>),
    Detached,
    /// We were told to go.
    Signal(i32),
    OutputGone(std::io::Error),
}

/// What to do with a signal that would end us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnSignal {
    Leave,
    PassOn,
}

/// One attachment, over as many connections as it takes.
#[derive(Debug)]
pub(crate) struct Attachment<'a> {
    pub daemon: &'a Daemon,
    pub session_id: &'a str,
    pub query: AttachQuery,
    pub input: Input,
    pub output: Output,
    pub signals: Signals,
    pub on_signal: OnSignal,
    /// The attempt that we are attached to.
    pub attempt: u32,
    /// Connections that were cut.
    pub cuts: u32,
    /// We were away for so long that the session may have been told that its input has ended.
    pub input_doubtful: bool,
}

pub(super) enum Joined {
    Stream(Box<AttachStream>),
    Over(Box<SessionView>),
}

impl Attachment<'_> {
    /// Stays attached until something but a cut connection ends it.
    pub(crate) async fn lead(&mut self) -> anyhow::Result<End> {
        let mut joined = match join(self.daemon, self.session_id, &self.query).await {
            // The daemon that was asked before has died since: the next one knows as much.
            Err(error) if is_cut(&error) => {
                join_patiently(self.daemon, self.session_id, &self.query).await?
            }
            joined => joined?,
        };
        loop {
            let stream = match joined {
                Joined::Stream(stream) => *stream,
                Joined::Over(view) => return Ok(End::Over(view)),
            };
            match self.connected(stream).await {
                Ok(Turn::Cut) => {}
                Ok(Turn::Ended(ended)) => match self.follow(&ended).await? {
                    Follow::Nothing => return Ok(End::Ended(ended)),
                    Follow::Attempt(next) => {
                        joined = next;
                        continue;
                    }
                    Follow::Left(end) => return Ok(end),
                },
                Ok(Turn::Detached) => return Ok(End::Detached),
                Ok(Turn::OutputGone(error)) => return Ok(End::OutputGone(error)),
                Ok(Turn::Refused(why)) => anyhow::bail!("the session's holder refused: {why}"),
                Err(signal) => return Ok(End::Signal(signal)),
            }
            self.cuts += 1;
            let cut_at = Instant::now();
            joined = match self.rejoin().await? {
                Ok(joined) => joined,
                Err(end) => return Ok(end),
            };
            let unfinished = self.input.feed.as_ref().is_some_and(Feed::is_unfinished);
            self.input_doubtful |= unfinished && cut_at.elapsed() > AWAY;
        }
    }

    /// One connection; the error is the signal that makes us leave.
    async fn connected(&mut self, stream: AttachStream) -> Result<Turn, i32> {
        let (daemon, session_id) = (self.daemon, self.session_id);
        let mut exchange = pin!(exchange(stream, &mut self.input, &mut self.output));
        loop {
            tokio::select! {
                turn = &mut exchange => return Ok(turn),
                signal = self.signals.next() => match self.on_signal {
                    OnSignal::Leave => return Err(signal),
                    OnSignal::PassOn => pass_on(daemon, session_id, signal),
                },
            }
        }
    }

    /// Attaches again, once there is a daemon. Keys and signals are heard meanwhile.
    pub(super) async fn rejoin(&mut self) -> anyhow::Result<Result<Joined, End>> {
        // Part of a frame may have been sent: what waited cannot go on where it was.
        self.input.waiting.clear();
        if let Some(feed) = &mut self.input.feed {
            feed.cut();
            self.query.received = Some(self.output.bytes);
        }
        if let (Some(cols), Some(rows), Some(size)) =
            (&mut self.query.cols, &mut self.query.rows, &self.input.size)
        {
            (*cols, *rows) = *size.borrow();
        }
        let mut joining = pin!(join_patiently(self.daemon, self.session_id, &self.query));
        loop {
            tokio::select! {
                joined = &mut joining => return joined.map(Ok),
                turn = self.input.take() => if turn.is_some() {
                    return Ok(Err(End::Detached));
                },
                signal = self.signals.next() => match self.on_signal {
                    OnSignal::Leave => return Ok(Err(End::Signal(signal))),
                    OnSignal::PassOn => pass_on(self.daemon, self.session_id, signal),
                },
            }
        }
    }
}

/// Tells the session of a signal, as the terminal or the sender meant it.
pub(super) fn pass_on(daemon: &Daemon, session_id: &str, signal: i32) {
    let (client, session_id) = (daemon.client().clone(), session_id.to_owned());
    // `kill` means one process; a key or a hang-up means all that run in front.
    let tree = signal != rustix::process::Signal::TERM.as_raw();
    tokio::spawn(async move {
        if let Err(error) = send_signal(&client, &session_id, signal, tree).await {
            complaint::say(&format!("wk: cannot pass signal {signal} on: {error}"));
        }
    });
}

/// Sends a signal to a session, or to its whole tree.
pub(crate) async fn send_signal(
    client: &Client,
    session_id: &str,
    signal: i32,
    tree: bool,
) -> Result<SessionView, ClientError> {
    let path = format!("/sessions/{}/signal", Client::segment(session_id));
    client.post(&path, &(), &SignalRequest { signal: signal.to_string(), tree }).await
}

async fn join_patiently(
    daemon: &Daemon,
    session_id: &str,
    query: &AttachQuery,
) -> anyhow::Result<Joined> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match join(daemon, session_id, query).await {
            Err(error) if is_passing(&error) && Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            joined => return joined,
        }
    }
}

async fn join(daemon: &Daemon, session_id: &str, query: &AttachQuery) -> anyhow::Result<Joined> {
    let attached = daemon.call(async |client| client.attach(session_id, query).await).await;
    let error = match attached {
        Ok(stream) => return Ok(Joined::Stream(Box::new(stream))),
        Err(error) => error,
    };
    if matches!(error.downcast_ref(), Some(ClientError::Refused(_))) {
        let path = format!("/sessions/{}", Client::segment(session_id));
        let view: SessionView = daemon.get(&path, &()).await?;
        if view.phase == Phase::Ended {
            return Ok(Joined::Over(Box::new(view)));
        }
    }
    Err(error)
}

/// Whether a daemon that is just going or coming explains the error.
fn is_passing(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(ClientError::Refused(problem)) => {
            [problem_type::UNREACHABLE, problem_type::UNAVAILABLE].contains(&problem.kind.as_str())
        }
        _ => is_cut(error),
    }
}

/// Whether there was no daemon, or none any more.
fn is_cut(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(ClientError::NotRunning { .. } | ClientError::Connect { .. } | ClientError::Closed(_))
    )
}
