//! The connector's messages: `nlmsghdr`, `cn_msg`, `proc_event` of `linux/cn_proc.h`, in the
//! machine's own byte order.

use crate::system::pidfd::Exit;

/// `CN_IDX_PROC`: the group, and the address in each message.
pub(super) const GROUP: u32 = 1;

/// `CN_VAL_PROC`.
const VALUE: u32 = 1;

/// `PROC_EVENT_EXIT`.
const EXIT: u32 = 0x8000_0000;

/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;

/// `NLMSG_DONE`: what the connector's messages are marked with.
const DONE: u16 = 3;

const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
/// What happened, on which CPU, and when.
const EVENT_HEADER: usize = 16;

/// The end of a process, all its threads included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessEnd {
    pub pid: u32,
    pub parent: u32,
    pub exit: Exit,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub monotonic_ns: u64,
}

/// Asks for what is told from now on; where the kernel can, for ends only.
pub(super) fn listen(filters: bool) -> Vec<u8> {
    let wanted = if filters { &[LISTEN, EXIT][..] } else { &[LISTEN] };
    let payload: Vec<u8> = wanted.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let length = NETLINK_HEADER + CONNECTOR_HEADER + payload.len();
    let mut bytes = (length as u32).to_ne_bytes().to_vec();
    bytes.extend(DONE.to_ne_bytes());
    bytes.extend([0; 10]);
    for word in [GROUP, VALUE, 0, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend((payload.len() as u16).to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(payload);
    bytes
}

/// Reads a message; none where it tells of anything but the end of a whole process.
pub fn read_message(bytes: &[u8]) -> Option<ProcessEnd> {
    let length = usize::try_from(word(bytes, 0)?).ok()?;
    let connector = bytes.get(NETLINK_HEADER..length)?;
    if (word(connector, 0)?, word(connector, 4)?) != (GROUP, VALUE) {
        return None;
    }
    let event = connector.get(CONNECTOR_HEADER..)?;
    if word(event, 0)? != EXIT {
        return None;
    }
    let when = event.get(8..EVENT_HEADER)?.try_into().ok()?;
    let end = event.get(EVENT_HEADER..)?;
    let (thread, process) = (word(end, 0)?, word(end, 4)?);
    let status = word(end, 8)?.cast_signed();
    (thread == process).then_some(ProcessEnd {
        pid: process,
        // The kernel names the thread that forked it, and its process.
        parent: word(end, 20)?,
        exit: Exit::of_status(status),
        monotonic_ns: u64::from_ne_bytes(when),
    })
}

fn word(bytes: &[u8], place: usize) -> Option<u32> {
    let bytes = bytes.get(place..place.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, thread: u32) -> Vec<u8> {
        let words = [what, 0, 0, 0, thread, 7, 9, 17, 5, 5];
        let length = (NETLINK_HEADER + CONNECTOR_HEADER + 4 * words.len()) as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend([0; 12]);
        for word in [GROUP, VALUE, 0, 0, 0].iter().chain(&words) {
            bytes.extend(word.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn only_the_end_of_a_whole_process_is_read() {
        let end = read_message(&message(EXIT, 7)).unwrap();
        assert_eq!((end.pid, end.parent), (7, 5));
        assert_eq!(end.exit, Exit { code: None, signal: Some(9) });
        assert_eq!(read_message(&message(EXIT, 8)), None, "a thread");
        assert_eq!(read_message(&message(1, 7)), None, "a fork");
        let whole = message(EXIT, 7);
        for cut in 0..whole.len() {
            assert_eq!(read_message(&whole[..cut]), None, "{cut}");
        }
    }
}
