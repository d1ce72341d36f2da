//! Being attached to a session: its output to our stdout, our stdin and size to it.
//!
//! ```text
//! stdin thread ─▶ send ──frames──▶ daemon ─▶ holder
//! stdout thread ◀─ receive ◀──────────────────┘
//! ```
//!
//! Owns one connection at a time ([`exchange`]) and the two ways to lead it: [`terminal`]
//! (raw mode, detach key, redraw) and [`pipes`] (a session in a script). A connection that is
//! cut is not an end: the daemon is awaited or started, and the session attached again.
//!
//! Invariants: the terminal is given back as it was, however we leave; nothing is buffered
//! without a bound; a blocked stdout never keeps us from hearing keys and signals.

pub(crate) mod detach_key;
mod exchange;
mod feed;
mod follow;
mod frames;
mod input;
mod leaving;
mod output;
pub(crate) mod pipes;
pub(crate) mod raw_mode;
mod reattach;
pub(crate) mod signals;
pub(crate) mod terminal;
pub(crate) mod turn;

pub(crate) use leaving::{ended_code, view_code};
