//! Who is at the other end of a Unix socket.

use std::os::fd::AsFd;

use axum::{extract::FromRequestParts, http::request::Parts};
use rustix::net::sockopt::socket_peercred;
use wk_api::CLIENT;
use wk_model::Requester;

use crate::{Failure, internal};

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
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.ok_or_else(|| Failure(internal("a request without a peer")))?;
        let client = parts.headers.get(CLIENT).and_then(|value| value.to_str().ok());
        Ok(Self(Requester {
            uid: peer.uid,
            pid: Some(peer.pid),
            client: client.map(|name| name.chars().take(64).collect()),
        }))
    }
}
