//! The loop: the kernel's bell, new peers, and what peers ask.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::PathBuf,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{SocketFlags, accept_with},
};

use super::{
    board::{Board, ROUND},
    kernel::{self, Kernel, KernelError},
    peer::Peer,
    places::Places,
    privileges,
    ring::Ring,
    tell,
};
use crate::protocol::{Ask, MAX_ROOTS, Told, VERSION};

/// Connections in all, and of one user.
const MAX_PEERS: usize = 256;
const MAX_PEERS_OF_ONE: usize = 32;

/// While a record is being written: the bell rings when it is, but not if its writer failed.
const SOON: Duration = Duration::from_millis(5);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub folder: PathBuf,
    /// Take the recorder away instead of running it.
    pub remove: bool,
}

/// Why there is no witness.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("another witness runs for `{}`", .0.display())]
    Taken(PathBuf),
    #[error("cannot use the folder `{}`", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error("cannot give up rights")]
    Privileges(#[source] io::Error),
    #[error("cannot wait for peers")]
    Wait(#[source] io::Error),
}

/// Runs until it is killed. `ready` is called when peers are answered.
pub fn run(options: &Options, ready: impl FnOnce()) -> Result<(), ServeError> {
    let places = Places::new(&options.folder);
    let folder = |source| ServeError::Folder { path: options.folder.clone(), source };
    let lock = places.lock().map_err(folder)?;
    let lock = lock.ok_or_else(|| ServeError::Taken(options.folder.clone()))?;
    if options.remove {
        return Ok(kernel::remove(&places.pins)?);
    }
    let kernel = Kernel::open(&places.pins)?;
    give_memory_back();
    let ring = Ring::open(kernel.records.fd().as_fd(), kernel.state_map())
        .map_err(|source| KernelError::Pin { path: places.pins.clone(), source })?;
    let listener = places.listen().map_err(folder)?;
    privileges::drop_all_but_looking().map_err(ServeError::Privileges)?;
    let board = Board::load(&kernel);
    ready();
    Witness { _lock: lock, kernel, ring, listener, board, peers: Vec::new() }.serve()
}

/// The kernel's types took more memory than all that follows will.
fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a call of C")]
    // SAFETY: it only gives back what nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}

struct Witness {
    _lock: File,
    kernel: Kernel,
    ring: Ring,
    listener: UnixListener,
    board: Board,
    peers: Vec<Peer>,
}

impl Witness {
    fn serve(mut self) -> Result<(), ServeError> {
        loop {
            let woken = self.wait().map_err(ServeError::Wait)?;
            while self.kernel.bell.next().is_some() {}
            self.board.go_round(&mut self.kernel);
            if woken.door {
                self.let_in();
            }
            // Read once for all: it may change at any time, but not often.
            let hides = tell::proc_hides();
            let mut gone = Vec::new();
            for index in 0..self.peers.len() {
                let asked = woken.peers.get(index).copied().unwrap_or(true);
                if let Err(error) = self.turn(index, asked, hides) {
                    if error.kind() == io::ErrorKind::InvalidData {
                        eprintln!("wk-witness: cut off a peer: {error}");
                    }
                    gone.push(index);
                }
            }
            for index in gone.into_iter().rev() {
                let peer = self.peers.swap_remove(index);
                for process in peer.roots.iter().filter_map(|(root, counts)| counts.then_some(root))
                {
                    self.board.leave(process);
                }
            }
        }
    }

    /// Waits until somebody wants something.
    fn wait(&self) -> io::Result<Woken> {
        // SAFETY: the ring buffer's descriptor lives as long as the map.
        #[expect(unsafe_code, reason = "aya lends only the number")]
        let bell = unsafe { BorrowedFd::borrow_raw(self.kernel.bell.as_raw_fd()) };
        let mut polled = vec![
            PollFd::from_borrowed_fd(bell, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        for peer in &self.peers {
            let out = if peer.wants_out() { PollFlags::OUT } else { PollFlags::empty() };
            polled.push(PollFd::new(&peer.stream, PollFlags::IN | out));
        }
        let patience = if self.peers.iter().any(Peer::is_stalled) {
            Some(SOON)
        } else {
            (!self.board.is_empty()).then_some(ROUND)
        };
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut polled, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let asks = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        Ok(Woken {
            door: !polled[1].revents().is_empty(),
            peers: polled[2..].iter().map(|fd| fd.revents().intersects(asks)).collect(),
        })
    }

    fn let_in(&mut self) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // Nobody waits any more, or there are no descriptors left.
        while let Ok(stream) = accept_with(&self.listener, flags) {
            let dropped = |uid: u32| self.kernel.lost.get(&uid, 0).unwrap_or(0);
            let stream: OwnedFd = stream;
            let Ok(peer) = Peer::new(stream.into(), self.ring.head(), dropped) else { continue };
            let of_one = self.peers.iter().filter(|other| other.uid == peer.uid).count();
            if self.peers.len() < MAX_PEERS && of_one < MAX_PEERS_OF_ONE {
                self.peers.push(peer);
            }
        }
    }

    /// Hears what a peer asks, and tells it what there is.
    fn turn(&mut self, index: usize, asked: bool, hides: bool) -> io::Result<()> {
        if asked {
            for line in self.peers[index].receive()? {
                self.hear(index, &line)?;
            }
        }
        let peer = &mut self.peers[index];
        if peer.greeted {
            peer.tell_dropped(self.kernel.lost.get(&peer.uid, 0).unwrap_or(0));
            peer.advance(&self.ring, hides)?;
        } else {
            peer.advance_silently()?;
        }
        if peer.is_hopeless() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it asks, but does not listen"));
        }
        Ok(())
    }

    fn hear(&mut self, index: usize, line: &[u8]) -> io::Result<()> {
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let Self { kernel, ring, board, peers, .. } = self;
        let peer = &mut peers[index];
        let ask = match serde_json::from_slice::<Ask>(line) {
            Ok(ask) => ask,
            Err(error) => {
                let reason = format!("not understood: {error}");
                peer.say(&Told::Refused { reason, process: None });
                return Ok(());
            }
        };
        match ask {
            Ask::Hello { version } => {
                if version != VERSION {
                    let reason = format!("this witness speaks version {VERSION}, not {version}");
                    peer.say(&Told::Refused { reason, process: None });
                    return Ok(());
                }
                peer.greeted = true;
                peer.say(&Told::Welcome {
                    version: VERSION,
                    program: env!("CARGO_PKG_VERSION").to_owned(),
                    generation: kernel.generation(),
                    started: tell::moment(kernel.state.started_ns),
                    dropped: kernel.lost.get(&peer.uid, 0).unwrap_or(0),
                    missing: kernel.missing.clone(),
                });
            }
            _ if !peer.greeted => return Err(bad("it did not say hello")),
            Ask::Watch { process } => {
                if peer.roots.contains_key(&process) {
                    return Ok(());
                }
                if peer.roots.len() >= MAX_ROOTS {
                    let reason = format!("more than {MAX_ROOTS} processes cannot be watched");
                    peer.say(&Told::Refused { reason, process: Some(process) });
                    return Ok(());
                }
                match board.watch(kernel, &process, peer.uid) {
                    Ok(counts) => {
                        peer.roots.insert(process, counts);
                        // Whose the records are is in them, so that the dead need no owner.
                        peer.recall(process);
                    }
                    Err(reason) => peer.say(&Told::Refused { reason, process: Some(process) }),
                }
            }
            Ask::Unwatch { process } => {
                if peer.roots.remove(&process) == Some(true) {
                    board.unwatch(kernel, &process);
                }
            }
            Ask::Replay { after } => peer.replay(after, ring.head()),
            Ask::Commands { wanted } => {
                peer.commands = wanted;
                if wanted && let Err(error) = kernel.commands.insert(peer.uid, 1, 0) {
                    let reason = format!("no more users can be told of commands: {error}");
                    peer.say(&Told::Refused { reason, process: None });
                }
            }
            Ask::Sync { number } => {
                if !peer.sync(number, ring.head()) {
                    return Err(bad("too many questions at once"));
                }
            }
        }
        Ok(())
    }
}

/// Who wants something.
struct Woken {
    door: bool,
    peers: Vec<bool>,
}
