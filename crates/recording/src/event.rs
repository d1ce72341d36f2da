//! What a recording holds, and how a line tells it.

use serde::Deserialize;
use std::borrow::Cow;

/// One thing recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since the epoch.
    pub time_us: u64,
    /// Bytes of output text recorded before it, in all segments ever.
    pub offset: u64,
    pub kind: Kind,
}

impl Event {
    pub fn time_ms(&self) -> u64 {
        self.time_us / 1000
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Output {
        stream: Stream,
        text: String,
    },
    Resize {
        cols: u16,
        rows: u16,
    },
    Marker(String),
    /// The session's command ended.
    Exit(i32),
    /// Draws the whole screen as it was; comes where earlier output is not at hand.
    Checkpoint(String),
    /// Output is missing here that was recorded once.
    Dropped {
        bytes: u64,
    },
    /// An event of a kind we do not write.
    Other {
        code: String,
        data: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Also everything from a terminal.
    Stdout,
    Stderr,
}

impl Stream {
    /// Players show `o` and pass over the unknown `e`.
    pub(crate) fn code(self) -> char {
        match self {
            Stream::Stdout => 'o',
            Stream::Stderr => 'e',
        }
    }
}

/// The three elements of an event's line.
#[derive(Deserialize)]
struct Row<'a>(f64, #[serde(borrow)] Cow<'a, str>, String);

/// Reads a line: the microseconds since the previous event, and what happened.
///
/// `None` for lines that hold no event; the error says what is wrong.
pub(crate) fn parse(line: &[u8]) -> Result<Option<(u64, Kind)>, String> {
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let Row(seconds, code, data) = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let kind = match &*code {
        "o" => Kind::Output { stream: Stream::Stdout, text: data },
        "e" => Kind::Output { stream: Stream::Stderr, text: data },
        "r" => size(&data).ok_or_else(|| "not a size".to_owned())?,
        "m" => Kind::Marker(data),
        "x" => Kind::Exit(data.parse().map_err(|_| "not an exit status".to_owned())?),
        _ => Kind::Other { code: code.into_owned(), data },
    };
    // Saturates, so that a negative interval is none.
    Ok(Some(((seconds * 1e6).round() as u64, kind)))
}

fn size(text: &str) -> Option<Kind> {
    let (cols, rows) = text.split_once('x')?;
    Some(Kind::Resize { cols: cols.parse().ok()?, rows: rows.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_format_says() {
        let output = |stream, text: &str| Kind::Output { stream, text: text.into() };
        for (line, want) in [
            (r#"[0.25,"o","a\u001b[m"]"#, Some((250_000, output(Stream::Stdout, "a\u{1b}[m")))),
            (r#"[1,"e",""]"#, Some((1_000_000, output(Stream::Stderr, "")))),
            (r#"[0.000001, "r", "90x30"]"#, Some((1, Kind::Resize { cols: 90, rows: 30 }))),
            (r#"[0,"m","here"]"#, Some((0, Kind::Marker("here".into())))),
            (r#"[0,"x","-3"]"#, Some((0, Kind::Exit(-3)))),
            (r#"[-5,"i","k"]"#, Some((0, Kind::Other { code: "i".into(), data: "k".into() }))),
            ("# a comment", None),
            ("", None),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(want), "{line}");
        }
    }

    #[test]
    fn damaged_lines_are_errors() {
        for line in [r#"[0.1,"o","#, "{}", r#"[0,"r","80"]"#, r#"[0,"x","one"]"#, "\u{0}"] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(parse(b"[0,\"o\",\"\xff\"]").is_err());
    }
}
