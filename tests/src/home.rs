//! A user's places of their own, and the environment that leads to them.

use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::wk_program;

/// Folders for state, sockets and settings, and a home; removed with this.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Makes the folder; in `/tmp`, since a socket's path must be short.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("wk-").tempdir_in("/tmp");
        let folder = folder.expect("/tmp can be written");
        let home = Self { folder, variables: Vec::new() };
        std::fs::create_dir(home.work()).expect("a new folder can be written");
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("s")
    }

    pub fn runtime(&self) -> PathBuf {
        self.path().join("r")
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// Where commands run unless they are told otherwise.
    pub fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    pub fn socket(&self) -> PathBuf {
        self.runtime().join("wk.sock")
    }

    /// The folder of a session.
    pub fn session_folder(&self, id: &str) -> PathBuf {
        self.state().join("sessions").join(id)
    }

    /// The socket of a session's holder.
    pub fn holder_socket(&self, id: &str) -> PathBuf {
        self.runtime().join("h").join(format!("{id}-1"))
    }

    /// A command with a clean environment in which `wk` finds these places.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        command.env_clear().env("PATH", path).current_dir(self.work());
        command.env("HOME", self.path()).env("SHELL", "/bin/sh");
        command.env("LANG", "C.UTF-8").env("TZ", "UTC").env("TERM", "xterm-256color");
        command.env("WK_STATE_DIR", self.state()).env("WK_RUNTIME_DIR", self.runtime());
        command.env("WK_CONFIG", self.config());
        command.env("WK_WITNESS_DIR", self.path().join("w"));
        // Neither other tests' deaths nor the machine's own tmux servers are a test's business.
        command.env("WK_WITNESS_START", "off").env("TMUX_TMPDIR", self.path());
        command.env("WK_HOOKS_SESSION_FILE_DIR", self.path());
        // Tests run side by side: those that want a port ask for any.
        command.env("WK_SERVER_LISTEN", "none");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A call of `wk`.
    pub fn call<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(wk_program());
        command.args(words);
        command
    }

    /// Sets a variable for all that is called from here on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes the settings' file.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.config(), text).expect("the settings can be written");
    }

    /// Lets other users look in, as far as the programs themselves would let them.
    pub fn open_to_others(&self) {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(), open).expect("the folder is ours");
    }
}
