//! Watches one server, for as long as it lives.
//!
//! What can be heard is heard from the kernel: its end, the ends of its panes' processes, and
//! that a pane may have been made, since that takes a new terminal. What is left, as a session's
//! new name, costs the server time: how much it has run is read every [`GLANCE`], and it is
//! asked only if that has grown, and at each look at its health.
//!
//! No control client waits in the server, though it would tell more: while one is there, tmux up
//! to 3.6 crashes when a session is ended right after another window of it was selected, and
//! when the client is lost before it was welcomed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};
use wk_holder::host;
use wk_mask::mask_text;
use wk_model::{ProcessId, TmuxHealth, TmuxLayout, TmuxPane, TmuxWindow};

use super::{
    Options, Report, SessionSeen,
    agents::agents_below,
    ask::{AskError, Asker},
    exit::Exit,
    hub::ServerState,
    listing::{self, ListedPane, Listing, parse_listing},
    messages::parse_messages,
    pane::{self, InFront, is_stopped},
    screen::{ScreenLook, screen},
    socket::{self, FileId, Peer},
};
use crate::{age_seconds, process_watch::ProcessWatch, sampling::Sampler, until};

/// Between glances at the server's children and at its socket.
const GLANCE: Duration = Duration::from_secs(2);

/// Between listings that are asked for only because the server has run: the first after a change,
/// and the longest while it runs and nothing changes.
const CALM: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The first look at a server's health comes so soon.
const FIRST: Duration = Duration::from_secs(1);

/// Listings are not closer together than this, after the first of a burst.
const SPACE: Duration = Duration::from_millis(50);

/// A pane that was just made is looked at once more after so long.
const BIRTH: Duration = Duration::from_secs(1);

/// The first and the longest wait for a server that has not answered.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How long an end waits for the kernel's record of how the processes ended.
const RECORD: Duration = Duration::from_millis(30);

/// How long a server may take to make its socket anew.
const REPAIR: Duration = Duration::from_secs(3);

/// Panes whose screens are read at one look, and lines and bytes that are kept of each session.
const MAX_CAPTURES: usize = 256;
const LINES: usize = 20;
const MAX_TEXT: usize = 2048;

/// Messages of the server's log that are looked at.
const MAX_MESSAGES: usize = 50;

/// What the hub tells a watcher.
#[derive(Debug)]
pub(super) enum Word {
    /// Something changed near the socket.
    Look,
    Repair(oneshot::Sender<Result<(), String>>),
    /// End a session of it: its owner asked.
    Kill {
        id: String,
        answer: oneshot::Sender<Result<(), String>>,
    },
    /// Say what a session of it shows.
    Screen {
        id: String,
        look: ScreenLook,
        answer: oneshot::Sender<Result<Vec<u8>, String>>,
    },
    /// Nobody is to watch it any more.
    Leave,
}

/// A pane's process that is waited for.
#[derive(Debug)]
struct Pane(JoinHandle<()>);

impl Drop for Pane {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How a watcher was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    Over,
}

#[derive(Debug)]
pub(super) struct Watcher {
    server: ProcessId,
    uid: u32,
    socket: PathBuf,
    asker: Asker,
    options: watch::Receiver<Options>,
    reports: mpsc::Sender<Report>,
    state: Arc<Mutex<ServerState>>,
    sessions: BTreeMap<String, SessionSeen>,
    server_options: Vec<String>,
    panes: HashMap<ProcessId, Pane>,
    exits: HashMap<ProcessId, Exit>,
    ended: mpsc::Sender<(ProcessId, Option<Exit>)>,
    endings: mpsc::Receiver<(ProcessId, Option<Exit>)>,
    /// How long the server had run when it was last looked at; none right after a listing, which
    /// makes it run.
    ran: Option<u64>,
    calm: Duration,
    /// The socket's file when it was last known to lead to the server.
    file: Option<FileId>,
    reachable: bool,
    seen: bool,
    /// A listing is due then.
    due: Option<Instant>,
    again: Duration,
    last_listing: Option<Instant>,
    /// When each pane had shown something last, at its last capture.
    captured: HashMap<String, u64>,
    agents: HashSet<ProcessId>,
    sampler: Sampler,
}

