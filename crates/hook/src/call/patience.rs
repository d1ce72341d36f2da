//! Reading from somebody who may forget to close.

use std::{
    io::{self, Read},
    os::fd::AsFd,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read},
};

/// A reader that takes a long silence for the end. It reads the descriptor itself: what a buffer
/// held could not be seen by who waits for the descriptor.
#[derive(Debug)]
pub(crate) struct Patient<R> {
    inner: R,
    patience: Timespec,
    gave_up: bool,
}

impl<R: AsFd> Patient<R> {
    pub(crate) fn new(inner: R, patience: Duration) -> Self {
        let nanoseconds = i64::from(patience.subsec_nanos());
        let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
        let patience = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        Self { inner, patience, gave_up: false }
    }

    /// Whether it ended in silence.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up
    }
}

impl<R: AsFd> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = loop {
            match poll(&mut [PollFd::new(&self.inner, PollFlags::IN)], Some(&self.patience)) {
                Err(Errno::INTR) => {}
                ready => break ready?,
            }
        };
        if ready == 0 {
            self.gave_up = true;
            return Ok(0);
        }
        Ok(read(&self.inner, buffer)?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn whoever_never_closes_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        // More than a reader asks for at once.
        let told = "x".repeat(6000);
        writer.write_all(told.as_bytes()).unwrap();
        let mut patient = Patient::new(reader, Duration::from_millis(1));
        let mut text = String::new();
        patient.read_to_string(&mut text).unwrap();
        assert_eq!((text, patient.gave_up()), (told, true));
        drop(writer);
    }

    #[test]
    fn what_is_closed_ends_at_once() {
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        let mut patient = Patient::new(reader, Duration::from_secs(3600));
        assert_eq!(patient.read_to_end(&mut Vec::new()).unwrap(), 0);
        assert!(!patient.gave_up());
    }
}
