//! What was, just before an end: kept small while a session lives, and frozen into the report.
//!
//! The health watch adds a sample with each of its looks. The store of an attempt goes when its
//! verdict is settled.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use wk_agents::uses::{Open, Start};
use wk_model::{
    AttemptExited, Before, Change, HostState, Kind, LastTool, Moment, Session, SessionId,
    SessionSample, Time, TmuxHealth,
};
use wk_sources::system::{DiskLook, host::HostLooker};

use super::{core::Core, hooks::recent_tools};

/// Samples that are kept of an attempt.
const SAMPLES: usize = 32;

/// Other living sessions that a report names.
const OTHERS: usize = 50;

/// An attempt that has ended waits so long for its verdict, if more come.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// A look at the machine that is younger than this is taken for now.
const FRESH: Duration = Duration::from_secs(1);

/// How long a look at the disk may take.
const DISK: Duration = Duration::from_millis(50);

/// How the machine is now says nothing of an end that was longer ago.
const LATE_MS: u64 = 60_000;

/// tmux servers whose health is remembered.
const SERVERS: usize = 64;

/// Events of tools, of each kind, in which the last one is looked for.
const TOOLS: usize = 256;

/// Commands are cut.
const COMMAND: usize = 1024;

type Attempt = (SessionId, u32);

/// What is remembered of everything that lives.
#[derive(Debug)]
pub(super) struct Store {
    /// Where the sessions' folders are.
    folder: PathBuf,
    attempts: Mutex<HashMap<Attempt, Course>>,
    host: Mutex<Host>,
    disk: DiskLook,
    /// Sessions and processes of tmux servers, by their sockets.
    tmux: Mutex<HashMap<String, (u32, u32)>>,
}

/// One attempt, as far as it was looked at.
#[derive(Debug)]
struct Course {
    since: Time,
    looks: u64,
    samples: VecDeque<SessionSample>,
    over: Option<Instant>,
}

#[derive(Debug, Default)]
struct Host {
    looker: HostLooker,
    latest: Option<(Instant, HostState)>,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            attempts: Mutex::default(),
            host: Mutex::default(),
            disk: DiskLook::default(),
            tmux: Mutex::default(),
        }
    }

    /// Somebody begins to look at an attempt.
    pub(super) fn begin(&self, session_id: SessionId, attempt: u32, since: Time) {
        let mut attempts = lock(&self.attempts);
        attempts.entry((session_id, attempt)).or_insert_with(|| Course::new(since));
    }

    /// Adds a look. True where its memory grows so fast that the next should come soon.
    pub(super) fn add(
        &self,
        session_id: SessionId,
        attempt: u32,
        now: Time,
        sample: SessionSample,
    ) -> bool {
        let mut attempts = lock(&self.attempts);
        let course = attempts.entry((session_id, attempt)).or_insert_with(|| Course::new(now));
        let grows = course.samples.back().is_some_and(|before| grows_fast(before, &sample));
        course.looks += 1;
        if course.samples.len() == SAMPLES {
            course.samples.pop_front();
        }
        course.samples.push_back(sample);
        grows
    }

    /// The attempt has ended: what is kept of it waits for the verdict.
    pub(super) fn end(&self, session_id: SessionId, attempt: u32) {
        let mut attempts = lock(&self.attempts);
        if let Some(course) = attempts.get_mut(&(session_id, attempt)) {
            course.over.get_or_insert_with(Instant::now);
        }
        attempts.retain(|_, course| course.over.is_none_or(|over| over.elapsed() < FORGOTTEN));
    }

    /// The verdict is settled: nobody will ask again.
    pub(super) fn forget(&self, session_id: SessionId, attempt: u32) {
        lock(&self.attempts).remove(&(session_id, attempt));
    }

    pub(super) fn set_tmux(&self, health: &TmuxHealth) {
        let mut servers = lock(&self.tmux);
        if servers.len() < SERVERS || servers.contains_key(&health.socket) {
            let known = servers.get(&health.socket).map_or(0, |(sessions, _)| *sessions);
            // One that does not answer has lost none.
            let sessions = health.sessions.unwrap_or(known);
            servers.insert(health.socket.clone(), (sessions, health.processes));
        }
    }

    pub(super) fn forget_tmux(&self, socket: &str) {
        lock(&self.tmux).remove(socket);
    }

    /// Looks at the machine unless somebody just has; may wait for a moment.
    pub(super) fn refresh_host(&self) {
        let is_fresh = |(at, _): &(Instant, HostState)| at.elapsed() < FRESH;
        if !lock(&self.host).latest.as_ref().is_some_and(is_fresh) {
            self.look_at_host();
        }
    }

    /// How the machine is, with the disk.
    fn look_at_host(&self) -> HostState {
        let disk = self.disk.free(&self.folder, DISK);
        self.host(disk)
    }

    /// How it is or was a moment ago. The room on the disk is that of the latest full look.
    fn host_now(&self) -> HostState {
        let latest = lock(&self.host).latest.clone();
        match latest {
            Some((at, state)) if at.elapsed() < FRESH => state,
            Some((_, state)) => self.host(state.disk_free_bytes),
            None => self.look_at_host(),
        }
    }

    fn host(&self, disk_free_bytes: Option<u64>) -> HostState {
        let mut host = lock(&self.host);
        let state = HostState { disk_free_bytes, ..host.looker.look() };
        host.latest = Some((Instant::now(), state.clone()));
        state
    }

    fn tmux(&self) -> (Option<u32>, Option<u32>) {
        let servers = lock(&self.tmux);
        if servers.is_empty() {
            return (None, None);
        }
        let sum = |count: fn(&(u32, u32)) -> u32| {
            Some(servers.values().fold(0, |sum: u32, server| sum.saturating_add(count(server))))
        };
        (sum(|server| server.0), sum(|server| server.1))
    }

    fn course(&self, attempt: Attempt) -> Course {
        let attempts = lock(&self.attempts);
        let known = attempts.get(&attempt);
        known.map_or_else(Course::default, |course| Course {
            samples: course.samples.clone(),
            ..*course
        })
    }
}

