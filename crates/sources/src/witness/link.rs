//! One connection after the other.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use wk_model::{WitnessLost, WitnessStarted};
use wk_witness::protocol::{Ask, MAX_TOLD, Told, VERSION};

use super::{Looking, Order, Report, Shared};
use crate::folder_watch::FolderWatch;

/// A witness that is well answers in well under a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries: not sooner, and not later, whatever the folder says.
const SOONEST: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(30);

pub(super) struct Link {
    socket: PathBuf,
    shared: Arc<Shared>,
    out: mpsc::Sender<Report>,
}

/// Why there is no connection any more.
enum Over {
    /// Nobody needs it.
    Done,
    Broken(String),
}

impl Link {
    pub(super) fn new(socket: PathBuf, shared: Arc<Shared>, out: mpsc::Sender<Report>) -> Self {
        Self { socket, shared, out }
    }

    pub(super) async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut pause = SOONEST;
        loop {
            // Watched first: a socket that is made between the try and the wait is seen.
            let mut folder = nearest(&self.socket).and_then(|at| FolderWatch::new(&at).ok());
            match connect(&self.socket).await {
                Ok((wire, looking)) => {
                    pause = SOONEST;
                    match self.listen(wire, looking, &mut orders).await {
                        Over::Done => return,
                        Over::Broken(why) => {
                            drop(self.shared.state.send_replace(Err(why.clone())));
                            let lost = WitnessLost { reason: why, records: None };
                            if self.out.send(Report::Lost(lost)).await.is_err() {
                                return;
                            }
                        }
                    }
                }
                Err(why) => drop(self.shared.state.send_replace(Err(why))),
            }
            sleep(pause).await;
            let changed = async {
                match &mut folder {
                    Some(folder) => drop(folder.changed().await),
                    None => std::future::pending().await,
                }
            };
            let wait = timeout(LATEST, changed);
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    _ = &mut wait => break,
                    order = orders.recv() => match order {
                        // The next connection begins with all that is watched.
                        Some(Order::Watch(_) | Order::Unwatch(_)) => {}
                        Some(Order::Sync(nobody)) => drop(nobody),
                        None => return,
                    },
                }
            }
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn listen(
        &self,
        mut wire: Wire,
        looking: Looking,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Over {
        wire.say(&Ask::Commands { wanted: true });
        // What was asked for while nobody listened is among them.
        while orders.try_recv().is_ok() {}
        let roots: Vec<_> = self.shared.roots().iter().copied().collect();
        for process in roots {
            wire.say(&Ask::Watch { process });
        }
        let generation = looking.generation.clone();
        let started = WitnessStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: generation.clone(),
        };
        if self.out.send(Report::Started(started)).await.is_err() {
            return Over::Done;
        }
        drop(self.shared.state.send_replace(Ok(looking)));
        let mut syncs: HashMap<u64, oneshot::Sender<()>> = HashMap::new();
        let mut number = 0;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Watch(process)) => wire.say(&Ask::Watch { process }),
                    Some(Order::Unwatch(process)) => wire.say(&Ask::Unwatch { process }),
                    Some(Order::Sync(done)) => {
                        number += 1;
                        syncs.retain(|_, waits| !waits.is_closed());
                        syncs.insert(number, done);
                        wire.say(&Ask::Sync { number });
                    }
                    None => return Over::Done,
                },
                told = wire.hear() => match told {
                    Ok(Some(Told::Synced { number })) => {
                        if let Some(done) = syncs.remove(&number) {
                            // Its patience may have ended.
                            let _ = done.send(());
                        }
                    }
                    Ok(Some(told)) => {
                        if let Some(report) = report(&generation, told)
                            && self.out.send(report).await.is_err()
                        {
                            return Over::Done;
                        }
                    }
                    Ok(None) => return Over::Broken("the witness has ended".to_owned()),
                    Err(error) => {
                        return Over::Broken(format!("the witness cannot be understood: {error}"));
                    }
                },
            }
        }
    }
}

/// Says hello to whoever listens there.
pub(super) async fn connect(socket: &Path) -> Result<(Wire, Looking), String> {
    let place = socket.display();
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("no witness runs: there is no `{place}`"),
        io::ErrorKind::ConnectionRefused => {
            format!("no witness runs: nobody listens at `{place}`")
        }
        _ => format!("the witness at `{place}` cannot be reached: {error}"),
    })?;
    let mut wire = Wire::new(stream);
    wire.say(&Ask::Hello { version: VERSION });
    let told = timeout(PATIENCE, wire.hear()).await;
    match told.map_err(|_| "the witness does not answer".to_owned())? {
        Ok(Some(Told::Welcome { generation, started, missing, .. })) => {
            Ok((wire, Looking { since: started, generation, missing }))
        }
        Ok(Some(Told::Refused { reason, .. })) => Err(format!("the witness refused: {reason}")),
        Ok(Some(_)) => Err("the witness said no welcome".to_owned()),
        Ok(None) => Err("the witness hung up".to_owned()),
        Err(error) => Err(format!("the witness cannot be understood: {error}")),
    }
}

fn report(generation: &str, told: Told) -> Option<Report> {
    match told {
        Told::Record { number, at, change } => {
            Some(Report::Record { generation: generation.to_owned(), number, at, change })
        }
        Told::Lost { records, reason } => {
            Some(Report::Lost(WitnessLost { reason, records: Some(records) }))
        }
        Told::Refused { reason, process } => {
            tracing::debug!(reason, ?process, "the witness refused");
            None
        }
        Told::Welcome { .. } | Told::Synced { .. } => None,
    }
}

/// The folder of the socket, or the one where it will be made.
fn nearest(socket: &Path) -> Option<PathBuf> {
    let folder = socket.ancestors().skip(1).find(|folder| folder.is_dir());
    folder.map(Path::to_owned)
}

/// Lines both ways. Writing waits for nobody: what is asked is small, and a witness that does
/// not read it ends the connection.
pub(super) struct Wire {
    reader: BufReader<OwnedReadHalf>,
    /// The beginning of a line whose end is still to come.
    line: Vec<u8>,
    writer: mpsc::UnboundedSender<Vec<u8>>,
}

impl Wire {
    fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        let (send, sent) = mpsc::unbounded_channel();
        tokio::spawn(write(writer, sent));
        Self { reader: BufReader::new(reader), line: Vec::new(), writer: send }
    }

    fn say(&self, ask: &Ask) {
        // Numbers and words: it can be written. A broken connection is noticed by its reader.
        if let Ok(mut line) = serde_json::to_vec(ask) {
            line.push(b'\n');
            let _ = self.writer.send(line);
        }
    }

    /// The next line; none at the end. Loses nothing when it is cancelled.
    async fn hear(&mut self) -> io::Result<Option<Told>> {
        loop {
            let room = (MAX_TOLD + 1).saturating_sub(self.line.len()) as u64;
            let mut limited = (&mut self.reader).take(room);
            limited.read_until(b'\n', &mut self.line).await?;
            if self.line.last() != Some(&b'\n') {
                return match self.line.len() {
                    length if length > MAX_TOLD => Err(io::ErrorKind::InvalidData.into()),
                    _ => Ok(None),
                };
            }
            let line = std::mem::take(&mut self.line);
            match serde_json::from_slice(&line) {
                Ok(told) => return Ok(Some(told)),
                // A newer witness may have more to say than is understood here.
                Err(error) => tracing::debug!(%error, "skipped a line of the witness"),
            }
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}
