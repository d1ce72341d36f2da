//! The protocol between a holder and whoever talks to it, over a Unix stream socket.
//!
//! A frame is a little-endian `u32` length, one byte of type, and `length` bytes of payload.
//! Two kinds of connection, told apart by the first frame:
//!
//! - *control* ([`Request::Hello`]): requests are answered in order, each by exactly one of
//!   [`Reply::Status`], [`Reply::Done`], [`Reply::Screen`] or [`Reply::Refused`]; between
//!   answers the holder may send [`Reply::Bell`], [`Reply::Activity`] and [`Reply::Halted`].
//! - *attach* ([`Request::Attach`]): the client sends input, sizes and its leave; the holder
//!   sends output, and at last [`Reply::Ended`]. A feeder that says what it has received
//!   ([`AttachRequest::received`]) loses nothing and sends nothing twice, whoever dies on the way:
//!   both sides count bytes and keep what the other has not confirmed.
//!
//! Whoever launches a holder sends [`Request::Launch`] first, on the descriptor the holder
//! was born with; that connection goes on as a control connection.
//!
//! A frame type that a side does not know is skipped. Peers of another uid are refused.

use serde::{Deserialize, Serialize};
use wk_model::{Ending, LimitKind, ProcessId, SessionId};

use crate::spec::Launch;

/// What this code speaks. Raised only when an old holder could misunderstand a new daemon.
pub const VERSION: u32 = 1;

/// A longer payload is refused, and the connection closed.
pub const MAX_PAYLOAD: usize = 8 << 20;

/// Bytes of one frame of what has to be sent in several.
const PIECE: usize = 1 << 20;

/// Input that a feeder may send before it hears by [`Reply::Taken`] that the child has read it.
pub const FEED_WINDOW: usize = 256 << 10;

/// Bytes before a payload.
pub const HEADER: usize = 5;

/// To a holder.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Launch(Box<Launch>),
    Hello(Hello),
    Signal(SignalRequest),
    Stop(StopRequest),
    Input(Vec<u8>),
    InputEnd,
    Resize {
        cols: u16,
        rows: u16,
    },
    Screen(ScreenRequest),
    Attach(AttachRequest),
    Detach,
    /// Send one [`Reply::Activity`] at the next output.
    Arm,
    /// From a feeder: it has so many bytes of the attempt's output, of both streams together.
    Received(u64),
}

