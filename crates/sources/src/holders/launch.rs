//! Starts a holder.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{net::UnixStream, process::Command, time::timeout};
use wk_holder::{
    protocol::{HolderStatus, Reply, Request},
    spec::Launch,
};

use super::{Wire, WireError};

/// A holder that has not answered after so long is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// A holder that has started, and its connection.
#[derive(Debug)]
pub struct Launched {
    pub status: HolderStatus,
    pub(crate) wire: Wire,
}

/// Why no holder runs the attempt.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("cannot start `{program}`")]
    Spawn { program: String, source: io::Error },
    /// The attempt may run all the same: its claim in the folder tells.
    #[error("the holder did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the holder ended before it answered")]
    Ended,
    #[error("the holder refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Starts `program` as the holder of one attempt, and waits until the command runs or could
/// not be executed.
///
/// The holder is born in a session of its own, with nothing of ours but one end of a socket
/// as its descriptor 0.
pub async fn launch(program: &Path, order: Launch) -> Result<Launched, LaunchError> {
    let spawned = |source| LaunchError::Spawn { program: program.display().to_string(), source };
    let (ours, theirs) = StdStream::pair().map_err(spawned)?;
    ours.set_nonblocking(true).map_err(spawned)?;
    let mut child = Command::new(program)
        .arg0("wk-holder")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(spawned)?;
    // Reaped by whoever lives when it ends: us, or init after us.
    tokio::spawn(async move { child.wait().await });

    let mut wire = Wire::new(UnixStream::from_std(ours).map_err(spawned)?);
    wire.send(&Request::Launch(Box::new(order))).await?;
    loop {
        let reply = timeout(PATIENCE, wire.receive()).await.map_err(|_| LaunchError::Silent)??;
        match reply {
            Some(Reply::Status(status)) => return Ok(Launched { status: *status, wire }),
            Some(Reply::Refused(why)) => return Err(LaunchError::Refused(why)),
            Some(_) => {}
            None => return Err(LaunchError::Ended),
        }
    }
}
