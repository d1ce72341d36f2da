//! Continues a holder that somebody has stopped.

use std::io;

use rustix::process::Signal;
use wk_holder::host::ProcessStat;
use wk_model::ProcessId;

use crate::process_watch::ProcessWatch;

/// Lets a holder run on that a signal has stopped. False: it was not stopped, or is dead.
///
/// It is signalled as the process that it is, not by its number.
pub fn wake(holder: &ProcessId) -> io::Result<bool> {
    let Some(process) = ProcessWatch::new(holder)? else { return Ok(false) };
    let stopped = ProcessStat::read(holder.pid)?.is_some_and(|stat| stat.state == 'T');
    if stopped {
        process.signal(Signal::CONT)?;
    }
    Ok(stopped)
}