impl Course {
    /// Leaves out looks after the end: that may be told of long after it happened.
    fn end_at(&mut self, end: Time) {
        let all = self.samples.len();
        self.samples.retain(|sample| sample.at.is_none_or(|at| at <= end));
        self.looks = self.looks.saturating_sub((all - self.samples.len()) as u64);
    }

    fn new(since: Time) -> Self {
        Self { since, looks: 0, samples: VecDeque::new(), over: None }
    }
}

impl Default for Course {
    /// Nobody has looked: watched since the end of time.
    fn default() -> Self {
        Self::new(Time::from_millis(i64::MAX))
    }
}

/// A quarter more, and more than a little.
fn grows_fast(before: &SessionSample, now: &SessionSample) -> bool {
    let grown = now.memory_bytes.saturating_sub(before.memory_bytes);
    grown > 16 << 20 && grown > before.memory_bytes / 4
}

/// Everything that was known before `exited`, at `at`.
pub(super) fn before(core: &Core, session: &Session, exited: &AttemptExited, at: Moment) -> Before {
    let mut course = core.before.course((session.id, exited.attempt));
    course.end_at(at.time);
    let live = core.journal.live();
    let lived = live.iter().filter(|other| other.start_time <= at.time);
    let others = || lived.clone().map(|other| other.id).filter(|id| *id != session.id);
    let is_long_ago = wk_holder::host::now().time.millis_since(at.time) > LATE_MS;
    let latest = course.samples.back().and_then(|sample| sample.at);
    // A holder waits for its command from the start; what was found is watched since.
    let begun = session.attempt_time.filter(|_| session.attempt == exited.attempt);
    let begun = begun.filter(|_| !session.created.watched).unwrap_or(course.since);
    let (tmux_sessions, tmux_processes) = core.before.tmux();
    Before {
        age_seconds: at.time.millis_since(session.start_time) / 1000,
        last_command: last_command(core, session),
        last_tool: last_tool(core, session),
        last_output: exited.last_lines.clone(),
        output_bytes: (!session.created.watched).then_some(exited.usage.output_bytes),
        watched_seconds: at.time.millis_since(begun) / 1000,
        observations: course.looks,
        since_last_observation_ms: latest.map(|latest| at.time.millis_since(latest)),
        active_sessions: u32::try_from(others().count()).unwrap_or(u32::MAX),
        other_active_sessions: others().take(OTHERS).collect(),
        host: if is_long_ago { HostState::default() } else { core.before.host_now() },
        samples: course.samples.into(),
        tmux_sessions,
        tmux_processes,
    }
}

/// What runs in the pane that was used last, what a shell told of last, or the session's own
/// command.
fn last_command(core: &Core, session: &Session) -> Option<String> {
    let own = || session.created.command.join(" ");
    let words = match session.created.session_kind {
        Kind::Tmux => in_pane(core, session.id)?,
        Kind::Shell => in_shell(core, session.id).unwrap_or_else(own),
        Kind::Command | Kind::Agent => own(),
    };
    (!words.is_empty()).then(|| words.chars().take(COMMAND).collect())
}

