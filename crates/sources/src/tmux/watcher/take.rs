//! Takes a listing up: what is new, what has changed, what is gone.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;
use wk_holder::host;
use wk_mask::mask_text;
use wk_model::{TmuxLayout, TmuxPane, TmuxWindow};

use super::super::{
    Report, SessionSeen, listing::ListedPane, listing::Listing, pane, pane::InFront,
};
use super::{BIRTH, CALM, Flow, Watcher, panes::processes};

impl Watcher {
    /// Compares a listing with what was known, and reports what is other.
    pub(super) async fn take(&mut self, listing: Listing, settled: bool) -> Flow {
        let at = host::now();
        let Listing { version, options, sessions, panes, .. } = listing;
        let pids: Vec<u32> = panes.iter().map(|pane| pane.pid).collect();
        let looked = tokio::task::spawn_blocking(move || {
            let looked: Vec<(u32, InFront)> =
                pids.into_iter().map(|pid| (pid, pane::look(pid))).collect();
            looked.into_iter().collect::<HashMap<_, _>>()
        });
        let looked = looked.await.unwrap_or_default();
        self.server_options = options;
        let mut by_session: HashMap<&str, Vec<&ListedPane>> = HashMap::new();
        for pane in &panes {
            by_session.entry(&pane.session).or_default().push(pane);
        }
        let mut now = BTreeMap::new();
        for session in &sessions {
            let panes = by_session.get(session.id.as_str()).map_or(&[][..], Vec::as_slice);
            let mut seen = seen(&session.id, &session.name, panes, &looked);
            seen.created = session.created;
            seen.attached = session.attached;
            seen.options = self.options_of(session.destroy_unattached);
            now.insert(session.id.clone(), seen);
        }
        let gone: Vec<String> =
            self.sessions.keys().filter(|id| !now.contains_key(*id)).cloned().collect();
        let ending = gone.iter().filter_map(|id| self.sessions.get(id)).flat_map(processes);
        self.await_ends(ending.collect()).await;
        if self.watch_panes(&now) {
            // What has only just been started is about to become what it is to be.
            let at = Instant::now() + BIRTH;
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
        let before = std::mem::replace(&mut self.sessions, now);
        let same = outlines(&before).eq(outlines(&self.sessions));
        self.calm = if same { (self.calm * 2).min(CALM.1) } else { CALM.0 };
        let first = !self.seen;
        self.seen = true;
        let count = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        let pane_count = u32::try_from(panes.len()).unwrap_or(u32::MAX);
        self.update(|state| {
            (state.sessions, state.panes) = (Some(count), Some(pane_count));
            state.version.clone_from(&version);
        });
        if first {
            let sessions = self.sessions.keys().cloned().collect();
            let (server, socket, uid) = (self.server, self.socket.clone(), self.uid);
            let found = Report::Server { server, socket, version, uid, sessions };
            if self.tell(found).await == Flow::Over {
                return Flow::Over;
            }
        }
        for id in gone {
            let exits = before.get(&id).map(|session| self.exits_of(session)).unwrap_or_default();
            let report = Report::SessionGone { server: self.server, id, at, exits };
            if self.tell(report).await == Flow::Over {
                return Flow::Over;
            }
        }
        for (id, session) in &self.sessions {
            let known = before.get(id);
            if first || settled || known != Some(session) {
                let session = Box::new(session.clone());
                let report = Report::Session { server: self.server, session, settled };
                if self.tell(report).await == Flow::Over {
                    return Flow::Over;
                }
            }
        }
        let structure = |session: &SessionSeen| session.layout.panes().count();
        let changed: Vec<String> = self
            .sessions
            .iter()
            .filter(|(id, session)| {
                before.get(*id).is_none_or(|known| structure(known) != structure(session))
            })
            .map(|(id, _)| id.clone())
            .collect();
        if first || !changed.is_empty() {
            self.forget_the_gone();
        }
        Flow::On
    }

    pub(super) fn options_of(&self, destroy_unattached: bool) -> Vec<String> {
        let own = destroy_unattached.then(|| "destroy-unattached".to_owned());
        self.server_options.iter().cloned().chain(own).collect()
    }
}

/// What a listing is asked for: not what is shown, but what there is.
pub(super) fn outlines(
    sessions: &BTreeMap<String, SessionSeen>,
) -> impl Iterator<Item = (&str, &str, u32, usize)> {
    sessions.values().map(|session| {
        let panes = session.layout.panes().count();
        (session.id.as_str(), session.name.as_str(), session.attached, panes)
    })
}

pub(super) fn seen(
    id: &str,
    name: &str,
    panes: &[&ListedPane],
    looked: &HashMap<u32, InFront>,
) -> SessionSeen {
    let mut seen =
        SessionSeen { id: id.to_owned(), name: name.to_owned(), ..SessionSeen::default() };
    let mut windows: BTreeMap<u32, TmuxWindow> = BTreeMap::new();
    for pane in panes {
        let front = looked.get(&pane.pid).cloned().unwrap_or_default();
        if front.tty != 0 {
            seen.pane_ttys.push(front.tty);
        }
        seen.last_activity = seen.last_activity.max(Some(pane.window_activity));
        if pane.window_active && pane.active {
            seen.active_pane = Some(pane.id.clone());
            seen.size = Some(pane.size);
        }
        let window = windows.entry(pane.window_index).or_insert_with(|| TmuxWindow {
            index: pane.window_index,
            name: pane.window_name.clone(),
            layout: pane.window_layout.clone(),
            active: pane.window_active,
            panes: Vec::new(),
        });
        window.panes.push(TmuxPane {
            id: pane.id.clone(),
            index: pane.index,
            process: front.process,
            tty: pane.tty.clone(),
            working_directory: front.working_directory,
            start_command: mask_text(&pane.start_command).into_owned(),
            current_command: front.comm,
            current_argv: front.argv,
        });
    }
    seen.layout = TmuxLayout { windows: windows.into_values().collect() };
    seen
}