impl Watcher {
    pub(super) fn new(
        (server, uid, socket): (ProcessId, u32, PathBuf),
        options: watch::Receiver<Options>,
        reports: mpsc::Sender<Report>,
        state: Arc<Mutex<ServerState>>,
    ) -> Self {
        let (ended, endings) = mpsc::channel(256);
        Self {
            server,
            uid,
            asker: Asker::new(&socket),
            socket,
            options,
            reports,
            state,
            sessions: BTreeMap::new(),
            server_options: Vec::new(),
            panes: HashMap::new(),
            exits: HashMap::new(),
            ended,
            endings,
            ran: None,
            calm: CALM.0,
            file: None,
            reachable: true,
            seen: false,
            due: Some(Instant::now()),
            again: AGAIN.0,
            last_listing: None,
            captured: HashMap::new(),
            agents: HashSet::new(),
            sampler: Sampler::new(),
        }
    }

    /// Watches until the server ends, or nobody listens.
    pub(super) async fn run(mut self, mut words: mpsc::Receiver<Word>) {
        let server = match ProcessWatch::new(&self.server) {
            Ok(Some(server)) => Arc::new(server),
            Ok(None) => return self.gone(None).await,
            Err(error) => {
                tracing::warn!(pid = self.server.pid, %error, "cannot watch a tmux server");
                return;
            }
        };
        let mut glance = interval(GLANCE);
        glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut health = Instant::now() + FIRST.min(self.options.borrow().health_interval);
        loop {
            let due = self.due;
            let flow = tokio::select! {
                biased;
                _ = server.ended() => return self.gone(Some(&server)).await,
                word = words.recv() => match word {
                    Some(word) => self.hear(word, &server).await,
                    None => Flow::Over,
                },
                Some((process, exit)) = self.endings.recv() => self.pane_ended(process, exit),
                () = until(due) => self.list_or_gone(&server, false).await,
                () = sleep_until(health) => {
                    health = Instant::now() + self.options.borrow().health_interval;
                    self.health(&server).await
                }
                _ = glance.tick() => self.glance().await,
            };
            if flow == Flow::Over || self.reports.is_closed() {
                return;
            }
        }
    }

    async fn hear(&mut self, word: Word, server: &Arc<ProcessWatch>) -> Flow {
        match word {
            Word::Look => self.glance().await,
            Word::Repair(answer) => {
                let _ = answer.send(self.repair(server).await);
                Flow::On
            }
            Word::Kill { id, answer } => {
                let _ = answer.send(self.kill(&id).await);
                self.soon();
                Flow::On
            }
            Word::Screen { id, look, answer } => {
                let _ = answer.send(screen(&self.asker, self.server, &id, look).await);
                Flow::On
            }
            Word::Leave => Flow::Over,
        }
    }

    async fn tell(&self, report: Report) -> Flow {
        match self.reports.send(report).await {
            Ok(()) => Flow::On,
            Err(_) => Flow::Over,
        }
    }