fn in_shell(core: &Core, session_id: SessionId) -> Option<String> {
    let event = core.journal.latest(session_id, "shell_command").ok()??;
    match event.change {
        Change::ShellCommand(shell) => shell.command,
        _ => None,
    }
}

/// What an agent's hooks told of last.
fn last_tool(core: &Core, session: &Session) -> Option<LastTool> {
    if session.created.session_kind != Kind::Agent {
        return None;
    }
    let (mut open, mut latest) = (Open::default(), None);
    for event in recent_tools(&core.journal, session.id, TOOLS).ok()? {
        match event.change {
            Change::ToolStarted(started) => {
                let start = Start::of(None, &started);
                let cut = |text: String| text.chars().take(COMMAND).collect();
                let input = started.input.text.map(cut);
                let (tool, started) = (started.tool, event.at.time);
                let used = LastTool { tool, input, started, running: false };
                let _ = open.begin(start, LastTool { running: true, ..used.clone() });
                latest = Some(used);
            }
            Change::ToolFinished(finished) => drop(open.end(&Start::of_end(None, &finished))),
            _ => {}
        }
    }
    // Of several that were in use, the one that was begun last.
    open.into_rest().pop().or(latest)
}

fn in_pane(core: &Core, session_id: SessionId) -> Option<String> {
    let event = core.journal.latest(session_id, "tmux_layout_changed").ok()??;
    let Change::TmuxLayoutChanged(layout) = &event.change else { return None };
    let active = layout.windows.iter().find(|window| window.active);
    let pane = active.or(layout.windows.first())?.panes.first()?;
    Some(match &pane.current_argv[..] {
        [] => pane.current_command.clone(),
        argv => argv.join(" "),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(memory_bytes: u64, at: i64) -> SessionSample {
        let at = Some(Time::from_millis(at));
        SessionSample { at, memory_bytes, ..SessionSample::default() }
    }

    #[test]
    fn the_latest_samples_are_kept_until_the_verdict() {
        let store = Store::new("/".into());
        let (id, now) = (SessionId::from_number(7), Time::from_millis(5));
        store.begin(id, 1, now);
        for number in 0..100 {
            assert!(!store.add(id, 1, now, sample(1 << 20, number)));
        }
        store.end(id, 1);
        let course = store.course((id, 1));
        assert_eq!((course.looks, course.samples.len(), course.since), (100, SAMPLES, now));
        assert_eq!(course.samples.back(), Some(&sample(1 << 20, 99)));
        assert_eq!(store.course((id, 2)).looks, 0, "the next attempt is another");
        store.forget(id, 1);
        assert_eq!(store.course((id, 1)).looks, 0);
    }

    #[test]
    fn what_was_seen_after_the_end_was_not_before_it() {
        let mut course = Course::new(Time::from_millis(5));
        course.looks = 3;
        course.samples = [10, 20, 30].map(|at| sample(1 << 20, at)).into();
        course.end_at(Time::from_millis(20));
        assert_eq!((course.looks, course.samples.len()), (2, 2));
        assert_eq!(course.samples.back(), Some(&sample(1 << 20, 20)));
    }

    #[test]
    fn memory_that_grows_fast_is_looked_at_sooner() {
        let store = Store::new("/".into());
        let (id, now) = (SessionId::from_number(7), Time::from_millis(5));
        let grows = [(100 << 20, false), (110 << 20, false), (150 << 20, true), (90 << 20, false)];
        for (bytes, want) in grows {
            assert_eq!(store.add(id, 1, now, sample(bytes, 1)), want, "{bytes}");
        }
        assert!(!grows_fast(&sample(1 << 20, 1), &sample(9 << 20, 2)), "a little is nothing");
    }

    #[test]
    fn tmux_servers_are_counted_together() {
        let store = Store::new("/".into());
        assert_eq!(store.tmux(), (None, None));
        let health = |socket: &str, sessions| TmuxHealth {
            server: wk_holder::host::identify(std::process::id()).unwrap().unwrap(),
            socket: socket.into(),
            sessions,
            processes: 4,
            memory_bytes: 0,
            age_seconds: 0,
            socket_exists: true,
        };
        store.set_tmux(&health("/a", Some(2)));
        store.set_tmux(&health("/b", Some(3)));
        store.set_tmux(&health("/a", None));
        assert_eq!(store.tmux(), (Some(5), Some(8)));
        store.forget_tmux("/b");
        assert_eq!(store.tmux(), (Some(2), Some(4)));
    }

    #[test]
    fn the_machine_is_looked_at_once_in_a_moment() {
        let store = Store::new("/".into());
        let state = store.look_at_host();
        assert!(state.memory_total_bytes.is_some() && state.disk_free_bytes.is_some());
        assert_eq!(store.host_now(), state);
    }
}
