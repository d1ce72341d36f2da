//! A session query as SQL on `past`, for what is not looked for in strips: sessions of one
//! label, name or agent, which have an index in the order of lists, and those that are loose.

use std::borrow::Cow;

use rusqlite::{Connection, params_from_iter, types::Value};
use wk_model::Label;

use crate::{
    query::{Place, SessionQuery, SessionType},
    stored::integer,
};

/// What stands behind `FROM`, and its values.
#[derive(Debug)]
pub(crate) struct Filter {
    from: Cow<'static, str>,
    order: &'static str,
    conditions: Vec<Cow<'static, str>>,
    values: Vec<Value>,
}

/// What few sessions may have in common, with an index of those that do.
#[derive(Clone, Debug)]
pub(crate) enum Lead {
    Label(Label),
    Name(String),
    Agent(String),
}

impl Lead {
    /// All that a query has.
    pub(crate) fn all(query: &SessionQuery) -> Vec<Self> {
        let labels = query.labels.iter().cloned().map(Self::Label);
        let name = query.name.iter().cloned().map(Self::Name);
        let agent = query.agent_id.iter().cloned().map(Self::Agent);
        name.chain(agent).chain(labels).collect()
    }

    /// Where its sessions are found, in the order of lists.
    fn index(&self) -> (&'static str, &'static str) {
        match self {
            Self::Label(_) => ("labels", "key = ? AND value = ?"),
            Self::Name(_) => ("past INDEXED BY past_name", "name = ?"),
            Self::Agent(_) => ("past INDEXED BY past_agent", "agent_id = ?"),
        }
    }

    fn values(&self) -> Vec<Value> {
        match self {
            Self::Label(label) => vec![label.key.clone().into(), label.value.clone().into()],
            Self::Name(word) | Self::Agent(word) => vec![word.clone().into()],
        }
    }

    /// Its sessions that began in this time, ends included, the oldest first.
    pub(crate) fn between(
        &self,
        connection: &Connection,
        (first_ms, last_ms): (i64, i64),
    ) -> rusqlite::Result<Vec<(i64, i64)>> {
        let (table, condition) = self.index();
        let sql = format!(
            "SELECT start_ms, id FROM {table} WHERE {condition} AND start_ms BETWEEN ? AND ?
             ORDER BY start_ms, id"
        );
        let values = self.values().into_iter().chain([first_ms.into(), last_ms.into()]);
        connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// How many sessions it has, up to `most`.
    pub(crate) fn count(&self, connection: &Connection, most: usize) -> rusqlite::Result<usize> {
        let (table, condition) = self.index();
        let sql =
            format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {most})");
        let values = self.values();
        connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&values), |row| row.get(0).map(|n: i64| n as usize))
    }
}

impl Filter {
    /// Loose ones that fit, other than by what leads would say.
    pub(crate) fn loose(query: &SessionQuery, before: Option<Place>) -> Self {
        let mut filter = Self::over("past p INDEXED BY past_loose".into());
        filter.conditions.push("p.shelf IS NULL".into());
        filter.add_words(query);
        filter.add_times(query, before);
        filter
    }

