//! Holders: started, found again, listened to.
//!
//! A holder's record on disk is the truth; its socket is only a bell and a way to ask. So
//! whatever happens to a connection, nothing that a holder told is lost or heard twice.

mod connect;
mod launch;
mod link;
mod wake;

pub use connect::{ConnectError, attach, connect};
pub use launch::{LaunchError, Launched, launch};
pub use link::{HolderLink, LinkError, Report};
pub use wake::wake;

use tokio::net::UnixStream;
use wk_holder::protocol::{Frame, HEADER, MAX_PAYLOAD, ProtocolError, Reply, Request, frame};

/// A connection to a holder, in whole messages.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: UnixStream,
    buffer: Vec<u8>,
}

/// Why a holder cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the holder's connection broke")]
    Io(#[from] std::io::Error),
    #[error("the holder sent what is no message")]
    Protocol(#[from] ProtocolError),
}

impl Wire {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The stream itself, where nothing has been read ahead.
    pub(crate) fn into_stream(self) -> UnixStream {
        self.stream
    }

    pub(crate) async fn send(&mut self, request: &Request) -> Result<(), WireError> {
        use tokio::io::AsyncWriteExt;
        let mut bytes = Vec::new();
        request.put(&mut bytes);
        self.stream.write_all(&bytes).await?;
        Ok(())
    }

    /// The next message; none at the end. Unknown ones are skipped. May be dropped at any
    /// await without losing anything.
    pub(crate) async fn receive(&mut self) -> Result<Option<Reply>, WireError> {
        loop {
            while let Some(Frame { kind, payload, taken }) = frame(&self.buffer)? {
                let reply = Reply::read(&Frame { kind, payload, taken })?;
                self.buffer.drain(..taken);
                if let Some(reply) = reply {
                    return Ok(Some(reply));
                }
            }
            if self.buffer.is_empty() {
                // Thousands of idle links: none of them keeps a buffer.
                self.buffer = Vec::new();
            }
            self.stream.readable().await?;
            let mut piece = [0; 16 << 10];
            match self.stream.try_read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(read) => self.buffer.extend(&piece[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            debug_assert!(self.buffer.len() <= HEADER + MAX_PAYLOAD + (16 << 10));
        }
    }
}
