//! How long uses of tools took, where only their two events tell.

use wk_agents::uses::{Open, Start};
use wk_journal::{Journal, JournalError};
use wk_model::{Change, Event, Moment, SessionId};

/// The latest events of a session's tools in their order, so many of each kind.
pub(in crate::daemon) fn recent(
    journal: &Journal,
    session: SessionId,
    most: usize,
) -> Result<Vec<Event>, JournalError> {
    let mut events = journal.latest_events(session, "tool_started", most)?;
    events.extend(journal.latest_events(session, "tool_finished", most)?);
    events.sort_unstable_by_key(|event| event.seq);
    Ok(events)
}

#[derive(Debug, Default)]
pub(super) struct Tools {
    open: Open<Moment>,
    /// What an earlier daemon had seen begin was looked up.
    pub(super) restored: bool,
}

impl Tools {
    /// A use has begun.
    pub(super) fn begin(&mut self, start: Start, at: Moment) {
        // What never ends is forgotten.
        let _ = self.open.begin(start, at);
    }

    /// A use has ended: how long it took in milliseconds, where its beginning is known.
    pub(super) fn end(&mut self, end: &Start, at: Moment) -> Option<u64> {
        let begun = self.open.end(end)?;
        // Another boot counts from another moment.
        let same = begun.boot == at.boot && at.boot_ns >= begun.boot_ns;
        same.then(|| (at.boot_ns - begun.boot_ns) / 1_000_000)
    }

    /// Takes up what the journal has of it.
    pub(super) fn restore(&mut self, events: &[Event]) {
        for event in events {
            match &event.change {
                Change::ToolStarted(started) => self.begin(Start::of(None, started), event.at),
                Change::ToolFinished(finished) => {
                    self.end(&Start::of_end(None, finished), event.at);
                }
                _ => {}
            }
        }
        self.restored = true;
    }
}

#[cfg(test)]
mod tests {
    use wk_model::{BootId, Time};

    use super::*;

    fn at(ms: u64) -> Moment {
        Moment { time: Time::default(), boot: BootId::default(), boot_ns: ms * 1_000_000 }
    }

    fn bash(use_id: &str) -> Start {
        let use_id = Some(use_id.to_owned());
        Start { session: None, tool: "Bash".into(), use_id, agent_id: None }
    }

    #[test]
    fn it_took_from_its_start_to_its_end_by_one_clock() {
        let mut tools = Tools::default();
        tools.begin(bash("1"), at(10));
        tools.begin(bash("2"), at(20));
        assert_eq!(tools.end(&bash("2"), at(50)), Some(30));
        assert_eq!(tools.end(&bash("1"), at(5)), None, "a clock that went back tells nothing");
        tools.begin(bash("3"), at(10));
        let rebooted =
            Moment { boot: "5b1f0b6e-0e8e-4c55-8a3d-0c6f6d2d9f10".parse().unwrap(), ..at(50) };
        assert_eq!(tools.end(&bash("3"), rebooted), None);
        assert_eq!(tools.end(&bash("4"), at(60)), None, "nobody saw it begin");
    }
}
