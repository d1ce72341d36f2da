//! A daemon that listens over TCP, at a port of its own.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{Answer, TestDaemon, tcp_call};

/// Calls a daemon over TCP, as somebody or as nobody.
#[derive(Clone, Debug)]
pub struct Tcp {
    pub address: SocketAddr,
    token: Option<String>,
}

impl Tcp {
    /// Starts the daemon at any port; callers have no token.
    pub async fn start(wk: &mut TestDaemon) -> Self {
        wk.set("WK_SERVER_LISTEN", "127.0.0.1:0");
        wk.ok(["daemon", "start"]).await;
        Self::of(wk).await
    }

    /// Where a daemon that was started so listens now.
    pub async fn of(wk: &TestDaemon) -> Self {
        let address = wk.status().await.listen.expect("it listens over TCP");
        Self { address: address.parse().expect("an address"), token: None }
    }

    /// The same, with a token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.trim().to_owned()), ..self.clone() }
    }

    /// The same, as the daemon's own user.
    pub async fn as_owner(&self, wk: &TestDaemon) -> Self {
        self.with(&wk.ok(["token"]).await)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "", body.to_string().as_bytes()).await
    }

    /// With headers of one's own, each with its line break.
    pub async fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let token = self.token.as_ref();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let headers = token.unwrap_or_default() + headers;
        tcp_call(self.address, method, path, &headers, body).await
    }
}
