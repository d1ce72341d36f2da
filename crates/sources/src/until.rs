//! Waiting for a moment that may never come.

use tokio::time::{Instant, sleep_until};

/// Waits until `moment`; for ever where there is none.
pub async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
