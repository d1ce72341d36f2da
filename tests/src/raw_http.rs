//! HTTP by hand, for requests that no client library would send.

use std::{net::SocketAddr, path::Path};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use crate::within;

/// An answer, taken apart.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends one request with a body, and reads the answer to the end of the connection.
pub async fn raw_call(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    let call = async { exchange(UnixStream::connect(socket).await?, &head, body).await };
    let bytes = within(&format!("{method} {path}"), call).await.expect("the daemon answers");
    parse(&bytes)
}

/// The same over TCP. `headers` may name another host than ours, or another type than JSON.
pub async fn tcp_call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let given = |name: &str| {
        let names = headers.lines().filter_map(|line| line.split(':').next());
        names.into_iter().any(|given| given.eq_ignore_ascii_case(name))
    };
    let usual = |name: &str, value: &str| match given(name)
        || given("Transfer-Encoding") && name == "Content-Length"
    {
        true => String::new(),
        false => format!("{name}: {value}\r\n"),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{}{}{}Connection: close\r\n{headers}\r\n",
        usual("Host", &address.to_string()),
        usual("Content-Type", "application/json"),
        usual("Content-Length", &body.len().to_string()),
    );
    let call = async { exchange(TcpStream::connect(address).await?, &head, body).await };
    let bytes = within(&format!("{method} {path}"), call).await.expect("the daemon answers");
    parse(&bytes)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite,
    head: &str,
    body: &[u8],
) -> std::io::Result<Vec<u8>> {
    let (mut read, mut write) = tokio::io::split(stream);
    // Who refuses a body may answer and hang up before it has read all of it.
    let sent = async {
        let _ = write.write_all(head.as_bytes()).await;
        let _ = write.write_all(body).await;
    };
    let mut bytes = Vec::new();
    let (read, ()) = tokio::join!(read.read_to_end(&mut bytes), sent);
    match read {
        Err(error) if bytes.is_empty() => Err(error),
        _ => Ok(bytes),
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut answer =
        Answer { status: status.expect("a status"), head, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body);
    }
    answer
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk has a size");
        let (from, to) = (end + 2, end + 2 + size);
        if size == 0 || to > rest.len() {
            break;
        }
        body.extend_from_slice(&rest[from..to]);
        rest = rest.get(to + 2..).unwrap_or_default();
    }
    body
}
