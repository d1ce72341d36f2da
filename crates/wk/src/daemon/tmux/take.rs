//! Turns reports into events.

use std::sync::Arc;

use wk_holder::host;
use wk_model::{
    Change, Draft, Ending, Kind, Moment, Name, Phase, ProcessId, SessionId, TmuxHealth, TmuxLayout,
    TmuxPlace, TmuxServerGone, TmuxServerSeen, Unreachable,
};
use wk_server::Board;
use wk_sources::tmux::{Exit, Known, Report, SessionSeen};

use super::{book::Watched, drafts, note_process};
use crate::daemon::{
    core::{Core, draft},
    create,
};

/// Programs that are no command that somebody has given.
const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "fish", "dash", "ksh", "tcsh", "nu"];

/// A server's memory has changed if it is so many times what it was, and by so much.
const MEMORY: (u64, u64) = (2, 64 << 20);

/// Takes reports up, one after another.
pub(super) struct Taker {
    pub(super) core: Arc<Core>,
    board: Board,
}

impl Taker {
    pub(super) fn new(core: Arc<Core>, board: Board) -> Self {
        Self { core, board }
    }

    /// Takes up what an earlier daemon had watched; answers the servers of it.
    pub(super) fn restore(&mut self) -> Vec<Known> {
        let mut known: Vec<Known> = Vec::new();
        for session in self.core.journal.live() {
            // What clients tell of is followed elsewhere.
            if !session.created.watched || session.created.reported.is_some() {
                continue;
            }
            let Some(place) = &session.created.tmux else { continue };
            let socket = std::path::PathBuf::from(&place.socket);
            let journalled = self.last_layout(session.id);
            let mut book = self.core.tmux.book();
            let server = book.servers.entry(place.server).or_default();
            server.socket.clone_from(&socket);
            server.uid = session.created.uid;
            book.add(
                session.id,
                Watched {
                    server: place.server,
                    id: place.id.clone(),
                    name: session.renamed.clone().unwrap_or_else(|| place.name.clone()),
                    seen: None,
                    journalled,
                    last_output: None,
                    last_command: None,
                },
            );
            if known.iter().all(|known| known.server != place.server) {
                known.push(Known { server: place.server, socket });
            }
        }
        known
    }

    fn last_layout(&self, session_id: SessionId) -> Option<TmuxLayout> {
        match self.core.journal.latest(session_id, "tmux_layout_changed").ok()??.change {
            Change::TmuxLayoutChanged(layout) => Some(layout),
            _ => None,
        }
    }

    pub(super) fn new_id(&self) -> Option<SessionId> {
        // Without random bits nothing works; the next report tries again.
        create::random::<8>().ok().map(|bits| SessionId::from_random(u64::from_le_bytes(bits)))
    }

    /// Takes up one report; what is to be journalled goes behind `drafts`.
    pub(super) fn take(&mut self, report: Report, drafts: &mut Vec<Draft>) {
        match report {
            Report::Server { server, socket, version, uid, sessions } => {
                self.server(server, &socket, version, uid, &sessions, drafts);
            }
            Report::Session { server, session, settled } => {
                self.session(server, *session, settled, drafts);
            }
            Report::SessionGone { server, id, at, exits } => {
                let session_id = self.core.tmux.book().of(server, &id);
                if let Some(session_id) = session_id {
                    self.end(session_id, at, &exits, drafts);
                }
            }
            Report::ServerGone { server, socket, at, exit, exits } => {
                self.server_gone(server, &socket, (at, exit), &exits, drafts);
            }
            Report::Unreachable { server, why } => self.unreachable(server, &why, drafts),
            Report::Repaired { server } => self.repaired(server, drafts),
            Report::Health(health) => self.health(health, drafts),
            Report::Captured { server, id, text } => {
                let mut book = self.core.tmux.book();
                let session_id = book.of(server, &id);
                if let Some(watched) = session_id.and_then(|id| book.sessions.get_mut(&id)) {
                    watched.last_output = Some(text).filter(|text| !text.is_empty());
                }
            }
            Report::Messages { server, messages } => {
                if let Some(server) = self.core.tmux.book().servers.get_mut(&server) {
                    server.messages = messages;
                }
            }
            Report::Agent { server, id, agent } => self.take_agent(server, &id, agent),
        }
    }

