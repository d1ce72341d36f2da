//! A program that prints numbered lines until it is told to end, and the check that none of
//! them is missing or torn.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::{
    thread::clock_nanosleep_absolute,
    time::{ClockId, Timespec, clock_gettime},
};
use wk_holder::host;
use wk_model::ProcessId;

/// 125 lines a second.
const PACE: Duration = Duration::from_millis(8);

/// It ends by itself after so many: nobody has to find it.
const MOST: u64 = 125 * 600;

const FILL: &str = "the quick brown fox jumps over the lazy dog and the dog lets it pass";

/// Prints until SIGTERM or SIGHUP, and says how many lines that were.
///
/// Leaves a file in `folder` that tells of this process: whoever counts the files of `name`
/// knows how often it was started.
pub fn print(folder: &Path, name: &str) -> anyhow::Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, told.clone())?;
    }
    let pid = std::process::id();
    let me = host::identify(pid)?.context("cannot tell who this process is")?;
    fs::write(folder.join(format!("{name}.{pid}")), serde_json::to_vec(&me)?)?;

    let mut out = std::io::stdout().lock();
    let mut next = clock_gettime(ClockId::Monotonic);
    let mut number = 0;
    writeln!(out, "start {pid}")?;
    while number < MOST && !told.load(Ordering::Relaxed) {
        number += 1;
        // One write each: a signal cannot come between.
        out.write_all(line(number).as_bytes())?;
        out.flush()?;
        next = later(next);
        // A signal cuts it short, which is what it is for.
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &next);
    }
    writeln!(out, "done {number}")?;
    Ok(out.flush()?)
}

/// Everybody that [`print`] was started as, by name.
pub fn started(folder: &Path) -> anyhow::Result<Vec<(String, ProcessId)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("a file without a name")?.to_string_lossy();
        // Where it is being written, it is the next look that finds it.
        if let Ok(process) = serde_json::from_slice(&fs::read(&path)?) {
            found.push((name.into_owned(), process));
        }
    }
    Ok(found)
}

/// Checks what a terminal showed of one printer; returns how many lines it had.
pub fn check(text: &str, process: &ProcessId) -> anyhow::Result<u64> {
    let mut lines = text.split_terminator("\r\n");
    let first = lines.next().context("it shows nothing")?;
    ensure!(first == format!("start {}", process.pid), "it begins with {first:?}");
    let mut number = 0;
    for found in lines {
        if found == format!("done {number}") {
            return Ok(number);
        }
        number += 1;
        ensure!(found == line(number).trim_end(), "line {number} is {found:?}");
    }
    anyhow::bail!("it breaks off after line {number}")
}

fn line(number: u64) -> String {
    let fill = &FILL[..number as usize % FILL.len()];
    format!("line {number} {fill}|\n")
}

fn later(time: Timespec) -> Timespec {
    let nanoseconds = time.tv_nsec + i64::from(PACE.subsec_nanos());
    Timespec {
        tv_sec: time.tv_sec + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> ProcessId {
        ProcessId { boot: host::boot_id(), pid: 7, start_time: 1 }
    }

    fn text(numbers: &[u64], end: &str) -> String {
        let lines: String = numbers.iter().map(|number| line(*number)).collect();
        format!("start 7\n{lines}{end}").replace('\n', "\r\n")
    }

    #[test]
    fn a_whole_text_is_counted() {
        assert_eq!(check(&text(&[1, 2, 3], "done 3\n"), &process()).unwrap(), 3);
    }

    #[test]
    fn what_is_missing_torn_or_told_twice_is_found() {
        for bad in [
            text(&[1, 3], "done 3\n"),
            text(&[1, 2, 2], "done 2\n"),
            text(&[1, 2], ""),
            text(&[1, 2], "done 3\n"),
            text(&[1, 2, 3], "done 3\n").replace("line 3 the|", "line 3 t"),
            text(&[1], "done 1\n").replace("start 7", "start 8"),
        ] {
            assert!(check(&bad, &process()).is_err(), "{bad:?}");
        }
    }
}
