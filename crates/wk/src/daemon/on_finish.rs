//! `--on-finish`: a session's own command for when it is over.
//!
//! ```text
//! session_closed ─▶ on_finish_started (once in the journal) ─▶ sh -c … ─▶ on_finish_ended
//! ```
//!
//! What is in the journal decides: a command whose start is journalled is never run again, so
//! that a daemon killed in the middle leaves one that was begun at most once.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use wk_holder::{folder, spec::Spec};
use wk_journal::{JournalError, Taken};
use wk_model::{
    Change, Draft, Ending, Event, OnFinishEnded, OnFinishStarted, OsText, Seq, Session, SessionId,
    Source,
};
use wk_sinks::{
    command::{self, Bounded, How},
    cursor::Cursor,
    facts,
    follow::follow,
    outstanding::Outstanding,
};

use super::core::{AGAIN, Core, draft};

/// It is ended after so long.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the daemon's end waits for commands under way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Commands that run at a time.
const AT_ONCE: usize = 16;

/// Runs the commands of sessions as they are closed, until `ending`.
pub(super) async fn run(core: Arc<Core>, cursor: Cursor, ending: CancellationToken) {
    let (outstanding, slots) = (Outstanding::default(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut running = JoinSet::new();
    let take = |event: &Arc<Event>| {
        while running.try_join_next().is_some() {}
        let (Change::SessionClosed { .. }, Some(session_id)) = (&event.change, event.session_id)
        else {
            return;
        };
        let session = core.journal.session(session_id).ok().flatten();
        let Some(session) = session.filter(|session| session.created.on_finish) else { return };
        let (core, event, slots) = (core.clone(), event.clone(), slots.clone());
        let underway = outstanding.begin(event.seq);
        running.spawn(async move {
            let Ok(_slot) = slots.acquire().await else { return };
            finish(&core, &event, &session).await;
            drop(underway);
        });
    };
    follow(&core.journal, &cursor, &outstanding, &ending, take).await;
    // Whatever takes longer goes on without being watched; the next daemon says so.
    let all = async { while running.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, all).await;
}

async fn finish(core: &Core, event: &Event, session: &Session) {
    let attempt = session.attempt;
    let started = Change::OnFinishStarted(OnFinishStarted { attempt });
    let Some(taken) = journal(core, session.id, event.seq, started).await else { return };
    let mut outcome = OnFinishEnded { attempt, ending: None, timed_out: false, duration_ms: 0 };
    if let Taken::New(_) = taken {
        let begin = Instant::now();
        (outcome.ending, outcome.timed_out) = act(core, event, session).await;
        outcome.duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    journal(core, session.id, event.seq, Change::OnFinishEnded(outcome)).await;
}

/// Runs the command; answers how it ended, and whether it had to be ended.
async fn act(core: &Core, event: &Event, session: &Session) -> (Option<Ending>, bool) {
    let session_id = session.id;
    let failed = |error: String| Some(Ending::ExecFailed { code: 126, error });
    let command = match prepare(core, event, session) {
        Ok(command) => command,
        Err(error) => return (failed(error), false),
    };
    let ran = command::run(command).await;
    if !ran.how.is_good() {
        let (how, stderr) = (ran.how.to_string(), ran.stderr);
        tracing::warn!(%session_id, how, stderr, "a command for a session's end failed");
    }
    match ran.how {
        How::Exited(code) => (Some(Ending::Exited { code }), false),
        How::Signaled(signal) => (Some(Ending::Signaled { signal, core_dumped: false }), false),
        How::TimedOut => (Some(Ending::Signaled { signal: 9, core_dumped: false }), true),
        How::NotStarted(error) => (failed(error.to_string()), false),
    }
}

fn prepare(core: &Core, event: &Event, session: &Session) -> Result<Bounded, String> {
    let path = core.folder(session.id).join(folder::SPEC);
    let text = std::fs::read(&path).map_err(|error| format!("cannot read its spec: {error}"))?;
    let spec: Spec =
        serde_json::from_slice(&text).map_err(|error| format!("cannot read its spec: {error}"))?;
    let script = spec.on_finish.ok_or("its spec names no command")?;
    let mut environment: Vec<_> = spec.environment.iter().filter_map(variable).collect();
    environment.extend(facts::variables(&core.journal, event, Some(session)));
    Ok(Bounded {
        words: vec!["/bin/sh".into(), "-c".into(), os(&script)],
        environment,
        directory: os(&spec.working_directory).into(),
        stdin: Vec::new(),
        limit: LIMIT,
        // It is not run again, so it must not be ended because a daemon is.
        survives: true,
    })
}

fn os(text: &OsText) -> OsString {
    OsStr::from_bytes(text.as_bytes()).to_owned()
}

fn variable(text: &OsText) -> Option<(OsString, OsString)> {
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (&bytes[..at], &bytes[at + 1..]);
    Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned()))
}

/// Journals once for each closing, however often it is tried; none: the journal is closed.
async fn journal(
    core: &Core,
    session_id: SessionId,
    closing: Seq,
    change: Change,
) -> Option<Taken> {
    let number = closing.0 * 2 + u64::from(matches!(change, Change::OnFinishEnded(_)));
    let once = Draft {
        source: Source(format!("daemon/on-finish/{session_id}")),
        source_seq: Some(number),
        ..draft(Some(session_id), change)
    };
    loop {
        match core.journal.append(vec![once.clone()]).await {
            Ok(taken) => return taken.first().copied(),
            Err(JournalError::Closed) => return None,
            Err(error) => {
                tracing::warn!(%session_id, %error, "cannot journal a command for a session's end");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