    /// A listing is due: at once after some quiet, and after a moment in a burst.
    fn soon(&mut self) {
        let now = Instant::now();
        let at = self.last_listing.map_or(now, |last| now.max(last + SPACE));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn pane_ended(&mut self, process: ProcessId, exit: Option<Exit>) -> Flow {
        self.panes.remove(&process);
        if let Some(exit) = exit {
            self.exits.insert(process, exit);
        }
        // The server is about to see it too.
        let at = Instant::now() + Duration::from_millis(10);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        Flow::On
    }

    /// Looks at what nobody tells of, without asking the server.
    async fn glance(&mut self) -> Flow {
        let file = socket::file_at(&self.socket);
        if file != self.file || !self.reachable {
            let flow = self.look_at_socket(file).await;
            if flow == Flow::Over {
                return flow;
            }
        }
        if !self.reachable {
            return Flow::On;
        }
        let known: HashSet<u32> = self.panes.keys().map(|process| process.pid).collect();
        let children = pane::children(self.server.pid).unwrap_or_default();
        if children.iter().any(|pid| !known.contains(pid) && pane::is_pane(*pid)) {
            self.soon();
        }
        self.look_at_work();
        Flow::On
    }

    /// A server that has run since may have changed; the one that shows much runs all the time.
    fn look_at_work(&mut self) {
        let ran = pane::ran_ns(self.server.pid);
        if self.ran.is_some() && ran > self.ran {
            let now = Instant::now();
            let at = self.last_listing.map_or(now, |last| now.max(last + self.calm));
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
        self.ran = ran;
    }

    /// The path leads elsewhere than before.
    async fn look_at_socket(&mut self, file: Option<FileId>) -> Flow {
        let why = match socket::peer(&self.socket) {
            Peer::Server { process, .. } if process == self.server => {
                self.file = file;
                if self.reachable {
                    return Flow::On;
                }
                return self.repaired().await;
            }
            Peer::Server { process, .. } => {
                format!("its socket belongs to another tmux server (pid {})", process.pid)
            }
            Peer::None => "its socket was removed".to_owned(),
            Peer::Stale => "nobody listens on its socket".to_owned(),
            // Too busy: not even whether it can be reached can be told.
            Peer::Unknown => return Flow::On,
        };
        if !self.reachable {
            return Flow::On;
        }
        self.reachable = false;
        let why = format!("{why}: {}", self.socket.display());
        self.update(|state| {
            state.reachable = false;
            state.why_not = Some(why.clone());
        });
        let flow = self.tell(Report::Unreachable { server: self.server, why }).await;
        if self.options.borrow().repair {
            self.due = None;
            return match ProcessWatch::new(&self.server) {
                Ok(Some(server)) => {
                    if let Err(error) = self.repair(&server).await {
                        tracing::warn!(pid = self.server.pid, error, "cannot repair a tmux server");
                    }
                    flow
                }
                _ => flow,
            };
        }
        flow
    }

    async fn repaired(&mut self) -> Flow {
        self.reachable = true;
        self.update(|state| {
            state.reachable = true;
            state.why_not = None;
        });
        self.soon();
        self.tell(Report::Repaired { server: self.server }).await
    }

    /// Tells this very server to make its socket anew. Never over another's.
    async fn repair(&mut self, server: &ProcessWatch) -> Result<(), String> {
        match socket::peer(&self.socket) {
            Peer::Server { process, .. } if process == self.server => {
                if !self.reachable {
                    self.file = socket::file_at(&self.socket);
                    self.repaired().await;
                }
                return Ok(());
            }
            Peer::Server { process, .. } => {
                let (pid, path) = (process.pid, self.socket.display());
                return Err(format!("`{path}` belongs to another tmux server now (pid {pid})"));
            }
            Peer::Unknown => return Err("its socket is there, but too busy to be asked".into()),
            Peer::None | Peer::Stale => {}
        }
        if is_stopped(&self.server) {
            return Err(format!(
                "the server (pid {}) is stopped: continue it with kill -CONT",
                self.server.pid
            ));
        }
        make_folder(&self.socket).map_err(|error| format!("cannot make its folder: {error}"))?;
        server.signal(rustix::process::Signal::USR1).map_err(|error| error.to_string())?;
        let made = async {
            loop {
                match socket::peer(&self.socket) {
                    Peer::Server { process, .. } if process == self.server => return,
                    // tmux makes it within a turn of its loop; nothing tells of that.
                    _ => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        timeout(REPAIR, made).await.map_err(|_| "it did not make its socket anew".to_owned())?;
        self.file = socket::file_at(&self.socket);
        if !self.reachable {
            self.repaired().await;
        }
        Ok(())
    }

    async fn kill(&mut self, id: &str) -> Result<(), String> {
        // In one word with the question who answers: nobody else can come in between.
        let condition = format!("#{{==:#{{pid}},{}}}", self.server.pid);
        let kill = format!("kill-session -t {id}");
        let answer = self.asker.ask(["if-shell", "-F", &condition, &kill]).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.complete { Ok(()) } else { Err(answer.stderr) }
    }

    fn update(&self, change: impl FnOnce(&mut ServerState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lists, unless the server ends first.
    async fn list_or_gone(&mut self, server: &Arc<ProcessWatch>, settled: bool) -> Flow {
        self.due = None;
        if !self.reachable {
            return Flow::On;
        }
        let server = server.clone();
        let asked = tokio::select! {
            biased;
            // The loop sees it next.
            _ = server.ended() => return Flow::On,
            asked = self.ask() => asked,
        };
        self.last_listing = Some(Instant::now());
        self.ran = None;
        match asked {
            Ok(listing) => {
                self.again = AGAIN.0;
                self.update(|state| state.silent = false);
                self.take(listing, settled).await
            }
            Err(why) => {
                tracing::debug!(pid = self.server.pid, why, "a tmux server cannot be asked");
                self.due = Some(Instant::now() + self.again);
                self.again = (self.again * 2).min(AGAIN.1);
                self.update(|state| state.silent = true);
                self.look_at_socket(socket::file_at(&self.socket)).await
            }
        }
    }

    async fn ask(&self) -> Result<Listing, String> {
        if is_stopped(&self.server) {
            return Err("it is stopped".into());
        }
        let answer = self.asker.ask(listing::words()).await.map_err(|error| match error {
            AskError::Run(source) => format!("{error}: {source}", error = "cannot run tmux"),
            other => other.to_string(),
        })?;
        let listing = parse_listing(&answer.stdout, answer.complete)
            .ok_or_else(|| format!("no listing: {}", answer.stderr))?;
        if listing.pid != self.server.pid {
            return Err("another server answered".into());
        }
        Ok(listing)
    }

    /// Compares a listing with what was known, and reports what is other.
    async fn take(&mut self, listing: Listing, settled: bool) -> Flow {
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

    fn options_of(&self, destroy_unattached: bool) -> Vec<String> {
        let own = destroy_unattached.then(|| "destroy-unattached".to_owned());
        self.server_options.iter().cloned().chain(own).collect()
    }

    /// Waits for the end of each pane's process, from the moment that it is known.
    ///
    /// Whether there are new ones.
    fn watch_panes(&mut self, sessions: &BTreeMap<String, SessionSeen>) -> bool {
        let now: HashSet<ProcessId> = sessions.values().flat_map(processes).collect();
        self.panes.retain(|process, _| now.contains(process));
        let before = self.panes.len();
        for process in now {
            if self.panes.contains_key(&process) || self.exits.contains_key(&process) {
                continue;
            }
            let Ok(Some(watch)) = ProcessWatch::new(&process) else { continue };
            let ended = self.ended.clone();
            let waiting = tokio::spawn(async move {
                if watch.ended().await.is_ok() {
                    let exit = watch.recorded_exit().await;
                    let _ = ended.send((process, exit)).await;
                }
            });
            self.panes.insert(process, Pane(waiting));
        }
        self.panes.len() > before
    }

    /// Waits a moment for processes that are about to end, or have just.
    async fn await_ends(&mut self, processes: HashSet<ProcessId>) {
        let rest = async {
            while processes.iter().any(|process| self.panes.contains_key(process)) {
                let Some((process, exit)) = self.endings.recv().await else { return };
                self.panes.remove(&process);
                self.exits.extend(exit.map(|exit| (process, exit)));
            }
        };
        let _ = timeout(RECORD, rest).await;
    }

    /// How the processes of a session ended, as far as the kernel has told by now.
    fn exits_of(&mut self, session: &SessionSeen) -> Vec<(ProcessId, Exit)> {
        let exits = &mut self.exits;
        processes(session).filter_map(|p| exits.remove(&p).map(|exit| (p, exit))).collect()
    }

    /// Of panes that are closed while their session lives on, nobody will ask.
    fn forget_the_gone(&mut self) {
        let now: HashSet<ProcessId> = self.sessions.values().flat_map(processes).collect();
        self.exits.retain(|process, _| now.contains(process));
        let panes: HashSet<&str> = self
            .sessions
            .values()
            .flat_map(|session| session.layout.panes().map(|pane| pane.id.as_str()))
            .collect();
        self.captured.retain(|pane, _| panes.contains(pane.as_str()));
    }

    /// The server has ended: the kernel says so.
    async fn gone(mut self, server: Option<&ProcessWatch>) {
        let at = host::now();
        let exit = match server {
            Some(server) => timeout(RECORD, server.recorded_exit()).await.ok().flatten(),
            None => None,
        };
        // Its panes end with it, a moment later.
        let all = self.panes.keys().copied().collect();
        self.await_ends(all).await;
        let exits = self.exits.drain().collect();
        let (server, socket) = (self.server, self.socket.clone());
        self.tell(Report::ServerGone { server, socket, at, exit, exits }).await;
    }

    /// Lists, and looks at what only a look shows.
    async fn health(&mut self, server: &Arc<ProcessWatch>) -> Flow {
        if self.list_or_gone(server, true).await == Flow::Over {
            return Flow::Over;
        }
        let answered = self.reachable && !self.state().silent;
        if answered && (self.capture().await == Flow::Over || self.messages().await == Flow::Over) {
            return Flow::Over;
        }
        if self.find_agents().await == Flow::Over {
            return Flow::Over;
        }
        let (processes, memory_bytes) = self.sample();
        self.update(|state| {
            (state.processes, state.memory_bytes) = (Some(processes), Some(memory_bytes));
        });
        let count = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        let health = TmuxHealth {
            server: self.server,
            socket: self.socket.display().to_string(),
            sessions: answered.then_some(count),
            processes,
            memory_bytes,
            age_seconds: age_seconds(&self.server),
            socket_exists: socket::file_at(&self.socket).is_some(),
        };
        self.tell(Report::Health(health)).await
    }

    fn state(&self) -> ServerState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Processes of the server and below it, and their memory.
    fn sample(&mut self) -> (u32, u64) {
        let look = self.sampler.look_below(&[self.server], &self.server);
        look.map_or((0, 0), |look| (look.processes, look.memory_bytes))
    }

    async fn find_agents(&mut self) -> Flow {
        let mut panes: Vec<(String, u32)> = Vec::new();
        for (id, session) in &self.sessions {
            panes.extend(processes(session).map(|process| (id.clone(), process.pid)));
        }
        let found = tokio::task::spawn_blocking(move || {
            let below = |(id, pid): (String, u32)| {
                agents_below(pid).into_iter().map(move |agent| (id.clone(), agent))
            };
            panes.into_iter().flat_map(below).collect::<Vec<_>>()
        });
        let found = found.await.unwrap_or_default();
        let now: HashSet<ProcessId> = found.iter().map(|(_, agent)| agent.process).collect();
        self.agents.retain(|process| now.contains(process));
        for (id, agent) in found {
            if !self.agents.insert(agent.process) {
                continue;
            }
            let report = Report::Agent { server: self.server, id, agent };
            if self.tell(report).await == Flow::Over {
                return Flow::Over;
            }
        }
        Flow::On
    }

    /// Reads the screens on which something has changed since they were last read, all in one
    /// call.
    async fn capture(&mut self) -> Flow {
        let mut wanted: Vec<(String, String)> = Vec::new();
        for (id, session) in &self.sessions {
            let Some(pane) = &session.active_pane else { continue };
            let activity = session.last_activity.unwrap_or(0);
            if self.captured.get(pane) != Some(&activity) && wanted.len() < MAX_CAPTURES {
                self.captured.insert(pane.clone(), activity);
                wanted.push((id.clone(), pane.clone()));
            }
        }
        if wanted.is_empty() {
            return Flow::On;
        }
        // No screen can show what nobody knows before.
        let mark = format!("wk-{:032x}", random());
        let mut words: Vec<&str> = Vec::new();
        for (_, pane) in &wanted {
            words.extend([
                "capture-pane",
                "-p",
                "-t",
                pane,
                ";",
                "display-message",
                "-p",
                &mark,
                ";",
            ]);
        }
        words.pop();
        let Ok(answer) = self.asker.ask(words).await else { return Flow::On };
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        // Behind the last mark is nothing, or what a pane that is gone left unanswered.
        let screens: Vec<&str> = text.split(&mark).collect();
        let whole = screens.len().saturating_sub(1);
        for ((id, _), screen) in wanted.into_iter().zip(&screens[..whole]) {
            let text = last_lines(screen);
            let report = Report::Captured { server: self.server, id, text };
            if self.tell(report).await == Flow::Over {
                return Flow::Over;
            }
        }
        Flow::On
    }

    /// Reads the server's log, which it shows only while somebody is attached.
    async fn messages(&mut self) -> Flow {
        if self.sessions.values().all(|session| session.attached == 0) {
            return Flow::On;
        }
        let Ok(answer) = self.asker.ask(["show-messages"]).await else { return Flow::On };
        let mut messages = parse_messages(&answer.stdout);
        let surplus = messages.len().saturating_sub(MAX_MESSAGES);
        messages.drain(..surplus);
        self.tell(Report::Messages { server: self.server, messages }).await
    }
}

/// What a listing is asked for: not what is shown, but what there is.
fn outlines(
    sessions: &BTreeMap<String, SessionSeen>,
) -> impl Iterator<Item = (&str, &str, u32, usize)> {
    sessions.values().map(|session| {
        let panes = session.layout.panes().count();
        (session.id.as_str(), session.name.as_str(), session.attached, panes)
    })
}

/// The processes of a session's panes.
fn processes(session: &SessionSeen) -> impl Iterator<Item = ProcessId> {
    session.layout.panes().filter_map(|pane| pane.process)
}

fn seen(
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

/// The last lines of a screen that say something, masked.
fn last_lines(screen: &str) -> String {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let text = mask_text(&lines[end.saturating_sub(LINES)..end].join("\n")).into_owned();
    let mut start = text.len().saturating_sub(MAX_TEXT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].trim_start_matches('\n').to_owned()
}

/// Makes the folder of a socket as tmux does, where it is gone too.
fn make_folder(socket: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = socket.parent().filter(|folder| !folder.exists()) else { return Ok(()) };
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_few_and_masked() {
        let screen =
            format!("{}\n$ \n\n\n", (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join("\n"));
        let text = last_lines(&screen);
        assert_eq!(text.lines().count(), LINES);
        assert!(text.starts_with("21\n") && text.ends_with('$'), "{text}");
        assert_eq!(last_lines("\n\n"), "");
        let secret = last_lines("export TOKEN=ghp_0123456789abcdefghijklmnopqrstuvwxyz\n");
        assert!(!secret.contains("0123456789abcdef"), "{secret}");
        assert!(last_lines(&"漢字".repeat(4000)).len() <= MAX_TEXT);
    }
}
