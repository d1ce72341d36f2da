//! A whole recording as one asciicast v3 file.

use crate::encode::push_event;
use crate::error::ReadError;
use crate::event::{Event, Kind, Stream};
use crate::reader::Events;
use std::io::Write;
use std::path::Path;

/// How the exported file differs from what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    pub stderr: StderrAs,
    /// Makes bare line feeds start a new line in players; for sessions without a terminal.
    pub carriage_returns: bool,
}

/// What becomes of standard error, which players do not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StderrAs {
    /// Stays apart, unseen in players.
    #[default]
    Stderr,
    /// Shown like other output.
    Output,
    LeftOut,
}

/// What was exported, and what was not there to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    pub events: u64,
    pub dropped_bytes: u64,
    pub damaged: u64,
}

/// Writes the recording in `folder` to `out`.
///
/// What is missing is marked in the file; of several attempts only the last
/// one's exit ends it, the others become markers.
pub fn export(
    folder: &Path,
    out: &mut impl Write,
    options: ExportOptions,
) -> Result<Exported, ReadError> {
    let mut events = Events::new(folder);
    let mut export = Export::new(out, options);
    while let Some(event) = events.next() {
        if let Err(error @ ReadError::Folder { .. }) = event {
            return Err(error);
        }
        if let Some(segment) = events.segment()
            && !export.started
        {
            export.start(&segment.header, segment.time_ms)?;
        }
        match event {
            Ok(event) => export.event(event)?,
            Err(_) => export.damage()?,
        }
    }
    if !export.started {
        return Err(ReadError::Empty { path: folder.to_owned() });
    }
    export.finish()
}

struct Export<'a, W> {
    out: &'a mut W,
    options: ExportOptions,
    started: bool,
    time_us: u64,
    /// Marked behind the screen that the reader continues from.
    dropped: Option<u64>,
    /// Held back until it is known whether it is the last.
    exit: Option<Event>,
    after_return: bool,
    line: Vec<u8>,
    done: Exported,
}

impl<'a, W: Write> Export<'a, W> {
    fn new(out: &'a mut W, options: ExportOptions) -> Export<'a, W> {
        Export {
            out,
            options,
            started: false,
            time_us: 0,
            dropped: None,
            exit: None,
            after_return: false,
            line: Vec::new(),
            done: Exported::default(),
        }
    }

    fn start(&mut self, header: &str, time_ms: u64) -> Result<(), ReadError> {
        self.started = true;
        self.time_us = time_ms.saturating_mul(1000);
        writeln!(self.out, "{header}").map_err(|source| ReadError::Export { source })
    }

    fn event(&mut self, event: Event) -> Result<(), ReadError> {
        let time_us = event.time_us;
        if let Some(exit) = self.exit.take()
            && let Kind::Exit(status) = exit.kind
        {
            self.write(exit.time_us, 'm', &format!("watchkeeper: attempt exited with {status}"))?;
        }
        if !matches!(event.kind, Kind::Dropped { .. } | Kind::Resize { .. } | Kind::Checkpoint(_)) {
            self.mark_dropped(time_us)?;
        }
        match event.kind {
            Kind::Output { stream: Stream::Stdout, text } => self.output(time_us, 'o', &text),
            Kind::Output { stream: Stream::Stderr, text } => match self.options.stderr {
                StderrAs::Stderr => self.output(time_us, 'e', &text),
                StderrAs::Output => self.output(time_us, 'o', &text),
                StderrAs::LeftOut => Ok(()),
            },
            Kind::Checkpoint(text) => self.write(time_us, 'o', &text),
            // The header has the first size.
            Kind::Resize { .. } if self.done.events == 0 => Ok(()),
            Kind::Resize { cols, rows } => self.write(time_us, 'r', &format!("{cols}x{rows}")),
            Kind::Marker(label) => self.write(time_us, 'm', &label),
            Kind::Dropped { bytes } => {
                self.done.dropped_bytes += bytes;
                self.dropped = Some(self.dropped.unwrap_or(0) + bytes);
                Ok(())
            }
            Kind::Exit(_) => {
                self.exit = Some(event);
                Ok(())
            }
            Kind::Other { code, data } => match code.chars().next() {
                Some(code) if code.is_ascii_alphanumeric() => self.write(time_us, code, &data),
                _ => Ok(()),
            },
        }
    }

    fn damage(&mut self) -> Result<(), ReadError> {
        self.done.damaged += 1;
        if !self.started {
            return Ok(());
        }
        self.write(self.time_us, 'm', "watchkeeper: a damaged part is left out here")
    }

    fn finish(mut self) -> Result<Exported, ReadError> {
        self.mark_dropped(self.time_us)?;
        if let Some(exit) = self.exit.take()
            && let Kind::Exit(status) = exit.kind
        {
            self.write(exit.time_us, 'x', &status.to_string())?;
        }
        self.out.flush().map_err(|source| ReadError::Export { source })?;
        Ok(self.done)
    }

    fn mark_dropped(&mut self, time_us: u64) -> Result<(), ReadError> {
        let Some(bytes) = self.dropped.take() else { return Ok(()) };
        self.write(time_us, 'm', &format!("watchkeeper: {bytes} bytes of earlier output dropped"))
    }

    fn output(&mut self, time_us: u64, code: char, text: &str) -> Result<(), ReadError> {
        let starts_with_feed = text.starts_with('\n') && self.after_return;
        self.after_return = text.ends_with('\r');
        if !self.options.carriage_returns || !text.contains('\n') {
            return self.write(time_us, code, text);
        }
        let mut mapped = text.replace("\r\n", "\n").replace('\n', "\r\n");
        if starts_with_feed {
            // The return was the end of the text before.
            mapped.remove(0);
        }
        self.write(time_us, code, &mapped)
    }

    /// Writes a line; a wall clock set back shows as no time passing once.
    fn write(&mut self, time_us: u64, code: char, text: &str) -> Result<(), ReadError> {
        self.line.clear();
        push_event(time_us.saturating_sub(self.time_us), code, text, &mut self.line);
        self.time_us = time_us;
        self.done.events += 1;
        self.out.write_all(&self.line).map_err(|source| ReadError::Export { source })
    }
}
