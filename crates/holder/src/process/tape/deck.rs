//! The thread that writes the recording, command by command.

use std::{error::Error, mem, path::PathBuf};

use wk_mask::Masker;
use wk_model::OutputGap;
use wk_recording::{Header, Options, RecordingError, Stamp, Stream, Writer};

use super::{
    Report,
    queue::{Command, Next, Queue},
};
use crate::process::clock;

/// Times that an undecided secret may put off a new segment.
const MAX_DELAYS: u32 = 64;

/// The writer, and what it could not write.
#[derive(Debug)]
pub(super) struct Deck {
    folder: PathBuf,
    header: Header,
    options: Options,
    /// None until the disk has taken the beginning.
    writer: Option<Writer>,
    lost: Option<OutputGap>,
    gaps: u64,
    asked: bool,
    begun: Stamp,
    /// Of stdout and stderr; none records secrets, too.
    maskers: Option<[Masker; 2]>,
    /// Masked output, kept for its memory while output flows.
    masked: Vec<u8>,
    delays: u32,
}

/// Writes until the recording has ended.
pub(super) fn run(queue: &Queue, deck: Deck) {
    let mut deck = deck;
    // The beginning is on disk even if nothing is ever printed.
    let first = deck.begin(deck.begun).err();
    if let Some(error) = first {
        deck.lose(0, &describe(&error));
        let told = OutputGap { bytes: 0, reason: describe(&error) };
        queue.finish(0, Vec::new(), |report| deck.note(report, Some(told)));
    }
    let mut rested = false;
    loop {
        let command = match queue.next(rested) {
            Next::Do(command) => command,
            Next::Rest => {
                rested = true;
                deck.rest();
                continue;
            }
        };
        rested = false;
        let done = matches!(command, Command::End { .. });
        let (length, buffer, gap) = deck.perform(command);
        if deck.asks_for_checkpoint() {
            queue.ask_for_checkpoint();
        }
        queue.finish(length, buffer, |report| {
            deck.note(report, gap);
            report.done = done;
        });
        if done {
            return;
        }
    }
}

impl Deck {
    pub(super) fn new(folder: PathBuf, header: Header, options: Options, mask: bool) -> Self {
        Self {
            folder,
            header,
            options,
            writer: None,
            lost: None,
            gaps: 0,
            asked: false,
            begun: clock::stamp(),
            maskers: mask.then(|| [Masker::new(), Masker::new()]),
            masked: Vec::new(),
            delays: 0,
        }
    }

    /// Does a command. Returns its bytes, its buffer and a gap that is over by it.
    fn perform(&mut self, command: Command) -> (usize, Vec<u8>, Option<OutputGap>) {
        match command {
            Command::Output { stream, bytes, at } => {
                let gap = self.try_to_go_on(at);
                self.record(stream, &bytes, at);
                (bytes.len(), bytes, gap)
            }
            Command::Resize { cols, rows, at } => {
                (self.header.cols, self.header.rows) = (cols, rows);
                let written = self.write(|writer| writer.resize(cols, rows, at));
                self.lose_if(written, 0);
                (0, Vec::new(), None)
            }
            Command::Rotate { checkpoint, cols, rows, at } => {
                self.asked = false;
                if self.may_rotate() {
                    let drawn = self.mask_checkpoint(&checkpoint);
                    // If that fails, the old segment goes on, and asks again.
                    let _ = self.write(|writer| writer.rotate(&drawn, cols, rows, at));
                }
                (checkpoint.len(), checkpoint, None)
            }
            Command::Gap { bytes, why, at } => {
                self.lose(bytes, why);
                (0, Vec::new(), self.try_to_go_on(at))
            }
            Command::End { status, at } => {
                let gap = self.try_to_go_on(at);
                self.record_rest(at);
                let ended =
                    self.write(|writer| writer.exit(status, at).and_then(|()| writer.sync()));
                self.lose_if(ended, 0);
                // What is still lost now stays lost.
                (0, Vec::new(), gap.or_else(|| self.lost.take()))
            }
        }
    }

