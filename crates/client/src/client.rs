//! Calls to the daemon.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use wk_api::{
    ATTACH_PROTOCOL, AttachQuery, CLIENT, CreateSession, IDEMPOTENCY_KEY, Problem, problem_type,
};

use crate::{ClientError, SseStream};

/// No answer but a stream has more bytes than this.
const MAX_ANSWER: usize = 1 << 30;

/// The holder's frames, in both directions.
pub type AttachStream = TokioIo<Upgraded>;

/// Speaks to one user's daemon; each call has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    name: String,
}

impl Client {
    /// A client that calls itself `name`. Connects only when it is used.
    pub fn new(socket: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self { socket: socket.into(), name: name.into() }
    }

    /// Where the daemon is expected.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// `GET /api{path}`, read as JSON.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        let response = self.call(Method::GET, path, query, &[], Bytes::new()).await?;
        read_json(response).await
    }

    /// `GET /api{path}` for a list; true where the list was cut at its limit.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<(Vec<T>, bool), ClientError> {
        let response = self.call(Method::GET, path, query, &[], Bytes::new()).await?;
        let more = response.headers().contains_key(wk_api::MORE);
        Ok((read_json(response).await?, more))
    }

    /// `POST /api{path}` with a JSON body, answered in JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = encode(body)?;
        read_json(self.call(Method::POST, path, query, &[], body).await?).await
    }

    /// `POST /api/sessions`; the same `key` never starts two sessions.
    pub async fn create(
        &self,
        request: &CreateSession,
        key: &str,
    ) -> Result<wk_api::SessionView, ClientError> {
        let body = encode(request)?;
        let headers = [(IDEMPOTENCY_KEY, key)];
        read_json(self.call(Method::POST, "/sessions", &(), &headers, body).await?).await
    }

    /// `DELETE /api{path}`.
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.call(Method::DELETE, path, &(), &[], Bytes::new()).await?;
        Ok(())
    }

    /// `GET /api{path}` as text.
    pub async fn text(&self, path: &str, query: &impl Serialize) -> Result<String, ClientError> {
        let response = self.call(Method::GET, path, query, &[], Bytes::new()).await?;
        let bytes = collect(response).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// `GET /api{path}` as server-sent events, after `last_event_id` where one is given.
    pub async fn events(
        &self,
        path: &str,
        query: &impl Serialize,
        last_event_id: Option<&str>,
    ) -> Result<SseStream, ClientError> {
        let resume = last_event_id.map(|id| [("last-event-id", id)]);
        let headers = resume.as_ref().map_or(&[][..], |headers| &headers[..]);
        let response = self.call(Method::GET, path, query, headers, Bytes::new()).await?;
        Ok(SseStream::new(response.into_body()))
    }

    /// `GET /api{path}` piece by piece.
    pub async fn download(
        &self,
        path: &str,
        query: &impl Serialize,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ClientError> {
        let response = self.call(Method::GET, path, query, &[], Bytes::new()).await?;
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Closed(Some(error)))?;
            if let Some(data) = frame.data_ref() {
                sink(data).map_err(|error| ClientError::Answer { why: error.to_string() })?;
            }
        }
        Ok(())
    }

    /// Attaches to a session; from then on both sides speak the holder's frames.
    pub async fn attach(
        &self,
        session: &str,
        query: &AttachQuery,
    ) -> Result<AttachStream, ClientError> {
        let path = format!("/sessions/{}/attach", Self::segment(session));
        let headers = [(CONNECTION.as_str(), "upgrade"), (UPGRADE.as_str(), ATTACH_PROTOCOL)];
        let response = self.call(Method::GET, &path, query, &headers, Bytes::new()).await?;
        let upgraded = hyper::upgrade::on(response);
        Ok(TokioIo::new(upgraded.await.map_err(|error| ClientError::Closed(Some(error)))?))
    }

    /// Makes any text fit to be one segment of a path.
    pub fn segment(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = self.request(method, path, query, headers, body)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.connect().await?))
            .await
            .map_err(|error| ClientError::Closed(Some(error)))?;
        tokio::spawn(connection.with_upgrades());
        let response =
            sender.send_request(request).await.map_err(|e| ClientError::Closed(Some(e)))?;
        match response.status() {
            status if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS => {
                Ok(response)
            }
            status => Err(ClientError::Refused(read_problem(status, response).await?)),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let query = serde_urlencoded::to_string(query)
            .map_err(|error| ClientError::Request(Box::new(error)))?;
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api{path}{mark}{query}"))
            .header(HOST, "localhost")
            .header(CLIENT, &self.name)
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body)).map_err(|error| ClientError::Request(Box::new(error)))
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let socket = || self.socket.clone();
        if let Ok(found) = std::fs::symlink_metadata(&self.socket)
            && found.uid() != rustix::process::getuid().as_raw()
        {
            return Err(ClientError::ForeignSocket { socket: socket(), uid: found.uid() });
        }
        UnixStream::connect(&self.socket).await.map_err(|source| match source.kind() {
            // Reset: it died before it had let this call in.
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset => {
                ClientError::NotRunning { socket: socket(), source }
            }
            _ => ClientError::Connect { socket: socket(), source },
        })
    }
}

fn encode(body: &impl Serialize) -> Result<Bytes, ClientError> {
    let body = serde_json::to_vec(body).map_err(|error| ClientError::Request(Box::new(error)))?;
    Ok(Bytes::from(body))
}

async fn collect(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = http_body_util::Limited::new(response.into_body(), MAX_ANSWER);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(ClientError::Closed(Some(*error))),
            Err(error) => Err(ClientError::Answer { why: error.to_string() }),
        },
    }
}

async fn read_json<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, ClientError> {
    let bytes = collect(response).await?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer { why: error.to_string() })
}

async fn read_problem(
    status: StatusCode,
    response: Response<Incoming>,
) -> Result<Problem, ClientError> {
    let bytes = collect(response).await?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| Problem {
        kind: problem_type::INTERNAL.into(),
        title: "Unexpected answer".into(),
        status: status.as_u16(),
        detail: format!("the daemon answered {status}: {}", String::from_utf8_lossy(&bytes)),
        candidates: Vec::new(),
    }))
}
