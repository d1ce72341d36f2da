//! A session query as SQL on `past`.
//!
//! Every way in (a label, a status, a name, …) has an index in the order of lists, so that a
//! page is found without sorting, and without reading what is not on it.

use std::{borrow::Cow, sync::Arc};

use rusqlite::{Connection, ToSql, params_from_iter, types::Value};
use wk_model::{Session, Status, Time};

use crate::{
    query::{Place, SessionQuery},
    row::{COLUMNS, read_session},
    stored::integer,
};

/// Ends since some moment, up to which it is quicker to look them up by their end.
const FEW: i64 = 2000;

/// What stands behind `FROM`, and its values.
#[derive(Debug)]
pub(crate) struct Filter {
    from: &'static str,
    order: &'static str,
    conditions: Vec<Cow<'static, str>>,
    values: Vec<Value>,
}

impl Filter {
    /// Ended sessions of one status, or any, that fit and are older than `before`.
    pub(crate) fn new(
        connection: &Connection,
        query: &SessionQuery,
        status: Option<Status>,
        before: Option<Place>,
    ) -> rusqlite::Result<Self> {
        let mut filter = Self {
            from: "past p",
            order: "p.start_ms DESC, p.id DESC",
            conditions: Vec::new(),
            values: Vec::new(),
        };
        filter.add_labels(query);
        filter.add_words(query, status);
        filter.add_times(connection, query)?;
        if let Some((start, id)) = before {
            let id = integer(id.number());
            filter.and("(p.start_ms, p.id) < (?, ?)", [start.as_millis().into(), id.into()]);
        }
        Ok(filter)
    }

    /// The newest of them.
    pub(crate) fn select(
        self,
        connection: &Connection,
        limit: usize,
    ) -> rusqlite::Result<Vec<Arc<Session>>> {
        let Self { from, order, .. } = self;
        let conditions = self.conditions();
        let sql = format!(
            "SELECT {COLUMNS} FROM
                 (SELECT p.row FROM {from} WHERE {conditions} ORDER BY {order} LIMIT ?) f
                 CROSS JOIN sessions s ON s.row = f.row
                 CROSS JOIN creations c ON c.row = s.row"
        );
        // One more tells whether there are more; a negative limit is none.
        let limit = i64::try_from(limit).map_or(-1, |limit| limit.saturating_add(1));
        let values = self.values.iter().map(|value| value as &dyn ToSql);
        connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values.chain([&limit as &dyn ToSql])), read_session)?
            .collect()
    }

    /// How many they are.
    pub(crate) fn count(self, connection: &Connection) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.from, self.conditions());
        connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&self.values), |row| row.get(0).map(i64::unsigned_abs))
    }

    fn add_labels(&mut self, query: &SessionQuery) {
        for (index, label) in query.labels.iter().enumerate() {
            let values = [label.key.clone().into(), label.value.clone().into()];
            if index == 0 {
                // The first leads the way, whatever the planner thinks.
                self.from = "labels l CROSS JOIN past p ON p.start_ms = l.start_ms AND p.id = l.id";
                self.order = "l.start_ms DESC, l.id DESC";
                self.and("l.key = ? AND l.value = ?", values);
            } else {
                self.and(
                    "EXISTS (SELECT 1 FROM labels o WHERE o.key = ? AND o.value = ?
                         AND o.start_ms = p.start_ms AND o.id = p.id)",
                    values,
                );
            }
        }
    }

    fn add_words(&mut self, query: &SessionQuery, status: Option<Status>) {
        let status = status.map(|status| status.as_str().to_owned());
        for (condition, word) in [
            ("p.name = ?", &query.name),
            ("p.agent_id = ?", &query.agent_id),
            ("p.component = ?", &query.component),
            ("p.username = ?", &query.username),
            ("p.status = ?", &status),
        ] {
            if let Some(word) = word {
                self.and(condition, [word.clone().into()]);
            }
        }
        if let [kind] = query.kinds[..] {
            self.and("p.kind = ?", [kind.as_str().to_owned().into()]);
        } else if !query.kinds.is_empty() {
            // No index is in the order of lists for several at once: the plus keeps it away.
            let kinds = query.kinds.iter().map(|kind| kind.as_str().to_owned().into());
            self.values.extend(kinds);
            let marks = vec!["?"; query.kinds.len()].join(", ");
            self.conditions.push(format!("+p.kind IN ({marks})").into());
        }
    }

    fn add_times(&mut self, connection: &Connection, query: &SessionQuery) -> rusqlite::Result<()> {
        if let Some(time) = query.started_after {
            self.and("p.start_ms >= ?", [time.as_millis().into()]);
        }
        if let Some(time) = query.started_before {
            self.and("p.start_ms < ?", [time.as_millis().into()]);
        }
        if let Some(ms) = query.longer_than_ms {
            self.and("p.end_ms - p.start_ms > ?", [integer(ms).into()]);
        }
        if let Some(time) = query.ended_since {
            // A few ends are found by their index; many are dense in the order of lists.
            let few = few_ended_since(connection, time)?;
            if few && self.conditions.is_empty() {
                self.from = "past p INDEXED BY past_end";
            }
            let condition = if few { "p.end_ms >= ?" } else { "+p.end_ms >= ?" };
            self.and(condition, [time.as_millis().into()]);
        }
        Ok(())
    }

    fn and<const N: usize>(&mut self, condition: &'static str, values: [Value; N]) {
        self.conditions.push(condition.into());
        self.values.extend(values);
    }

    fn conditions(&self) -> String {
        if self.conditions.is_empty() { "1".to_owned() } else { self.conditions.join(" AND ") }
    }
}

fn few_ended_since(connection: &Connection, time: Time) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT count(*) < ?2 FROM (SELECT 1 FROM past WHERE end_ms >= ?1 LIMIT ?2)",
        )?
        .query_row([time.as_millis(), FEW], |row| row.get(0))
}
