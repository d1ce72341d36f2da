//! What was put into a text, so that exactly that can be taken out.

use serde::{Deserialize, Serialize};

/// A piece that was put into a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insertion {
    /// Where, in bytes of the text before.
    pub at: usize,
    pub text: String,
}

/// All pieces, and what the text was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub insertions: Vec<Insertion>,
    /// Bytes of the text before.
    pub length: usize,
    /// A checksum of it: the text itself may hold secrets.
    pub checksum: u64,
    /// Whether the text had `hooks` already.
    pub had_hooks: bool,
    /// And which events below it.
    pub had_events: Vec<String>,
}

/// What a text had before.
pub(super) struct Had {
    pub hooks: bool,
    pub events: Vec<String>,
}

impl Record {
    pub(super) fn new(before: &str, insertions: Vec<Insertion>, had: Had) -> Self {
        Self {
            insertions,
            length: before.len(),
            checksum: checksum(before),
            had_hooks: had.hooks,
            had_events: had.events,
        }
    }

    pub(super) fn apply(&self, before: &str) -> String {
        let mut text = String::with_capacity(before.len() + 2048);
        let mut from = 0;
        for insertion in &self.insertions {
            text.push_str(&before[from..insertion.at]);
            text.push_str(&insertion.text);
            from = insertion.at;
        }
        text.push_str(&before[from..]);
        text
    }

    /// The text as it was before, if it is now what was left then.
    pub(super) fn undo(&self, after: &str) -> Option<String> {
        let mut before = String::with_capacity(self.length.min(after.len()));
        let (mut rest, mut from) = (after, 0);
        for insertion in &self.insertions {
            let (kept, behind) = rest.split_at_checked(insertion.at.checked_sub(from)?)?;
            before.push_str(kept);
            rest = behind.strip_prefix(insertion.text.as_str())?;
            from = insertion.at;
        }
        before.push_str(rest);
        (before.len() == self.length && checksum(&before) == self.checksum).then_some(before)
    }
}

/// FNV-1a: tells an edited text from another, not an enemy's from ours.
pub fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
