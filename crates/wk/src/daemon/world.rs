//! What the daemon finds around itself.

use std::{
    env,
    ffi::OsStr,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wk_model::OsText;
use wk_sources::cgroup::Cgroups;

/// The variables that a daemon is started with, and those that begin with a prefix of
/// [`PREFIXES`]; all else belongs to whoever happened to call first.
const VARIABLES: [&str; 10] = [
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "TMUX_TMPDIR",
    "SHELL",
    "DBUS_SESSION_BUS_ADDRESS",
];

const PREFIXES: [&str; 3] = ["WK_", "XDG_", "LC_"];

/// The part of this process's environment that a daemon should have.
pub(crate) fn daemon_environment() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>
{
    env::vars_os().filter(|(name, _)| {
        // A session's own variables say who its processes are, not who the daemon is.
        let of_a_session = ["WK_SESSION_ID", "WK_ATTEMPT"].iter().any(|own| name == own);
        let wanted = name.to_str().is_some_and(|name| {
            VARIABLES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        wanted && !of_a_session
    })
}

/// The command with which a holder starts a daemon, and its environment.
pub(super) fn daemon_command() -> anyhow::Result<(Vec<OsText>, Vec<OsText>)> {
    let text = |bytes: Vec<u8>| OsText::new(bytes).context("a variable with a NUL byte");
    let program = own_program()?.into_os_string().into_vec();
    let command = [program, b"daemon".to_vec(), b"start".to_vec()];
    let environment = daemon_environment()
        .map(|(name, value)| text([name.as_bytes(), b"=", value.as_bytes()].concat()));
    Ok((
        command.into_iter().map(text).collect::<anyhow::Result<_>>()?,
        environment.collect::<anyhow::Result<_>>()?,
    ))
}

/// This program's file. After an upgrade it is the new one under the old name.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    let found = env::current_exe().context("cannot tell where wk is")?;
    let bytes = found.as_os_str().as_bytes();
    let kept = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    Ok(PathBuf::from(OsStr::from_bytes(kept)))
}

/// The program of holders: `WK_HOLDER`, else `wk-holder` beside this program.
pub(crate) fn holder_program() -> anyhow::Result<PathBuf> {
    let program = match env::var_os("WK_HOLDER") {
        Some(named) => PathBuf::from(named),
        None => own_program()?.with_file_name("wk-holder"),
    };
    if !program.is_file() {
        bail!("`{}` is missing: install wk-holder beside wk", program.display());
    }
    Ok(program)
}

/// Groups for sessions; a machine without them gets a warning.
pub(super) fn cgroups(warnings: &mut Vec<String>) -> Option<Cgroups> {
    match Cgroups::open() {
        Ok(cgroups) => Some(cgroups),
        Err(error) => {
            tracing::warn!(%error, "sessions run without cgroups");
            warnings.push(format!(
                "no cgroup v2 can be made ({error}): when a holder is killed, what its session \
                 left behind is found and reported, but not ended"
            ));
            None
        }
    }
}

/// Each session takes a descriptor or two of ours; the children have their callers' limits.
pub(super) fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Of the host's local time now, in seconds: for messages that name a time of day.
pub(super) fn utc_offset_s() -> i32 {
    let zone = jiff::tz::TimeZone::system();
    zone.to_offset(jiff::Timestamp::now()).seconds()
}

/// The name of a user, as `/etc/passwd` has it.
///
/// Without NSS: that would load code of others into the daemon, and may ask the network.
pub(super) fn user_name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    found.or_else(|| env::var("USER").ok().filter(|name| !name.is_empty()))
}