    fn server(
        &mut self,
        server: ProcessId,
        socket: &std::path::Path,
        version: String,
        uid: u32,
        sessions: &[String],
        drafts: &mut Vec<Draft>,
    ) {
        let mut book = self.core.tmux.book();
        let entry = book.servers.entry(server).or_default();
        entry.socket = socket.to_owned();
        (entry.uid, entry.alive) = (Some(uid), Some(true));
        let lost: Vec<_> = book.of_server(server);
        let lost: Vec<_> = lost
            .into_iter()
            .filter(|id| book.sessions.get(id).is_some_and(|w| !sessions.contains(&w.id)))
            .collect();
        drop(book);
        note_process(&self.core, server, None);
        let seen = TmuxServerSeen {
            server,
            socket: socket.display().to_string(),
            version,
            sessions: u32::try_from(sessions.len()).unwrap_or(u32::MAX),
        };
        let at = host::now();
        drafts.push(drafts::of_server(&server, 1, at, Change::TmuxServerSeen(seen)));
        // They ended while no daemon was there.
        for session_id in lost {
            self.end(session_id, at, &[], drafts);
        }
    }

    fn session(
        &mut self,
        server: ProcessId,
        seen: SessionSeen,
        settled: bool,
        drafts: &mut Vec<Draft>,
    ) {
        let known = self.core.tmux.book().of(server, &seen.id);
        let session_id = match known {
            Some(session_id) => session_id,
            None => match self.begin(server, &seen, drafts) {
                Some(session_id) => session_id,
                None => return,
            },
        };
        let is_lost = known.is_some()
            && self
                .core
                .journal
                .session(session_id)
                .ok()
                .flatten()
                .is_some_and(|session| session.phase() == Phase::Lost);
        if is_lost {
            drafts.push(draft(Some(session_id), Change::SessionRepaired));
        }
        self.show(session_id, &seen);
        let mut book = self.core.tmux.book();
        let Some(watched) = book.sessions.get_mut(&session_id) else { return };
        if watched.name != seen.name {
            watched.name.clone_from(&seen.name);
            let change = Change::SessionRenamed { name: seen.name.clone() };
            drafts.push(draft(Some(session_id), change));
        }
        let before = watched.journalled.as_ref();
        // What runs in front changes with every command: it is journalled at looks only.
        let other = match before {
            None => true,
            Some(before) if settled => *before != seen.layout,
            Some(before) => structure(before) != structure(&seen.layout),
        };
        if other {
            watched.journalled = Some(seen.layout.clone());
            let change = Change::TmuxLayoutChanged(seen.layout.clone());
            drafts.push(draft(Some(session_id), change));
        }
        if let Some(command) = last_command(&seen) {
            watched.last_command = Some(command);
        }
        let old = watched.seen.as_ref().map(|seen| super::facts::panes(&seen.layout));
        let old = old.unwrap_or_default();
        let new: Vec<_> =
            super::facts::panes(&seen.layout).into_iter().filter(|p| !old.contains(p)).collect();
        watched.seen = Some(seen);
        drop(book);
        for process in new {
            note_process(&self.core, process, Some(session_id));
        }
    }

    /// A session that was not known before.
    fn begin(
        &mut self,
        server: ProcessId,
        seen: &SessionSeen,
        drafts: &mut Vec<Draft>,
    ) -> Option<SessionId> {
        let session_id = self.new_id()?;
        let (socket, uid) = {
            let book = self.core.tmux.book();
            let known = book.servers.get(&server)?;
            (known.socket.clone(), known.uid)
        };
        let place = TmuxPlace {
            server,
            socket: socket.display().to_string(),
            id: seen.id.clone(),
            name: seen.name.clone(),
        };
        let uid = uid.unwrap_or_else(|| rustix::process::getuid().as_raw());
        let created = drafts::created(place, seen, uid, self.free_name(&seen.name));
        let process = super::facts::panes(&seen.layout).first().copied();
        let at = drafts::moment_of(seen.created);
        let size = seen.size.unwrap_or((80, 24));
        let cgroup = None;
        drafts.extend(drafts::begin(session_id, at, created, (process, cgroup), size));
        let watched = Watched {
            server,
            id: seen.id.clone(),
            name: seen.name.clone(),
            seen: None,
            journalled: None,
            last_output: None,
            last_command: None,
        };
        self.core.tmux.book().add(session_id, watched);
        Some(session_id)
    }

