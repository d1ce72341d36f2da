//! Finds a holder again, and attaches clients to it.

use std::{io, path::Path, time::Duration};

use rustix::process::Signal;
use tokio::{
    net::UnixStream,
    time::{sleep, timeout},
};
use wk_holder::{
    host,
    protocol::{AttachRequest, Hello, HolderStatus, Reply, Request, VERSION},
};
use wk_model::{Liveness, ProcessId, SessionId};

use super::{Launched, Wire, WireError};
use crate::{folder_watch::FolderWatch, process_watch::ProcessWatch};

/// A holder that is well answers in well under a millisecond.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a holder cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Its process is gone.
    #[error("the holder is gone")]
    Gone,
    /// It lives, as far as anybody can tell, but does not answer.
    #[error("the holder does not answer: {0}")]
    Silent(String),
    /// Somebody else listens there.
    #[error("`{path}` is not answered by the holder of {session_id}")]
    Impostor { path: String, session_id: SessionId },
}

impl From<WireError> for ConnectError {
    fn from(error: WireError) -> Self {
        Self::Silent(error.to_string())
    }
}

/// Connects to the holder of a session, after proof that it is the one that was started.
///
/// Where its socket was removed, the holder is asked by signal to make it anew.
pub async fn connect(
    socket: &Path,
    session_id: SessionId,
    holder: ProcessId,
) -> Result<Launched, ConnectError> {
    let mut wire = Wire::new(proven(socket, session_id, holder).await?);
    wire.send(&Request::Hello(Hello { version: VERSION })).await?;
    let status = timeout(PATIENCE, status(&mut wire)).await.map_err(|_| stopped())??;
    if status.session_id != session_id || status.holder != holder {
        return Err(ConnectError::Impostor { path: socket.display().to_string(), session_id });
    }
    Ok(Launched { status, wire })
}

/// A connection whose other end is that very holder, by the kernel's word.
async fn proven(
    socket: &Path,
    session_id: SessionId,
    holder: ProcessId,
) -> Result<UnixStream, ConnectError> {
    let connected = timeout(PATIENCE, UnixStream::connect(socket)).await;
    let stream = match connected.map_err(|_| stopped())? {
        Ok(stream) => stream,
        Err(error) if host::liveness(&holder) == Liveness::Dead => {
            tracing::debug!(%session_id, %error, "a holder is gone");
            return Err(ConnectError::Gone);
        }
        Err(_) => renewed(socket, &holder).await?,
    };
    let peer = stream.peer_cred().map_err(|error| ConnectError::Silent(error.to_string()))?;
    if peer.pid() != i32::try_from(holder.pid).ok() || host::liveness(&holder) != Liveness::Alive {
        return Err(ConnectError::Impostor { path: socket.display().to_string(), session_id });
    }
    Ok(stream)
}

fn stopped() -> ConnectError {
    ConnectError::Silent("no answer; is it stopped?".into())
}

async fn status(wire: &mut Wire) -> Result<HolderStatus, ConnectError> {
    loop {
        match wire.receive().await? {
            Some(Reply::Status(status)) => return Ok(*status),
            Some(Reply::Refused(why)) => return Err(ConnectError::Silent(why)),
            Some(_) => {}
            None => return Err(ConnectError::Silent("it hung up".into())),
        }
    }
}

/// Asks a living holder for a new socket, and connects to that.
async fn renewed(socket: &Path, holder: &ProcessId) -> Result<UnixStream, ConnectError> {
    let silent = |why: io::Error| ConnectError::Silent(why.to_string());
    let Some(process) = ProcessWatch::new(holder).map_err(silent)? else {
        return Err(ConnectError::Gone);
    };
    // Watch first, ask then: the socket cannot appear unseen in between.
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let mut sockets = FolderWatch::new(folder).map_err(silent)?;
    process.signal(Signal::USR1).map_err(silent)?;
    let connected = async {
        loop {
            if let Ok(stream) = UnixStream::connect(socket).await {
                return Ok(stream);
            }
            sockets.changed().await.map_err(silent)?;
            // `bind` makes the file, `listen` makes it answer: a moment lies between.
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        connected = connected => connected,
        _ = process.ended() => Err(ConnectError::Gone),
        () = sleep(PATIENCE) => {
            Err(ConnectError::Silent("its socket is gone, and it made no new one".into()))
        }
    }
}

/// Opens a connection on which a client attaches; from here on both sides speak for themselves.
///
/// The holder is proven, and its socket made anew, as [`connect`] does.
pub async fn attach(
    socket: &Path,
    session_id: SessionId,
    holder: ProcessId,
    request: AttachRequest,
) -> Result<UnixStream, ConnectError> {
    let mut wire = Wire::new(proven(socket, session_id, holder).await?);
    wire.send(&Request::Attach(request)).await?;
    Ok(wire.into_stream())
}
