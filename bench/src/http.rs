//! A client that costs little: one connection that stays, requests made before, answers that
//! are only counted.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, ensure};

/// One connection to a daemon.
#[derive(Debug)]
pub struct Caller {
    stream: TcpStream,
    /// What has come of an answer.
    heard: Vec<u8>,
}

impl Caller {
    pub fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, heard: vec![0; 64 << 10] })
    }

    /// Sends a request and reads its answer, which must be 200.
    pub fn call(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request)?;
        let (mut filled, mut whole) = (0, usize::MAX);
        while filled < whole {
            ensure!(filled < self.heard.len(), "the answer is too long");
            let read = self.stream.read(&mut self.heard[filled..])?;
            ensure!(read > 0, "the connection broke");
            filled += read;
            if whole == usize::MAX {
                whole = length(&self.heard[..filled])?.unwrap_or(usize::MAX);
            }
        }
        Ok(())
    }
}

/// A POST with a JSON body.
pub fn post(address: SocketAddr, path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// How long an answer is, once its head is there.
fn length(heard: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&heard[..end])?;
    ensure!(head.starts_with("HTTP/1.1 200"), "refused: {}", String::from_utf8_lossy(heard));
    let body = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(Some(end + 4 + body.context("an answer without a length")?))
}
