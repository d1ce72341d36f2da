//! The way of output: seen by the emulator, the clients and the recording.
//!
//! ```text
//! child ─▶ view ─▶ answers ─▶ child
//!      └─▶ query filter ─▶ attached clients (unmasked: it is the user's own terminal)
//!                     └──▶ tape: masker ─▶ recording
//! ```
//!
//! The recording gets no queries either, so that none is asked of the terminal that plays
//! it, and so that a segment never begins within a sequence.

use std::{mem, time::Instant};

use wk_model::HolderUsage;
use wk_recording::Stream;
use wk_terminal::Lines;

use super::{
    child::Child,
    clients::Clients,
    gauges::GaugePage,
    tape::{MAX_BATCH, Tape},
    view::View,
};
use wk_holder::protocol::Reply;

/// Answers that a child does not read are not worth more memory.
const MAX_ANSWERS: usize = 64 << 10;

/// Everything that output passes.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) view: View,
    pub(crate) gauges: GaugePage,
    tape: Option<Tape>,
    /// Filtered output, kept for its memory while output flows.
    filtered: Vec<u8>,
    /// When memory that was used last is to be given back.
    pub(crate) quiet_at: Option<Instant>,
}

impl Output {
    pub(crate) fn new(view: View, gauges: GaugePage) -> Self {
        Self { view, gauges, tape: None, filtered: Vec::new(), quiet_at: None }
    }

    /// Records from now on.
    pub(crate) fn set_tape(&mut self, tape: Tape) {
        self.tape = Some(tape);
    }

    /// Bytes to read from the child at a time.
    pub(crate) fn batch(&self) -> usize {
        self.tape.as_ref().map_or(MAX_BATCH, Tape::batch)
    }

    pub(crate) fn tape(&self) -> Option<&Tape> {
        self.tape.as_ref()
    }

    pub(crate) fn tape_mut(&mut self) -> Option<&mut Tape> {
        self.tape.as_mut()
    }

    /// Takes in what the child has written.
    pub(crate) fn take(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        child: &mut Child,
        clients: &mut Clients,
    ) {
        self.gauges.count_output(bytes.len());
        let lines = Lines::of(bytes);
        if self.tape.is_some() || clients.want_output() {
            self.view.filter(lines, &mut self.filtered);
            let kind = match stream {
                Stream::Stdout => Reply::OUTPUT,
                Stream::Stderr => Reply::ERROR_OUTPUT,
            };
            clients.output(kind, &self.filtered);
        } else {
            self.view.pass_over(bytes);
            clients.pass_over(bytes.len());
        }
        if let Some(tape) = &mut self.tape {
            let next = tape.buffer();
            tape.output(stream, mem::replace(&mut self.filtered, next));
        } else {
            self.filtered.clear();
        }
        self.view.feed(lines, Instant::now());
        self.pass_answers(child);
        if let Some(tape) = &mut self.tape
            && tape.wants_checkpoint()
        {
            let (cols, rows) = self.view.size();
            tape.rotate(self.view.checkpoint(), cols, rows);
        }
        clients.activity();
    }

    /// Gives the child what its terminal has to say.
    pub(crate) fn pass_answers(&mut self, child: &mut Child) {
        let answers = self.view.take_answers();
        if !answers.is_empty() && child.input_waiting() + answers.len() <= MAX_ANSWERS {
            child.put_input(&answers);
        }
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.view.resize(cols, rows);
        if let Some(tape) = &self.tape {
            tape.resize(cols, rows);
        }
    }

    /// Ends the recording.
    pub(crate) fn finish(&mut self, status: i32) {
        if let Some(tape) = &mut self.tape {
            tape.end(status);
        }
    }

    /// Gives memory back that only flowing output needs.
    pub(crate) fn rest(&mut self) {
        self.filtered = Vec::new();
        self.view.rest();
        self.quiet_at = None;
    }

    /// The numbers for the exit record.
    pub(crate) fn usage(&self) -> HolderUsage {
        let gauges = self.gauges.of_attempt();
        HolderUsage {
            output_bytes: gauges.output_bytes,
            recorded_bytes: gauges.recorded_bytes,
            gaps: u32::try_from(gauges.gaps).unwrap_or(u32::MAX),
            last_activity: gauges.last_activity,
            cpu_ms: None,
            max_rss_bytes: None,
        }
    }
}
