//! Events of tools, read without what they were asked and have answered: there may be very
//! many, and those who count look at nothing else.

use rusqlite::{Row, params_from_iter, types::Value};
use serde::Deserialize;
use wk_model::{Event, SessionId, Time, ToolOutcome};

use crate::{
    Journal,
    error::Result,
    stored::{
        COLUMNS as EVENT_COLUMNS, JOINED, OF_SESSION, STRETCHES, integer, read_event, session_id,
    },
};

/// One of the two events of a use of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolEvent {
    pub session: Option<SessionId>,
    pub at: Time,
    pub tool: String,
    pub use_id: Option<String>,
    pub agent_id: Option<String>,
    /// None: it begins.
    pub end: Option<ToolEnd>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolEnd {
    pub outcome: ToolOutcome,
    pub duration_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    tool: String,
    #[serde(default)]
    tool_use_id: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    outcome: ToolOutcome,
    #[serde(default)]
    duration_ms: Option<u64>,
}

const COLUMNS: &str = "e.session_id, e.time_ms, e.kind, e.data";
/// As the index has it.
const OF_TOOLS: &str = "e.kind IN ('tool_started', 'tool_finished')";

impl Journal {
    /// Shows events of tools in the order of the journal: of one session or all, those that
    /// happened at or after `since`.
    pub fn tool_events(
        &self,
        session: Option<SessionId>,
        since: Option<Time>,
        mut each: impl FnMut(ToolEvent),
    ) -> Result<()> {
        let first = self.first().0;
        let (first, last) = (integer(first), integer(self.last().0));
        self.shared.memory.read(|connection| {
            let sql = match session {
                Some(_) => {
                    format!("WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} WHERE {OF_TOOLS}")
                }
                None => format!(
                    "SELECT {COLUMNS} FROM events e
                     WHERE {OF_TOOLS} AND e.seq BETWEEN ?2 AND ?3 AND ?1 IS NULL ORDER BY e.seq"
                ),
            };
            let id = session.map_or(Value::Null, |session| integer(session.number()).into());
            let mut select = connection.prepare_cached(&sql)?;
            let mut rows = select.query(rusqlite::params![id, first, last])?;
            while let Some(row) = rows.next()? {
                if let Some(event) = read(row)?.filter(|event| since.is_none_or(|s| event.at >= s))
                {
                    each(event);
                }
            }
            Ok(())
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<ToolEvent>> {
    let Ok(data) = serde_json::from_str::<Data>(row.get_ref(3)?.as_str()?) else {
        // Of a version that this one does not know.
        return Ok(None);
    };
    let ended = row.get_ref(2)?.as_str()? == "tool_finished";
    let session: Option<i64> = row.get(0)?;
    Ok(Some(ToolEvent {
        session: session.map(session_id),
        at: Time::from_millis(row.get(1)?),
        tool: data.tool,
        use_id: data.tool_use_id,
        agent_id: data.agent_id,
        end: ended.then_some(ToolEnd { outcome: data.outcome, duration_ms: data.duration_ms }),
    }))
}

impl Journal {
    /// Shows a session's events of some kinds one by one, in the order of the journal, until
    /// `each` has seen enough: none of them need be kept.
    pub fn each_event(
        &self,
        session: SessionId,
        kinds: &[&str],
        mut each: impl FnMut(Event) -> bool,
    ) -> Result<()> {
        let (first, last) = (integer(self.first().0), integer(self.last().0));
        let marks = vec!["?"; kinds.len()].join(", ");
        let sql = format!(
            "WITH {STRETCHES} SELECT {EVENT_COLUMNS} FROM {OF_SESSION} {JOINED}
             WHERE e.kind IN ({marks})"
        );
        let ids = [integer(session.number()).into(), first.into(), last.into()];
        let kinds = kinds.iter().map(|kind| Value::from((*kind).to_owned()));
        let values: Vec<Value> = ids.into_iter().chain(kinds).collect();
        self.shared.memory.read(|connection| {
            let mut select = connection.prepare_cached(&sql)?;
            let mut rows = select.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                if !each(read_event(row)?) {
                    break;
                }
            }
            Ok(())
        })
    }
}
