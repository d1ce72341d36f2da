//! Recovery: whether a session that failed gets another attempt, and when.
//!
//! ```text
//! attempt ended ─▶ category ─┬─ never retried ───────────────▶ close
//!                            ├─ waits for the world ─────────▶ park, no retry spent
//!                            └─ retried, budget and time left ▶ delay, next attempt
//! ```
//!
//! The delay doubles with each retry of a budget, up to a longest; jitter only lengthens it
//! (delay … 1.5 × delay). The budget refills after a run that was healthy for long enough, and
//! so does the number of times that a session is parked: nothing recovers for ever.

mod category;
mod pattern;
mod wait_time;

use wk_model::{Category, Ended, Outcome, Parked, Recovering, Session, SessionId, Time};

pub use category::categorise;
pub use pattern::Saying;

/// What to do about a session whose attempt has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is over.
    Close,
    Retry(Recovering),
    Park(Parked),
}

/// Parked sessions look again after so long, where the failure names no moment; twice as long
/// each time that this was too early, up to the longest.
const PARKED_MS: u64 = 5 * 60_000;
const LONGEST_UNTOLD_PARK_MS: u64 = 3_600_000;

/// A failure that has parked a session so often, without one healthy run between, will not pass.
const MOST_PARKS: u32 = 20;

/// Parked sessions that were told the same moment come back spread over at most so long.
const MOST_SPREAD_MS: u64 = 60_000;

/// No failure is believed that names a moment further away.
const LONGEST_PARK_MS: u64 = 8 * 24 * 3_600_000;

/// What is tried to come back from a lost holder waits at least so long, since the budget may
/// not bound it.
const RESTORE_MS: u64 = 1_000;

/// Plans for a session that has just ended.
///
/// `last_lines`: what its screen said. `utc_offset_s`: of the host's local time, for failures
/// that name a time of day.
pub fn plan(session: &Session, last_lines: Option<&str>, now: Time, utc_offset_s: i32) -> Plan {
    let options = &session.created.recovery;
    let Some(ended) = session.ended() else { return Plan::Close };
    let failed = matches!(ended.outcome, Outcome::Failed | Outcome::Timeout);
    if !options.enabled || !failed || session.stop.is_some() || session.removed {
        return Plan::Close;
    }
    let (category, saying) = categorise(session, ended, last_lines);
    match category {
        Category::CommandNotFound
        | Category::NotExecutable
        | Category::Stopped
        | Category::Authentication
        | Category::OtherLimit => Plan::Close,
        Category::MemoryLimit if !options.retry_memory => Plan::Close,
        Category::RateLimit | Category::Quota if session.recovery.parks >= MOST_PARKS => {
            Plan::Close
        }
        Category::RateLimit | Category::Quota => {
            // It was told when the screen last changed, however late somebody hears of it.
            let told_at = session.worked_until(ended.at, ended.limit);
            Plan::Park(park(session, category, saying, (told_at, now), utc_offset_s))
        }
        Category::Rebooted | Category::HolderLost if options.restore => {
            Plan::Retry(restore(session, ended, category, now))
        }
        Category::Rebooted => Plan::Close,
        Category::Crash
        | Category::ExitCode
        | Category::NotResumable
        | Category::Timeout
        | Category::MemoryLimit
        | Category::HolderLost
        | Category::Stale => retry(session, ended, category, now),
    }
}

/// Whether a session that waits for its next attempt should still get it: a daemon may have
/// been away for long. Parking suspends the deadline.
pub fn is_worth_while(session: &Session, now: Time) -> bool {
    let deadline = session.created.recovery.deadline_ms;
    match &session.life {
        wk_model::Life::Recovering { wait: wk_model::Wait::Retry(retry), .. } => {
            let restored = matches!(retry.category, Category::Rebooted | Category::HolderLost)
                && session.created.recovery.restore;
            restored || deadline.is_none_or(|ms| now <= retry.since.plus_millis(ms))
        }
        wk_model::Life::Recovering {
            wait: wk_model::Wait::Parked(_) | wk_model::Wait::Restart { .. },
            ..
        } => true,
        _ => false,
    }
}