    /// The name, where it is one that ours could have, and none of them has it.
    fn free_name(&self, name: &str) -> Option<String> {
        name.parse::<Name>().ok()?;
        let guard = self.core.reserve(name.to_owned())?;
        let live = self.core.journal.live();
        let taken = live.iter().any(|session| session.name() == Some(name));
        let pending = {
            let book = self.core.tmux.book();
            book.sessions.values().any(|watched| watched.name == name)
        };
        drop(guard);
        (!taken && !pending).then(|| name.to_owned())
    }

    /// What is shown of a session beside the journal.
    fn show(&self, session_id: SessionId, seen: &SessionSeen) {
        let front = drafts::front(seen);
        let argv = front.map(|pane| pane.current_argv.clone()).unwrap_or_default();
        let last = seen.last_activity.map(|seconds| drafts::moment_of(seconds).time);
        self.board.show_front(session_id, argv, last);
    }

    fn end(
        &mut self,
        session_id: SessionId,
        at: Moment,
        exits: &[(ProcessId, Exit)],
        drafts: &mut Vec<Draft>,
    ) {
        let mut book = self.core.tmux.book();
        let Some(watched) = book.bury(session_id) else { return };
        drop(book);
        let ending = if watched.server.boot == host::boot_id() {
            drafts::ending(last_exit(&watched, exits))
        } else {
            Ending::Rebooted
        };
        let stopped = self.core.journal.session(session_id).ok().flatten();
        let stopped = stopped.is_some_and(|session| session.stop.is_some());
        let outcome = ending.outcome(Kind::Tmux, stopped, None);
        let well = matches!(ending, Ending::Exited { code: 0 });
        let last_lines = watched.last_output.filter(|_| !well);
        drafts.push(drafts::end(session_id, at, ending, last_lines));
        drafts.push(Draft {
            source: wk_model::Source(format!("daemon/closed/{session_id}")),
            source_seq: Some(1),
            ..draft(Some(session_id), Change::SessionClosed { outcome })
        });
        self.core.set_stopping(session_id, false);
        self.board.clear_front(session_id);
    }

    fn server_gone(
        &mut self,
        server: ProcessId,
        socket: &std::path::Path,
        (at, exit): (Moment, Option<Exit>),
        exits: &[(ProcessId, Exit)],
        drafts: &mut Vec<Draft>,
    ) {
        let mut book = self.core.tmux.book();
        if let Some(known) = book.servers.get_mut(&server) {
            known.alive = Some(false);
        }
        let sessions = book.of_server(server);
        drop(book);
        let (exit_code, signal) = match exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal { signal, .. }) => (None, Some(signal)),
            None => (None, None),
        };
        let gone = TmuxServerGone {
            server,
            socket: socket.display().to_string(),
            exit_code,
            signal,
            sessions: sessions.clone(),
        };
        drafts.push(drafts::of_server(&server, 2, at, Change::TmuxServerGone(gone)));
        for session_id in sessions {
            self.end(session_id, at, exits, drafts);
        }
        self.core.tmux.book().forget_servers();
    }

    fn unreachable(&mut self, server: ProcessId, why: &str, drafts: &mut Vec<Draft>) {
        for session_id in self.core.tmux.book().of_server(server) {
            let session = self.core.journal.session(session_id).ok().flatten();
            if session.is_none_or(|session| session.phase() != Phase::Lost) {
                let change = Change::SessionUnreachable(Unreachable { why: why.to_owned() });
                drafts.push(draft(Some(session_id), change));
            }
        }
    }

    fn repaired(&mut self, server: ProcessId, drafts: &mut Vec<Draft>) {
        for session_id in self.core.tmux.book().of_server(server) {
            drafts.push(draft(Some(session_id), Change::SessionRepaired));
        }
    }

    fn health(&mut self, health: TmuxHealth, drafts: &mut Vec<Draft>) {
        let mut book = self.core.tmux.book();
        let server = book.servers.entry(health.server).or_default();
        if server.journalled.as_ref().is_none_or(|before| is_other(before, &health)) {
            server.journalled = Some(health.clone());
            drafts.push(draft(None, Change::TmuxHealth(health.clone())));
        }
        server.health = Some(health);
    }
}

