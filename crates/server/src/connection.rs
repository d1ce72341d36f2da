//! One connection, whatever it came over.

use std::time::Duration;

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long connections may take to end once they are to.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Serves requests until the client leaves, or `ending` is cancelled and they are answered.
/// `mark` says on each of them where it comes from.
pub(crate) async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http: &http1::Builder,
    router: Router,
    mark: impl Fn(&mut hyper::Request<Incoming>),
    ending: CancellationToken,
) {
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        mark(&mut request);
        router.clone().oneshot(request)
    });
    let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        () = ending.cancelled() => {
            served.as_mut().graceful_shutdown();
            // A client that does not read its answer is left.
            timeout(FAREWELL, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
    }
}

/// HTTP for clients who send the head of a request within `patience`.
pub(crate) fn http(patience: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    http
}