    /// Those that fit among the newest sessions of a lead, as many of them as `most`.
    pub(crate) fn led_by(
        lead: &Lead,
        query: &SessionQuery,
        before: Option<Place>,
        most: Option<usize>,
    ) -> Self {
        let (table, condition) = lead.index();
        // What is known of the start alone bounds the walk itself.
        let mut led = Self::over(Cow::Borrowed(""));
        led.add_starts("start_ms", "id", query, before);
        led.conditions.insert(0, condition.into());
        let mut values = lead.values();
        values.append(&mut led.values);
        let limit = most.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX));
        let conditions = led.conditions.join(" AND ");
        let mut filter = Self::over(
            format!(
                "(SELECT start_ms, id FROM {table} WHERE {conditions}
                      ORDER BY start_ms DESC, id DESC LIMIT {limit}) l
                  CROSS JOIN past p ON p.start_ms = l.start_ms AND p.id = l.id"
            )
            .into(),
        );
        filter.order = "l.start_ms DESC, l.id DESC";
        filter.values = values;
        filter.add_words(query);
        filter.add_times(query, None);
        filter
    }

    /// Adds what the leads say of a session.
    pub(crate) fn and_leads(mut self, leads: &[Lead]) -> Self {
        for lead in leads {
            let condition = match lead {
                Lead::Label(_) => {
                    "EXISTS (SELECT 1 FROM labels o WHERE o.key = ? AND o.value = ?
                         AND o.start_ms = p.start_ms AND o.id = p.id)"
                }
                // The plus keeps their indexes away.
                Lead::Name(_) => "+p.name = ?",
                Lead::Agent(_) => "+p.agent_id = ?",
            };
            self.conditions.push(condition.into());
            self.values.extend(lead.values());
        }
        self
    }

    /// Whether one session fits what the leads say.
    pub(crate) fn fits(
        connection: &Connection,
        leads: &[Lead],
        place: (i64, i64),
    ) -> rusqlite::Result<bool> {
        let mut filter = Self::over("past p".into());
        filter.and("p.start_ms = ? AND p.id = ?", [place.0.into(), place.1.into()]);
        Ok(filter.and_leads(leads).count(connection)? > 0)
    }

    /// The places of the newest of them in the order of lists; no limit: all.
    pub(crate) fn select(
        &self,
        connection: &Connection,
        limit: Option<usize>,
    ) -> rusqlite::Result<Vec<(i64, i64)>> {
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT p.start_ms, p.id FROM {} WHERE {} ORDER BY {} LIMIT {limit}",
            self.from,
            self.conditions(),
            self.order,
        );
        connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(&self.values), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// How many they are.
    pub(crate) fn count(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.from, self.conditions());
        connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&self.values), |row| row.get(0).map(i64::unsigned_abs))
    }

    /// Reads these columns of each of them.
    pub(crate) fn each(
        &self,
        connection: &Connection,
        columns: &str,
        mut read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "SELECT {columns} FROM {} WHERE {} ORDER BY p.start_ms, p.id",
            self.from,
            self.conditions()
        );
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query(params_from_iter(&self.values))?;
        while let Some(row) = rows.next()? {
            read(row)?;
        }
        Ok(())
    }

    fn over(from: Cow<'static, str>) -> Self {
        let order = "p.start_ms DESC, p.id DESC";
        Self { from, order, conditions: Vec::new(), values: Vec::new() }
    }

    fn add_words(&mut self, query: &SessionQuery) {
        for (condition, word) in
            [("p.component = ?", &query.component), ("p.username = ?", &query.username)]
        {
            if let Some(word) = word {
                self.and(condition, [word.clone().into()]);
            }
        }
        match &query.session_type {
            Some(SessionType::Kind(kind)) => {
                self.and("p.kind = ?", [kind.as_str().to_owned().into()]);
            }
            Some(SessionType::ReportedShell) => {
                self.and("p.kind = ? AND p.reported", ["shell".to_owned().into()]);
            }
            Some(SessionType::Shell(word)) => self.and("p.shell_type = ?", [word.clone().into()]),
            None => {}
        }
        self.add_one_of("p.kind", query.kinds.iter().map(|kind| kind.as_str()));
        let statuses = query.past_statuses().unwrap_or_default();
        self.add_one_of("p.status", statuses.iter().map(|status| status.as_str()));
    }

    fn add_one_of(&mut self, column: &str, words: impl ExactSizeIterator<Item = &'static str>) {
        if words.len() > 0 {
            let marks = vec!["?"; words.len()].join(", ");
            self.conditions.push(format!("{column} IN ({marks})").into());
            self.values.extend(words.map(|word| Value::from(word.to_owned())));
        }
    }

    fn add_times(&mut self, query: &SessionQuery, before: Option<Place>) {
        self.add_starts("p.start_ms", "p.id", query, before);
        if let Some(ms) = query.longer_than_ms {
            self.and("p.end_ms - p.start_ms > ?", [integer(ms).into()]);
        }
        if let Some(time) = query.ended_since {
            self.and("p.end_ms >= ?", [time.as_millis().into()]);
        }
    }

    fn add_starts(&mut self, start: &str, id: &str, query: &SessionQuery, before: Option<Place>) {
        if let Some(time) = query.started_after {
            self.conditions.push(format!("{start} >= ?").into());
            self.values.push(time.as_millis().into());
        }
        if let Some(time) = query.started_before {
            self.conditions.push(format!("{start} < ?").into());
            self.values.push(time.as_millis().into());
        }
        if let Some((time, session)) = before {
            self.conditions.push(format!("({start}, {id}) < (?, ?)").into());
            self.values.extend([time.as_millis().into(), integer(session.number()).into()]);
        }
    }

    fn and<const N: usize>(&mut self, condition: &'static str, values: [Value; N]) {
        self.conditions.push(condition.into());
        self.values.extend(values);
    }

    fn conditions(&self) -> String {
        if self.conditions.is_empty() { "1".to_owned() } else { self.conditions.join(" AND ") }
    }
}
