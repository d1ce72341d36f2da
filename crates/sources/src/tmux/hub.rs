//! Finds the servers of this user, and has each of them watched.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use wk_holder::host;
use wk_model::{Liveness, ProcessId};

use super::{
    Known, Options, Report,
    screen::ScreenLook,
    socket::{self, FileId, Peer},
    watcher::{Watcher, Word},
};
use crate::{folder_watch::FolderWatch, until};

/// Between looks at places that nothing tells of: folders that are not there yet, and sockets
/// that are named one by one. A look is a `stat` of each.
const LOOK: Duration = Duration::from_secs(5);

/// A socket that was only just made is looked at again after so long.
const YOUNG: Duration = Duration::from_millis(50);

/// A terminal was made: how long its process may take to be there, and at last.
const BIRTH: [Duration; 2] = [Duration::from_millis(15), Duration::from_millis(150)];

/// Where terminals are made.
const TERMINALS: &str = "/dev/pts";

/// How long an order waits for a watcher.
const ORDER: Duration = Duration::from_secs(10);

/// How a server is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerState {
    pub socket: PathBuf,
    /// None: nobody listens there.
    pub server: Option<ProcessId>,
    pub uid: Option<u32>,
    pub version: String,
    pub sessions: Option<u32>,
    pub panes: Option<u32>,
    pub processes: Option<u32>,
    pub memory_bytes: Option<u64>,
    pub watched: bool,
    /// False: its socket does not lead to it any more.
    pub reachable: bool,
    /// It has not answered the last question.
    pub silent: bool,
    /// Why it is not watched, or cannot be reached.
    pub why_not: Option<String>,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("no tmux server is watched there")]
    Unknown,
    #[error("{0}")]
    Cannot(String),
}

/// What the hub is asked.
#[derive(Debug)]
pub enum Order {
    /// Look again, and say what there is.
    List(oneshot::Sender<Vec<ServerState>>),
    /// Have servers make their sockets anew: that of this socket, or all that cannot be reached.
    /// Answers which were.
    Repair {
        socket: Option<PathBuf>,
        answer: oneshot::Sender<Vec<(ServerState, Result<(), String>)>>,
    },
    /// End a session: its owner asked.
    Kill { server: ProcessId, id: String, answer: oneshot::Sender<Result<(), Refused>> },
    /// What a session's active pane shows.
    Screen {
        server: ProcessId,
        id: String,
        look: ScreenLook,
        answer: oneshot::Sender<Result<Vec<u8>, Refused>>,
    },
    /// The settings are others than before.
    Options(Options),
}

/// A server that is watched.
struct Watched {
    words: mpsc::Sender<Word>,
    task: JoinHandle<()>,
    state: Arc<Mutex<ServerState>>,
}

struct Hub {
    options: watch::Sender<Options>,
    reports: mpsc::Sender<Report>,
    watched: HashMap<ProcessId, Watched>,
    /// Sockets that lead to nobody who is watched, and what was found there.
    others: HashMap<PathBuf, (Option<FileId>, ServerState)>,
    /// Nobody listens on a socket that was only just made: it is looked at again soon.
    young: bool,
    /// When watchers are to look for new panes.
    births: VecDeque<Instant>,
}

/// Runs until nobody listens or orders any more.
pub async fn run(
    options: Options,
    known: Vec<Known>,
    mut orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<Report>,
) {
    let mut hub = Hub {
        options: watch::Sender::new(options),
        reports,
        watched: HashMap::new(),
        others: HashMap::new(),
        young: false,
        births: VecDeque::new(),
    };
    hub.take_up(known).await;
    let mut folders = hub.watch_folders();
    let mut terminals = FolderWatch::of_births(Path::new(TERMINALS)).ok();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => hub.carry_out(order).await,
                None => break,
            },
            () = changed(&mut folders) => hub.nudge(),
            () = made(&mut terminals) => {
                hub.expect_births();
                continue;
            }
            () = until(hub.births.front().copied()) => {
                hub.births.pop_front();
                hub.nudge();
                continue;
            }
            _ = look.tick() => {}
            () = sleep(YOUNG), if hub.young => {}
        }
        if hub.reports.is_closed() {
            break;
        }
        hub.scan();
        let missing = |(_, watch): &(PathBuf, Option<FolderWatch>)| watch.is_none();
        if folders.iter().any(missing) {
            folders = hub.watch_folders();
        }
    }
    hub.leave().await;
}

