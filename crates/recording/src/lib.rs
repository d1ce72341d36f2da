//! Recordings of sessions as bounded asciicast v3 segments.
//!
//! ```text
//! recording/            0700
//!   000007.cast         0600, header, `# wk {…}`, screen checkpoint, events
//!   000008.cast         the segment being written
//! ```
//!
//! Every segment is a valid asciicast v3 file by itself. The writing half
//! ([`Writer`]) is synchronous and small, for a session's holder; the reading
//! half ([`read_segments`], [`Events`], [`Follower`], [`export()`],
//! [`Selection`]) serves daemon and command line.
//!
//! No clock in here: times arrive as [`Stamp`]s. Masking of secrets and the
//! drawing of checkpoints belong to the caller.
//!
//! Invariants: a line is either complete or not part of the recording, what is
//! lost is marked where it was lost, and the folder stays within its bound.

mod cursor;
mod encode;
mod error;
mod escape;
mod event;
mod export;
mod follow;
mod header;
mod line_file;
mod lines;
mod new_segment;
mod reader;
mod retention;
mod segment;
mod stamp;
mod text;
mod utf8;
mod writer;

pub use error::{ReadError, RecordingError};
pub use event::{Event, Kind, Stream};
pub use export::{ExportOptions, Exported, StderrAs, export};
pub use follow::Follower;
pub use header::Header;
pub use reader::{Events, read_segments};
pub use segment::Segment;
pub use stamp::Stamp;
pub use text::Selection;
pub use writer::{Options, Writer};
