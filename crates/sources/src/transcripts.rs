//! Agents' transcripts, read on from where the last look ended.
//!
//! Where a transcript is, the agent has said: it is opened only if it is a file, and read only.
//! A file that was cut or replaced is read from its beginning; its messages are known by their
//! names, and not counted again.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use wk_agents::transcript::Counter;

/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;

/// One transcript.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    /// Device and inode of what was read.
    identity: Option<(u64, u64)>,
    offset: u64,
    counter: Counter,
}

impl Transcript {
    /// None: nobody has a transcript there.
    pub fn new(path: &Path) -> Option<Self> {
        let sensible = path.is_absolute() && path.as_os_str().len() <= 4096;
        sensible.then(|| Self {
            path: path.to_owned(),
            identity: None,
            offset: 0,
            counter: Counter::default(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn counter(&self) -> &Counter {
        &self.counter
    }

    /// Reads what was added.
    pub fn read(&mut self) -> io::Result<()> {
        // A pipe would wait for its writer.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).custom_flags(flags.cast_signed()).open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let identity = Some((found.dev(), found.ino()));
        if self.identity != identity || found.len() < self.offset {
            self.identity = identity;
            self.offset = 0;
            self.counter.start_over();
        }
        if found.len() == self.offset {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.offset))?;
        self.read_on(&mut file, found.len() - self.offset)
    }

    /// Up to where it ended when it was opened: it may grow as fast as it is read.
    fn read_on(&mut self, file: &mut File, mut left: u64) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        while left > 0 {
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = file.read(&mut piece[..most])?;
            if count == 0 {
                return Ok(());
            }
            self.counter.feed(&piece[..count]);
            self.offset += count as u64;
            left -= count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn line(id: &str, output: u64) -> String {
        format!(
            "{{\"type\":\"assistant\",\"message\":{{\"id\":\"{id}\",\"usage\":{{\"output_tokens\":{output}}}}}}}\n"
        )
    }

    fn output(transcript: &mut Transcript) -> Option<u64> {
        transcript.read().unwrap();
        transcript.counter().tokens().map(|tokens| tokens.output)
    }

    #[test]
    fn what_was_added_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        fs::write(&path, line("a", 1)).unwrap();
        let mut transcript = Transcript::new(&path).unwrap();
        assert_eq!(output(&mut transcript), Some(1));
        assert_eq!(output(&mut transcript), Some(1));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        let (whole, cut) = (line("b", 10), line("c", 100));
        file.write_all(whole.as_bytes()).unwrap();
        file.write_all(&cut.as_bytes()[..20]).unwrap();
        assert_eq!(output(&mut transcript), Some(11));
        file.write_all(&cut.as_bytes()[20..]).unwrap();
        assert_eq!(output(&mut transcript), Some(111));
    }

    #[test]
    fn a_transcript_that_was_cut_or_replaced_is_counted_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        fs::write(&path, line("a", 1) + &line("b", 10) + "{\"half").unwrap();
        let mut transcript = Transcript::new(&path).unwrap();
        assert_eq!(output(&mut transcript), Some(11));
        fs::write(&path, line("b", 10)).unwrap();
        assert_eq!(output(&mut transcript), Some(11), "what was used stays used");
        let other = folder.path().join("other");
        fs::write(&other, line("b", 10) + &line("c", 100) + &line("d", 1000)).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(output(&mut transcript), Some(1111));
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Transcript::new(Path::new("relative")).is_none());
        assert!(Transcript::new(folder.path()).unwrap().read().is_err());
        assert!(Transcript::new(&folder.path().join("none")).unwrap().read().is_err());
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(Transcript::new(&pipe).unwrap().read().is_err());
        assert!(Transcript::new(Path::new("/dev/zero")).unwrap().read().is_err());
    }
}
