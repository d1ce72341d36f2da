//! A control client that waits in the server for ever: it says that something changed.
//!
//! It is attached to no session: it shows in no list of clients, resizes nothing, and keeps
//! nothing alive. It goes with its stdin, and so with this process, however that ends.

use std::process::Stdio;

use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStdin, ChildStdout},
};

use super::{
    ask::Asker,
    control::{Notice, notice},
};

/// A longer line is none of the server's.
const MAX_LINE: usize = 64 << 10;

/// The client, while it lives.
#[derive(Debug)]
pub(super) struct Parked {
    /// Goes with this: it is killed.
    _client: Child,
    _stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    buffer: Vec<u8>,
    channel: String,
}

impl Parked {
    pub(super) fn start(asker: &Asker) -> std::io::Result<Self> {
        let channel = format!("wk-{:016x}", random());
        let mut command = asker.command(["-C", "wait-for", &channel]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut client = command.spawn()?;
        let stdout = client.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            _stdin: client.stdin.take(),
            _client: client,
            stdout,
            buffer: Vec::new(),
            channel,
        })
    }

    /// What it waits for: whoever signals it lets it go.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// The next line; none once the client is gone. May be dropped without losing anything.
    pub(super) async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(notice(&line[..end]));
            }
            if self.buffer.len() > MAX_LINE {
                return None;
            }
            let mut piece = [0; 4096];
            match self.stdout.read(&mut piece).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.buffer.extend(&piece[..read]),
            }
        }
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // A name that somebody else has too would only be woken with it.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_le_bytes(bytes)
}
