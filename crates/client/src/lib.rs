//! The client library: where a user's daemon is, and the calls it answers.
//!
//! Everything goes over HTTP/JSON on the daemon's Unix socket. Starting a daemon that is not
//! there is the caller's affair: [`ClientError::NotRunning`] says when.

mod client;
mod error;
mod places;
mod raw;
mod sse;
mod tracker;

pub use client::{AttachStream, Client};
pub use error::ClientError;
pub use places::{BadPlace, Places};
pub use raw::RawAnswer;
pub use sse::{SseEvent, SseStream};
pub use tracker::Tracker;
