//! What a terminal would show: emulation, redraw, answers.
//!
//! Owns the emulator of a session's terminal ([`Screen`]; as [`LazyScreen`] it
//! works when somebody looks) and the filter that keeps terminal queries away
//! from the real terminals of attached clients ([`QueryFilter`]): the emulator
//! answers them, always and once. Grids, cells and the reflow of lines are
//! `alacritty_terminal`'s, the parser is `vte`'s.
//!
//! Leaves to others: reading and writing of the terminal, clients, recording.
//! There is no I/O here, no thread and no clock; a synchronized update is
//! applied as it arrives, since nothing here is painted.
//!
//! Invariants: no input panics; memory is bounded by the size of the screen,
//! the scrollback asked for and [`MAX_SEQUENCE`]; how a stream is cut into
//! pieces never matters.

mod emulator;
mod filter;
mod flood;
mod lazy;
mod lexer;
mod redraw;
mod screen;
mod size;
#[cfg(test)]
mod tests;
mod text;

pub use filter::QueryFilter;
pub use flood::Lines;
pub use lazy::LazyScreen;
pub use lexer::MAX_SEQUENCE;
pub use screen::Screen;
pub use size::{ParseSizeError, Size};
pub use text::plain_text;
