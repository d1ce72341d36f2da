//! How a shape of secret is described: an opener that stays visible, then a body that is hidden.
//!
//! An opener is a regular expression in bytes. All of them are searched at once, by a table
//! made at build time; none may span a line or look around. Since openers stay visible, nothing
//! waits for them. Only the body waits, and only until it is long enough to be sure.

use crate::byte_set::ByteSet;

pub(crate) struct Shape {
    #[allow(dead_code, reason = "read by the build, which makes the table of it")]
    pub(crate) opener: Opener,
    pub(crate) body: Body,
}

/// Where a shape may begin.
#[allow(dead_code, reason = "read by the build, which makes the table of it")]
pub(crate) enum Opener {
    /// Not directly after a word character, but after any control sequence of a terminal.
    Token(&'static str),
    /// As `Token`, and not after a dash: for bodies long enough to hold many such openers, which
    /// would all have to be tried.
    Apart(&'static str),
    /// After a name that tells of a secret, such as `MY_API_KEY`.
    Name(&'static str),
    Anywhere(&'static str),
}

pub(crate) enum Body {
    Parts(&'static [Part]),
    /// Lines up to an end marker.
    KeyBlock,
}

/// The parts of a body follow each other. A body is a secret as soon as its last part has its
/// minimum; from there on, everything that this part allows is hidden too.
#[derive(Debug)]
pub(crate) enum Part {
    /// As many bytes of the set as there are, hidden.
    Run { of: ByteSet, min: u16, max: u16, beyond: Beyond },
    /// At most so many bytes of the set. They stay visible, unless they are a secret themselves.
    Shown { of: ByteSet, max: u16 },
    /// These bytes, which stay visible.
    Literal(&'static [u8]),
}

/// What a run is that goes on beyond its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    NoSecret,
    /// The safe side, for shapes that nothing else has.
    Secret,
}

/// A run that ends a body: at least `min` bytes, then as many as follow.
pub(crate) const fn run(of: ByteSet, min: u16) -> Part {
    Part::Run { of, min, max: u16::MAX, beyond: Beyond::Secret }
}

/// A run with another part behind it.
pub(crate) const fn bounded(of: ByteSet, min: u16, max: u16, beyond: Beyond) -> Part {
    Part::Run { of, min, max, beyond }
}
