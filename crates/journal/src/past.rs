//! Ended sessions as lists look at them: one narrow row each, and one per label.

use rusqlite::{Connection, OptionalExtension, params};
use wk_model::{Session, SessionId};

use crate::{stored::integer, strips};

/// What lists see of an ended session; a removed one is in no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    start_ms: i64,
    id: i64,
    end_ms: i64,
    status: String,
    kind: String,
    name: Option<String>,
    agent_id: Option<String>,
    component: Option<String>,
    username: Option<String>,
    template: Option<String>,
    attempts: i64,
    retries: i64,
    recovered: bool,
    shell_type: Option<String>,
    reported: bool,
    restarts: i64,
}

impl Past {
    pub(crate) fn of(session: &Session) -> Option<Self> {
        let (ended, status) = (session.ended()?, session.status()?);
        let created = &session.created;
        (!session.removed).then(|| Self {
            start_ms: session.start_time.as_millis(),
            id: integer(session.id.number()),
            end_ms: ended.at.as_millis(),
            status: status.as_str().to_owned(),
            kind: created.session_kind.as_str().to_owned(),
            name: session.name().map(str::to_owned),
            agent_id: created.agent_id.clone(),
            component: created.component_name.clone(),
            username: created.username.clone(),
            template: created.template.clone(),
            attempts: session.attempt.into(),
            retries: session.recovery.total.into(),
            recovered: session.has_recovered(ended.at),
            shell_type: created.shell_type.clone(),
            reported: created.reported.is_some(),
            restarts: session.restarts.into(),
        })
    }

    pub(crate) fn load(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT start_ms, id, end_ms, status, kind, name, agent_id, component, username,
                     template, attempts, retries, recovered, shell_type, reported, restarts
                 FROM past WHERE id = ?1",
            )?
            .query_row([integer(id.number())], |row| {
                Ok(Self {
                    start_ms: row.get(0)?,
                    id: row.get(1)?,
                    end_ms: row.get(2)?,
                    status: row.get(3)?,
                    kind: row.get(4)?,
                    name: row.get(5)?,
                    agent_id: row.get(6)?,
                    component: row.get(7)?,
                    username: row.get(8)?,
                    template: row.get(9)?,
                    attempts: row.get(10)?,
                    retries: row.get(11)?,
                    recovered: row.get(12)?,
                    shell_type: row.get(13)?,
                    reported: row.get(14)?,
                    restarts: row.get(15)?,
                })
            })
            .optional()
    }

    fn insert(&self, connection: &Connection, row: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO past (start_ms, id, row, end_ms, status, kind, name, agent_id,
                     component, username, template, attempts, retries, recovered, shell_type,
                     reported, restarts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                     ?17)",
            )?
            .execute(params![
                self.start_ms,
                self.id,
                row,
                self.end_ms,
                self.status,
                self.kind,
                self.name,
                self.agent_id,
                self.component,
                self.username,
                self.template,
                self.attempts,
                self.retries,
                self.recovered,
                self.shell_type,
                self.reported,
                self.restarts,
            ])
            .map(drop)
    }
}

/// Lists a session as it now is, which was listed as it was before.
pub(crate) fn update(
    connection: &Connection,
    row: i64,
    old: Option<&Session>,
    new: &Session,
) -> rusqlite::Result<()> {
    let (was, is) = (old.and_then(Past::of), Past::of(new));
    if was == is {
        return Ok(());
    }
    if was.is_some() {
        delete_with_labels(connection, new)?;
    }
    if let Some(is) = is {
        is.insert(connection, row)?;
        insert_labels(connection, new)?;
    }
    Ok(())
}

/// Takes a session off all lists.
pub(crate) fn delete_with_labels(
    connection: &Connection,
    session: &Session,
) -> rusqlite::Result<()> {
    delete(connection, session.id)?;
    let sql = "DELETE FROM labels WHERE (key, value, start_ms, id) = (?1, ?2, ?3, ?4)";
    write_labels(connection, sql, session)
}

pub(crate) fn delete(connection: &Connection, id: SessionId) -> rusqlite::Result<()> {
    let shelf: Option<Option<i64>> = connection
        .prepare_cached("DELETE FROM past WHERE id = ?1 RETURNING shelf")?
        .query_row([integer(id.number())], |row| row.get(0))
        .optional()?;
    match shelf.flatten() {
        Some(shelf) => strips::note_gone(connection, shelf),
        None => Ok(()),
    }
}

pub(crate) fn insert_labels(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let insert = "INSERT OR IGNORE INTO labels (key, value, start_ms, id) VALUES (?1, ?2, ?3, ?4)";
    write_labels(connection, insert, session)
}

/// Labels and start are of the creation, so they are the same in every state of a session.
fn write_labels(connection: &Connection, sql: &str, session: &Session) -> rusqlite::Result<()> {
    let (start, id) = (session.start_time.as_millis(), integer(session.id.number()));
    let mut write = connection.prepare_cached(sql)?;
    for (key, value) in &session.created.labels {
        write.execute(params![key, value, start, id])?;
    }
    Ok(())
}
