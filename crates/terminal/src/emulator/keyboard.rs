//! The kitty keyboard protocol's stack of flags, one for each screen.
//!
//! Invariant: the stack is empty while it says no more than an empty one.

const MAX_DEPTH: usize = 16;
const KNOWN_FLAGS: u16 = 0b1_1111;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keyboard(Vec<u8>);

impl Keyboard {
    pub(crate) fn flags(&self) -> u8 {
        self.0.last().copied().unwrap_or(0)
    }

    /// `CSI = flags ; how u`
    pub(crate) fn set(&mut self, flags: u16, how: u16) {
        let (flags, current) = (known(flags), self.flags());
        let flags = match how {
            2 => current | flags,
            3 => current & !flags,
            _ => flags,
        };
        match self.0.last_mut() {
            Some(top) => *top = flags,
            None => self.0.push(flags),
        }
        self.settle();
    }

    /// `CSI > flags u`; the oldest entry goes when there are too many.
    pub(crate) fn push(&mut self, flags: u16) {
        if self.0.is_empty() {
            self.0.push(0);
        }
        if self.0.len() == MAX_DEPTH {
            self.0.remove(0);
        }
        self.0.push(known(flags));
    }

    /// `CSI < count u`
    pub(crate) fn pop(&mut self, count: u16) {
        self.0.truncate(self.0.len().saturating_sub(usize::from(count)));
        self.settle();
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Oldest first.
    pub(crate) fn stack(&self) -> &[u8] {
        &self.0
    }

    fn settle(&mut self) {
        if self.0 == [0] {
            self.0.clear();
        }
    }
}

fn known(flags: u16) -> u8 {
    (flags & KNOWN_FLAGS) as u8
}
