//! The ways in: streamable HTTP, and stdio.

use std::{io, sync::Arc};

use rmcp::{
    ServiceExt,
    transport::{
        async_rw::AsyncRwTransport,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
        },
    },
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::{Backend, Server};

/// The most bytes that a request may have.
const MAX_REQUEST: usize = 1 << 20;

/// To be nested at `/mcp`.
pub type HttpService = StreamableHttpService<Server, NeverSessionManager>;

/// Streamable HTTP. Each request stands for itself and is answered in JSON. Host and Origin are
/// looked at by whoever takes connections.
pub fn http(backend: Backend, ending: &CancellationToken) -> HttpService {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(MAX_REQUEST)
        .with_cancellation_token(ending.child_token());
    let make = move || Ok(Server::new(backend.clone()));
    StreamableHttpService::new(make, Arc::new(NeverSessionManager::default()), config)
}

/// Lines of JSON, until `read` ends.
pub async fn stdio(
    backend: Backend,
    read: impl AsyncRead + Send + Unpin + 'static,
    write: impl AsyncWrite + Send + Unpin + 'static,
) -> io::Result<()> {
    let transport = AsyncRwTransport::new_server(read, write).with_max_line_length(MAX_REQUEST);
    let running = match Server::new(backend).serve(transport).await {
        Ok(running) => running,
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    running.waiting().await.map(drop).map_err(io::Error::other)
}