    fn record(&mut self, stream: Stream, bytes: &[u8], at: Stamp) {
        let Some([stdout, stderr]) = &mut self.maskers else {
            let written = self.write(|writer| writer.output(stream, bytes, at));
            return self.lose_if(written, bytes.len() as u64);
        };
        let mut masked = mem::take(&mut self.masked);
        let masker = if stream == Stream::Stdout { stdout } else { stderr };
        masker.feed(bytes, &mut masked);
        let written = self.write(|writer| writer.output(stream, &masked, at));
        self.lose_if(written, masked.len() as u64);
        masked.clear();
        self.masked = masked;
    }

    /// Records what was withheld: now it is known to be no secret.
    fn record_rest(&mut self, at: Stamp) {
        let Some(maskers) = self.maskers.take() else { return };
        for (mut masker, stream) in maskers.into_iter().zip([Stream::Stdout, Stream::Stderr]) {
            let mut rest = Vec::new();
            masker.finish(&mut rest);
            if !rest.is_empty() {
                let written = self.write(|writer| writer.output(stream, &rest, at));
                self.lose_if(written, rest.len() as u64);
            }
        }
    }

    /// Whether a segment may begin here. It must not where half of a secret is withheld: the
    /// screen shows it already.
    fn may_rotate(&mut self) -> bool {
        let undecided = self.maskers.iter().flatten().any(|masker| masker.pending() > 0);
        self.delays = if undecided { self.delays + 1 } else { 0 };
        !undecided || self.delays > MAX_DELAYS
    }

    fn mask_checkpoint(&self, drawn: &[u8]) -> Vec<u8> {
        if self.maskers.is_none() {
            return drawn.to_vec();
        }
        let (mut masker, mut masked) = (Masker::new(), Vec::new());
        masker.feed(drawn, &mut masked);
        masker.finish(&mut masked);
        masked
    }

    /// Marks what is lost, once the disk takes it.
    fn try_to_go_on(&mut self, at: Stamp) -> Option<OutputGap> {
        let lost = self.lost.take()?;
        match self.write(|writer| writer.gap(lost.bytes, &lost.reason, at)) {
            Ok(()) => Some(lost),
            Err(_) => {
                self.lost = Some(lost);
                None
            }
        }
    }

    fn write<T>(
        &mut self,
        write: impl FnOnce(&mut Writer) -> Result<T, RecordingError>,
    ) -> Result<T, RecordingError> {
        self.begin(self.begun)?;
        match &mut self.writer {
            Some(writer) => write(writer),
            None => Err(RecordingError::Full { path: self.folder.clone() }),
        }
    }

    fn begin(&mut self, at: Stamp) -> Result<(), RecordingError> {
        if self.writer.is_none() {
            let header = self.header.clone();
            self.writer = Some(Writer::create(&self.folder, header, self.options, at)?);
        }
        Ok(())
    }

    fn lose_if(&mut self, written: Result<(), RecordingError>, bytes: u64) {
        if let Err(error) = written {
            self.lose(bytes, &describe(&error));
        }
    }

    fn lose(&mut self, bytes: u64, why: &str) {
        match &mut self.lost {
            Some(lost) => lost.bytes = lost.bytes.saturating_add(bytes),
            lost => {
                self.gaps += 1;
                *lost = Some(OutputGap { bytes, reason: why.to_owned() });
            }
        }
    }

    fn asks_for_checkpoint(&mut self) -> bool {
        let wants = self.writer.as_ref().is_some_and(Writer::wants_checkpoint);
        wants && !mem::replace(&mut self.asked, true)
    }

    fn rest(&mut self) {
        self.masked = Vec::new();
        if let Some(writer) = &mut self.writer {
            writer.shrink();
        }
    }

    fn note(&self, report: &mut Report, gap: Option<OutputGap>) {
        report.bytes = self.writer.as_ref().map_or(report.bytes, Writer::bytes);
        report.gaps = self.gaps;
        if let Some(gap) = gap {
            match &mut report.gap {
                // Not read yet: tell both as one.
                Some(told) => told.bytes = told.bytes.saturating_add(gap.bytes),
                told => *told = Some(gap),
            }
        }
    }
}

fn describe(error: &RecordingError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
