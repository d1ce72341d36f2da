//! Writing a session's recording.
//!
//! Every call is one transaction on the disk: after an error nothing of it is in
//! the recording, and the caller may try again, or count what is lost and tell
//! it as a [`Writer::gap`] once the disk takes it.
//!
//! Blocking, and quiet between calls: nothing waits in memory but the beginning
//! of an unfinished UTF-8 character.

use crate::error::RecordingError;
use crate::event::Stream;
use crate::header::{Header, bounded};
use crate::line_file::LineFile;
use crate::new_segment::NewSegment;
use crate::reader::Events;
use crate::retention::Retention;
use crate::segment;
use crate::stamp::Stamp;
use crate::utf8::Carry;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes that become one event at most, so that readers can bound their lines.
pub(crate) const LONGEST_EVENT: usize = 1024 * 1024;

const LEAST_SIZE: u64 = 256 * 1024;
const SEGMENTS: u64 = 8;

/// Leaves the last attempt's screen behind: another one starts on an empty screen.
const RESET_SCREEN: &[u8] = b"\x1bc";

/// How a session is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes that all segments together may have; at least 256 KiB.
    pub max_size: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { max_size: 64 * 1024 * 1024 }
    }
}

/// Adds to the recording in a folder; there must be one writer at a time.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    header: Header,
    max_size: u64,
    retention: Retention,
    lines: LineFile,
    number: u32,
    attempt: u32,
    /// Bytes that the start of the segment takes.
    start_bytes: u64,
    stream_offset: u64,
    last_us: u64,
    stdout: Carry,
    stderr: Carry,
}

impl Writer {
    /// Starts the recording of an attempt, behind those of earlier ones.
    pub fn create(
        folder: &Path,
        header: Header,
        options: Options,
        now: Stamp,
    ) -> Result<Writer, RecordingError> {
        make_folder(folder)?;
        let past = |source| RecordingError::Past { path: folder.to_owned(), source };
        let segments = segment::list(folder).map_err(past)?;
        let (attempts, stream_offset) = last_attempt(folder, &segments);
        let number = segments.last().map_or(1, |(number, _)| number.saturating_add(1));
        let attempt = attempts.saturating_add(1);
        let max_size = options.max_size.max(LEAST_SIZE);
        let mut retention = Retention::new(folder.to_owned(), max_size, &segments);
        retention.make_room(max_size / SEGMENTS)?;
        let header = header.bounded();
        let again = attempt > 1;
        let new = NewSegment {
            number,
            attempt,
            stream_offset,
            header: &header,
            checkpoint: if again && header.term.is_some() { RESET_SCREEN } else { b"" },
            marker: again.then(|| format!("watchkeeper: attempt {attempt}")),
            at: now,
        };
        let lines = new.start(folder, Vec::new())?;
        Ok(Writer {
            folder: folder.to_owned(),
            header,
            max_size,
            retention,
            start_bytes: lines.bytes(),
            lines,
            number,
            attempt,
            stream_offset,
            last_us: now.monotonic_us,
            stdout: Carry::default(),
            stderr: Carry::default(),
        })
    }

    /// Records output as one event; a mebibyte or more becomes several.
    ///
    /// Invalid UTF-8 becomes U+FFFD, an unfinished character waits for its rest.
    pub fn output(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        at: Stamp,
    ) -> Result<(), RecordingError> {
        let mut carry = *self.carry(stream);
        if carry.would_hold(bytes) {
            return self.carry(stream).decode(bytes, |_| Ok(()));
        }
        // Only when the caller cannot rotate; then the bound matters more.
        if self.lines.bytes() - self.start_bytes > self.max_size {
            return Err(RecordingError::Full { path: self.path() });
        }
        let length = self.record(at, |lines, mut interval_us| {
            let mut length = 0;
            for piece in bytes.chunks(LONGEST_EVENT) {
                lines.event(interval_us, stream.code(), |lines| {
                    carry.decode(piece, |text| {
                        length += text.len() as u64;
                        lines.push_text(text)
                    })
                })?;
                interval_us = 0;
            }
            Ok(length)
        })?;
        *self.carry(stream) = carry;
        self.stream_offset += length;
        Ok(())
    }

    /// Records that the terminal has another size.
    pub fn resize(&mut self, cols: u16, rows: u16, at: Stamp) -> Result<(), RecordingError> {
        self.event('r', &format!("{cols}x{rows}"), at)
    }

    pub fn marker(&mut self, label: &str, at: Stamp) -> Result<(), RecordingError> {
        self.event('m', &bounded(label), at)
    }

    /// Records that `bytes` of output are lost here.
    pub fn gap(&mut self, bytes: u64, why: &str, at: Stamp) -> Result<(), RecordingError> {
        let label = format!("watchkeeper: gap of {bytes} bytes ({})", bounded(why));
        self.last_words('m', &label, at)
    }

