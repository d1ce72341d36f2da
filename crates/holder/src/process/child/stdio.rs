//! The child's side and ours of its terminal or pipes.

use std::{io, os::fd::OwnedFd};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    pty::{OpenptFlags, grantpt, openpt, unlockpt},
    termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};
use wk_holder::spec::Stdio;

/// What the holder keeps.
#[derive(Debug)]
pub(crate) enum Ends {
    Terminal {
        master: OwnedFd,
        /// Held open, so that the master never hangs up: a program may close its terminal and
        /// open it again, and what was written is read to its last byte.
        _slave: OwnedFd,
    },
    /// Each is none once it has ended.
    Pipes { stdin: Option<OwnedFd>, stdout: Option<OwnedFd>, stderr: Option<OwnedFd> },
}

/// What becomes the child's descriptors 0, 1 and 2.
#[derive(Debug)]
pub(crate) struct ChildEnds {
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) terminal: bool,
}

/// Makes both sides.
pub(crate) fn open(stdio: Stdio) -> io::Result<(Ends, ChildEnds)> {
    match stdio {
        Stdio::Terminal { cols, rows } => terminal(cols, rows),
        Stdio::Pipes { feed } => pipes(feed),
    }
}

/// The size of a terminal without pixels.
pub(crate) fn winsize(cols: u16, rows: u16) -> Winsize {
    Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

fn terminal(cols: u16, rows: u16) -> io::Result<(Ends, ChildEnds)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = open_slave(&master)?;
    let mut modes = tcgetattr(&slave)?;
    // Erasing a character erases all of its bytes.
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&slave, OptionalActions::Now, &modes)?;
    tcsetwinsize(&master, winsize(cols, rows))?;
    rustix::io::ioctl_fionbio(&master, true)?;
    let descriptors = vec![slave.try_clone()?];
    Ok((Ends::Terminal { master, _slave: slave }, ChildEnds { descriptors, terminal: true }))
}

fn open_slave(master: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    match rustix::pty::ioctl_tiocgptpeer(master, flags) {
        // A sandbox that does not know the call may know the path.
        Err(Errno::NOTTY | Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
            let path = rustix::pty::ptsname(master, Vec::new())?;
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            Ok(rustix::fs::open(path, flags, Mode::empty())?)
        }
        slave => Ok(slave?),
    }
}

fn pipes(feed: bool) -> io::Result<(Ends, ChildEnds)> {
    let (stdin, child_stdin) = if feed {
        let (child_stdin, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&stdin, true)?;
        (Some(stdin), child_stdin)
    } else {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        (None, rustix::fs::open("/dev/null", flags, Mode::empty())?)
    };
    let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    for ours in [&stdout, &stderr] {
        rustix::io::ioctl_fionbio(ours, true)?;
    }
    let descriptors = vec![child_stdin, child_stdout, child_stderr];
    let ends = Ends::Pipes { stdin, stdout: Some(stdout), stderr: Some(stderr) };
    Ok((ends, ChildEnds { descriptors, terminal: false }))
}
