//! What a command leaves behind each time that it is started: a line with the moment.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
    process,
};

use anyhow::Context;
use rustix::process::{Resource, Rlimit, setrlimit};
use wk_holder::host;

/// Adds the moment of this spawn (`CLOCK_BOOTTIME`, which is monotonic) to a file, and says
/// which spawn it is, from 1.
pub fn note(file: &Path) -> anyhow::Result<usize> {
    let now = host::now().boot_ns;
    let mut spawns = OpenOptions::new().append(true).create(true).open(file)?;
    // One write: lines of two processes never mix.
    spawns.write_all(format!("{now}\n").as_bytes())?;
    Ok(read(file)?.len())
}

/// The moments of all spawns so far; none where nothing was started yet.
pub fn read(file: &Path) -> anyhow::Result<Vec<u64>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    text.lines().map(|line| line.parse().context("a spawn without its moment")).collect()
}

/// Milliseconds between each spawn and the next.
pub fn intervals(spawns: &[u64]) -> Vec<u64> {
    spawns.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000).collect()
}

/// Dies of SIGABRT, without a core file.
pub fn crash() -> ! {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spawn_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("spawns");
        assert_eq!(read(&file).unwrap(), Vec::<u64>::new());
        assert_eq!((note(&file).unwrap(), note(&file).unwrap()), (1, 2));
        assert_eq!(intervals(&[1_000_000, 4_000_000, 9_000_000]), [3, 5]);
    }
}
