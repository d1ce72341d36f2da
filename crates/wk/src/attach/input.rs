//! Stdin, read by a thread of its own: terminals and pipes cannot be polled alike.

use std::{io, thread, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    stdio,
};
use tokio::sync::mpsc;

/// Bytes of one read.
const CHUNK: usize = 64 << 10;

/// Chunks that are read ahead.
const AHEAD: usize = 4;

/// Reads stdin until it ends or nobody listens.
pub(crate) fn read_stdin() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Some(length) = read_once(&mut buffer) {
            if sender.blocking_send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Reads some bytes; none at the end.
fn read_once(buffer: &mut [u8]) -> Option<usize> {
    let stdin = stdio::stdin();
    loop {
        match rustix::io::read(stdin, &mut *buffer) {
            Ok(0) => return None,
            Ok(length) => return Some(length),
            Err(Errno::INTR) => {}
            // Somebody who shares it has made it non-blocking.
            Err(Errno::AGAIN) => {
                let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
                let _ = poll(&mut ready, None);
            }
            // We are in the background of this terminal, and will be asked to read once we
            // are in front.
            Err(Errno::IO) if rustix::termios::isatty(stdin) => {
                thread::sleep(Duration::from_millis(500));
            }
            Err(_) => return None,
        }
    }
}
