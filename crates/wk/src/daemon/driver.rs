//! The driver: carries out orders and acts on what holders report, side by side.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::UnixStream, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wk_api::Problem;
use wk_holder::{
    protocol::{Reply, Request, ScreenRequest, SignalRequest},
    record::{self, Entry},
};
use wk_journal::JournalError;
use wk_model::{Change, Draft, ProcessId, Requester, SessionId, Source};
use wk_server::{Answer, Order, bad_request, conflict, internal, unreachable};
use wk_sources::holders::{self, LinkError, Report};

use super::{
    breakers, cleanup,
    core::{AGAIN, Core, failed},
    create, lost, recover, restart, stop, tmux, track,
};
use crate::config::Settings;

/// Runs until the daemon ends; then what is under way is finished.
pub(super) async fn run(
    core: Arc<Core>,
    mut orders: mpsc::Receiver<Order>,
    mut reports: mpsc::Receiver<Report>,
    ending: CancellationToken,
) {
    let tasks = TaskTracker::new();
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            Some(order) = orders.recv() => {
                tasks.spawn(carry_out(core.clone(), order, ending.clone()));
            }
            Some(report) = reports.recv() => hear(&core, &tasks, report),
        }
    }
    tasks.close();
    // Whatever takes longer waits for somebody who may never come.
    let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
}

/// Late entries fold right, so no report waits for another.
fn hear(core: &Arc<Core>, tasks: &TaskTracker, report: Report) {
    match report {
        Report::Recorded { session_id, attempt, entries } => {
            // The journal gathers what many sessions tell in one moment into one commit.
            let core = core.clone();
            tasks.spawn(async move {
                while let Err(error) = take_in(&core, session_id, attempt, entries.clone()).await {
                    if matches!(error, JournalError::Closed) {
                        return;
                    }
                    // A full disk, most likely. The record keeps what it told, and a daemon that
                    // ends before this works is followed by one that reads it.
                    tracing::error!(%session_id, %error, "could not journal a record");
                    tokio::time::sleep(AGAIN).await;
                }
            });
        }
        Report::Halted { session_id } => drop(core.looks.tell(session_id)),
        Report::Cut { session_id, attempt, holder } => {
            core.let_go(session_id);
            tasks.spawn(lost::cut(core.clone(), session_id, attempt, holder));
        }
    }
}

/// Journals entries of a holder's record, and closes the session if it has ended.
pub(super) async fn take_in(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
    entries: Vec<Entry>,
) -> Result<(), JournalError> {
    let source = Source::holder(session_id, attempt);
    let ends = entries.iter().any(|entry| matches!(entry.change, Change::AttemptExited(_)));
    let drafts = entries.into_iter().map(|entry| Draft {
        at: entry.at,
        session_id: Some(session_id),
        source: source.clone(),
        source_seq: Some(entry.number),
        trace_parent: None,
        change: entry.change,
    });
    let drafts: Vec<_> = drafts.collect();
    let taken = match ends {
        true => recover::journal_end(core, session_id, drafts.clone()).await,
        false => core.journal.append(drafts.clone()).await.map(drop),
    };
    let Err(JournalError::BadDraft { reason }) = taken else { return taken };
    // One line that is not ours must not keep the end of a session from being heard.
    tracing::warn!(%session_id, reason, "took in a record line by line");
    for draft in drafts {
        match core.journal.append(vec![draft]).await {
            Err(JournalError::BadDraft { .. }) => {}
            taken => drop(taken?),
        }
    }
    if ends { recover::settle(core, session_id).await } else { Ok(()) }
}

async fn carry_out(core: Arc<Core>, order: Order, ending: CancellationToken) {
    match order {
        Order::Create(order, answer) => {
            // Carried through even if the client has left: it may ask again with the same key.
            let created = create::create(&core, *order).await;
            reply(answer, created);
        }
        Order::Stop { session_id, grace_ms, force, by, answer } => {
            let stopped = stop::stop_or_refuse(&core, session_id, grace_ms, by, force).await;
            reply(answer, stopped);
        }
        Order::Restart { session_id, grace_ms, by, answer } => {
            reply(answer, restart::restart(&core, session_id, grace_ms, by).await);
        }
        Order::Signal { session_id, signal, to, answer } => {
            let request = Request::Signal(SignalRequest { signal, to });
            reply(answer, ask(&core, session_id, request).await.map(drop));
        }
        Order::Input { session_id, bytes, answer } => {
            reply(answer, ask(&core, session_id, Request::Input(bytes)).await.map(drop));
        }
        Order::Resize { session_id, cols, rows, answer } => {
            let request = Request::Resize { cols, rows };
            reply(answer, ask(&core, session_id, request).await.map(drop));
        }
        Order::Screen { session_id, request, answer } => {
            reply(answer, screen(&core, session_id, request).await);
        }
        Order::Attach { session_id, request, answer } => {
            reply(answer, attach(&core, session_id, request).await);
        }
        Order::Activity { session_id, answer } => {
            let watched = async {
                let link = core.link(session_id).await?;
                link.activity().await.map_err(|error| refused(session_id, error))
            };
            reply(answer, watched.await);
        }
        Order::Remove { session_id, by, answer } => {
            reply(answer, remove(&core, session_id, by).await);
        }
        Order::Clean { request, answer } => {
            reply(answer, cleanup::clean(&core, request).await);
        }
        Order::Instances { answer } => reply(answer, breakers::list(&core)),
        Order::ResetBreaker { template, instance, by, answer } => {
            reply(answer, breakers::reset(&core, template, instance, by).await);
        }
        Order::Tmux { answer } => reply(answer, tmux::list(&core).await),
        Order::RepairTmux { socket, answer } => {
            reply(answer, tmux::repair(&core, socket).await);
        }
        Order::Track(order, answer) => reply(answer, track::start(&core, *order).await),
        Order::TrackEnd { end, verified, answer } => {
            reply(answer, track::end(&core, *end, verified).await);
        }
        Order::Heartbeat { session_id, verified, answer } => {
            reply(answer, track::heartbeat(&core, &session_id, verified));
        }
        Order::EndRecord { session_id, by, answer } => {
            reply(answer, track::end_record(&core, session_id, by).await);
        }
        Order::Reload { answer } => reply(answer, reload(&core).await),
        Order::StopDaemon { answer } => {
            reply(answer, Ok(()));
            ending.cancel();
        }
    }
}

