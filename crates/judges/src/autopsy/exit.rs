//! It ended by itself, and what its code and its last words say.

use wk_model::{Cause, Confidence};

use super::{
    ScreenNote,
    case::{Case, End},
    fault::{heap, heap_text, said},
    finding::Finding,
    words::{line, plain},
};
use crate::amount::bytes;

const SPACE_TEXTS: [&str; 3] = ["No space left on device", "ENOSPC", "Disk quota exceeded"];

/// A file system with less is full.
const FULL: u64 = 64 << 10;
/// With less it may well have been full a moment ago.
const LOW: u64 = 64 << 20;

/// The code it chose; none where a signal ended it, or nobody knows.
fn own_code(case: &Case) -> Option<i32> {
    match case.end {
        End::Code(code) => Some(code),
        End::Signal(_) | End::Unknown => None,
    }
}

pub(super) fn disk_full(case: &Case) -> Option<Finding> {
    let code = own_code(case).filter(|code| *code != 0 && !case.is_shell())?;
    let text = space_text(case)?;
    let (confidence, disk) = match free(case) {
        Some((path, free)) if free < FULL => (Confidence::Certain, Some((path, free))),
        Some((path, free)) if free < LOW => (Confidence::Likely, Some((path, free))),
        // There is room: a quota, or another file system.
        Some(_) => return None,
        None => (Confidence::Likely, None),
    };
    let left = disk.map(|(path, free)| format!("; {} is left on {}", bytes(free), plain(path)));
    let left = left.unwrap_or_default();
    let summary = format!("the disk was full: {}{left}", line(&text));
    let finding = Finding::new(Cause::DiskFull, confidence, summary)
        .advises("make room, or work on another file system: `df -h`");
    Some(match confidence {
        Confidence::Certain => finding,
        _ => finding.or(Cause::Failed, Confidence::Possible, format!("exited with code {code}")),
    })
}

pub(super) fn heap_exhausted(case: &Case) -> Option<Finding> {
    let code = own_code(case).filter(|code| *code != 0 && !case.is_shell())?;
    let text = heap_text(case)?;
    let other = format!("exited with code {code}");
    Some(heap(&text, Confidence::Likely).or(Cause::Failed, Confidence::Possible, other))
}

pub(super) fn completed(case: &Case) -> Option<Finding> {
    let code = own_code(case)?;
    let summary = match (code, case.is_shell()) {
        (0, false) => "ended by itself, with code 0".to_owned(),
        (0, true) => "closed by its user".to_owned(),
        (code, true) => format!("closed by its user; its last command had returned {code}"),
        _ => return None,
    };
    Some(Finding::new(Cause::Completed, Confidence::Certain, summary))
}

pub(super) fn failed(case: &Case) -> Option<Finding> {
    let code = own_code(case)?;
    let why = match code {
        127 => ": a command was not found",
        126 => ": a command could not be executed",
        _ => "",
    };
    let finding = Finding::new(
        Cause::Failed,
        Confidence::Certain,
        format!("ended by itself, with code {code}{why}"),
    );
    Some(match (space_text(case), free(case)) {
        (Some(text), _) => finding.or(Cause::DiskFull, Confidence::Possible, line(&text)),
        (None, Some((path, free))) if free < FULL => finding.or(
            Cause::DiskFull,
            Confidence::Possible,
            format!("{} is left on {}", bytes(free), plain(path)),
        ),
        _ => finding,
    })
}

fn space_text(case: &Case) -> Option<String> {
    let noted = case.screens().find_map(|note| match note {
        ScreenNote::NoSpace(text) => Some(text.clone()),
        _ => None,
    });
    noted.or_else(|| said(case, &SPACE_TEXTS))
}

/// The file system with the least room of those that were looked at.
fn free<'a>(case: &Case<'a>) -> Option<(&'a str, u64)> {
    let disks = case.screens().filter_map(|note| match note {
        ScreenNote::DiskFree { path, bytes } => Some((path.as_str(), *bytes)),
        _ => None,
    });
    disks.min_by_key(|(_, bytes)| *bytes)
}