/// Waits for a change in any of the folders; one that went is watched no more.
async fn changed(folders: &mut [(PathBuf, Option<FolderWatch>)]) {
    let changes = folders.iter_mut().filter_map(|(_, place)| {
        place.is_some().then(|| {
            Box::pin(async move {
                if let Some(watch) = place
                    && watch.changed().await.is_err()
                {
                    *place = None;
                }
            })
        })
    });
    let mut changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return std::future::pending().await;
    }
    std::future::poll_fn(|context| {
        let ready = changes.iter_mut().any(|change| change.as_mut().poll(context).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Waits until a terminal is made.
async fn made(terminals: &mut Option<FolderWatch>) {
    if let Some(watch) = terminals
        && watch.changed().await.is_ok()
    {
        return;
    }
    *terminals = None;
    std::future::pending::<()>().await;
}

impl Hub {
    /// Whoever made a terminal is about to start a process on it.
    fn expect_births(&mut self) {
        if self.watched.is_empty() || self.births.len() >= BIRTH.len() {
            return;
        }
        let now = Instant::now();
        self.births.extend(BIRTH.map(|wait| now + wait));
    }

    fn watch_folders(&self) -> Vec<(PathBuf, Option<FolderWatch>)> {
        let options = self.options.borrow();
        let watch = |folder: &PathBuf| (folder.clone(), FolderWatch::new(folder).ok());
        options.folders.iter().map(watch).collect()
    }

    /// Goes on with the servers of an earlier daemon, also where their sockets have vanished.
    async fn take_up(&mut self, known: Vec<Known>) {
        for Known { server, socket } in known {
            if host::liveness(&server) == Liveness::Dead {
                let at = host::now();
                let gone = Report::ServerGone { server, socket, at, exit: None, exits: Vec::new() };
                if self.reports.send(gone).await.is_err() {
                    return;
                }
            } else if self.options.borrow().watch {
                let uid = rustix::process::geteuid().as_raw();
                self.watch(server, uid, socket);
            }
        }
    }

    /// Something changed in a folder: watchers look after their sockets.
    fn nudge(&self) {
        for watched in self.watched.values() {
            // One that has words to hear looks anyway.
            let _ = watched.words.try_send(Word::Look);
        }
    }

    /// Looks for servers that are not watched yet.
    fn scan(&mut self) {
        self.young = false;
        self.watched.retain(|_, watched| !watched.task.is_finished());
        let options = self.options.borrow().clone();
        if !options.watch {
            return;
        }
        let mut sockets: Vec<(PathBuf, bool)> = Vec::new();
        let mut found: HashMap<PathBuf, (Option<FileId>, ServerState)> = HashMap::new();
        for folder in &options.folders {
            match socket::sockets_in(folder) {
                Ok(paths) => sockets.extend(paths.into_iter().map(|path| (path, false))),
                Err(why) => {
                    let why_not = Some(format!("the folder is not believed: {why}"));
                    let state =
                        ServerState { socket: folder.clone(), why_not, ..ServerState::default() };
                    found.insert(folder.clone(), (None, state));
                }
            }
        }
        sockets.extend(options.sockets.iter().map(|path| (path.clone(), true)));
        for (path, named) in sockets {
            let file = socket::file_at(&path);
            if file.is_some() && self.leads_to_watched(&path) {
                continue;
            }
            let known = self.others.get(&path).filter(|(before, _)| *before == file && !named);
            let other = match known {
                // Whoever was there is there still: it is not asked at each look.
                Some((_, state)) if !state.silent => Some(state.clone()),
                _ => self.try_socket(&path, named),
            };
            if let Some(state) = other {
                found.insert(path, (file, state));
            }
        }
        self.others = found;
    }

    fn leads_to_watched(&self, path: &Path) -> bool {
        self.watched.values().any(|watched| {
            let state = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.socket == path && state.reachable
        })
    }

    /// Watches the server behind a socket, or says why not.
    fn try_socket(&mut self, path: &Path, named: bool) -> Option<ServerState> {
        let own = rustix::process::geteuid().as_raw();
        let not = |why: String| {
            let (socket, why_not) = (path.to_owned(), Some(why));
            Some(ServerState { socket, why_not, ..ServerState::default() })
        };
        let foreign = socket::owner(path).filter(|owner| *owner != own && !named);
        if let Some(owner) = foreign {
            return not(format!("it belongs to user {owner}: name it in [tmux] sockets"));
        }
        match socket::peer(path) {
            Peer::None => named.then(|| not("there is no such socket".into())).flatten(),
            Peer::Stale => {
                // A server makes its socket first, and listens on it then.
                self.young |= socket::is_young(path);
                let state = not("nobody listens there".into())?;
                Some(ServerState { silent: true, ..state })
            }
            Peer::Unknown => {
                let state = not("it takes no connection".into())?;
                Some(ServerState { silent: true, ..state })
            }
            Peer::Server { uid, .. } if uid != own && !named => {
                not(format!("its server is user {uid}'s: name it in [tmux] sockets"))
            }
            Peer::Server { process, uid } => {
                match self.watched.get(&process) {
                    // One server, reached by two paths: it is watched once.
                    Some(watched) => {
                        let _ = watched.words.try_send(Word::Look);
                    }
                    None => self.watch(process, uid, path.to_owned()),
                }
                None
            }
        }
    }

    fn watch(&mut self, server: ProcessId, uid: u32, socket: PathBuf) {
        let (words, heard) = mpsc::channel(16);
        let state = ServerState {
            socket: socket.clone(),
            server: Some(server),
            uid: Some(uid),
            watched: true,
            reachable: true,
            ..ServerState::default()
        };
        let state = Arc::new(Mutex::new(state));
        let (options, reports) = (self.options.subscribe(), self.reports.clone());
        let watcher = Watcher::new((server, uid, socket), options, reports, state.clone());
        let task = tokio::spawn(watcher.run(heard));
        self.watched.insert(server, Watched { words, task, state });
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::List(answer) => {
                self.scan();
                let _ = answer.send(self.list());
            }
            Order::Repair { socket, answer } => {
                let _ = answer.send(self.repair(socket.as_deref()).await);
            }
            Order::Kill { server, id, answer } => {
                let kill = |answer| Word::Kill { id, answer };
                let _ = answer.send(self.ask_server(server, kill).await);
            }
            Order::Screen { server, id, look, answer } => {
                let screen = |answer| Word::Screen { id, look, answer };
                let _ = answer.send(self.ask_server(server, screen).await);
            }
            Order::Options(options) => {
                let watch = options.watch;
                self.options.send_replace(options);
                self.others.clear();
                if !watch {
                    self.leave().await;
                }
            }
        }
    }

    async fn ask_server<T>(
        &self,
        server: ProcessId,
        make: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Word,
    ) -> Result<T, Refused> {
        let watched = self.watched.get(&server).ok_or(Refused::Unknown)?;
        ask(watched, make).await.map_err(Refused::Cannot)
    }

    fn list(&self) -> Vec<ServerState> {
        let state = |watched: &Watched| {
            watched.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let mut all: Vec<_> = self.watched.values().map(state).collect();
        all.extend(self.others.values().map(|(_, state)| state.clone()));
        all.sort_by(|a, b| a.socket.cmp(&b.socket));
        all
    }

    async fn repair(&self, socket: Option<&Path>) -> Vec<(ServerState, Result<(), String>)> {
        let mut done = Vec::new();
        for watched in self.watched.values() {
            let state = watched.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let wanted = match socket {
                Some(path) => state.socket == path,
                None => !state.reachable || socket::file_at(&state.socket).is_none(),
            };
            if wanted {
                let repaired = ask(watched, Word::Repair).await;
                done.push((state, repaired));
            }
        }
        done
    }

    async fn leave(&mut self) {
        for (_, watched) in self.watched.drain() {
            let _ = watched.words.send(Word::Leave).await;
            let _ = timeout(Duration::from_secs(1), watched.task).await;
        }
    }
}

async fn ask<T>(
    watched: &Watched,
    make: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Word,
) -> Result<T, String> {
    let (answer, answered) = oneshot::channel();
    let told = async {
        watched.words.send(make(answer)).await.ok()?;
        answered.await.ok()
    };
    let late = || Err("its watcher does not answer".to_owned());
    timeout(ORDER, told).await.ok().flatten().unwrap_or_else(late)
}
