//! Events on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use wk_model::{Event, Time};

/// One event of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    pub seq: u64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub time: Time,
    /// When the journal took it in.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Time,
    pub session_id: Option<String>,
    pub kind: String,
    pub source: String,
    pub source_seq: u64,
    pub trace_parent: Option<String>,
    #[schema(value_type = Object)]
    pub data: Value,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let mut change = serde_json::to_value(&event.change).unwrap_or_default();
        let data = change.get_mut("data").map(Value::take);
        Self {
            seq: event.seq.0,
            time: event.at.time,
            recorded_at: event.recorded_at,
            session_id: event.session_id.map(String::from),
            kind: event.change.kind().to_owned(),
            source: event.source.0.clone(),
            source_seq: event.source_seq,
            trace_parent: event.trace_parent.clone(),
            data: data.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        }
    }
}

/// Which events to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only events of this session (id, unique prefix or name).
    pub session: Option<String>,
    /// Only events after this one; `Last-Event-ID` goes before it.
    pub after: Option<u64>,
    /// Stay connected and send what comes.
    pub follow: Option<bool>,
}

#[cfg(test)]
mod tests {
    use wk_model::{Change, Moment, Seq, Source};

    use super::*;

    #[test]
    fn an_event_without_data_has_an_empty_object() {
        let at = Moment { time: Time::from_millis(0), boot: Default::default(), boot_ns: 0 };
        let event = Event {
            seq: Seq(1),
            at,
            recorded_at: at.time,
            session_id: None,
            source: Source::daemon(),
            source_seq: 1,
            trace_parent: None,
            change: Change::ConfigReloaded,
        };
        let json = serde_json::to_value(EventView::from(&event)).unwrap();
        assert_eq!(json["data"], serde_json::json!({}));
        assert_eq!(json["session_id"], Value::Null);
    }
}
