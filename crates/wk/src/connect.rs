//! Reaching the daemon, and starting one where there is none.

use std::time::Duration;

use anyhow::bail;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, sleep};
use wk_api::DaemonStatus;
use wk_client::{Client, ClientError, Places};

use crate::launch;

/// How long a call is tried again whose daemon goes away meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a daemon that was just started may take to answer before another is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// Refuses to start a daemon where this is set.
pub(crate) const NO_AUTOSTART: &str = "WK_NO_AUTOSTART";

/// Another daemon of this user has the lock. [`crate::daemon::run`] fails with it, so that
/// whoever had started the second daemon knows to talk to the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another daemon runs already (pid {pid})")]
pub(crate) struct AnotherDaemon {
    /// As it wrote it into its lock.
    pub pid: String,
}

/// The daemon of this user, which starts when it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Daemon {
    client: Client,
    places: Places,
    autostart: bool,
}

impl Daemon {
    pub(crate) fn new(places: Places, autostart: bool) -> Self {
        Self { client: Client::new(places.socket(), "wk"), places, autostart }
    }

    /// For calls that must not start a daemon.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Makes a call; starts the daemon first if nobody answers.
    pub(crate) async fn call<T>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, ClientError>,
    ) -> anyhow::Result<T> {
        match call(&self.client).await {
            Err(error) if error.is_not_running() => {
                self.start(error).await?;
                Ok(call(&self.client).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Makes a call that may be carried out twice: again if the daemon goes away meanwhile.
    pub(crate) async fn repeat<T>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, ClientError>,
    ) -> anyhow::Result<T> {
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            let begun = Instant::now();
            let answer = self.call(&call).await;
            if begun.elapsed() > PATIENCE {
                // A long wait was cut: the patience is for what comes now.
                deadline = Instant::now() + PATIENCE;
            }
            match answer {
                Err(error) if is_cut(&error) && Instant::now() < deadline => {
                    sleep(Duration::from_millis(20)).await;
                }
                answer => return answer,
            }
        }
    }

    /// `GET /api{path}` as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.repeat(async |client| client.get(path, query).await).await
    }

    /// `POST /api{path}`; not repeated, since it may have been carried out.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(async |client| client.post(path, query, body).await).await
    }

    /// Waits until a daemon that was just started answers.
    pub(crate) async fn await_status(&self) -> anyhow::Result<DaemonStatus> {
        self.await_status_for(PATIENCE).await
    }

    async fn await_status_for(&self, patience: Duration) -> anyhow::Result<DaemonStatus> {
        let deadline = Instant::now() + patience;
        // Where another caller's daemon came first, it may not listen yet.
        loop {
            match self.client.get("/daemon", &()).await {
                Err(error) if error.is_not_running() || error.is_closed() => {
                    if Instant::now() > deadline {
                        bail!("the daemon was started, but does not answer: {error}");
                    }
                    sleep(Duration::from_millis(20)).await;
                }
                answer => return Ok(answer?),
            }
        }
    }

    async fn start(&self, why: ClientError) -> anyhow::Result<()> {
        if !self.autostart {
            bail!("{why}, and {NO_AUTOSTART} is set: start one with `wk daemon start`");
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            launch::start(&self.places)?;
            // It may be killed before it answers: then there must be another.
            match self.await_status_for(AGAIN).await {
                Err(_) if Instant::now() < deadline => {}
                status => return status.map(drop),
            }
        }
    }
}

/// Whether the daemon went away, so that nobody knows what became of the call.
fn is_cut(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ClientError>().is_some_and(ClientError::is_closed)
}