    /// Records how the attempt ended.
    pub fn exit(&mut self, status: i32, at: Stamp) -> Result<(), RecordingError> {
        self.last_words('x', &status.to_string(), at)
    }

    /// True when the segment is as long as it should get: time to [`Writer::rotate`].
    pub fn wants_checkpoint(&self) -> bool {
        self.lines.bytes() - self.start_bytes >= self.max_size / SEGMENTS
    }

    /// Starts a new segment, dropping the oldest ones where the bound asks for it.
    ///
    /// `checkpoint` brings a fresh terminal of this size to where the session's is
    /// now, with the beginning of an unfinished escape sequence at its end; empty
    /// for a session without a terminal. After an error the recording continues
    /// in the old segment.
    pub fn rotate(
        &mut self,
        checkpoint: &[u8],
        cols: u16,
        rows: u16,
        at: Stamp,
    ) -> Result<(), RecordingError> {
        // Before the new segment, which may need the space on a full disk; and
        // behind it, when the length of its start is known.
        let room = self.max_size / SEGMENTS + checkpoint.len() as u64;
        self.retention.make_room(self.lines.bytes().saturating_add(room))?;
        (self.header.cols, self.header.rows) = (cols, rows);
        let number = self.number.saturating_add(1);
        let new = NewSegment {
            number,
            attempt: self.attempt,
            stream_offset: self.stream_offset,
            header: &self.header,
            checkpoint,
            marker: None,
            at,
        };
        let lines = new.start(&self.folder, self.lines.take_buffer())?;
        self.retention.add(self.number, self.lines.bytes());
        self.start_bytes = lines.bytes();
        self.lines = lines;
        self.number = number;
        self.last_us = at.monotonic_us;
        self.retention.make_room(self.start_bytes + self.max_size / SEGMENTS)
    }

    /// Waits until all that was recorded is on the disk.
    pub fn sync(&self) -> Result<(), RecordingError> {
        self.lines.sync().map_err(|source| RecordingError::Write { path: self.path(), source })
    }

    /// Gives memory back until the next event.
    pub fn shrink(&mut self) {
        self.lines.shrink();
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.retention.bytes() + self.lines.bytes()
    }

    /// Bytes of output text recorded, in all segments ever.
    pub fn stream_offset(&self) -> u64 {
        self.stream_offset
    }

    /// Which run of the session's command this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    fn event(&mut self, code: char, text: &str, at: Stamp) -> Result<(), RecordingError> {
        self.record(at, |lines, interval_us| {
            lines.event(interval_us, code, |lines| lines.push_text(text))
        })
    }

    /// Records an event that no rest of a character comes behind.
    fn last_words(&mut self, code: char, text: &str, at: Stamp) -> Result<(), RecordingError> {
        let (mut stdout, mut stderr) = (self.stdout, self.stderr);
        let given_up = [(Stream::Stdout, stdout.give_up()), (Stream::Stderr, stderr.give_up())];
        self.record(at, |lines, mut interval_us| {
            for (stream, rest) in given_up.iter().filter(|(_, rest)| !rest.is_empty()) {
                lines.event(interval_us, stream.code(), |lines| lines.push_text(rest))?;
                interval_us = 0;
            }
            lines.event(interval_us, code, |lines| lines.push_text(text))
        })?;
        (self.stdout, self.stderr) = (stdout, stderr);
        self.stream_offset += given_up.iter().map(|(_, rest)| rest.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Adds what `write` adds, given the time since the event before.
    fn record<T>(
        &mut self,
        at: Stamp,
        write: impl FnOnce(&mut LineFile, u64) -> io::Result<T>,
    ) -> Result<T, RecordingError> {
        let interval_us = at.monotonic_us.saturating_sub(self.last_us);
        let value = self
            .lines
            .transaction(|lines| write(lines, interval_us))
            .map_err(|source| RecordingError::Write { path: self.path(), source })?;
        self.last_us = self.last_us.max(at.monotonic_us);
        Ok(value)
    }

    fn carry(&mut self, stream: Stream) -> &mut Carry {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn path(&self) -> PathBuf {
        segment::path(&self.folder, self.number)
    }
}

fn make_folder(folder: &Path) -> Result<(), RecordingError> {
    let made = match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    // A session's umask may take even its owner's rights.
    made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
        .map_err(|source| RecordingError::Folder { path: folder.to_owned(), source })
}

/// The number of attempts recorded, and the bytes of output text; none when nothing is readable.
fn last_attempt(folder: &Path, segments: &[(u32, u64)]) -> (u32, u64) {
    for (number, _) in segments.iter().rev() {
        if let Ok(Some((segment, _))) = segment::open(folder, *number) {
            let mut events = Events::starting_at(folder, *number);
            events.by_ref().for_each(drop);
            return (segment.attempt, events.offset());
        }
    }
    (0, 0)
}
