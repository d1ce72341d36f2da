//! Uses of tools that have begun: paired with their ends by id, else by order.

use std::collections::VecDeque;

use wk_model::{Change, Event, Moment};

/// Uses of one session that may be under way.
const OPEN: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Tools {
    open: VecDeque<Open>,
    /// What an earlier daemon had seen begin was looked up.
    pub(super) restored: bool,
}

#[derive(Clone, Debug)]
struct Open {
    tool: String,
    use_id: Option<String>,
    agent_id: Option<String>,
    at: Moment,
}

impl Tools {
    /// A use has begun.
    pub(super) fn begin(
        &mut self,
        tool: &str,
        use_id: Option<&str>,
        agent_id: Option<&str>,
        at: Moment,
    ) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.open.push_back(Open {
            tool: tool.to_owned(),
            use_id: owned(use_id),
            agent_id: owned(agent_id),
            at,
        });
        if self.open.len() > OPEN {
            self.open.pop_front();
        }
    }

    /// A use has ended: how long it took, where its beginning is known.
    pub(super) fn end(
        &mut self,
        tool: &str,
        use_id: Option<&str>,
        agent_id: Option<&str>,
        at: Moment,
    ) -> Option<u64> {
        let by_id = |open: &Open| use_id.is_some() && open.use_id.as_deref() == use_id;
        let by_order = |open: &Open| {
            (use_id.is_none() || open.use_id.is_none())
                && open.tool == tool
                && open.agent_id.as_deref() == agent_id
        };
        let place = self.open.iter().position(by_id);
        let place = place.or_else(|| self.open.iter().position(by_order))?;
        let begun = self.open.remove(place)?.at;
        // Another boot counts from another moment.
        let same = begun.boot == at.boot && at.boot_ns >= begun.boot_ns;
        same.then(|| (at.boot_ns - begun.boot_ns) / 1_000_000)
    }

    /// Takes up what the journal has of it.
    pub(super) fn restore(&mut self, events: &[Event]) {
        for event in events {
            match &event.change {
                Change::ToolStarted(started) => {
                    let (id, agent) = (&started.tool_use_id, &started.agent_id);
                    self.begin(&started.tool, id.as_deref(), agent.as_deref(), event.at);
                }
                Change::ToolFinished(finished) => {
                    let (id, agent) = (&finished.tool_use_id, &finished.agent_id);
                    self.end(&finished.tool, id.as_deref(), agent.as_deref(), event.at);
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

    #[test]
    fn ids_pair_whatever_the_order_and_order_pairs_what_has_none() {
        let mut tools = Tools::default();
        tools.begin("Bash", Some("1"), None, at(10));
        tools.begin("Bash", Some("2"), None, at(20));
        assert_eq!(tools.end("Bash", Some("2"), None, at(50)), Some(30));
        assert_eq!(tools.end("Bash", Some("1"), None, at(50)), Some(40));
        assert_eq!(tools.end("Bash", Some("1"), None, at(60)), None, "it has ended");
        tools.begin("Read", None, None, at(100));
        tools.begin("Bash", None, None, at(110));
        tools.begin("Bash", None, None, at(120));
        tools.begin("Bash", None, Some("sub"), at(121));
        assert_eq!(tools.end("Bash", None, None, at(130)), Some(20), "the first of its kind");
        assert_eq!(tools.end("Bash", None, Some("sub"), at(131)), Some(10));
        assert_eq!(tools.end("Bash", None, None, at(140)), Some(20));
        assert_eq!(tools.end("Bash", None, None, at(140)), None);
        assert_eq!(tools.end("Read", Some("late"), None, at(140)), Some(40));
    }

    #[test]
    fn what_never_ends_does_not_pile_up_and_clocks_that_go_back_tell_nothing() {
        let mut tools = Tools::default();
        (0..5000).for_each(|ms| tools.begin("Bash", None, None, at(ms)));
        assert_eq!(tools.open.len(), OPEN);
        assert_eq!(tools.end("Bash", None, None, at(0)), None);
    }
}
