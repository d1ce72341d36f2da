//! Tokens that agents have used, summed up by what their sessions have in common.

use std::{collections::HashMap, sync::Arc};

use wk_model::{Session, Tokens};

use crate::{Journal, StatsQuery, error::Result, stored::session_id};

impl Journal {
    /// Shows what each session's transcript counts, with what `query` groups it by. Removed
    /// sessions are not shown.
    pub fn each_tokens(
        &self,
        query: &StatsQuery,
        mut each: impl FnMut(Option<&str>, &Tokens),
    ) -> Result<()> {
        for session in self.sessions_with_tokens()? {
            let ended = session.ended().map(|ended| ended.at);
            let late = query.since.is_none_or(|since| ended.is_none_or(|ended| ended >= since));
            if let Some(tokens) = session.tokens.as_ref().filter(|_| late && !session.removed) {
                each(query.by.as_ref().and_then(|by| by.of(&session)), tokens);
            }
        }
        Ok(())
    }

    fn sessions_with_tokens(&self) -> Result<Vec<Arc<Session>>> {
        // The living are in memory, and most that have any are among them or few.
        let mut found: HashMap<_, _> = self
            .live()
            .into_iter()
            .filter(|session| session.tokens.is_some())
            .map(|session| (session.id, session))
            .collect();
        let ids = self.shared.memory.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT DISTINCT session_id FROM events
                     WHERE kind = 'tokens_counted' AND session_id IS NOT NULL",
                )?
                .query_map([], |row| row.get(0).map(session_id))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        for id in ids {
            if !found.contains_key(&id)
                && let Some(session) = self.session(id)?
            {
                found.insert(id, session);
            }
        }
        Ok(found.into_values().collect())
    }
}
