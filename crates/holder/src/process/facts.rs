//! What a process is and was given, as `/proc` and its environment tell.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use wk_model::OsText;

/// Arguments longer than this tell nobody more.
const MAX_ARGUMENTS: usize = 4096;

/// Whether a process ignores a signal.
pub(crate) fn ignores(pid: u32, signal: i32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    ignored.is_some_and(|set| signal > 0 && set >> (signal - 1) & 1 == 1)
}

/// The arguments of a process as text, with secrets masked.
pub(crate) fn arguments(pid: u32) -> Vec<String> {
    let mut line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.truncate(MAX_ARGUMENTS);
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let texts = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    wk_mask::mask_arguments(&texts.map(Cow::into_owned).collect::<Vec<_>>())
}

/// Whether a process is one of ours: a holder, or a daemon.
///
/// A daemon that was started from within a session is a descendant of it, and so are the
/// holders of the sessions that it starts; none of them is part of that session.
pub(crate) fn is_ours(pid: u32) -> bool {
    static OWN: OnceLock<Option<(PathBuf, String)>> = OnceLock::new();
    let program = |pid: &str| {
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        // As the kernel names a file that was replaced by a newer one.
        let name = program.file_name()?.to_str()?;
        Some((program.parent()?.to_owned(), name.trim_end_matches(" (deleted)").to_owned()))
    };
    let own = OWN.get_or_init(|| program("self"));
    let Some((own, (folder, name))) = own.as_ref().zip(program(&pid.to_string())) else {
        return false;
    };
    if own.0 != folder {
        return false;
    }
    match name.as_str() {
        "wk-holder" => arguments(pid) == ["wk-holder"],
        "wk" => arguments(pid).get(1).is_some_and(|verb| verb == "daemon"),
        _ => false,
    }
}

/// The cgroup v2 path of a process, below the mount.
pub(crate) fn cgroup(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

/// Whether a process is in a cgroup of this name, of whichever hierarchy.
///
/// Names of leaves are the session's and the attempt's own.
pub(crate) fn is_in_cgroup(pid: u32, leaf: &Path) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let name = leaf.file_name().and_then(|name| name.to_str());
    let wanted = |path: &str| path.split('/').any(|part| Some(part) == name);
    text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).any(wanted)
}

/// The value of `name` among `NAME=VALUE` texts; the first one counts, as for `getenv`.
pub(crate) fn variable<'a>(environment: &'a [OsText], name: &str) -> Option<&'a [u8]> {
    let value = |text: &'a OsText| {
        text.as_bytes().strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
    };
    environment.iter().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_known() {
        let pid = std::process::id();
        assert!(!arguments(pid).is_empty());
        assert!(!ignores(pid, libc::SIGTERM));
        assert!(ignores(pid, libc::SIGPIPE), "the runtime of Rust ignores it");
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let texts = ["PATHS=1", "PATH=/bin:/usr/bin", "PATH2=2"];
        let environment: Vec<OsText> = texts.map(|text| OsText::new(text).unwrap()).into();
        assert_eq!(variable(&environment, "PATH"), Some(&b"/bin:/usr/bin"[..]));
        assert_eq!(variable(&environment, "PAT"), None);
    }
}
