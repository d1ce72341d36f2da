//! What users ask about tmux.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::oneshot;
use wk_api::{Problem, TmuxRepaired, TmuxServerView};
use wk_holder::protocol::ScreenRequest;
use wk_model::{Change, Life, Requester, Session, SessionId, Stopped, TmuxPlace};
use wk_server::{conflict, internal, unreachable};
use wk_sources::{
    age_seconds,
    tmux::{Order, Refused, ScreenLook, ServerState},
};

use super::{
    super::core::{Core, failed},
    Tmux,
};

async fn ask<T>(tmux: &Tmux, make: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Problem> {
    let (answer, answered) = oneshot::channel();
    let ended = || internal("nobody watches tmux any more".to_owned());
    if !tmux.orders.send(make(answer)).await {
        return Err(ended());
    }
    answered.await.map_err(|_| ended())
}

/// All servers there are, and how they are.
pub(in crate::daemon) async fn list(core: &Core) -> Result<Vec<TmuxServerView>, Problem> {
    let states = ask(&core.tmux, Order::List).await?;
    Ok(states.iter().map(view).collect())
}

/// Has servers make their sockets anew.
pub(in crate::daemon) async fn repair(
    core: &Core,
    socket: Option<PathBuf>,
) -> Result<Vec<TmuxRepaired>, Problem> {
    let named = socket.clone();
    let done = ask(&core.tmux, |answer| Order::Repair { socket, answer }).await?;
    if let Some(path) = named.filter(|_| done.is_empty()) {
        return Err(conflict(format!(
            "no tmux server is watched at `{}`: `wk tmux` lists them",
            path.display()
        )));
    }
    let told = done.into_iter().map(|(state, repaired)| TmuxRepaired {
        socket: state.socket.display().to_string(),
        pid: state.server.map(|server| server.pid),
        error: repaired.err(),
    });
    Ok(told.collect())
}

/// What a watched session's active pane shows.
pub(in crate::daemon) async fn screen(
    core: &Core,
    session_id: SessionId,
    place: &TmuxPlace,
    request: ScreenRequest,
) -> Result<Vec<u8>, Problem> {
    let (server, id) = (place.server, place.id.clone());
    let look = ScreenLook { ansi: request.ansi, history: request.history };
    let shown = ask(&core.tmux, |answer| Order::Screen { server, id, look, answer }).await?;
    shown.map_err(|refused| told(session_id, refused))
}

/// Ends a watched session: its owner has asked, and insisted.
pub(in crate::daemon) async fn stop(
    core: &Arc<Core>,
    session: &Session,
    by: Requester,
    force: bool,
) -> Result<(), Problem> {
    let id = session.id;
    if !matches!(session.life, Life::Running { .. }) {
        return Err(conflict(format!("session {id} has ended")));
    }
    let Some(place) = session.created.tmux.as_ref().filter(|_| force) else {
        let hint = match (&session.created.tmux, force) {
            (Some(_), _) => ": `wk stop --force` has tmux kill it",
            (None, true) => ": end it where it runs",
            (None, false) => "",
        };
        let detail = format!("session {id} was found, not started by Watchkeeper{hint}");
        return Err(conflict(detail));
    };
    let stopped = Change::SessionStopped(Stopped { by, grace_ms: 0 });
    core.journal_in_time(Some(id), stopped).await.map_err(failed)?;
    let (server, tmux_id) = (place.server, place.id.clone());
    let killed = ask(&core.tmux, |answer| Order::Kill { server, id: tmux_id, answer }).await?;
    killed.map_err(|refused| told(id, refused))
}

fn told(id: SessionId, refused: Refused) -> Problem {
    match refused {
        Refused::Unknown => unreachable(format!("session {id}: {refused}")),
        Refused::Cannot(why) => unreachable(format!("session {id}: tmux says: {why}")),
    }
}

fn view(state: &ServerState) -> TmuxServerView {
    TmuxServerView {
        socket: state.socket.display().to_string(),
        pid: state.server.map(|server| server.pid),
        uid: state.uid,
        version: Some(state.version.clone()).filter(|version| !version.is_empty()),
        age_seconds: state.server.as_ref().map(age_seconds),
        sessions: state.sessions,
        panes: state.panes,
        processes: state.processes,
        memory_bytes: state.memory_bytes,
        watched: state.watched,
        reachable: state.reachable,
        answers: state.watched && state.reachable && !state.silent,
        why_not: state.why_not.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_before_anybody_watches_waits_until_somebody_does() {
        let tmux = Tmux::default();
        let later = async {
            tokio::task::yield_now().await;
            let mut ordered = tmux.orders.open().unwrap();
            match ordered.recv().await {
                Some(Order::List(answer)) => answer.send(Vec::new()).unwrap(),
                other => panic!("{other:?}"),
            }
        };
        let (states, ()) = tokio::join!(ask(&tmux, Order::List), later);
        assert_eq!(states.unwrap(), []);
    }
}
