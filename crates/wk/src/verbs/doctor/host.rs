//! The looks that `wk doctor` takes at the machine.

use std::{
    env, fs, io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{PidfdFlags, getpid, pidfd_open};
use wk_sources::cgroup::Cgroups;

use super::Finding;
use crate::daemon::holder_program;

/// How long a holder that was born without a task may take to leave.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether holders can be started.
pub(super) fn holder() -> Finding {
    let remedy = "install wk-holder beside wk, both of one version";
    let program = match holder_program() {
        Ok(program) => program,
        Err(error) => return Finding::bad("holder", error.to_string(), remedy),
    };
    match start_idle(&program) {
        Ok(()) => Finding::good("holder", program.display().to_string()),
        Err(error) => Finding::bad("holder", format!("{}: {error}", program.display()), remedy),
    }
}

/// Starts a holder without anything to hold: it leaves at once.
fn start_idle(program: &Path) -> io::Result<()> {
    let mut child = Command::new(program)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;
    Err(io::Error::other("starts, but does not leave without a task: is it the right program?"))
}

/// Whether a session's processes can be ended whole.
pub(super) fn cgroup() -> Finding {
    let make = || -> io::Result<()> {
        let leaf = Cgroups::open()?.make_leaf("doctor", std::process::id())?;
        fs::remove_dir(leaf)
    };
    match make() {
        Ok(()) => Finding::good("cgroup", "each session gets a cgroup v2 leaf"),
        Err(error) => Finding::weak(
            "cgroup",
            format!("no cgroup v2 leaf can be made: {error}"),
            "run under a systemd user session, or delegate a cgroup; until then, what a killed \
             holder leaves behind is found and reported, not ended",
        ),
    }
}

/// Whether processes can be told apart for certain.
pub(super) fn pidfd() -> Finding {
    let process = match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(process) => process,
        Err(error) => {
            return Finding::bad(
                "pidfd",
                format!("not available: {error}"),
                "use Linux 5.3 or newer",
            );
        }
    };
    match has_info(&process) {
        Ok(()) => Finding::good("pidfd", "with PIDFD_GET_INFO"),
        Err(error) => Finding::weak(
            "pidfd",
            format!("without PIDFD_GET_INFO: {error}"),
            "Linux 6.13 or newer tells more of how processes end",
        ),
    }
}

/// Asks the kernel about a process by its descriptor.
fn has_info(process: &OwnedFd) -> io::Result<()> {
    /// `struct pidfd_info`, its first published size.
    #[repr(C)]
    struct Info {
        mask: u64,
        rest: [u64; 7],
    }
    const REQUEST: u64 = libc::_IOWR::<Info>(0xff, 11);
    let mut info = Info { mask: 1, rest: [0; 7] };
    // SAFETY: the kernel writes at most the size that is part of the request's number.
    let result = unsafe { libc::ioctl(process.as_raw_fd(), REQUEST as _, &raw mut info) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether sessions live on when their user logs out; only where systemd decides that.
pub(super) fn linger() -> Option<Finding> {
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let user = env::var("USER").ok().filter(|user| !user.is_empty())?;
    let lingers = Path::new("/var/lib/systemd/linger").join(&user).exists();
    let remedy = format!("loginctl enable-linger {user}");
    Some(if lingers {
        Finding::good("linger", "sessions outlive your logout")
    } else {
        Finding::weak("linger", "systemd may end sessions when you log out", remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn a_holder_that_leaves_is_good_and_a_missing_one_is_not() {
        start_idle(Path::new("/bin/true")).unwrap();
        assert!(start_idle(Path::new("/nonexistent/wk-holder")).is_err());
    }

    #[test]
    fn this_kernel_has_pidfds() {
        assert_ne!(pidfd().state, State::Bad);
    }
}
