//! Takes connections over TCP. Switched on, off and over while the daemon runs.
//!
//! A port that somebody else has is no reason for a daemon not to start: it is said, and tried
//! again when somebody asks.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state};
use hyper::server::conn::http1;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wk_api::ListenerView;

use crate::{
    App,
    auth::{Gate, Mode, guard},
    connection::{FAREWELL, http, serve_http},
    routes,
};

/// The file in the runtime folder that says where the daemon listens.
pub const ADDRESS_FILE: &str = "http";

/// Connections that are served at a time.
const MOST: usize = 512;

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);

/// A daemon that was killed may keep its port for a moment.
const RETRIES: u32 = 20;
const RETRY: Duration = Duration::from_millis(100);

/// A connection ends when this does, though the daemon goes on.
#[derive(Clone, Debug)]
pub(crate) struct Closing(pub(crate) CancellationToken);

/// A handle on the listener. Clones share it.
#[derive(Clone, Debug)]
pub struct Listener {
    state: Arc<Mutex<State>>,
    orders: mpsc::Sender<(Switch, oneshot::Sender<()>)>,
    connections: Arc<AtomicU64>,
}

/// What can be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
    /// Off and on; by then the port may be free.
    Over,
    /// By new settings.
    To(Option<SocketAddr>),
}

#[derive(Debug)]
struct State {
    wanted: Option<SocketAddr>,
    address: Option<SocketAddr>,
    error: Option<String>,
    stopped: bool,
}

/// What serves the listener's handles.
#[derive(Debug)]
pub struct ListenerTask {
    listener: Listener,
    orders: mpsc::Receiver<(Switch, oneshot::Sender<()>)>,
    gate: Gate,
    /// Where the address is written down.
    file: PathBuf,
    open: Option<Open>,
    retries: u32,
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct Open {
    socket: TcpListener,
    closing: CancellationToken,
}

impl Listener {
    /// Listens, if it can be. Nobody is served before the task runs.
    pub async fn open(
        wanted: Option<SocketAddr>,
        gate: Gate,
        runtime: &Path,
    ) -> (Self, ListenerTask) {
        let (sender, orders) = mpsc::channel(8);
        let state = State { wanted, address: None, error: None, stopped: false };
        let listener = Self {
            state: Arc::new(Mutex::new(state)),
            orders: sender,
            connections: Arc::default(),
        };
        let mut task = ListenerTask {
            listener: listener.clone(),
            orders,
            gate,
            file: runtime.join(ADDRESS_FILE),
            open: None,
            retries: RETRIES,
            places: Arc::new(Semaphore::new(MOST)),
        };
        task.start().await;
        (listener, task)
    }

    /// Switches it; returns when that is done. Whether it listens then, [`Self::view`] tells.
    pub async fn switch(&self, switch: Switch) {
        let (done, told) = oneshot::channel();
        if self.orders.send((switch, done)).await.is_ok() {
            // The daemon may end meanwhile.
            let _ = told.await;
        }
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.state().address
    }

    /// How it stands.
    pub fn view(&self, gate: &Gate) -> ListenerView {
        let (state, policy) = (self.state(), gate.policy());
        ListenerView {
            listen: state.wanted.map(|address| address.to_string()),
            address: state.address.map(|address| address.to_string()),
            error: state.error.clone(),
            stopped: state.stopped,
            connections: self.connections.load(Ordering::Relaxed),
            mode: policy.mode.to_string(),
            tracking: policy.tracking.as_str().to_owned(),
            secret: policy.secret.is_some(),
        }
    }

