//! A file that grows by whole lines, or not at all.
//!
//! Lines are encoded into one reused buffer and written through it, so a long
//! line costs no more memory than a short one. When the disk refuses, the file
//! is cut back to where the transaction began, at once or before the next one.

use crate::encode::{CLOSE, Opening};
use crate::escape::{SLACK, escape};
use std::fs::File;
use std::io::{self, Write};

/// Large enough that allocators map and unmap it on its own, untouched pages free.
const BUFFER: usize = 128 * 1024;

#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    /// Bytes of complete lines.
    committed: u64,
    /// Bytes that should be in the file.
    written: u64,
    /// The file may have more than `committed`: inside of transactions, and after
    /// a failure that could not be undone yet.
    torn: bool,
    buffer: Vec<u8>,
    filled: usize,
}

impl LineFile {
    /// Takes an empty file opened for appending, and a buffer to use again.
    pub(crate) fn new(file: File, buffer: Vec<u8>) -> LineFile {
        LineFile { file, committed: 0, written: 0, torn: false, buffer, filled: 0 }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.committed
    }

    /// Lets `write` add lines that become part of the file together.
    pub(crate) fn transaction<T>(
        &mut self,
        write: impl FnOnce(&mut LineFile) -> io::Result<T>,
    ) -> io::Result<T> {
        self.undo()?;
        let result = write(self).and_then(|value| self.flush().map(|()| value));
        match result {
            Ok(value) => {
                self.committed = self.written;
                self.torn = false;
                Ok(value)
            }
            Err(error) => {
                // Tried again by the next transaction.
                let _ = self.undo();
                Err(error)
            }
        }
    }

    /// Adds an event with the text that `write` pushes.
    pub(crate) fn event<T>(
        &mut self,
        interval_us: u64,
        code: char,
        write: impl FnOnce(&mut LineFile) -> io::Result<T>,
    ) -> io::Result<T> {
        self.push(Opening::new(interval_us, code).as_bytes())?;
        let value = write(self)?;
        self.push(CLOSE)?;
        Ok(value)
    }

    /// Adds bytes as they are.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.room()?;
            let length = bytes.len().min(room.len());
            room[..length].copy_from_slice(&bytes[..length]);
            self.filled += length;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    /// Adds text, escaped for a JSON string.
    pub(crate) fn push_text(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (read, written) = escape(rest, self.room()?);
            self.filled += written;
            rest = &rest[read..];
        }
        Ok(())
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives the buffer's memory back until the next line.
    pub(crate) fn shrink(&mut self) {
        self.buffer = Vec::new();
    }

    /// Ends writing here; the buffer goes to the next file.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Free room of at least [`SLACK`] bytes.
    fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER];
        }
        if self.buffer.len() - self.filled < SLACK {
            self.flush()?;
        }
        Ok(&mut self.buffer[self.filled..])
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut rest = &self.buffer[..std::mem::take(&mut self.filled)];
        self.torn |= !rest.is_empty();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.written += length as u64;
                    rest = &rest[length..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets what is not committed.
    fn undo(&mut self) -> io::Result<()> {
        self.filled = 0;
        if self.torn {
            self.file.set_len(self.committed)?;
            self.written = self.committed;
            self.torn = false;
        }
        Ok(())
    }
}
