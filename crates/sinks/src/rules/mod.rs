//! Rules: `[[on]]` in the settings. An event that fits has a command run, or is posted.
//!
//! ```text
//! journal ──▶ match ──▶ lane of a rule: bounded queue ──▶ at most N at a time ──▶ attempts
//!                                     └─ full: dropped, counted, logged
//! ```
//!
//! Each event reaches each rule that it fits at least once, whatever happens to the daemon:
//! the kept place in the journal never goes beyond an event that is under way.

mod board;
mod deliver;
mod lane;
mod post;
mod rule;
mod url;

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;
use wk_journal::Journal;
use wk_model::{Change, Event, Session};

pub use board::Board;
pub use rule::{Action, Pattern, Rule};
pub use url::Url;

use self::lane::Lane;
use crate::{cause, cursor::Cursor, facts, follow::follow, outstanding::Outstanding};

/// The world of rules' commands.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub journal: Journal,
    pub environment: Vec<(OsString, OsString)>,
    pub directory: PathBuf,
}

/// Follows the journal and does what the rules say, until `ending`. `current` gives the rules
/// that hold; it is asked again whenever the settings have been read anew.
pub async fn run(
    surroundings: Surroundings,
    cursor: Cursor,
    current: impl Fn() -> Vec<Rule>,
    board: Board,
    ending: CancellationToken,
) {
    let (around, outstanding) = (Arc::new(surroundings), Outstanding::default());
    let mut lanes = lane::arrange(Vec::new(), current(), &around);
    board.set(&lanes);
    let take = |event: &Arc<Event>| {
        if matches!(event.change, Change::ConfigReloaded) {
            lanes = lane::arrange(std::mem::take(&mut lanes), current(), &around);
            board.set(&lanes);
        }
        hear(&lanes, event, &around.journal, &outstanding);
    };
    follow(&around.journal, &cursor, &outstanding, &ending, take).await;
}

fn hear(lanes: &[Lane], event: &Arc<Event>, journal: &Journal, outstanding: &Outstanding) {
    let kind = event.change.kind();
    let mut session: Option<Option<Arc<Session>>> = None;
    for lane in lanes.iter().filter(|lane| lane.rule.pattern.fits_kind(kind)) {
        // Looked up for the first rule that needs to know.
        let session = session.get_or_insert_with(|| {
            event.session_id.and_then(|id| journal.session(id).ok().flatten())
        });
        let pattern = &lane.rule.pattern;
        let status = facts::status(event, session.as_deref());
        if pattern.fits(session.as_deref(), status)
            && pattern.fits_cause(|| cause::of(journal, event, session.as_deref()))
        {
            lane.take(event, outstanding);
        }
    }
}
