//! Exit codes.

/// What `wk` exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub u8);

impl Code {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const FAILURE: Self = Self(1);
    /// The command line was wrong.
    pub(crate) const USAGE: Self = Self(2);
    /// There is no daemon, where one was asked about.
    pub(crate) const NOT_RUNNING: Self = Self(3);
    /// Another daemon has the lock.
    pub(crate) const ANOTHER: Self = Self(75);
    /// Time was up, as `timeout(1)` says it.
    pub(crate) const TIMEOUT: Self = Self(124);
    /// Nobody reads our output, as a shell reports SIGPIPE.
    pub(crate) const BROKEN_PIPE: Self = Self(141);

    /// What a shell has in `$?`: the low eight bits.
    pub(crate) fn from_shell(code: i32) -> Self {
        Self((code & 0xff) as u8)
    }
}
