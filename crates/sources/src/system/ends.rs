//! How processes ended lately, as the process connector told it: for kernels whose pidfds do
//! not tell.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{Interest, unix::AsyncFd};
use wk_model::{Moment, ProcessId};

use super::{
    pidfd::{self, Exit},
    proc_connector::{EndListener, ProcessEnd},
};

/// Ends that are kept; the machine's other programs end too.
const KEPT: usize = 4096;

/// An end is noticed no later than this after it was told.
const NEAR_NS: u64 = 5_000_000_000;

/// What was heard of late.
#[derive(Debug, Default)]
pub struct Ends(Mutex<VecDeque<ProcessEnd>>);

impl Ends {
    /// Whether it is worth being woken by every end of the machine: only where the kernel does
    /// not keep an end for whoever holds a pidfd.
    pub fn are_needed() -> bool {
        !pidfd::tells_exits()
    }

    /// Hears until it is dropped, or nothing can be heard any more.
    #[expect(unsafe_code, reason = "tokio asks for it")]
    pub async fn listen(self: Arc<Self>, listener: EndListener) -> io::Result<()> {
        // SAFETY: the listener owns its socket, and is never replaced within the `AsyncFd`.
        let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE)? };
        loop {
            let mut ready = listener.readable().await?;
            let heard = listener.get_ref().read()?;
            if heard.lost {
                tracing::debug!("more processes ended than could be heard of");
            }
            if heard.ends.is_empty() {
                ready.clear_ready();
            }
            self.take(heard.ends);
        }
    }

    fn take(&self, ends: Vec<ProcessEnd>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(ends);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }

    /// How a process ended that was found to have around `until`.
    pub(super) fn exit(&self, process: &ProcessId, until: Moment) -> Option<Exit> {
        let suspended = super::suspended_ns();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A number comes again: the latest end of it is meant.
        let end = kept.iter().rev().find(|end| end.pid == process.pid)?;
        let at = end.monotonic_ns.saturating_add(suspended);
        (at.abs_diff(until.boot_ns) <= NEAR_NS).then_some(end.exit)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use wk_holder::host;

    use super::*;

    #[tokio::test]
    async fn the_end_of_anybodys_child_is_known_while_it_is_near() {
        let listener = match EndListener::open() {
            Ok(listener) => listener,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        let ends = Arc::new(Ends::default());
        let hearing = tokio::spawn(ends.clone().listen(listener));
        let mut child = Command::new("sh");
        child.args(["-c", "read line; exit 7"]);
        let mut child = child.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let process = host::identify(child.id()).unwrap().unwrap();
        assert_eq!(ends.exit(&process, host::now()), None, "it lives");
        drop(child.stdin.take());
        child.wait().unwrap();
        let until = host::now();
        let exit = loop {
            match ends.exit(&process, until) {
                Some(exit) => break exit,
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!((exit.code, exit.signal), (Some(7), None));
        let later = Moment { boot_ns: until.boot_ns + 2 * NEAR_NS, ..until };
        assert_eq!(ends.exit(&process, later), None, "another of that number");
        hearing.abort();
    }

    #[test]
    fn no_more_ends_are_kept_than_may_be() {
        let ends = Ends::default();
        let exit = Exit { code: Some(0), signal: None };
        let end = |pid| ProcessEnd { pid, parent: 1, exit, monotonic_ns: 1 };
        ends.take((0..KEPT as u32 + 10).map(end).collect());
        let kept = ends.0.lock().unwrap();
        assert_eq!((kept.len(), kept[0].pid), (KEPT, 10));
    }
}