fn retry(session: &Session, ended: &Ended, category: Category, now: Time) -> Plan {
    let options = &session.created.recovery;
    let (spent, since) = budget(session, ended, now);
    let retry = spent + 1;
    if retry > options.retries {
        return Plan::Close;
    }
    let delay_ms =
        delay(session.id, session.attempt, retry, options.delay_ms, options.max_delay_ms);
    let not_before = now.plus_millis(delay_ms);
    if options.deadline_ms.is_some_and(|ms| not_before > since.plus_millis(ms)) {
        return Plan::Close;
    }
    Plan::Retry(Recovering {
        attempt: session.attempt + 1,
        category,
        retry,
        max_retries: options.retries,
        delay_ms,
        not_before,
        since,
    })
}

/// Started again because nothing of its own ended it: that costs no retry.
fn restore(session: &Session, ended: &Ended, category: Category, now: Time) -> Recovering {
    let (spent, since) = budget(session, ended, now);
    let least = if category == Category::Rebooted { 0 } else { RESTORE_MS };
    let longest = session.created.recovery.max_delay_ms;
    let delay_ms = delay(session.id, session.attempt, session.recovery.total + 1, least, longest);
    Recovering {
        attempt: session.attempt + 1,
        category,
        retry: spent,
        max_retries: session.created.recovery.retries,
        delay_ms,
        not_before: now.plus_millis(delay_ms),
        since,
    }
}

fn park(
    session: &Session,
    category: Category,
    saying: Option<Saying>,
    (told_at, now): (Time, Time),
    utc_offset_s: i32,
) -> Parked {
    let near = |until: &Time| until.millis_since(told_at) <= LONGEST_PARK_MS;
    let read = |text: &String| wait_time::read(text, told_at, utc_offset_s).filter(near);
    let told = saying.as_ref().and_then(|said| read(&said.line).or_else(|| read(&said.passage)));
    let untold = (PARKED_MS << session.recovery.parks.min(MOST_PARKS)).min(LONGEST_UNTOLD_PARK_MS);
    let wait = told.map_or(untold, |until| until.millis_since(now));
    // Everybody else was told the same moment.
    let spread = (wait / 10 + 1_000).min(MOST_SPREAD_MS);
    let wait = jitter(session.id, session.attempt, wait.max(1_000), spread);
    Parked {
        attempt: session.attempt + 1,
        category,
        until: now.plus_millis(wait),
        reason: saying.map_or_else(|| "its exit code says so".to_owned(), |said| said.line),
    }
}

/// Retries spent so far, and since when the recovery lasts: a healthy run begins both anew.
fn budget(session: &Session, ended: &Ended, now: Time) -> (u32, Time) {
    match session.recovery.since {
        Some(since) if !is_healthy(session, ended) => (session.recovery.spent, since),
        _ => (0, now),
    }
}

/// Whether the attempt that ended had run for long enough.
fn is_healthy(session: &Session, ended: &Ended) -> bool {
    session.ran_ms(ended.at, ended.limit) >= session.created.recovery.healthy_after_ms
}

fn delay(id: SessionId, attempt: u32, retry: u32, first_ms: u64, longest_ms: u64) -> u64 {
    let doubled = first_ms.saturating_mul(1_u64.checked_shl(retry - 1).unwrap_or(u64::MAX));
    let delay = doubled.min(longest_ms.max(first_ms));
    jitter(id, attempt, delay, delay / 2)
}

/// `ms`, and up to `more` on top: the same for the same attempt, another for each other one.
fn jitter(id: SessionId, attempt: u32, ms: u64, more: u64) -> u64 {
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut bits = id.number() ^ (u64::from(attempt) << 48);
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    ms.saturating_add(bits % more.saturating_add(1))
}

#[cfg(test)]
mod tests;
