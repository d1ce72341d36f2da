//! The ring of records, as the kernel writes it while we look.

use std::{
    ffi::c_void,
    io,
    os::fd::BorrowedFd,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering, fence},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::raw::{self, SIZE, SLOTS};

/// What a slot came to.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Its bytes are in the buffer.
    Ready,
    /// Somebody writes it at this moment.
    Unfinished,
    /// A later record has its place.
    Gone,
}

/// Both pages that are shared with the kernel.
#[derive(Debug)]
pub(crate) struct Ring {
    records: Mapped,
    state: Mapped,
}

impl Ring {
    pub(crate) fn open(records: BorrowedFd<'_>, state: BorrowedFd<'_>) -> io::Result<Self> {
        let records = Mapped::new(records, SIZE * SLOTS as usize)?;
        Ok(Self { records, state: Mapped::new(state, 48)? })
    }

    /// The number of the newest record.
    pub(crate) fn head(&self) -> u64 {
        self.state.word(8).load(Ordering::Acquire)
    }

    /// Number and start of the watched process of a record that may be whole.
    pub(crate) fn root(&self, number: u64) -> (u32, u64) {
        let at = (number % SLOTS) as usize * SIZE;
        let start = self.records.word(at + 56).load(Ordering::Relaxed);
        let pid = self.records.word(at + 64).load(Ordering::Relaxed);
        (raw::first_half(pid), start)
    }

    /// Copies the record of a number, if it is whole.
    pub(crate) fn read(&self, number: u64, into: &mut [u8; SIZE]) -> Slot {
        let at = (number % SLOTS) as usize * SIZE;
        let sequence = self.records.word(at);
        let before = sequence.load(Ordering::Acquire);
        if before > number {
            return Slot::Gone;
        }
        if before != number {
            return Slot::Unfinished;
        }
        self.records.copy(at, into);
        fence(Ordering::Acquire);
        if sequence.load(Ordering::Relaxed) != number {
            return Slot::Gone;
        }
        debug_assert_eq!(raw::number(into), number);
        Slot::Ready
    }
}

/// Memory that another writes.
#[derive(Debug)]
struct Mapped {
    start: NonNull<c_void>,
    length: usize,
}

#[expect(unsafe_code, reason = "memory that is shared with the kernel")]
impl Mapped {
    fn new(map: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        let length = length.next_multiple_of(rustix::param::page_size());
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start =
            unsafe { mmap(ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, map, 0)? };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    /// The aligned number at a place.
    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.length, "outside of the map");
        // SAFETY: within the mapping, aligned, and mapped for as long as this is borrowed. It is
        // only read.
        unsafe { &*self.start.as_ptr().cast::<u8>().add(at).cast::<AtomicU64>() }
    }

    /// Copies word by word, since the kernel may write meanwhile.
    fn copy(&self, at: usize, into: &mut [u8; SIZE]) {
        for (index, bytes) in into.chunks_exact_mut(8).enumerate() {
            let word = self.word(at + index * 8).load(Ordering::Relaxed);
            bytes.copy_from_slice(&word.to_ne_bytes());
        }
    }
}

#[expect(unsafe_code, reason = "memory that is shared with the kernel")]
impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody borrows it any more.
        let _ = unsafe { munmap(self.start.as_ptr(), self.length) };
    }
}

const _: () = assert!(SIZE.is_multiple_of(8), "records are read word by word");
