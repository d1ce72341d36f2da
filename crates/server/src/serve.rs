//! Takes connections on the Unix socket and hands requests to the routes.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use axum::Router;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wk_journal::Journal;
use wk_model::Time;

use crate::{
    Order, Readers, Sessions,
    auth::Gate,
    collector::Collector,
    connection::{FAREWELL, http, serve_http},
    listener::Listener,
    peer::Peer,
    routes,
};

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(30);

/// What the routes work with.
#[derive(Clone, Debug)]
pub struct App {
    pub journal: Journal,
    pub orders: mpsc::Sender<Order>,
    pub sessions: Sessions,
    pub socket: PathBuf,
    pub state: PathBuf,
    pub started_at: Time,
    /// What works less than it should, in sentences.
    pub warnings: Arc<Vec<String>>,
    /// How the rules of the settings stand.
    pub rules: wk_sinks::rules::Board,
    pub readers: Readers,
    /// Who may do what over TCP.
    pub gate: Gate,
    pub listener: Listener,
    /// Events that others send.
    pub collector: Collector,
    /// Processes that outlived their sessions, at the last look.
    pub orphans: Arc<AtomicU64>,
    /// Cancelled when the daemon ends: streams end with it.
    pub ending: CancellationToken,
}

/// Serves until `app.ending` is cancelled, then lets requests under way finish.
///
/// A `renewed` listener takes the place of the one before, whose socket is gone.
pub async fn serve(
    mut listener: UnixListener,
    mut renewed: mpsc::Receiver<UnixListener>,
    app: App,
) {
    let (ending, connections) = (app.ending.clone(), TaskTracker::new());
    let router = routes::router(app);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(anew) = renewed.recv() => {
                listener = anew;
                continue;
            }
            () = ending.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router.clone(), ending.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Out of descriptors, most likely: the next accept would fail at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    connections.close();
    if tokio::time::timeout(FAREWELL, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "left connections that did not end");
    }
}

async fn connection(stream: UnixStream, router: Router, ending: CancellationToken) {
    let peer = match Peer::of(&stream) {
        Ok(peer) if peer.is_own_user() => peer,
        Ok(peer) => {
            tracing::warn!(?peer, "refused another user");
            return;
        }
        Err(error) => {
            tracing::warn!(%error, "cannot tell who connects");
            return;
        }
    };
    let mark = |request: &mut hyper::Request<_>| {
        request.extensions_mut().insert(peer);
    };
    serve_http(stream, &http(HEAD), router, mark, ending).await;
}
