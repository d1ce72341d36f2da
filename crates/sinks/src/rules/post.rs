//! Posting JSON to an HTTP server.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request,
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::Url;

/// The header that tells an event apart from one that was sent before.
const KEY: &str = "idempotency-key";

/// Posts once; the error says what went wrong. Redirections are not followed.
pub(super) async fn post(url: &Url, id: &str, body: Vec<u8>) -> Result<(), String> {
    let place = (url.host(), url.port());
    let stream = TcpStream::connect(place).await.map_err(|error| format!("{url}: {error}"))?;
    let failed = |error: hyper::Error| format!("{url}: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::post(url.path())
        .header(HOST, url.authority())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .header(KEY, id)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| format!("{url}: {error}"))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("{url} answered {status}")),
    }
}
