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

mod capture;
mod health;
mod panes;
mod path;
mod take;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use wk_holder::host;
use wk_model::ProcessId;

use self::panes::Pane;
use super::{
    Options, Report, SessionSeen,
    ask::{AskError, Asker},
    exit::Exit,
    hub::ServerState,
    listing::{self, Listing, parse_listing},
    pane::{self, is_stopped},
    screen::{ScreenLook, screen},
    socket::{self, FileId},
};
use crate::{process_watch::ProcessWatch, sampling::Sampler, until};

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

    fn state(&self) -> ServerState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
