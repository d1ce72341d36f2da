//! Ending a session that does not end by itself: TERM, time to comply, KILL.

use std::time::{Duration, Instant};

use wk_model::LimitKind;

use super::{child::Child, holder::Holder};

/// Between one KILL of everything and the next, for what was missed.
const AGAIN: Duration = Duration::from_millis(50);

/// Longer waits are as good as for ever.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// An end that was asked for.
#[derive(Debug)]
pub(crate) struct Stop {
    kill_at: Instant,
    /// The limit that asked, if none of the clients did.
    pub(crate) limit: Option<LimitKind>,
    /// What was on the screen of a command that had come to nothing: the command may well take
    /// it away when it is asked to end.
    pub(crate) shown: Option<String>,
}

impl Stop {
    pub(crate) fn deadline(&self) -> Instant {
        self.kill_at
    }
}

/// The moment `wait` from now, however long that is.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(FOR_EVER)).unwrap_or(now)
}

impl Holder {
    /// Asks all processes to end, and ends them when `grace` is over. Asked again, the
    /// shorter grace counts.
    pub(crate) fn stop(&mut self, grace: Duration, limit: Option<LimitKind>) {
        if self.end.is_some() {
            return;
        }
        let kill_at = after(grace);
        match &mut self.stop {
            Some(stop) => stop.kill_at = stop.kill_at.min(kill_at),
            None => {
                // A program may clear its screen on its way out.
                let waits = matches!(limit, None | Some(LimitKind::Time | LimitKind::Idle));
                let shown = if waits { self.shown() } else { None };
                self.stop = Some(Stop { kill_at, limit, shown });
                let has_terminal = self.child.as_ref().is_some_and(Child::has_terminal);
                self.tree.terminate(has_terminal);
            }
        }
    }

    pub(crate) fn stop_on_time(&mut self, now: Instant) {
        if self.end.is_some() {
            return;
        }
        if let Some(stop) = &mut self.stop
            && stop.kill_at <= now
        {
            stop.kill_at = now + AGAIN;
            self.tree.kill();
        }
    }
}
