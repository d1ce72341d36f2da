//! What follows the end of an attempt: the session is closed, or gets another attempt.
//!
//! The plan goes into the journal in the same commit as the end, so nobody ever sees a session
//! that will recover as ended, and a daemon that dies right behind it leaves no question open.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use wk_holder::{host, record};
use wk_journal::JournalError;
use wk_model::{
    Category, Change, Draft, Ended, Ending, Event, Life, Orphan, Outcome, Seq, Session, SessionId,
    Source, Wait,
};
use wk_policies::recovery::{Plan, is_worth_while, plan};
use wk_sources::{
    cgroup,
    leftovers::{describe, of_attempts},
    process_watch::ProcessWatch,
};

use super::{
    core::{AGAIN, Core, draft},
    create, lost, world,
};

/// A sleep is no longer than this: the wall clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(5);

/// Journals the end of an attempt, what follows from it, and sees to that.
pub(super) async fn journal_end(
    core: &Arc<Core>,
    session_id: SessionId,
    mut drafts: Vec<Draft>,
) -> Result<(), JournalError> {
    drafts.extend(follow_up(core, session_id, &drafts)?);
    core.journal.append(drafts).await?;
    settle(core, session_id).await
}

/// Sees to a session as the journal has it: an end is closed, a wait is waited.
pub(super) async fn settle(core: &Arc<Core>, session_id: SessionId) -> Result<(), JournalError> {
    let Some(session) = core.journal.session(session_id)? else { return Ok(()) };
    match &session.life {
        Life::Ended(ended) => {
            core.journal.append(vec![closed(&session, ended)]).await?;
            core.set_stopping(session_id, false);
        }
        Life::Recovering { .. } => schedule(core, &session),
        Life::Queued { .. } | Life::Starting | Life::Running { .. } => {}
    }
    Ok(())
}

/// Waits for the next attempt of a session that is between two.
pub(super) fn go_on(core: &Arc<Core>, session_id: SessionId) -> Result<(), JournalError> {
    if let Some(session) = core.journal.session(session_id)? {
        schedule(core, &session);
    }
    Ok(())
}

/// What the drafts' end leads to, as an event; none where they end nothing.
fn follow_up(
    core: &Core,
    session_id: SessionId,
    drafts: &[Draft],
) -> Result<Option<Draft>, JournalError> {
    let Some(session) = core.journal.session(session_id)?.filter(|session| !session.is_ended())
    else {
        return Ok(None);
    };
    let mut session = Session::clone(&session);
    let mut last_lines = None;
    for draft in drafts {
        if let Change::AttemptExited(exited) = &draft.change {
            last_lines.clone_from(&exited.last_lines);
        }
        // What does not fit is refused by the journal, too, which then says so.
        let _ = session.apply(&as_event(draft));
    }
    let Life::Ended(ended) = &session.life else { return Ok(None) };
    if core.is_stopping(session_id) {
        return Ok(Some(closed(&session, ended)));
    }
    let now = host::now().time;
    let change = match plan(&session, last_lines.as_deref(), now, world::utc_offset_s()) {
        Plan::Close => return Ok(Some(closed(&session, ended))),
        Plan::Retry(recovering) => Change::SessionRecovering(recovering),
        Plan::Park(parked) => Change::SessionParked(parked),
    };
    Ok(Some(Draft {
        // One answer to each attempt, however often its end is heard.
        source: Source(format!("daemon/recovery/{session_id}")),
        source_seq: Some(u64::from(session.attempt)),
        ..draft(Some(session_id), change)
    }))
}

fn as_event(draft: &Draft) -> Event {
    Event {
        seq: Seq(0),
        at: draft.at,
        recorded_at: draft.at.time,
        session_id: draft.session_id,
        source: draft.source.clone(),
        source_seq: 0,
        trace_parent: None,
        change: draft.change.clone(),
    }
}

/// Says once for each attempt, and for each time that another one was asked for, that the session
/// is over.
fn closed(session: &Session, ended: &Ended) -> Draft {
    let closing = draft(Some(session.id), Change::SessionClosed { outcome: ended.outcome });
    if matches!(ended.ending, Ending::NeverRan { .. }) {
        // It has no attempt to count by, and may be asked for again and never run again.
        return closing;
    }
    Draft {
        source: Source(format!("daemon/closed/{}", session.id)),
        source_seq: Some(u64::from(session.attempt.max(1)) + u64::from(session.restarts)),
        ..closing
    }
}

/// Waits for the moment of the next attempt, once. A parked session has no slot: it queues for
/// one then.
pub(super) fn schedule(core: &Arc<Core>, session: &Session) {
    let Life::Recovering { wait, .. } = &session.life else { return };
    let (session_id, attempt, until) = (session.id, wait.attempt(), wait.until());
    if !core.claim_wait((session_id, attempt, until)) {
        return;
    }
    let (core, parked) = (core.clone(), matches!(wait, Wait::Parked(_)));
    tokio::spawn(async move {
        loop {
            let left = Duration::from_millis(until.millis_since(host::now().time));
            if left.is_zero() {
                break;
            }
            sleep(left.min(LONGEST_SLEEP)).await;
        }
        if parked {
            core.give_wait_back((session_id, attempt, until));
            return core.queue.look();
        }
        while let Err(error) = next_attempt(&core, session_id, attempt).await {
            tracing::error!(%session_id, attempt, error = format!("{error:#}"), "cannot recover");
            sleep(AGAIN).await;
        }
        core.give_wait_back((session_id, attempt, until));
    });
}

