//! The latest events, at hand for whoever looks.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;
use wk_api::FilterOptions;
use wk_journal::{EventQuery, Journal};
use wk_model::{Change, Event, Seq};

/// Events that are at hand.
pub(crate) const RECENT: usize = 1000;
/// Bytes of them.
const MOST_BYTES: usize = 16 << 20;
/// Sessions among which one can choose; there may be very many.
const SESSIONS: usize = 300;
/// Events of all kinds that are read at a time, and how often, to find those of senders.
const WINDOW: u64 = 4096;
const WINDOWS: u32 = 25;

/// An event as it is shown.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) id: u64,
    pub(crate) kind: String,
    source_app: String,
    session_id: String,
    /// As JSON, with its id.
    pub(crate) json: String,
}

#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// In the journal's order.
    events: Mutex<VecDeque<Arc<Kept>>>,
    filled: AtomicBool,
}

impl Kept {
    /// `object`: JSON that is an object.
    pub(super) fn new(
        id: u64,
        source_app: String,
        session_id: String,
        kind: String,
        object: &str,
    ) -> Self {
        let rest = object.strip_prefix('{').unwrap_or("}");
        let comma = if rest.starts_with('}') { "" } else { "," };
        Self { id, kind, source_app, session_id, json: format!("{{\"id\":{id}{comma}{rest}") }
    }

    /// An event of the journal, if a sender sent it.
    fn of(event: &Event) -> Option<Self> {
        let Change::Hook(hook) = &event.change else { return None };
        let sent = event.source.0 == super::VERIFIED || event.source.0 == super::UNVERIFIED;
        let object = hook.payload.as_object().filter(|_| sent)?;
        let field = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = hook.payload.to_string();
        let source_app = field("source_app")?;
        Some(Self::new(event.seq.0, source_app, field("session_id")?, hook.event.clone(), &text))
    }
}

impl Shelf {
    /// Takes up events that were just journalled.
    pub(super) fn put(&self, kept: &[Arc<Kept>]) {
        let mut events = self.events();
        for event in kept {
            // Others may have come in between, and been told of first.
            let place = events.iter().rposition(|other| other.id <= event.id);
            if place.is_some_and(|place| events[place].id == event.id) {
                continue;
            }
            events.insert(place.map_or(0, |place| place + 1), Arc::clone(event));
        }
        let mut bytes: usize = 0;
        let fits = events.iter().rev().take(RECENT).take_while(|event| {
            bytes += event.json.len();
            bytes <= MOST_BYTES
        });
        let fits = fits.count();
        let surplus = events.len() - fits;
        events.drain(..surplus);
    }

    /// The latest, oldest first.
    pub(super) fn recent(&self, limit: usize) -> Vec<Arc<Kept>> {
        let events = self.events();
        events.iter().skip(events.len().saturating_sub(limit)).map(Arc::clone).collect()
    }

    pub(super) fn options(&self) -> FilterOptions {
        let mut options = FilterOptions::default();
        for event in self.events().iter().rev() {
            options.source_apps.insert(event.source_app.clone());
            options.hook_event_types.insert(event.kind.clone());
            if options.session_ids.len() < SESSIONS {
                options.session_ids.insert(event.session_id.clone());
            }
        }
        options
    }

    pub(super) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    /// Reads back from the end of the journal until there are enough.
    pub(super) fn fill(&self, journal: &Journal) {
        let mut found: Vec<Arc<Kept>> = Vec::new();
        let mut end = journal.last().0 + 1;
        for _ in 0..WINDOWS {
            let begin = end.saturating_sub(WINDOW).max(journal.first().0);
            if begin >= end || found.len() >= RECENT {
                break;
            }
            let kinds = vec!["hook".to_owned()];
            let (after, limit) = (Seq(begin.saturating_sub(1)), WINDOW as usize);
            let query = EventQuery { after, kinds, limit, ..EventQuery::default() };
            let Ok(events) = journal.events(&query) else { break };
            let before = events.iter().filter(|event| event.seq.0 < end);
            found.extend(before.filter_map(Kept::of).map(Arc::new));
            end = begin;
        }
        found.sort_by_key(|event| event.id);
        let newest = found.len().saturating_sub(RECENT);
        self.put(&found[newest..]);
        self.filled.store(true, Ordering::Release);
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<Arc<Kept>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: u64) -> Arc<Kept> {
        let kind = if id.is_multiple_of(2) { "Stop" } else { "PreToolUse" };
        let session = format!("s{id}");
        Arc::new(Kept::new(id, "app".into(), session, kind.into(), "{\"a\":1}"))
    }

    fn ids(shelf: &Shelf, limit: usize) -> Vec<u64> {
        shelf.recent(limit).iter().map(|event| event.id).collect()
    }

    #[test]
    fn events_are_in_the_journals_order_and_none_twice() {
        let shelf = Shelf::default();
        shelf.put(&[kept(5), kept(6)]);
        shelf.put(&[kept(3), kept(4)]);
        shelf.put(&[kept(6), kept(7)]);
        assert_eq!(ids(&shelf, 100), [3, 4, 5, 6, 7]);
        assert_eq!(ids(&shelf, 2), [6, 7]);
        assert_eq!(ids(&shelf, 0), [0; 0]);
    }

    #[test]
    fn the_shelf_is_bounded() {
        let shelf = Shelf::default();
        let many: Vec<_> = (1..=3000).map(kept).collect();
        shelf.put(&many);
        assert_eq!((ids(&shelf, 9999).len(), ids(&shelf, 9999)[0]), (RECENT, 2001));
        let options = shelf.options();
        assert_eq!((options.session_ids.len(), options.hook_event_types.len()), (SESSIONS, 2));
    }

    #[test]
    fn an_event_is_shown_with_its_id() {
        assert_eq!(kept(7).json, "{\"id\":7,\"a\":1}");
        let empty = Kept::new(7, String::new(), String::new(), String::new(), "{}");
        assert_eq!(empty.json, "{\"id\":7}");
    }
}
