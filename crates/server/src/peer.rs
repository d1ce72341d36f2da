//! Who is at the other end of a Unix socket, or shows a token over TCP.

use std::os::fd::AsFd;

use axum::{extract::FromRequestParts, http::request::Parts};
use rustix::net::sockopt::socket_peercred;
use wk_api::CLIENT;
use wk_model::Requester;

use crate::{Failure, auth::Identity, internal};

/// The process that opened the connection, as the kernel says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    uid: u32,
    pid: u32,
}

impl Peer {
    pub(crate) fn of(socket: &impl AsFd) -> std::io::Result<Self> {
        let found = socket_peercred(socket)?;
        Ok(Self { uid: found.uid.as_raw(), pid: found.pid.as_raw_nonzero().get() as u32 })
    }

    /// Only the user who runs the daemon is served.
    pub(crate) fn is_own_user(&self) -> bool {
        self.uid == rustix::process::getuid().as_raw()
    }
}

/// Who asks, for the journal.
pub(crate) struct By(pub(crate) Requester);

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let client = parts.headers.get(CLIENT).and_then(|value| value.to_str().ok());
        let client = client.map(|name| name.chars().take(64).collect::<String>());
        if let Some(peer) = parts.extensions.get::<Peer>() {
            return Ok(Self(Requester { uid: peer.uid, pid: Some(peer.pid), client }));
        }
        let Some(Identity::Holder { name, .. }) = parts.extensions.get::<Identity>() else {
            return Err(Failure(internal("a request without a sender")));
        };
        // A token acts for its user; which process has shown it, nobody knows.
        let named = format!("token {name}");
        let client = client.map_or(named.clone(), |client| format!("{client}, {named}"));
        let uid = rustix::process::getuid().as_raw();
        Ok(Self(Requester { uid, pid: None, client: Some(client) }))
    }
}
