//! The daemon: wiring, and the driver that acts.
//!
//! ```text
//! server ──orders──▶ driver ──▶ holders
//!                      ▲  └───▶ journal
//! holders ──reports────┘
//! ```
//!
//! It may end at any moment, and by any means: sessions belong to their holders, the truth to
//! their records and the journal. What was under way is taken up by [`adopt`] of the next one.

mod adopt;
mod autopsy;
mod awake;
mod before;
mod breakers;
mod cleanup;
mod core;
mod create;
mod door;
mod driver;
mod gate;
mod health;
mod hooks;
mod instance;
mod limits;
mod lock;
mod log;
mod lost;
mod mailbox;
mod memory;
mod on_finish;
mod queue;
mod recover;
mod resolve;
mod restart;
mod salvage;
mod sinks;
mod stop;
mod tmux;
mod tokens;
mod track;
mod turns;
mod witness;
mod working_directory;
mod world;

use std::{io::Write, os::fd::OwnedFd, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use wk_client::Places;
use wk_holder::host;
use wk_journal::Journal;
use wk_model::Change;
use wk_server::{App, Board, Collector, Listener, Sessions};
use wk_sinks::rules;

use self::{core::Core, door::Door, lock::Lock};
use crate::config::Settings;

pub(crate) use self::{
    hooks::{hook_settings, last_heard},
    log::{FILE as LOG_FILE, FOLDER as LOG_FOLDER},
    witness::{WITNESS_LOG, last_words, witness_command, witness_program},
    world::{daemon_environment, holder_program, own_program},
};

/// Orders and reports that may wait.
const WAITING: usize = 1024;

/// How long callers wait for sessions of an earlier daemon to be adopted.
const ADOPTION: Duration = Duration::from_millis(500);

/// Runs until it is told to stop; writes one byte to `ready` when its socket listens.
pub(crate) fn run(
    places: Places,
    settings: Settings,
    ready: Option<OwnedFd>,
) -> anyhow::Result<()> {
    gate::take_secret();
    places.make()?;
    let lock = Arc::new(lock::lock(&places)?);
    memory::keep_small();
    let _log = log::start(&places, &settings)?;
    world::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(512 << 10)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(watch(places, settings, &lock, ready));
    // A thread may hang on a network that is down: it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match &result {
        Ok(()) => tracing::info!("the daemon ends; sessions go on"),
        Err(error) => tracing::error!(error = format!("{error:#}"), "the daemon ends"),
    }
    result
}

async fn watch(
    places: Places,
    settings: Settings,
    lock: &Arc<Lock>,
    ready: Option<OwnedFd>,
) -> anyhow::Result<()> {
    let started_at = host::now().time;
    let (journal, set_aside) = open_journal(&places).await?;
    let (reports, heard) = mpsc::channel(WAITING);
    let (orders, ordered) = mpsc::channel(WAITING);
    let ending = CancellationToken::new();
    let mut warnings = Vec::new();
    let gate = gate::open(&places, &settings, &mut warnings);
    let max_payload = usize::try_from(settings.hooks.max_payload).unwrap_or(usize::MAX);
    let collector = Collector::new(journal.clone(), max_payload, settings.privacy);
    let (listener, over_tcp) =
        Listener::open(settings.server.listen, gate.clone(), &places.runtime).await;
    let core = Arc::new(Core::new(
        places.clone(),
        journal.clone(),
        world::cgroups(&mut warnings),
        (holder_program()?, world::daemon_command()?),
        reports,
        settings,
        (gate.clone(), listener.clone(), collector.clone()),
    ));
    let me = host::identify(std::process::id())?.context("cannot read /proc: is it mounted?")?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    core.journal_in_time(None, Change::DaemonStarted { process: me, version }).await?;
    if let Some(place) = set_aside {
        let place = place.display();
        warnings.push(format!("the journal was damaged; it is kept as `{place}`"));
        salvage::salvage(&core).await;
    }

    let (door, unix) = Door::open(&places, lock)?;
    let (renew, renewed) = mpsc::channel(1);
    // Before anybody finds out what has ended meanwhile.
    let stock = witness::take_stock(&core);
    let witness = tokio::spawn(witness::run(core.clone(), stock, ending.clone()));
    tokio::spawn(door.keep(renew));
    let driver = tokio::spawn(driver::run(core.clone(), ordered, heard, ending.clone()));
    // A holder that does not answer holds up nobody but those who ask for it.
    let adopting = tokio::spawn(adopt::adopt(core.clone()));
    let _ = tokio::time::timeout(ADOPTION, adopting).await;
    let board = Board::default();
    tokio::spawn(health::run(core.clone(), board.clone(), ending.clone()));
    tokio::spawn(autopsy::run(core.clone(), ending.clone()));
    let tmux = tokio::spawn(tmux::run(core.clone(), board.clone(), ending.clone()));
    let hooks = tokio::spawn(hooks::run(core.clone(), ending.clone()));
    tokio::spawn(tokens::run(core.clone(), ending.clone()));
    tokio::spawn(track::run(core.clone(), ending.clone()));
    let queue = tokio::spawn(queue::run(core.clone(), ending.clone()));
    witness::first_try(&core).await;
    say_ready(ready);
    tracing::info!(sessions = journal.live().len(), "the daemon listens");
    let rules = rules::Board::default();
    let app = App {
        journal: journal.clone(),
        orders,
        sessions: Sessions::new(places.sessions(), board),
        socket: places.socket(),
        state: places.state.clone(),
        started_at,
        warnings: Arc::new(warnings),
        rules: rules.clone(),
        readers: core.upkeep.readers.clone(),
        gate,
        listener,
        collector,
        orphans: core.upkeep.orphans.clone(),
        ending: ending.clone(),
    };
    let upkeep = tokio::spawn(cleanup::run(core.clone(), ending.clone()));
    let tcp_server = tokio::spawn(over_tcp.run(app.clone()));
    let server = tokio::spawn(wk_server::serve(unix, renewed, app));
    let sinks = sinks::start(&core, rules, &ending);
    until_told(&core, &ending).await?;
    // A client of the next daemon must not find the door of this one.
    let _ = std::fs::remove_file(places.socket());
    ending.cancel();
    sinks.ended().await;
    server.await.context("the server failed")?;
    tcp_server.await.context("the TCP server failed")?;
    driver.await.context("the driver failed")?;
    upkeep.await.context("the upkeep failed")?;
    queue.await.context("the queue failed")?;
    witness.await.context("the witness's desk failed")?;
    tmux.await.context("watching tmux failed")?;
    hooks.await.context("hearing hooks failed")?;
    // It ends all the same.
    let _ = core.journal(None, Change::DaemonStopped).await;
    drop(core);
    journal.close().await;
    Ok(())
}

async fn open_journal(places: &Places) -> anyhow::Result<(Journal, Option<std::path::PathBuf>)> {
    let path = places.state.join("journal.db");
    let opened = tokio::task::spawn_blocking(move || Journal::open(&path)).await??;
    Ok((opened.journal, opened.set_aside))
}

fn say_ready(ready: Option<OwnedFd>) {
    if let Some(ready) = ready {
        // Whoever waited may have left.
        let _ = std::fs::File::from(ready).write_all(b"r");
    }
}

/// Waits for a signal or an order to end.
async fn until_told(core: &Core, ending: &CancellationToken) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = ending.cancelled() => return Ok(()),
            _ = hangup.recv() => if let Err(problem) = driver::reload(core).await {
                tracing::error!(detail = problem.detail, "kept the settings as they were");
            },
        }
    }
}