/// Starts the attempt that a session waits for, if it still does.
async fn next_attempt(core: &Arc<Core>, session_id: SessionId, attempt: u32) -> anyhow::Result<()> {
    let _turn = core.turn(session_id).await;
    let Some(session) = core.journal.session(session_id)? else { return Ok(()) };
    match &session.life {
        Life::Recovering { wait, last } if wait.attempt() == attempt => {
            if !is_worth_while(&session, host::now().time) {
                tracing::warn!(%session_id, attempt, "the recovery is given up: it took too long");
                let given_up = Ended { outcome: Outcome::Failed, ..last.clone() };
                core.journal.append(vec![closed(&session, &given_up)]).await?;
                return Ok(());
            }
        }
        _ => return Ok(()),
    }
    clear_the_way(core, &session).await?;
    start_again(core, &session, attempt).await
}

/// Starts another attempt, told how the last one ended.
pub(super) async fn start_again(
    core: &Arc<Core>,
    session: &Session,
    attempt: u32,
) -> anyhow::Result<()> {
    let previous_exit = previous_exit(core, session)?;
    let afresh = begins_anew(session);
    let start = create::Start { attempt, attach_wait_ms: 0, previous_exit, afresh };
    create::start(core, session.id, start).await.map_err(|problem| anyhow::anyhow!(problem.detail))
}

/// Whether the attempt that a session waits for has nothing to resume.
pub(super) fn begins_anew(session: &Session) -> bool {
    match &session.life {
        Life::Recovering { wait: Wait::Retry(retry), .. } => {
            retry.category == Category::NotResumable
        }
        _ => false,
    }
}

/// How the last attempt ended, as a shell would say it; none before the first.
pub(super) fn previous_exit(core: &Core, session: &Session) -> Result<Option<i32>, JournalError> {
    match &session.life {
        _ if session.attempt == 0 => Ok(None),
        Life::Recovering { last, .. } | Life::Ended(last) => Ok(Some(last.ending.shell_code())),
        // Between a restart and its turn.
        Life::Queued { .. } | Life::Starting | Life::Running { .. } => {
            let end = core.journal.latest(session.id, "attempt_exited")?;
            Ok(end.and_then(|event| match event.change {
                Change::AttemptExited(exited) => Some(exited.ending.shell_code()),
                _ => None,
            }))
        }
    }
}

/// Proves that nothing of the last attempt runs: a session never runs twice.
pub(super) async fn clear_the_way(core: &Arc<Core>, session: &Session) -> anyhow::Result<()> {
    let (session_id, attempt) = (session.id, session.attempt);
    anyhow::ensure!(core.left(session_id).await, "the holder of the last attempt is still there");
    let folder = core.folder(session_id);
    let released = timeout(DYING, released(&folder, attempt)).await;
    anyhow::ensure!(released.is_ok(), "the holder of the last attempt still tidies up");
    if let Some(leaf) = lost::leaf(core, session) {
        // The holder empties and removes it; one that was killed left it to us.
        if leaf.exists() {
            lost::tidy(core, session_id, attempt).await?;
            let left = cgroup::processes(&leaf).unwrap_or_default();
            anyhow::ensure!(left.is_empty(), "processes {left:?} of the last attempt do not end");
        }
        return Ok(());
    }
    // Without a leaf, leftovers are known by what they carry.
    let search = move || Ok::<_, std::io::Error>(describe(&of_attempts(session_id, attempt)?));
    let leftovers = tokio::task::spawn_blocking(search).await??;
    for orphan in leftovers {
        end_leftover(core, session_id, attempt, orphan).await?;
    }
    Ok(())
}

/// Waits until the holder of an attempt is gone: it has hung up already, so it is about to be.
async fn released(folder: &Path, attempt: u32) {
    let mut pause = Duration::from_millis(1);
    while attempt > 0 && record::is_held(folder, attempt) {
        // The kernel does not tell of a lock that is given up.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

async fn end_leftover(
    core: &Core,
    session_id: SessionId,
    attempt: u32,
    orphan: Orphan,
) -> anyhow::Result<()> {
    let pid = orphan.process.pid;
    let Some(process) = ProcessWatch::new(&orphan.process)? else { return Ok(()) };
    process.kill()?;
    let gone = timeout(DYING, process.ended()).await.is_ok();
    anyhow::ensure!(gone, "process {pid} of the last attempt does not end");
    let ended = Draft {
        source: Source(format!("daemon/cleared/{session_id}/{attempt}")),
        source_seq: Some(u64::from(pid)),
        ..draft(Some(session_id), Change::OrphanEnded(Orphan { signal: Some(9), ..orphan }))
    };
    core.journal.append(vec![ended]).await?;
    Ok(())
}