/// From a holder.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Status(Box<HolderStatus>),
    Done,
    Refused(String),
    Screen(Vec<u8>),
    /// The record has grown: read it.
    Bell,
    Activity,
    /// What the child wrote to its terminal or to stdout.
    Output(Vec<u8>),
    /// What the child wrote to stderr, where that is a pipe.
    ErrorOutput(Vec<u8>),
    Ended(Ended),
    /// The size of the terminal has changed, by another client's wish.
    Resized {
        cols: u16,
        rows: u16,
    },
    /// To a feeder, first of all: which byte of the output comes next, and how many bytes of
    /// its input are here already.
    Resumed {
        output: u64,
        input: u64,
    },
    /// To a feeder: the child has read so many bytes of its input.
    Taken(u64),
    /// The command was stopped, or goes on: worth a look.
    Halted,
    /// The beginning of a screen that is too long for one frame; the rest follows, and last of
    /// all a [`Reply::Screen`].
    ScreenPart(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderStatus {
    pub version: u32,
    pub session_id: SessionId,
    pub attempt: u32,
    pub holder: ProcessId,
    /// None before the child was started, or where it could not be.
    pub process: Option<ProcessId>,
    pub ended: Option<Ended>,
    /// Attached clients.
    pub clients: u32,
    pub title: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRequest {
    pub signal: i32,
    pub to: SignalTarget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalTarget {
    /// The command itself.
    Leader,
    /// The command and all its descendants.
    Tree,
    /// The terminal's foreground process group; without a terminal, the leader's group.
    Foreground,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    pub grace_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScreenRequest {
    /// With colours and attributes.
    pub ansi: bool,
    /// With what has scrolled off.
    pub history: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachRequest {
    pub read_only: bool,
    /// The client's terminal; none: it has none.
    pub cols: Option<u16>,
    pub rows: Option<u16>,
    /// The client that fills stdin, and that output waits for (see `Stdio::Pipes`).
    pub feed: bool,
    /// Lines of history to send before the screen.
    pub history: u32,
    /// With `feed`: the client has so many bytes of the output, and will say what it receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub ending: Ending,
    pub limit: Option<LimitKind>,
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error("a frame of {0} bytes exceeds the {MAX_PAYLOAD} that are allowed")]
    TooLong(usize),
    #[error("the payload of frame type {kind} cannot be read")]
    Payload { kind: u8, source: serde_json::Error },
    #[error("the payload of frame type {kind} has {length} bytes, not {want}")]
    Length { kind: u8, length: usize, want: usize },
}

/// A frame taken off the front of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u8,
    pub payload: &'a [u8],
    /// Bytes of the buffer that the frame took.
    pub taken: usize,
}

/// Finds the first frame in `buffer`; none while it is not complete.
pub fn frame(buffer: &[u8]) -> Result<Option<Frame<'_>>, ProtocolError> {
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [a, b, c, d, kind] = *header;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_PAYLOAD {
        return Err(ProtocolError::TooLong(length));
    }
    Ok(rest.get(..length).map(|payload| Frame { kind, payload, taken: HEADER + length }))
}

/// Appends a frame to `out`.
pub fn put_frame(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    out.reserve(HEADER + payload.len());
    out.extend((payload.len() as u32).to_le_bytes());
    out.push(kind);
    out.extend(payload);
}

fn put_json(out: &mut Vec<u8>, kind: u8, payload: &impl Serialize) {
    // Our own plain data: it always has a JSON form.
    put_frame(out, kind, &serde_json::to_vec(payload).unwrap_or_default());
}

fn json<'a, T: Deserialize<'a>>(frame: &Frame<'a>) -> Result<T, ProtocolError> {
    serde_json::from_slice(frame.payload)
        .map_err(|source| ProtocolError::Payload { kind: frame.kind, source })
}

fn put_size(out: &mut Vec<u8>, kind: u8, cols: u16, rows: u16) {
    let ([a, b], [c, d]) = (cols.to_le_bytes(), rows.to_le_bytes());
    put_frame(out, kind, &[a, b, c, d]);
}

fn size(frame: &Frame<'_>) -> Result<(u16, u16), ProtocolError> {
    match *frame.payload {
        [a, b, c, d] => Ok((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))),
        _ => Err(ProtocolError::Length { kind: frame.kind, length: frame.payload.len(), want: 4 }),
    }
}

fn put_counts<const N: usize>(out: &mut Vec<u8>, kind: u8, counts: [u64; N]) {
    put_frame(out, kind, counts.map(u64::to_le_bytes).as_flattened());
}

fn counts<const N: usize>(frame: &Frame<'_>) -> Result<[u64; N], ProtocolError> {
    let (words, rest) = frame.payload.as_chunks::<8>();
    match <[[u8; 8]; N]>::try_from(words) {
        Ok(words) if rest.is_empty() => Ok(words.map(u64::from_le_bytes)),
        _ => {
            let (length, want) = (frame.payload.len(), N * 8);
            Err(ProtocolError::Length { kind: frame.kind, length, want })
        }
    }
}

impl Request {
    /// Appends the request's frame to `out`.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Launch(launch) => put_json(out, 1, launch),
            Self::Hello(hello) => put_json(out, 2, hello),
            Self::Signal(signal) => put_json(out, 3, signal),
            Self::Stop(stop) => put_json(out, 4, stop),
            Self::Input(bytes) => put_frame(out, 5, bytes),
            Self::InputEnd => put_frame(out, 6, &[]),
            Self::Resize { cols, rows } => put_size(out, 7, *cols, *rows),
            Self::Screen(screen) => put_json(out, 8, screen),
            Self::Attach(attach) => put_json(out, 9, attach),
            Self::Detach => put_frame(out, 10, &[]),
            Self::Arm => put_frame(out, 11, &[]),
            Self::Received(bytes) => put_counts(out, 12, [*bytes]),
        }
    }

    /// Reads a frame; none where its type is not known.
    pub fn read(frame: &Frame<'_>) -> Result<Option<Self>, ProtocolError> {
        Ok(Some(match frame.kind {
            1 => Self::Launch(json(frame)?),
            2 => Self::Hello(json(frame)?),
            3 => Self::Signal(json(frame)?),
            4 => Self::Stop(json(frame)?),
            5 => Self::Input(frame.payload.to_vec()),
            6 => Self::InputEnd,
            7 => {
                let (cols, rows) = size(frame)?;
                Self::Resize { cols, rows }
            }
            8 => Self::Screen(json(frame)?),
            9 => Self::Attach(json(frame)?),
            10 => Self::Detach,
            11 => Self::Arm,
            12 => {
                let [bytes] = counts(frame)?;
                Self::Received(bytes)
            }
            _ => return Ok(None),
        }))
    }
}

