//! A place in a recording that may still grow and lose its oldest segments.
//!
//! Reads on into the next segment once there is one. Checkpoints are given out
//! only where they are needed: at the start, behind a loss, and when a new
//! attempt starts on an empty screen.

use crate::error::ReadError;
use crate::event::{Event, Kind, Stream, parse};
use crate::lines::{Line, Lines};
use crate::segment::{self, Segment};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Cursor {
    folder: PathBuf,
    current: Option<Reading>,
    /// Segments with lower numbers are done with.
    next_number: u32,
    /// Bytes of output text up to here.
    offset: u64,
    attempt: u32,
    time_us: u64,
    /// What entering a segment told.
    told: VecDeque<Event>,
}

/// The segment being read.
#[derive(Debug)]
struct Reading {
    segment: Segment,
    lines: Lines,
    checkpoint_left: u32,
    show_checkpoint: bool,
    /// A newer one exists, so this one does not grow any more.
    sealed: bool,
}

impl Cursor {
    /// Starts at the oldest segment numbered `first` or higher.
    pub(crate) fn new(folder: &Path, first: u32) -> Cursor {
        Cursor {
            folder: folder.to_owned(),
            current: None,
            next_number: first,
            offset: 0,
            attempt: 0,
            time_us: 0,
            told: VecDeque::new(),
        }
    }

    /// The next event; `None` at the end, where more may appear.
    ///
    /// After `Damaged` reading goes on behind it; other errors may repeat.
    pub(crate) fn read(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Ok(Some(event));
            }
            if self.current.is_none() {
                if !self.enter()? {
                    return Ok(None);
                }
                continue;
            }
            match self.read_line()? {
                Next::Event(event) => return Ok(Some(event)),
                Next::Nothing => {}
                Next::End => {
                    if !self.leave()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Gives up the segment being read, for when it cannot be.
    pub(crate) fn abandon(&mut self) {
        self.current = None;
    }

    /// The segment being read.
    pub(crate) fn segment(&self) -> Option<&Segment> {
        self.current.as_ref().map(|reading| &reading.segment)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes into the next segment, if there is one.
    fn enter(&mut self) -> Result<bool, ReadError> {
        for (number, _) in segment::list(&self.folder)? {
            if number < self.next_number {
                continue;
            }
            self.next_number = number.saturating_add(1);
            // Dropped since we listed them: the next one is the oldest.
            let Some((segment, lines)) = segment::open(&self.folder, number)? else { continue };
            self.arrive(segment, lines);
            return Ok(true);
        }
        Ok(false)
    }

    fn arrive(&mut self, segment: Segment, lines: Lines) {
        let missing = segment.stream_offset.saturating_sub(self.offset);
        let anew = missing > 0 || segment.attempt != self.attempt;
        self.offset = segment.stream_offset;
        self.attempt = segment.attempt;
        self.time_us = segment.time_ms.saturating_mul(1000);
        if missing > 0 {
            self.tell(Kind::Dropped { bytes: missing });
        }
        if anew {
            self.tell(Kind::Resize { cols: segment.cols, rows: segment.rows });
        }
        self.current = Some(Reading {
            checkpoint_left: segment.checkpoint,
            show_checkpoint: anew,
            sealed: false,
            segment,
            lines,
        });
    }

    fn tell(&mut self, kind: Kind) {
        self.told.push_back(Event { time_us: self.time_us, offset: self.offset, kind });
    }

    fn read_line(&mut self) -> Result<Next, ReadError> {
        let Some(reading) = &mut self.current else { return Ok(Next::End) };
        let path = || segment::path(&self.folder, reading.segment.number);
        let parsed = match reading.lines.read() {
            Ok(Some(Line::Text(text))) => parse(text),
            Ok(Some(Line::TooLong)) => Err("it is too long".to_owned()),
            Ok(None) => return Ok(Next::End),
            Err(source) => return Err(ReadError::Segment { path: path(), source }),
        };
        match parsed {
            Ok(None) => Ok(Next::Nothing),
            Ok(Some((interval_us, kind))) => Ok(self.take(interval_us, kind)),
            Err(why) => {
                let line = reading.lines.count();
                Err(ReadError::Damaged { path: path(), line, why })
            }
        }
    }

    fn take(&mut self, interval_us: u64, kind: Kind) -> Next {
        self.time_us = self.time_us.saturating_add(interval_us);
        let event = |kind| Next::Event(Event { time_us: self.time_us, offset: self.offset, kind });
        if let Some(reading) = &mut self.current
            && reading.checkpoint_left > 0
        {
            reading.checkpoint_left -= 1;
            return match kind {
                Kind::Output { stream: Stream::Stdout, text } if reading.show_checkpoint => {
                    event(Kind::Checkpoint(text))
                }
                _ => Next::Nothing,
            };
        }
        let length = if let Kind::Output { text, .. } = &kind { text.len() } else { 0 };
        let event = event(kind);
        self.offset += length as u64;
        event
    }

    /// At the end of the segment's lines; false when they may still grow.
    fn leave(&mut self) -> Result<bool, ReadError> {
        let Some(reading) = &mut self.current else { return Ok(true) };
        if reading.sealed {
            self.current = None;
            return Ok(true);
        }
        // What was written before the newer one came is still to be read.
        reading.sealed = segment::list(&self.folder)?
            .last()
            .is_some_and(|(newest, _)| *newest > reading.segment.number);
        Ok(reading.sealed)
    }
}

enum Next {
    Event(Event),
    Nothing,
    End,
}
