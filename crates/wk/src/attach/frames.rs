//! Reading the holder's frames.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};
use wk_holder::protocol::{self, Reply};

/// Frames as they come; may be dropped between any two polls without loss.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    inner: R,
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that were taken already.
    taken: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new(), taken: 0 }
    }

    /// The next frame of a known type; none when the connection has ended.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Reply>> {
        loop {
            let found = protocol::frame(&self.buffer[self.taken..]).map_err(io::Error::other)?;
            if let Some(frame) = found {
                let reply = Reply::read(&frame).map_err(io::Error::other)?;
                self.taken += frame.taken;
                if let Some(reply) = reply {
                    return Ok(Some(reply));
                }
                continue;
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            // A large frame has gone by: what comes next is most likely small.
            if self.buffer.is_empty() {
                self.buffer.shrink_to(64 << 10);
            }
            self.buffer.reserve(16 << 10);
            if self.inner.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wk_holder::protocol::put_frame;

    use super::*;

    #[tokio::test]
    async fn frames_come_out_whole_and_the_unknown_is_skipped() {
        let mut wire = Vec::new();
        Reply::Output(b"one".to_vec()).put(&mut wire);
        put_frame(&mut wire, 200, b"from the future");
        Reply::Output(vec![b'x'; 100_000]).put(&mut wire);
        Reply::Bell.put(&mut wire);
        wire.push(1);
        let mut frames = Frames::new(&wire[..]);
        assert_eq!(frames.next().await.unwrap(), Some(Reply::Output(b"one".to_vec())));
        assert_eq!(frames.next().await.unwrap(), Some(Reply::Output(vec![b'x'; 100_000])));
        assert_eq!(frames.next().await.unwrap(), Some(Reply::Bell));
        assert_eq!(frames.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_frame_is_an_error() {
        assert!(Frames::new(&[255; 9][..]).next().await.is_err());
    }
}
