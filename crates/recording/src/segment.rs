//! One segment of a recording: its name, how it starts, and how to tell.
//!
//! A segment starts with the header, a comment line for our own reader, and as
//! many checkpoint events as that line says:
//!
//! ```text
//! {"version":3,"term":{"cols":80,"rows":24},"timestamp":1504467315}
//! # wk {"segment":2,"attempt":1,"time_ms":1504467315250,"stream_offset":8388608,"checkpoint":1}
//! [0.000000,"o","…the screen…"]
//! ```
//!
//! Invariant: a name ending in `.cast` belongs to a segment whose start is
//! complete; until then it carries another one.

use crate::error::ReadError;
use crate::lines::{Line, Lines};
use serde::Deserialize;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Begins the comment line for our own reader.
pub(crate) const COMMENT: &str = "# wk ";

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub number: u32,
    /// Which run of the session's command it belongs to, from 1.
    pub attempt: u32,
    /// When it starts, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Bytes of output text recorded before it, in all segments ever.
    pub stream_offset: u64,
    pub cols: u16,
    pub rows: u16,
    /// Its size when it was looked at.
    pub bytes: u64,
    /// How many events at its start only draw the screen.
    pub(crate) checkpoint: u32,
    /// The header line, without its end.
    pub(crate) header: String,
}

/// The part of the header we need back.
#[derive(Deserialize)]
struct HeaderLine {
    version: u8,
    term: Term,
}

#[derive(Deserialize)]
struct Term {
    cols: u16,
    rows: u16,
}

/// The comment line.
#[derive(Deserialize)]
struct Start {
    attempt: u32,
    time_ms: u64,
    stream_offset: u64,
    checkpoint: u32,
}

/// The path of segment `number`.
pub(crate) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.cast"))
}

/// Numbers and sizes of the segments in `folder`, in order; none when there is no folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<(u32, u64)>, ReadError> {
    let failed = |source| ReadError::Folder { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let Some(number) = entry.file_name().to_str().and_then(number_in) else { continue };
        match entry.metadata() {
            Ok(metadata) => found.push((number, metadata.len())),
            // Dropped while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Opens a segment and reads its start; `None` when it is gone.
pub(crate) fn open(folder: &Path, number: u32) -> Result<Option<(Segment, Lines)>, ReadError> {
    let path = path(folder, number);
    let failed = |source| ReadError::Segment { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let bytes = file.metadata().map_err(failed)?.len();
    let mut lines = Lines::new(file);
    let damaged = |line, why| ReadError::Damaged { path: path.clone(), line, why };
    let header = start_line(&mut lines).map_err(failed)?.map_err(|why| damaged(1, why))?;
    let HeaderLine { version, term } = parse(&header).map_err(|why| damaged(1, why))?;
    if version != 3 {
        return Err(damaged(1, format!("asciicast version {version} instead of 3")));
    }
    let comment = start_line(&mut lines).map_err(failed)?.map_err(|why| damaged(2, why))?;
    let start: Start = comment
        .strip_prefix(COMMENT)
        .ok_or_else(|| "no mark of a segment".to_owned())
        .and_then(parse)
        .map_err(|why| damaged(2, why))?;
    let segment = Segment {
        number,
        attempt: start.attempt,
        time_ms: start.time_ms,
        stream_offset: start.stream_offset,
        cols: term.cols,
        rows: term.rows,
        bytes,
        checkpoint: start.checkpoint,
        header,
    };
    Ok(Some((segment, lines)))
}

fn number_in(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".cast")?;
    let plain = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// A line of the segment's start, or what is wrong with it.
fn start_line(lines: &mut Lines) -> io::Result<Result<String, String>> {
    Ok(match lines.read()? {
        Some(Line::Text(text)) => String::from_utf8(text.to_vec()).map_err(|e| e.to_string()),
        Some(Line::TooLong) => Err("it is too long".to_owned()),
        None => Err("it is missing".to_owned()),
    })
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_segments_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["000002.cast", "000010.cast", "1234567.cast", "000003.cast.new", "7.cast"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(list(folder.path()).unwrap(), [(2, 1), (10, 1), (1_234_567, 1)]);
        assert_eq!(list(&folder.path().join("absent")).unwrap(), []);
    }

    #[test]
    fn a_damaged_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let header = "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n";
        for (content, want) in [
            (String::new(), "line 1 "),
            ("{\"version\":2,\"width\":80,\"height\":24}\n".to_owned(), "line 1 "),
            (header.replace('3', "4"), "version 4 instead of 3"),
            (header.to_owned(), "line 2 "),
            (format!("{header}# wk {{\"segment\":1}}\n"), "missing field"),
            (format!("{header}[0.1,\"o\",\"\"]\n"), "no mark of a segment"),
        ] {
            fs::write(path(folder.path(), 1), &content).unwrap();
            let error = open(folder.path(), 1).unwrap_err().to_string();
            assert!(error.contains(want) && error.contains("000001.cast"), "{error}");
        }
        assert!(open(folder.path(), 2).unwrap().is_none());
    }
}
