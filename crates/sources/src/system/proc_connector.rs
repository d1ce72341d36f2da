//! How any process ended, as the kernel's process connector tells it: for where the witness is
//! not there.
//!
//! Every end of the machine wakes whoever listens, so the caller decides whether that is worth
//! it. Since Linux 6.6 no privilege is needed, and the kernel leaves out what is not asked for.

mod message;

use std::{io, mem::MaybeUninit, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink, recvfrom,
        sendto, socket_with, sockopt,
    },
};

pub use self::message::{ProcessEnd, read_message};

/// What waits in the kernel before ends are lost.
const BUFFER: usize = 1 << 20;

/// A message is far smaller.
const MESSAGE: usize = 4096;

/// Ends of one read.
const AT_ONCE: usize = 1024;

/// Hears of all ends until it is dropped.
#[derive(Debug)]
pub struct EndListener(OwnedFd);

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub ends: Vec<ProcessEnd>,
    /// There were more than could wait: some are not told of.
    pub lost: bool,
}

impl EndListener {
    /// Says why nothing can be heard, where that is so.
    pub fn open() -> Result<Self, String> {
        Self::subscribe().map_err(|error| {
            format!(
                "the kernel's process connector cannot be used ({error}): before Linux 6.6 it \
                     takes CAP_NET_ADMIN"
            )
        })
    }

    fn subscribe() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let connector = Some(netlink::CONNECTOR);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, connector)?;
        // It is only more patient with it.
        let _ = sockopt::set_socket_recv_buffer_size(&socket, BUFFER);
        bind(&socket, &netlink::SocketAddrNetlink::new(0, message::GROUP))?;
        let kernel = netlink::SocketAddrNetlink::new(0, 0);
        sendto(&socket, &message::listen(filters()), SendFlags::empty(), &kernel)?;
        Ok(Self(socket))
    }

    /// Everything that was heard since; never waits.
    pub fn read(&self) -> io::Result<Heard> {
        let mut heard = Heard::default();
        let mut buffer = [MaybeUninit::<u8>::uninit(); MESSAGE];
        while heard.ends.len() < AT_ONCE {
            let received = recvfrom(&self.0, &mut buffer, RecvFlags::empty());
            let ((bytes, _), _, sender) = match received {
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(Errno::NOBUFS) => {
                    heard.lost = true;
                    continue;
                }
                received => received?,
            };
            let sender =
                sender.and_then(|sender| netlink::SocketAddrNetlink::try_from(sender).ok());
            // Any process may write to us; the kernel is number 0.
            if sender.is_some_and(|sender| sender.pid() == 0) {
                heard.ends.extend(read_message(bytes));
            }
        }
        Ok(heard)
    }
}

impl std::os::fd::AsFd for EndListener {
    /// Readable when there is something to hear.
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::os::fd::AsRawFd for EndListener {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// Whether this kernel leaves out what is not asked for.
fn filters() -> bool {
    super::release() >= (6, 6)
}

#[cfg(test)]
mod tests {
    use std::{
        process::Command,
        time::{Duration, Instant},
    };

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn the_end_of_a_process_is_heard_with_its_code_or_signal() {
        let listener = match EndListener::open() {
            Ok(listener) => listener,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        for (script, code, signal) in [("exit 7", Some(7), None), ("kill -9 $$", None, Some(9))] {
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let pid = child.id();
            child.wait().unwrap();
            let deadline = Instant::now() + Duration::from_secs(10);
            let end = loop {
                let heard = listener.read().unwrap();
                if let Some(end) = heard.ends.into_iter().find(|end| end.pid == pid) {
                    break end;
                }
                assert!(Instant::now() < deadline, "nothing was heard of {script}");
                let patience = Timespec { tv_sec: 1, tv_nsec: 0 };
                poll(&mut [PollFd::new(&listener, PollFlags::IN)], Some(&patience)).unwrap();
            };
            assert_eq!((end.exit.code, end.exit.signal), (code, signal));
            assert_eq!(end.parent, std::process::id());
        }
    }
}
