//! Starting a segment: complete under its name, or not there.

use crate::error::RecordingError;
use crate::header::Header;
use crate::line_file::LineFile;
use crate::segment::{self, COMMENT};
use crate::stamp::Stamp;
use crate::utf8::Carry;
use crate::writer::LONGEST_EVENT;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What the start of a segment tells.
#[derive(Debug)]
pub(crate) struct NewSegment<'a> {
    pub(crate) number: u32,
    pub(crate) attempt: u32,
    pub(crate) stream_offset: u64,
    pub(crate) header: &'a Header,
    pub(crate) checkpoint: &'a [u8],
    pub(crate) marker: Option<String>,
    pub(crate) at: Stamp,
}

impl NewSegment<'_> {
    /// Makes the segment in `folder`; `buffer` is one to use again.
    pub(crate) fn start(&self, folder: &Path, buffer: Vec<u8>) -> Result<LineFile, RecordingError> {
        let path = segment::path(folder, self.number);
        // One name for all: what a crash leaves behind is used up by the next.
        let unfinished = folder.join("segment.new");
        let started = create(&unfinished).and_then(|file| {
            let mut lines = LineFile::new(file, buffer);
            lines.transaction(|lines| self.write(lines))?;
            fs::rename(&unfinished, &path)?;
            Ok(lines)
        });
        started.map_err(|source| {
            // Gives its space back; the error at hand tells more than one of this.
            let _ = fs::remove_file(&unfinished);
            RecordingError::Start { path, source }
        })
    }

    fn write(&self, lines: &mut LineFile) -> io::Result<()> {
        let pieces = self.checkpoint.chunks(LONGEST_EVENT);
        lines.push(&self.header.line(self.at.wall_ms))?;
        let comment = format!(
            "{COMMENT}{{\"segment\":{},\"attempt\":{},\"time_ms\":{},\"stream_offset\":{},\"checkpoint\":{}}}\n",
            self.number,
            self.attempt,
            self.at.wall_ms,
            self.stream_offset,
            pieces.len()
        );
        lines.push(comment.as_bytes())?;
        let mut carry = Carry::default();
        for piece in pieces {
            lines.event(0, 'o', |lines| carry.decode(piece, |text| lines.push_text(text)))?;
        }
        if let Some(marker) = &self.marker {
            lines.event(0, 'm', |lines| lines.push_text(marker))?;
        }
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
    // A session's umask may take even its owner's rights.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}
