//! Starting a daemon when there is something to tell and nobody answers.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, net::UnixStream, process::CommandExt},
    process::{Command, Stdio},
};

use wk_holder::spec::Launch;
use wk_model::OsText;

use super::launch;

/// How to reach a daemon.
#[derive(Debug)]
pub(crate) struct Summons {
    socket: OsText,
    command: Vec<OsText>,
    environment: Vec<OsText>,
}

impl Summons {
    pub(crate) fn new(launch: &Launch) -> Self {
        Self {
            socket: launch.daemon_socket.clone(),
            command: launch.daemon_command.clone(),
            environment: launch.daemon_environment.clone(),
        }
    }

    /// Starts a daemon, unless one listens. Two that are started at once agree by a lock.
    pub(crate) fn summon(&self) {
        let [program, arguments @ ..] = self.command.as_slice() else { return };
        if UnixStream::connect(launch::path(&self.socket)).is_ok() {
            return;
        }
        let os = |text: &OsText| OsStr::from_bytes(text.as_bytes()).to_owned();
        let mut command = Command::new(os(program));
        command.args(arguments.iter().map(os)).env_clear();
        for variable in &self.environment {
            let bytes = variable.as_bytes();
            if let Some(at) = bytes.iter().position(|byte| *byte == b'=') {
                let (name, value) = (&bytes[..at], &bytes[at + 1..]);
                command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: one async-signal-safe call.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                Ok(())
            });
        }
        // Not waited for: it outlives the holder. Where it cannot be started, the next `wk`
        // command starts one, and finds the exit record.
        drop(command.spawn());
    }
}
