//! Hides known secret shapes in streams of bytes: keys, tokens, passwords, private keys.
//!
//! ```text
//! bytes ──▶ openers ──▶ candidate ──long enough──▶ hidden: one `*` for each byte
//!              ▲            └──────something else──▶ released, read once more ─┐
//!              └───────────────────────────────────────────────────────────────┘
//! ```
//!
//! A shape (`shapes`) is an opener that stays visible (`ghp_`, `MY_TOKEN=`) and a body that is
//! hidden. All openers are one table made at build time, in read-only data; nothing is compiled,
//! checked or allocated for it when a process starts.
//!
//! Kept true:
//! - As many bytes go out as come in; line breaks, control sequences and everything that is not
//!   ASCII pass unchanged, so a screen keeps its layout.
//! - The output depends on the bytes alone, never on how they were split into writes.
//! - What is undecided waits for bytes, not for time, and never exceeds [`MAX_PENDING`]. A
//!   candidate that would is a secret if nothing else has its shape (a web token with a huge
//!   header), and none otherwise. Private keys wait for nothing: they are hidden from their
//!   first line on.
//!
//! Limits, known and accepted:
//! - A secret that is interrupted, by a wrapped line of a terminal or a colour, is hidden up to
//!   there; the rest is hidden only inside private keys, which are read across lines and colours.
//! - A name and its value are recognised on one line, in the form of an assignment or a flag.
//!   A bare value ends at white space, a quote, a backslash or a byte that is not ASCII.
//! - Secrets that look like any other word are found by their name alone; encoded ones are not.

mod byte_set;
mod candidate;
mod held;
mod key_block;
mod lanes;
mod masker;
mod openers;
mod reader;
mod shape;
mod shapes;
mod text;

pub use masker::{MAX_PENDING, Masker};
pub use text::{mask_arguments, mask_text};
