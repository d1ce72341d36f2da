//! The session's command as the holder's child: how it is started, fed and reaped.

mod failure;
mod image;
mod reap;
mod spawn;
mod stdio;

use std::{collections::VecDeque, io, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    process::{Pid, Signal, pidfd_send_signal},
    termios::{tcgetpgrp, tcsetwinsize},
};
use wk_holder::{
    host,
    spec::{Launch, Spec},
};
use wk_model::{Ending, ProcessId};
use wk_recording::Stream;

use super::{leaf::Leaf, tree};

use self::{image::Image, stdio::winsize};
pub(crate) use self::{
    reap::{Reaped, has_halted, reap},
    stdio::Ends,
};

/// The leader of the session, and what it reads.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) process: ProcessId,
    pub(crate) pid: Pid,
    pidfd: Option<OwnedFd>,
    pub(crate) ends: Ends,
    input: VecDeque<u8>,
    /// Stdin is to be closed behind the input.
    input_ends: bool,
}

/// What came of the command.
#[derive(Debug)]
pub(crate) enum Start {
    Running(Box<Child>),
    /// It never ran.
    Failed(Ending),
}

/// Starts the command of `spec`, in its cgroups where it can.
pub(crate) fn start(
    spec: &Spec,
    launch: &Launch,
    leaf: Option<&Leaf>,
    legacy: &[Leaf],
) -> io::Result<Start> {
    let (ends, child_ends) = stdio::open(spec.stdio)?;
    let mut image = Image::new(spec, launch);
    let spawned = spawn::spawn(&mut image, child_ends, leaf, legacy)?;
    let pid = spawned.pid;
    if let Some(failure) = spawned.failure {
        reap::wait_for(pid);
        return Ok(Start::Failed(failure.ending(spec, launch.attempt)));
    }
    let number = pid.as_raw_nonzero().get().unsigned_abs();
    // It is not reaped yet, so it is there, even as a zombie.
    let unknown = || ProcessId { boot: host::boot_id(), pid: number, start_time: 0 };
    let process = tree::read(number).map_or_else(unknown, |stat| stat.id());
    Ok(Start::Running(Box::new(Child {
        process,
        pid,
        pidfd: spawned.pidfd,
        ends,
        input: VecDeque::new(),
        input_ends: false,
    })))
}

impl Child {
    /// Whether the child has a terminal.
    pub(crate) fn has_terminal(&self) -> bool {
        matches!(self.ends, Ends::Terminal { .. })
    }

    /// Signals the leader; must not be called once it is reaped.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.pidfd {
            Some(pidfd) => Ok(pidfd_send_signal(pidfd, signal)?),
            None => Ok(rustix::process::kill_process(self.pid, signal)?),
        }
    }

    /// The group that the terminal talks to; without a terminal, the leader's own.
    pub(crate) fn foreground(&self) -> Pid {
        match &self.ends {
            Ends::Terminal { master, .. } => tcgetpgrp(master).unwrap_or(self.pid),
            Ends::Pipes { .. } => self.pid,
        }
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, cols: u16, rows: u16) {
        if let Ends::Terminal { master, .. } = &self.ends {
            // Fails for no size that was let in.
            let _ = tcsetwinsize(master, winsize(cols, rows));
        }
    }

    /// Bytes that the child has not read yet.
    pub(crate) fn input_waiting(&self) -> usize {
        self.input.len()
    }

    /// Whether there is something to do when stdin can be written.
    pub(crate) fn wants_to_write(&self) -> bool {
        !self.input.is_empty() && self.stdin().is_some()
    }

    /// Queues input; without a stdin it goes nowhere.
    pub(crate) fn put_input(&mut self, bytes: &[u8]) {
        if self.stdin().is_some() && !self.input_ends {
            self.input.extend(bytes);
            self.write_input();
        }
    }

    /// Ends the input of a child that reads a pipe, behind what is queued.
    pub(crate) fn end_input(&mut self) {
        if !self.has_terminal() {
            self.input_ends = true;
            self.write_input();
        }
    }

    /// Writes what the child takes.
    pub(crate) fn write_input(&mut self) {
        while let (front, Some(stdin)) = (self.input.as_slices().0, self.stdin()) {
            if front.is_empty() {
                break;
            }
            match rustix::io::write(stdin, front) {
                Ok(count) => drop(self.input.drain(..count.min(front.len()))),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    // Nobody reads it any more.
                    self.input.clear();
                    self.input_ends = true;
                }
            }
        }
        if self.input.is_empty() {
            self.input.shrink_to(4096);
            if self.input_ends
                && let Ends::Pipes { stdin, .. } = &mut self.ends
            {
                *stdin = None;
            }
        }
    }

    /// Reads what is there, up to `limit` bytes. Returns whether the child has closed this
    /// stream, and whether nothing more is there right now.
    pub(crate) fn read(&self, stream: Stream, into: &mut Vec<u8>, limit: usize) -> (bool, bool) {
        let Some(from) = self.source(stream) else { return (true, true) };
        into.reserve(limit);
        while into.len() < limit {
            let spare = rustix::buffer::spare_capacity(into);
            match rustix::io::read(from, spare) {
                Ok(1..) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return (false, true),
                Ok(0) | Err(_) => return (true, true),
            }
        }
        (false, false)
    }

    /// Where the child's output comes from, until it is closed.
    pub(crate) fn source(&self, stream: Stream) -> Option<&OwnedFd> {
        match (&self.ends, stream) {
            (Ends::Terminal { master, .. }, Stream::Stdout) => Some(master),
            (Ends::Terminal { .. }, Stream::Stderr) => None,
            (Ends::Pipes { stdout, .. }, Stream::Stdout) => stdout.as_ref(),
            (Ends::Pipes { stderr, .. }, Stream::Stderr) => stderr.as_ref(),
        }
    }

    /// Forgets a stream that the child has closed.
    pub(crate) fn close(&mut self, stream: Stream) {
        if let Ends::Pipes { stdout, stderr, .. } = &mut self.ends {
            match stream {
                Stream::Stdout => *stdout = None,
                Stream::Stderr => *stderr = None,
            }
        }
    }

    pub(crate) fn stdin(&self) -> Option<&OwnedFd> {
        match &self.ends {
            Ends::Terminal { master, .. } => Some(master),
            Ends::Pipes { stdin, .. } => stdin.as_ref(),
        }
    }
}
