//! What went wrong in hooks: a small file, for nobody else may be told.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use wk_hook::clock;

/// The file in the folder of records, and its predecessor.
const FILE: &str = "hook.log";
const OLD: &str = "hook.log.1";

/// Bytes after which a new one is begun.
const LONGEST: u64 = 128 << 10;

/// One line is cut here.
const LINE: usize = 1000;

#[derive(Clone, Debug)]
pub(crate) struct Log {
    folder: Option<PathBuf>,
}

impl Log {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Prints what is of interest with `HOOK_DEBUG=true` only.
    pub(crate) fn debug(&self, what: impl FnOnce() -> String) {
        if is_debug() {
            print(&line(&what()));
        }
    }

    /// Notes a failure; one that cannot be noted is lost. With `HOOK_DEBUG=true` it is printed.
    pub(crate) fn write(&self, what: &str) {
        let what = line(what);
        if is_debug() {
            print(&what);
        }
        let Some(folder) = &self.folder else { return };
        let path = folder.join(FILE);
        if fs::metadata(&path).is_ok_and(|found| found.len() > LONGEST) {
            let _ = fs::rename(&path, folder.join(OLD));
        }
        let time = jiff::Timestamp::from_millisecond(clock::wall_ms()).unwrap_or_default();
        let line = format!("{time:.3} [{}] {what}\n", std::process::id());
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let opened = options.open(&path).or_else(|_| {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            options.open(&path)
        });
        if let Ok(mut file) = opened {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

fn is_debug() -> bool {
    env::var_os("HOOK_DEBUG").is_some_and(|debug| debug == "true")
}

fn line(what: &str) -> String {
    what.chars().take(LINE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "wk-hook: {line}");
}
