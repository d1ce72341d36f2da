//! What a holder and a daemon agree on: the session's folder, its spec, its record, the
//! protocol between them.
//!
//! The holder itself is the binary `wk-holder`. It outlives daemons, so everything here is
//! append-only: fields and messages are added, never renamed or given a new meaning.

pub mod folder;
pub mod gauge;
pub mod host;
pub mod protocol;
pub mod record;
pub mod spec;
