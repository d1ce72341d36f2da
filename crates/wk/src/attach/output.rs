//! Stdout and stderr, written by a thread of their own: either may block for long.

use std::{
    io::{self, Write},
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::BorrowedFd,
    io::Errno,
    stdio,
};
use tokio::sync::{mpsc, oneshot};
use wk_api::OutputStream;

/// Chunks that wait to be written.
const BEHIND: usize = 4;

/// Writes in order, and knows when all is written.
#[derive(Debug)]
pub(crate) struct Output {
    sender: Option<mpsc::Sender<(OutputStream, Vec<u8>)>>,
    done: oneshot::Receiver<io::Result<()>>,
    /// Bytes that were handed over.
    pub bytes: u64,
    /// Bytes of earlier attempts.
    before: u64,
}

impl Output {
    /// Writes to this process's stdout and stderr.
    pub(crate) fn start() -> io::Result<Self> {
        Self::start_on(Descriptor(stdio::stdout()), Descriptor(stdio::stderr()))
    }

    fn start_on(
        mut stdout: impl Write + Send + 'static,
        mut stderr: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, mut chunks) = mpsc::channel::<(OutputStream, Vec<u8>)>(BEHIND);
        let (finished, done) = oneshot::channel();
        thread::Builder::new().name("stdout".into()).spawn(move || {
            let mut result = Ok(());
            while let (Ok(()), Some((stream, bytes))) = (&result, chunks.blocking_recv()) {
                result = match stream {
                    OutputStream::Stdout => stdout.write_all(&bytes),
                    OutputStream::Stderr => stderr.write_all(&bytes),
                };
            }
            // Nobody listens any more where we were left without waiting.
            let _ = finished.send(result);
        })?;
        Ok(Self { sender: Some(sender), done, bytes: 0, before: 0 })
    }

    /// What comes from here on is another attempt's.
    pub(crate) fn begin_anew(&mut self) {
        self.before += std::mem::take(&mut self.bytes);
    }

    /// Bytes of all attempts.
    pub(crate) fn total(&self) -> u64 {
        self.before + self.bytes
    }

    /// Hands bytes over; waits while too many are not yet written.
    pub(crate) async fn write(&mut self, stream: OutputStream, bytes: Vec<u8>) -> io::Result<()> {
        let length = bytes.len() as u64;
        if let Some(sender) = &self.sender
            && sender.send((stream, bytes)).await.is_ok()
        {
            self.bytes += length;
            return Ok(());
        }
        self.finish().await?;
        Err(io::ErrorKind::BrokenPipe.into())
    }

    /// Waits until everything is written. Nothing can be written afterwards.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        if self.sender.take().is_none() && self.done.is_terminated() {
            return Ok(());
        }
        (&mut self.done).await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

/// A descriptor without std's buffer, which may have been made non-blocking by somebody.
struct Descriptor(BorrowedFd<'static>);

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                Err(Errno::AGAIN) => {
                    let mut ready = [PollFd::new(&self.0, PollFlags::OUT)];
                    let _ = poll(&mut ready, None);
                }
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Collects what was written, by stream.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Sink(pub Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn captured() -> (Output, Sink, Sink) {
        let (stdout, stderr) = (Sink::default(), Sink::default());
        (Output::start_on(stdout.clone(), stderr.clone()).unwrap(), stdout, stderr)
    }

    #[tokio::test]
    async fn streams_stay_apart_and_finish_waits_for_all() {
        let (mut output, stdout, stderr) = captured();
        for _ in 0..100 {
            output.write(OutputStream::Stdout, b"o".to_vec()).await.unwrap();
            output.write(OutputStream::Stderr, b"e".to_vec()).await.unwrap();
        }
        output.finish().await.unwrap();
        assert_eq!(*stdout.0.lock().unwrap(), [b'o'; 100]);
        assert_eq!(*stderr.0.lock().unwrap(), [b'e'; 100]);
    }

    #[tokio::test]
    async fn a_closed_stdout_is_told() {
        let mut output = Output::start_on(Closed, Closed).unwrap();
        let error = loop {
            if let Err(error) = output.write(OutputStream::Stdout, b"x".to_vec()).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
