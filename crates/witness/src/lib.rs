//! The witness: what the kernel saw of signals and ends.
//!
//! ```text
//! kernel programs ──▶ pinned ring of records ──▶ wk-witness ──▶ peers, each its own
//! ```
//!
//! This library is what both sides agree on: the [`protocol`] on the socket, and the records
//! ([`raw`]) as the programs write them. The witness itself is behind the feature `process`.

#[cfg(feature = "process")]
pub mod process;
pub mod protocol;
pub mod raw;