impl Reply {
    /// The frame type of [`Reply::Output`], for code that writes output frames in place.
    pub const OUTPUT: u8 = 70;
    /// The frame type of [`Reply::ErrorOutput`].
    pub const ERROR_OUTPUT: u8 = 71;
    const SCREEN: u8 = 67;
    const SCREEN_PART: u8 = 76;

    /// The reply in frames that no reader refuses, however large a screen is.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let (kinds, bytes) = match self {
            Self::Output(bytes) => ((Self::OUTPUT, Self::OUTPUT), bytes),
            Self::Screen(bytes) => ((Self::SCREEN_PART, Self::SCREEN), bytes),
            _ => ((0, 0), &Vec::new()),
        };
        if bytes.len() <= PIECE {
            let mut frame = Vec::new();
            self.put(&mut frame);
            return vec![frame];
        }
        let pieces = bytes.chunks(PIECE);
        let last = pieces.len() - 1;
        let framed = pieces.enumerate().map(|(number, piece)| {
            let mut frame = Vec::new();
            put_frame(&mut frame, if number < last { kinds.0 } else { kinds.1 }, piece);
            frame
        });
        framed.collect()
    }

    /// Appends the reply's frame to `out`.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Status(status) => put_json(out, 64, status),
            Self::Done => put_frame(out, 65, &[]),
            Self::Refused(why) => put_frame(out, 66, why.as_bytes()),
            Self::Screen(bytes) => put_frame(out, Self::SCREEN, bytes),
            Self::Bell => put_frame(out, 68, &[]),
            Self::Activity => put_frame(out, 69, &[]),
            Self::Output(bytes) => put_frame(out, Self::OUTPUT, bytes),
            Self::ErrorOutput(bytes) => put_frame(out, Self::ERROR_OUTPUT, bytes),
            Self::Ended(ended) => put_json(out, 72, ended),
            Self::Resized { cols, rows } => put_size(out, 73, *cols, *rows),
            Self::Resumed { output, input } => put_counts(out, 74, [*output, *input]),
            Self::Taken(bytes) => put_counts(out, 75, [*bytes]),
            Self::ScreenPart(bytes) => put_frame(out, Self::SCREEN_PART, bytes),
            Self::Halted => put_frame(out, 77, &[]),
        }
    }

    /// Reads a frame; none where its type is not known.
    pub fn read(frame: &Frame<'_>) -> Result<Option<Self>, ProtocolError> {
        Ok(Some(match frame.kind {
            64 => Self::Status(json(frame)?),
            65 => Self::Done,
            66 => Self::Refused(String::from_utf8_lossy(frame.payload).into_owned()),
            Self::SCREEN => Self::Screen(frame.payload.to_vec()),
            68 => Self::Bell,
            69 => Self::Activity,
            Self::OUTPUT => Self::Output(frame.payload.to_vec()),
            Self::ERROR_OUTPUT => Self::ErrorOutput(frame.payload.to_vec()),
            72 => Self::Ended(json(frame)?),
            73 => {
                let (cols, rows) = size(frame)?;
                Self::Resized { cols, rows }
            }
            74 => {
                let [output, input] = counts(frame)?;
                Self::Resumed { output, input }
            }
            75 => {
                let [bytes] = counts(frame)?;
                Self::Taken(bytes)
            }
            Self::SCREEN_PART => Self::ScreenPart(frame.payload.to_vec()),
            77 => Self::Halted,
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_back_from_any_split() {
        let requests = [
            Request::Hello(Hello { version: VERSION }),
            Request::Signal(SignalRequest { signal: 15, to: SignalTarget::Tree }),
            Request::Stop(StopRequest { grace_ms: 10 }),
            Request::Input(b"\x03\x00\xff".to_vec()),
            Request::InputEnd,
            Request::Resize { cols: 80, rows: 24 },
            Request::Screen(ScreenRequest { ansi: true, history: false }),
            Request::Attach(AttachRequest { cols: Some(80), ..Default::default() }),
            Request::Detach,
            Request::Arm,
            Request::Received(u64::MAX - 1),
        ];
        let mut wire = Vec::new();
        for request in &requests {
            request.put(&mut wire);
        }
        let (mut buffer, mut read) = (Vec::new(), Vec::new());
        for byte in wire {
            buffer.push(byte);
            if let Some(frame) = frame(&buffer).unwrap() {
                read.push(Request::read(&frame).unwrap().unwrap());
                buffer.clear();
            }
        }
        assert_eq!(read, requests);
    }

    #[test]
    fn replies_read_back() {
        let ending = Ending::Signaled { signal: 9, core_dumped: false };
        for reply in [
            Reply::Done,
            Reply::Refused("no".into()),
            Reply::Screen(b"$ ".to_vec()),
            Reply::Bell,
            Reply::Halted,
            Reply::Activity,
            Reply::Output(b"out".to_vec()),
            Reply::ErrorOutput(b"err".to_vec()),
            Reply::Ended(Ended { ending, limit: Some(LimitKind::Time) }),
            Reply::Resized { cols: 1, rows: 2 },
            Reply::Resumed { output: 7 << 40, input: 3 },
            Reply::Taken(9),
            Reply::ScreenPart(b"top".to_vec()),
        ] {
            let mut wire = Vec::new();
            reply.put(&mut wire);
            let frame = frame(&wire).unwrap().unwrap();
            assert_eq!(frame.taken, wire.len());
            assert_eq!(Reply::read(&frame).unwrap(), Some(reply));
        }
    }

    #[test]
    fn what_is_long_comes_in_pieces_that_every_reader_takes() {
        let bytes: Vec<u8> = (0..MAX_PAYLOAD + 5).map(|number| (number >> 9) as u8).collect();
        for reply in [Reply::Screen(bytes.clone()), Reply::Output(bytes.clone())] {
            let (mut joined, mut last) = (Vec::new(), None);
            for wire in reply.frames() {
                last = Reply::read(&frame(&wire).unwrap().unwrap()).unwrap();
                let Some(Reply::Screen(piece) | Reply::ScreenPart(piece) | Reply::Output(piece)) =
                    &last
                else {
                    panic!("{last:?}")
                };
                joined.extend_from_slice(piece);
            }
            assert!(joined == bytes);
            assert!(matches!(last, Some(Reply::Screen(_) | Reply::Output(_))));
        }
        assert_eq!(Reply::Bell.frames().len(), 1);
    }

    #[test]
    fn what_is_no_frame_is_an_error_and_the_unknown_is_skipped() {
        assert!(matches!(frame(&[255; 9]), Err(ProtocolError::TooLong(_))));
        let short = Frame { kind: 7, payload: &[1, 2], taken: 7 };
        assert!(matches!(Request::read(&short), Err(ProtocolError::Length { .. })));
        let torn = Frame { kind: 74, payload: &[0; 15], taken: 20 };
        assert!(matches!(Reply::read(&torn), Err(ProtocolError::Length { want: 16, .. })));
        let garbled = Frame { kind: 9, payload: b"{", taken: 6 };
        assert!(matches!(Request::read(&garbled), Err(ProtocolError::Payload { .. })));
        assert_eq!(Request::read(&Frame { kind: 200, payload: b"", taken: 5 }).unwrap(), None);
    }
}
