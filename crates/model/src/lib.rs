//! What a session is: plain data, its events, and the one function that moves it.
//!
//! No I/O, no clock, no async: time arrives inside events, so that replaying a journal
//! always rebuilds the same sessions. Everything else in the house depends on this room;
//! it depends on nobody.

mod event;
mod id;
mod label;
mod lifecycle;
mod os_text;
mod process;
mod session;
mod signal;
mod time;

pub use event::{
    AttemptExited, AttemptStarted, Change, Created, Draft, Event, HolderUsage, JournalGap, Orphan,
    OutputGap, Requester, Resized, Seq, Source, Stopped, Unreachable,
};
pub use id::{BadId, SessionId};
pub use label::{BadLabel, BadName, Label, Name};
pub use lifecycle::{Ending, Kind, Life, LimitKind, Outcome, Phase, Status};
pub use os_text::{HasNul, OsText};
pub use process::{BootId, Liveness, ProcessId};
pub use session::{Refused, Session};
pub use signal::{BadSignal, parse_signal, signal_name};
pub use time::{Moment, Time};