/// Whether a server has changed so that somebody should know.
fn is_other(before: &TmuxHealth, now: &TmuxHealth) -> bool {
    let (less, more) =
        (before.memory_bytes.min(now.memory_bytes), before.memory_bytes.max(now.memory_bytes));
    let memory = more - less >= MEMORY.1 && more / less.max(1) >= MEMORY.0;
    before.sessions.is_some() != now.sessions.is_some()
        || before.socket_exists != now.socket_exists
        || memory
}

/// A layout without what changes with every command.
fn structure(layout: &TmuxLayout) -> TmuxLayout {
    let mut layout = layout.clone();
    for pane in layout.windows.iter_mut().flat_map(|window| &mut window.panes) {
        pane.working_directory.clear();
        pane.current_command.clear();
        pane.current_argv.clear();
    }
    layout
}

/// What somebody has begun in front; none where that is only a shell.
fn last_command(seen: &SessionSeen) -> Option<String> {
    let front = drafts::front(seen)?;
    let shell = SHELLS.contains(&front.current_command.trim_start_matches('-'));
    let shell = shell && front.current_argv.len() <= 1;
    (!shell && !front.current_argv.is_empty()).then(|| front.current_argv.join(" "))
}

/// How the process of the pane in front ended, else that of any pane.
fn last_exit(watched: &Watched, exits: &[(ProcessId, Exit)]) -> Option<Exit> {
    let of = |process: ProcessId| exits.iter().find(|(p, _)| *p == process).map(|(_, e)| *e);
    let seen = watched.seen.as_ref()?;
    let front = drafts::front(seen).and_then(|pane| pane.process).and_then(of);
    front.or_else(|| super::facts::panes(&seen.layout).into_iter().find_map(of))
}

#[cfg(test)]
mod tests {
    use wk_model::{TmuxPane, TmuxWindow};

    use super::*;

    fn layout(command: &str, panes: u32) -> TmuxLayout {
        let pane = |index| TmuxPane {
            id: format!("%{index}"),
            index,
            process: None,
            tty: "/dev/pts/1".into(),
            working_directory: format!("/{command}"),
            start_command: String::new(),
            current_command: command.into(),
            current_argv: vec![command.into(), "x".into()],
        };
        let panes = (0..panes).map(pane).collect();
        let window =
            TmuxWindow { index: 0, name: "w".into(), layout: "l".into(), active: true, panes };
        TmuxLayout { windows: vec![window] }
    }

    #[test]
    fn another_command_is_no_other_structure_and_another_pane_is() {
        assert_eq!(structure(&layout("vim", 1)), structure(&layout("make", 1)));
        assert_ne!(structure(&layout("vim", 1)), structure(&layout("vim", 2)));
    }

    #[test]
    fn a_shell_alone_is_no_command() {
        let seen =
            |command: &str| SessionSeen { layout: layout(command, 1), ..SessionSeen::default() };
        assert_eq!(last_command(&seen("vim")).as_deref(), Some("vim x"));
        let mut shell = seen("bash");
        assert_eq!(last_command(&shell).as_deref(), Some("bash x"), "with words it is one");
        shell.layout.windows[0].panes[0].current_argv.truncate(1);
        assert_eq!(last_command(&shell), None);
    }

    #[test]
    fn a_server_that_does_not_answer_is_worth_an_event_and_a_little_memory_is_not() {
        let server = ProcessId { boot: host::boot_id(), pid: 1, start_time: 2 };
        let health = TmuxHealth {
            server,
            socket: "/s".into(),
            sessions: Some(3),
            processes: 7,
            memory_bytes: 10 << 20,
            age_seconds: 5,
            socket_exists: true,
        };
        let more = |bytes| TmuxHealth { memory_bytes: bytes, ..health.clone() };
        assert!(!is_other(&health, &more(40 << 20)));
        assert!(is_other(&health, &more(200 << 20)));
        assert!(is_other(&health, &TmuxHealth { sessions: None, ..health.clone() }));
        assert!(!is_other(&health, &TmuxHealth { sessions: Some(9), ..health.clone() }));
        assert!(is_other(&health, &TmuxHealth { socket_exists: false, ..health.clone() }));
    }
}
