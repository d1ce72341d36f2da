//! One session of a test's daemon.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use wk_api::{ScreenQuery, SessionView, WaitFor, WaitQuery, Waited};
use wk_client::{Client, ClientError};

use crate::{Watch, within};

/// A session by its id.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    client: Client,
    /// Its daemon may be killed meanwhile, and another started.
    patient: bool,
}

impl Session {
    pub(crate) fn new(id: String, client: Client, patient: bool) -> Self {
        Self { id, client, patient }
    }

    /// All that is known of it.
    pub async fn view(&self) -> SessionView {
        let path = self.path("");
        let view = within("a session's view", self.get(&path, &())).await;
        view.expect("the session is known")
    }

    /// What its terminal shows.
    pub async fn screen(&self) -> String {
        let (path, query) = (self.path("/screen"), ScreenQuery::default());
        let screen = within("a screen", self.client.text(&path, &query)).await;
        screen.expect("the session has a screen")
    }

    /// Waits until its terminal shows `text`, or its recording has it where it ended.
    pub async fn until_shows(&self, text: &str) {
        let query =
            WaitQuery { until: WaitFor::Text, text: Some(text.into()), ..WaitQuery::default() };
        let waited = self.wait(&query).await;
        assert!(waited.met, "`{text}` was not shown: {:?}", waited.session);
    }

    /// Waits for its end.
    pub async fn ended(&self) -> SessionView {
        self.wait(&WaitQuery::default()).await.session
    }

    async fn wait(&self, query: &WaitQuery) -> Waited {
        let patience = u64::try_from(crate::PATIENCE.as_millis()).ok();
        let query = WaitQuery { timeout_ms: patience, ..query.clone() };
        let waited = self.get(&self.path("/wait"), &query).await;
        let waited: Waited = waited.expect("the session can be waited for");
        if !waited.met && waited.session.end_time.is_none() {
            let shown = self.client.text(&self.path("/screen"), &ScreenQuery::default()).await;
            panic!("stuck: {query:?} of {:?}\nshown: {shown:?}", waited.session);
        }
        waited
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        loop {
            match self.client.get(path, query).await {
                Err(error) if self.patient && is_cut(&error) => {
                    // Nothing tells of a daemon that somebody starts.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answer => return answer,
            }
        }
    }

    /// Its command's process.
    pub async fn process(&self) -> Watch {
        Watch::new(self.view().await.pid.expect("the session runs"))
    }

    /// Its holder's process.
    pub async fn holder(&self) -> Watch {
        Watch::new(self.view().await.holder_pid.expect("the session runs"))
    }

    /// A path of the API below the session.
    pub fn path(&self, rest: &str) -> String {
        format!("/sessions/{}{rest}", self.id)
    }
}

/// Whether a call has not been answered because its daemon is gone.
pub(crate) fn is_cut(error: &ClientError) -> bool {
    error.is_not_running() || error.is_closed()
}
