//! The page of numbers that changes with every byte, as its only writer keeps it.
//!
//! Written with plain writes: a mapping would end the session where a disk without room for
//! the page, or a foreign hand that cuts the file, turns a store into a signal.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    time::Instant,
};

use wk_holder::{folder, gauge::Gauges, host};

/// The numbers of the session, over all its attempts.
#[derive(Debug)]
pub(crate) struct GaugePage {
    /// None where the disk had no room: the numbers are then known to the exit record only.
    file: Option<File>,
    now: Gauges,
    shown: Gauges,
    /// Output of earlier attempts.
    earlier_bytes: u64,
    active_at: Instant,
}

impl GaugePage {
    /// Opens the page of a session, and goes on from what earlier attempts left in it.
    pub(crate) fn open(session: &Path) -> Self {
        let now = Gauges::read(session).ok().flatten().unwrap_or_default();
        let now = Gauges { gaps: 0, ..now };
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(session.join(folder::GAUGES)).ok();
        let (earlier_bytes, active_at) = (now.output_bytes, Instant::now());
        let page = Self { file, now, shown: now, earlier_bytes, active_at };
        page.write();
        page
    }

    /// Counts output.
    pub(crate) fn count_output(&mut self, bytes: usize) {
        self.now.output_bytes = self.now.output_bytes.saturating_add(bytes as u64);
        self.now.last_activity = Some(host::now().time);
    }

    /// Notes that somebody typed.
    pub(crate) fn note_input(&mut self) {
        self.now.last_input = Some(host::now().time);
        self.touch();
    }

    /// Notes that somebody typed, or something was printed.
    fn touch(&mut self) {
        self.now.last_activity = Some(host::now().time);
        self.active_at = Instant::now();
    }

    /// When somebody last typed, or something was printed; at first, when this attempt began.
    pub(crate) fn active_at(&self) -> Instant {
        self.active_at
    }

    /// Notes what the recording says of itself.
    pub(crate) fn set_recorded(&mut self, bytes: u64, gaps: u64) {
        (self.now.recorded_bytes, self.now.gaps) = (bytes, gaps);
    }

    /// Shows the numbers to readers; once for whatever came together.
    pub(crate) fn publish(&mut self) {
        if self.now != self.shown {
            self.shown = self.now;
            self.write();
        }
    }

    /// The numbers, with the output of this attempt alone.
    pub(crate) fn of_attempt(&self) -> Gauges {
        let output_bytes = self.now.output_bytes.saturating_sub(self.earlier_bytes);
        Gauges { output_bytes, ..self.now }
    }

    fn write(&self) {
        let Some(file) = &self.file else { return };
        let page: Vec<u8> =
            self.now.to_words().iter().flat_map(|word| word.to_le_bytes()).collect();
        // Gauges are no evidence: without room, readers see older numbers.
        let _ = file.write_all_at(&page, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_attempt_counts_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = GaugePage::open(dir.path());
        first.count_output(7);
        first.publish();
        drop(first);

        let mut second = GaugePage::open(dir.path());
        second.count_output(3);
        second.publish();

        assert_eq!(Gauges::read(dir.path()).unwrap().unwrap().output_bytes, 10);
        assert_eq!(second.of_attempt().output_bytes, 3);
    }
}
