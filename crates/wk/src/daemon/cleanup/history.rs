//! The journal's own retention.

use std::{sync::Arc, time::Duration};

use wk_api::{Cleaned, Problem};
use wk_holder::host;
use wk_model::Time;

use super::files;
use crate::daemon::core::{Core, failed};

/// Forgets what was journalled longer ago than `after`, or says how much that would be.
pub(super) async fn trim(
    core: &Arc<Core>,
    after: Duration,
    cleaned: &mut Cleaned,
) -> Result<(), Problem> {
    let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    let before = Time::from_millis(host::now().time.as_millis().saturating_sub(after));
    // Asked first: to forget nothing must cost nothing.
    let trimmable = core.journal.trimmable(before).map_err(failed)?;
    if cleaned.dry_run || trimmable == 0 {
        cleaned.events += trimmable;
        return Ok(());
    }
    loop {
        let trimmed = core.journal.trim(before).await.map_err(failed)?;
        cleaned.events += trimmed.events;
        files::forget(core, trimmed.sessions, cleaned).await;
        if !trimmed.more {
            return Ok(());
        }
    }
}
