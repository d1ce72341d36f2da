//! The ways in: streamable HTTP, and stdio.

use std::{io, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, post},
};
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

use crate::{Backend, Server, front};

/// Streamable HTTP, for a path of its own. Each request stands for itself and is answered in
/// JSON. Host and Origin are looked at by whoever takes connections.
pub fn http<S>(backend: Backend, ending: &CancellationToken) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(front::MAX_REQUEST)
        .with_cancellation_token(ending.child_token());
    let make = move || Ok(Server::new(backend.clone()));
    let service =
        StreamableHttpService::new(make, Arc::new(NeverSessionManager::default()), config);
    post(move |request: Request| {
        let service = service.clone();
        async move {
            match front::receive(request).await {
                Ok(request) => front::answer(service.handle(request).await.map(Body::new)).await,
                Err(answer) => *answer,
            }
        }
    })
}

/// Lines of JSON, until `read` ends.
pub async fn stdio(
    backend: Backend,
    read: impl AsyncRead + Send + Unpin + 'static,
    write: impl AsyncWrite + Send + Unpin + 'static,
) -> io::Result<()> {
    let transport =
        AsyncRwTransport::new_server(read, write).with_max_line_length(front::MAX_REQUEST);
    let running = match Server::new(backend).serve(transport).await {
        Ok(running) => running,
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    running.waiting().await.map(drop).map_err(io::Error::other)
}
