//! From one attempt of a session to the next.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;
use wk_api::{SessionView, StopRequest, WaitFor, WaitQuery, Waited};
use wk_client::Client;
use wk_holder::protocol::Ended;
use wk_model::Phase;

use super::reattach::{Attachment, End, Joined, OnSignal};
use crate::{complaint, ending, text::moment::Clock};

/// How long a daemon may take to hear of an end that we have heard of.
const KNOWN: Duration = Duration::from_secs(2);

/// What comes after an attempt.
pub(super) enum Follow {
    Nothing,
    Attempt(Joined),
    Left(End),
}

impl Attachment<'_> {
    /// Attaches to the attempt that follows the one that has just ended, where one does.
    pub(super) async fn follow(&mut self, ended: &Ended) -> anyhow::Result<Follow> {
        let Some(view) = self.over().await.filter(|view| view.phase != Phase::Ended) else {
            return Ok(Follow::Nothing);
        };
        self.announce(ended, &view);
        if let Some(feed) = &mut self.input.feed {
            feed.begin_anew();
        }
        self.output.begin_anew();
        let running = match self.running().await? {
            Ok(running) => running,
            Err(end) => return Ok(Follow::Left(end)),
        };
        self.attempt = running.attempt;
        if running.phase == Phase::Ended {
            return Ok(Follow::Attempt(Joined::Over(Box::new(running))));
        }
        Ok(match self.rejoin().await? {
            Ok(joined) => Follow::Attempt(joined),
            Err(end) => Follow::Left(end),
        })
    }

    /// Waits until the daemon, too, knows of the end: whoever called us may ask it next.
    ///
    /// The end is true and on the disk without it, so a daemon that is away is not waited for.
    async fn over(&self) -> Option<SessionView> {
        let query =
            WaitQuery { until: WaitFor::Over, attempt: Some(self.attempt), ..WaitQuery::default() };
        let path = self.path("/wait");
        let known = self.daemon.client().get::<Waited>(&path, &query);
        Some(timeout(KNOWN, known).await.ok()?.ok()?.session)
    }

    /// Waits until an attempt runs, or none will. Keys and signals are heard meanwhile.
    async fn running(&mut self) -> anyhow::Result<Result<SessionView, End>> {
        let (daemon, path) = (self.daemon, self.path("/wait"));
        let query = WaitQuery { until: WaitFor::Running, ..WaitQuery::default() };
        let waiting = daemon.repeat(async |client| client.get::<Waited>(&path, &query).await);
        let mut waiting = pin!(waiting);
        loop {
            tokio::select! {
                waited = &mut waiting => return Ok(Ok(waited?.session)),
                turn = self.input.take() => if turn.is_some() {
                    return Ok(Err(End::Detached));
                },
                signal = self.signals.next() => match self.on_signal {
                    OnSignal::Leave => return Ok(Err(End::Signal(signal))),
                    // There is nobody to pass it on to; it was meant to end this.
                    OnSignal::PassOn => self.stop().await,
                },
            }
        }
    }

    async fn stop(&self) {
        let (path, stop) = (self.path("/stop"), StopRequest::default());
        let stopped = self.daemon.client().post::<SessionView>(&path, &(), &stop);
        if let Err(error) = stopped.await {
            complaint::say(&format!("wk: cannot stop the session: {error}"));
        }
    }

    /// Tells, on stderr, what has happened and what is waited for.
    fn announce(&self, ended: &Ended, view: &SessionView) {
        let how = ending::of_ended(ended);
        let next = match view.waits_until.filter(|_| view.attempt == self.attempt) {
            Some(until) => format!("next at {}", Clock::here().show(until)),
            None => "next one now".to_owned(),
        };
        // A raw terminal does not return the carriage by itself.
        complaint::say(&format!("[attempt {} ended: {how}; {next}]\r", self.attempt));
    }

    fn path(&self, rest: &str) -> String {
        format!("/sessions/{}{rest}", Client::segment(self.session_id))
    }
}
