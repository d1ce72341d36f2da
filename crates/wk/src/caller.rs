//! The world of whoever calls `wk`: a session gets the same.

use std::{
    env, fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit};
use wk_api::ResourceLimit;
use wk_model::OsText;

/// The kernel's numbers 0 to 15, in this order.
const RESOURCES: [Resource; 16] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::Data,
    Resource::Stack,
    Resource::Core,
    Resource::Rss,
    Resource::Nproc,
    Resource::Nofile,
    Resource::Memlock,
    Resource::As,
    Resource::Locks,
    Resource::Sigpending,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Rtprio,
    Resource::Rttime,
];

/// All variables, with `changes` (`NAME=VALUE` each) over them.
pub(crate) fn environment(changes: &[OsText]) -> Vec<OsText> {
    let is_changed = |name: &[u8]| changes.iter().any(|change| name_of(change.as_bytes()) == name);
    env::vars_os()
        .filter(|(name, _)| !is_changed(name.as_bytes()))
        .filter_map(|(name, value)| {
            let mut text = name.into_vec();
            text.push(b'=');
            text.extend(value.into_vec());
            // The system gives no variable with a NUL in it.
            OsText::new(text).ok()
        })
        .chain(changes.iter().cloned())
        .collect()
}

fn name_of(variable: &[u8]) -> &[u8] {
    variable.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// The working directory, or `wanted` as seen from it.
pub(crate) fn directory(wanted: Option<&Path>) -> anyhow::Result<OsText> {
    let path = match wanted {
        Some(path) if path.is_absolute() => path.to_owned(),
        wanted => {
            let here = env::current_dir().context("the current directory is gone")?;
            wanted.map_or_else(|| here.clone(), |path| here.join(path))
        }
    };
    os_text(path)
}

fn os_text(path: PathBuf) -> anyhow::Result<OsText> {
    OsText::new(path.into_os_string().into_vec()).context("the directory's name")
}

/// The mask for new files; none where the system does not say.
pub(crate) fn umask() -> Option<u32> {
    status_field("Umask:").and_then(|text| u32::from_str_radix(&text, 8).ok())
}

/// Bit N-1 is set where signal N was ignored when we were called.
pub(crate) fn ignored_signals() -> u64 {
    status_field("SigIgn:").and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0)
}

fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// All resource limits.
pub(crate) fn limits() -> Vec<ResourceLimit> {
    let limits = RESOURCES.into_iter().zip(0..);
    limits
        .map(|(resource, number)| {
            let limit = getrlimit(resource);
            ResourceLimit { resource: number, soft: limit.current, hard: limit.maximum }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_variables_replace_those_of_the_same_name() {
        let change = OsText::new("PATH=/only/here").unwrap();
        let environment = environment(std::slice::from_ref(&change));
        let paths: Vec<_> =
            environment.iter().filter(|text| text.as_bytes().starts_with(b"PATH=")).collect();
        assert_eq!(paths, [&change]);
    }

    #[test]
    fn limits_and_umask_are_those_of_the_kernel() {
        let files = limits()[7];
        let text = fs::read_to_string("/proc/self/limits").unwrap();
        let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let soft = files.soft.map_or("unlimited".into(), |soft| soft.to_string());
        assert_eq!(line.split_whitespace().nth(3), Some(soft.as_str()));
        assert!(umask().is_some_and(|mask| mask <= 0o777));
    }

    #[test]
    fn a_relative_directory_is_seen_from_here() {
        let here = env::current_dir().unwrap();
        assert_eq!(
            directory(Some(Path::new("x"))).unwrap().as_bytes(),
            here.join("x").as_os_str().as_bytes()
        );
        assert_eq!(directory(Some(Path::new("/y"))).unwrap().as_bytes(), b"/y");
    }
}