    /// What is wrong with it, or dangerous about it, in sentences.
    pub fn warnings(&self, gate: &Gate) -> Vec<String> {
        let view = self.view(gate);
        let policy = gate.policy();
        let mut warnings: Vec<_> = view.error.into_iter().collect();
        if view.address.is_some() && policy.mode == Mode::Open {
            warnings.push(
                "[auth] mode is \"open\": every program and user of this machine may see which \
                 sessions there are; this is for development only"
                    .into(),
            );
        }
        if policy.mode == Mode::Jwt && policy.secret.is_none() {
            warnings.push(
                "[auth] mode is \"jwt\", but there is no usable secret: set \
                 WATCHKEEPER_AUTH_SECRET or [auth] secret_file to at least 32 characters"
                    .into(),
            );
        }
        warnings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ListenerTask {
    /// Serves until `app.ending` is cancelled, then lets requests under way finish.
    pub async fn run(mut self, app: App) {
        let ending = app.ending.clone();
        let router = routes::router(app);
        let router = router.layer(from_fn_with_state(self.gate.clone(), guard::arriving));
        let (http, connections) = (http(HEAD), TaskTracker::new());
        let mut again = self.again();
        loop {
            tokio::select! {
                accepted = accept(self.open.as_ref()) => match accepted {
                    Ok((stream, address)) => {
                        connections.spawn(self.serve(stream, address, &http, &router));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection over TCP");
                        // Out of descriptors, most likely: the next accept would fail at once.
                        sleep(Duration::from_millis(50)).await;
                    }
                },
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                    self.start().await;
                    again = self.again();
                }
                Some((switch, done)) = self.orders.recv() => {
                    again = None;
                    self.switch(switch).await;
                    let _ = done.send(());
                }
                () = ending.cancelled() => break,
            }
        }
        self.stop();
        connections.close();
        let _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
    }

    async fn switch(&mut self, switch: Switch) {
        match switch {
            Switch::Off => {
                self.stop();
                self.listener.state().stopped = true;
            }
            Switch::On | Switch::Over => {
                if switch == Switch::Over {
                    self.stop();
                }
                self.listener.state().stopped = false;
                self.start().await;
            }
            Switch::To(wanted) => {
                let same = self.listener.state().wanted == wanted;
                self.listener.state().wanted = wanted;
                if !same || self.open.is_none() || self.forbidden(wanted).is_some() {
                    self.stop();
                    self.start().await;
                }
            }
        }
    }

    /// When to try again, while a port is likely to become free.
    fn again(&mut self) -> Option<Instant> {
        let waits = self.open.is_none() && self.listener.state().error.is_some();
        if !waits || self.retries == 0 {
            return None;
        }
        self.retries -= 1;
        Some(Instant::now() + RETRY)
    }

    async fn start(&mut self) {
        let (wanted, stopped) = {
            let state = self.listener.state();
            (state.wanted, state.stopped)
        };
        let Some(wanted) = wanted.filter(|_| !stopped && self.open.is_none()) else { return };
        let bound = match self.forbidden(Some(wanted)) {
            Some(why) => Err(why),
            None => bind(wanted).await.map_err(|error| explain(wanted, &error)),
        };
        match bound {
            Ok((socket, address)) => {
                tracing::info!(%address, mode = %self.gate.policy().mode, "listening over TCP");
                if let Err(error) = write_down(&self.file, address) {
                    tracing::warn!(%error, "cannot write down where the daemon listens");
                }
                self.open = Some(Open { socket, closing: CancellationToken::new() });
                let mut state = self.listener.state();
                (state.address, state.error) = (Some(address), None);
            }
            Err(why) => {
                let told = self.listener.state().error.replace(why.clone()) == Some(why.clone());
                if !told {
                    tracing::warn!(why, "does not listen over TCP");
                }
            }
        }
    }

    fn forbidden(&self, wanted: Option<SocketAddr>) -> Option<String> {
        let open = self.gate.policy().mode == Mode::Open;
        let wanted = wanted.filter(|wanted| open && !wanted.ip().is_loopback())?;
        Some(format!("does not listen at {wanted}: [auth] mode \"open\" is for the loopback only"))
    }

    fn stop(&mut self) {
        if let Some(open) = self.open.take() {
            open.closing.cancel();
            // It would lead to somebody else.
            let _ = std::fs::remove_file(&self.file);
        }
        let mut state = self.listener.state();
        (state.address, state.error) = (None, None);
    }

    fn serve(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        http: &http1::Builder,
        router: &Router,
    ) -> impl Future<Output = ()> + use<> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let closing = self.open.as_ref().map(|open| open.closing.clone()).unwrap_or_default();
        let (http, router) = (http.clone(), router.clone());
        let count = Count::new(&self.listener.connections);
        async move {
            let _counted = count;
            let Some(_place): Option<OwnedSemaphorePermit> = place else {
                return turn_away(&stream);
            };
            // Answers are small and wanted at once.
            let _ = stream.set_nodelay(true);
            let mark = |request: &mut hyper::Request<_>| {
                request.extensions_mut().insert(guard::Remote(address));
                request.extensions_mut().insert(Closing(closing.clone()));
            };
            serve_http(stream, &http, router, mark, closing.clone()).await;
        }
    }
}

/// Counts a connection for as long as it is there.
struct Count(Arc<AtomicU64>);

impl Count {
    fn new(counter: &Arc<AtomicU64>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept(open: Option<&Open>) -> io::Result<(TcpStream, SocketAddr)> {
    match open {
        Some(open) => open.socket.accept().await,
        None => std::future::pending().await,
    }
}

async fn bind(wanted: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind(wanted).await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn explain(wanted: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "does not listen at {wanted}: another program does; stop it or set `[server] listen`, \
             then `wk mcp restart`"
        ),
        _ => format!("does not listen at {wanted}: {error}; see `[server] listen`"),
    }
}

/// Says in one word that all places are taken.
fn turn_away(stream: &TcpStream) {
    let busy =
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // What fits into the socket at once.
    let _ = stream.try_write(busy);
}

fn write_down(path: &Path, address: SocketAddr) -> io::Result<()> {
    use io::Write;
    let new = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    writeln!(file, "{address}")?;
    std::fs::rename(&new, path)
}