/// Nobody may be left to hear it.
fn reply<T>(answer: Answer<T>, result: Result<T, Problem>) {
    let _ = answer.send(result);
}

async fn ask(core: &Core, session_id: SessionId, request: Request) -> Result<Reply, Problem> {
    let link = core.link(session_id).await?;
    link.request(request).await.map_err(|error| refused(session_id, error))
}

/// What a session shows: its holder knows, or the tmux server that it lives in.
async fn screen(
    core: &Core,
    session_id: SessionId,
    request: ScreenRequest,
) -> Result<Vec<u8>, Problem> {
    let session = core.journal.session(session_id).map_err(failed)?;
    let place = session.as_ref().and_then(|session| session.created.tmux.as_ref());
    if let (Some(place), true) =
        (place, session.as_ref().is_some_and(|session| !session.is_ended()))
    {
        return tmux::screen(core, session_id, place, request).await;
    }
    match ask(core, session_id, Request::Screen(request)).await? {
        Reply::Screen(text) => Ok(text),
        other => Err(internal(format!("the holder answered {other:?}"))),
    }
}

pub(super) fn refused(session_id: SessionId, error: LinkError) -> Problem {
    match error {
        LinkError::Ended => conflict(format!("session {session_id} has ended")),
        LinkError::Silent => unreachable(format!("session {session_id}: {error}")),
        LinkError::Refused(why) => bad_request(why),
    }
}

async fn attach(
    core: &Core,
    session_id: SessionId,
    request: wk_holder::protocol::AttachRequest,
) -> Result<UnixStream, Problem> {
    let (socket, holder) = match core.link(session_id).await {
        Ok(link) => (link.socket, link.holder),
        Err(problem) => remaining(core, session_id).ok_or(problem)?,
    };
    holders::attach(&socket, session_id, holder, request)
        .await
        .map_err(|error| unreachable(format!("session {session_id}: {error}")))
}

/// The holder of an ended session that is still there: it has output for a feeder that an
/// earlier daemon cut off.
fn remaining(core: &Core, session_id: SessionId) -> Option<(PathBuf, ProcessId)> {
    let session = core.journal.session(session_id).ok().flatten()?;
    let folder = core.folder(session_id);
    if !session.is_ended() || !record::is_held(&folder, session.attempt) {
        return None;
    }
    let read = record::read(&folder, session.attempt, 0).ok()?;
    let holder = read.entries.iter().find_map(|entry| match &entry.change {
        Change::AttemptStarted(started) => started.holder,
        _ => None,
    })?;
    Some((core.places.holder_socket(session_id.as_str(), session.attempt), holder))
}

async fn remove(core: &Core, session_id: SessionId, by: Requester) -> Result<(), Problem> {
    let session = core.journal.session(session_id).map_err(failed)?;
    if session.is_some_and(|session| !session.is_ended()) {
        let detail = format!("session {session_id} lives: `wk stop {session_id}` ends it");
        return Err(conflict(detail));
    }
    if !core.left(session_id).await {
        let detail = format!("session {session_id} has ended, but is still being tidied up");
        return Err(conflict(detail));
    }
    // Renamed first: whatever happens from here on, the next daemon sees what was meant.
    let removed = core.places.sessions().join(format!("{REMOVED}{session_id}"));
    let failed_to = |error| internal(format!("cannot remove the files of {session_id}: {error}"));
    match std::fs::rename(core.folder(session_id), &removed) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed_to(error))?,
        _ => {}
    }
    let change = Change::SessionRemoved { by };
    core.journal_in_time(Some(session_id), change).await.map_err(failed)?;
    let emptied = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(removed)).await;
    match emptied {
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => Err(failed_to(error)),
        _ => Ok(()),
    }
}

/// What the name of a folder begins with that is about to be removed.
pub(super) const REMOVED: &str = ".removed-";

/// Reads the settings again; refused as a whole where they are wrong.
pub(super) async fn reload(core: &Core) -> Result<(), Problem> {
    let settings = Settings::load(&core.places, |name| std::env::var_os(name))
        .map_err(|error| bad_request(format!("{:#}", anyhow::Error::from(error))))?;
    core.set_settings(settings).await;
    core.journal(None, Change::ConfigReloaded).await.map_err(failed)?;
    tracing::info!("read the settings again");
    Ok(())
}
