//! What an agent's transcript counts: the tokens of each message, once.
//!
//! A transcript is JSON, one object a line, and somebody else's file: it may be of another
//! agent, cut in the middle, or no transcript at all. Lines that say nothing are passed over.
//!
//! Claude Code repeats a message's usage with every block of its content, and again after a
//! resume, with numbers that only grow: the largest of each message counts. Codex says what it
//! has come to so far. Gemini CLI writes a message anew whenever more of it is known.

mod line;

use std::collections::{HashMap, VecDeque};

use wk_model::Tokens;

pub use line::Usage;
use line::{Said, read};

/// Messages that are remembered; older ones are said again by nobody.
const REMEMBERED: usize = 65_536;
/// A longer line is passed over: a message's usage is at its end, but no message is so long.
pub const LONGEST_LINE: usize = 32 << 20;

/// Counts the lines of one transcript, in any pieces.
#[derive(Debug, Default)]
pub struct Counter {
    messages: HashMap<u64, Usage>,
    order: VecDeque<u64>,
    /// Of all messages, also those that are forgotten.
    sum: Usage,
    count: u64,
    /// What the agent itself says that it has come to.
    stated: Option<Usage>,
    model: Option<String>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    /// The line is too long: all up to its end is passed over.
    passing_over: bool,
}

impl Counter {
    /// Counts what has been added to the file.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = (&bytes[..end], &bytes[end + 1..]);
            bytes = behind;
            if std::mem::take(&mut self.passing_over) {
                continue;
            }
            if self.rest.is_empty() {
                self.line(line);
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.line(&whole);
            }
        }
        if self.passing_over {
            return;
        }
        if self.rest.len() + bytes.len() > LONGEST_LINE {
            self.rest = Vec::new();
            self.passing_over = true;
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// What the transcript counts so far; none where it counts nothing.
    pub fn tokens(&self) -> Option<Tokens> {
        sum([self])
    }

    /// The file is read from its beginning again: what was counted is not counted twice.
    pub fn start_over(&mut self) {
        self.rest = Vec::new();
        self.passing_over = false;
    }

    fn line(&mut self, line: &[u8]) {
        if line.len() > LONGEST_LINE {
            return;
        }
        let mut said = Vec::new();
        read(line, &mut |one| said.push(one));
        for one in said {
            match one {
                Said::Message { id, usage, model } => {
                    self.message(id, usage);
                    self.model = model.or(self.model.take());
                }
                Said::Total { usage } => {
                    // Told again with every limit that is looked up.
                    self.count += u64::from(self.stated != Some(usage));
                    self.stated = Some(usage);
                }
                Said::Model(model) => self.model = Some(model),
            }
        }
    }

    fn message(&mut self, id: Option<u64>, usage: Usage) {
        let Some(id) = id else {
            // Without a name it cannot be said again.
            self.sum = self.sum.plus(usage);
            self.count += 1;
            return;
        };
        let known = self.messages.get(&id).copied();
        let now = known.unwrap_or_default().largest(usage);
        self.sum = self.sum.plus(now.minus(known.unwrap_or_default()));
        self.messages.insert(id, now);
        if known.is_none() {
            self.count += 1;
            self.order.push_back(id);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.messages.remove(&oldest);
            }
        }
    }
}

/// What several transcripts count together, the latest last; none where they count nothing.
pub fn sum<'a>(counters: impl IntoIterator<Item = &'a Counter>) -> Option<Tokens> {
    let (mut usage, mut messages, mut model) = (Usage::default(), 0, None);
    for counter in counters {
        usage = usage.plus(counter.stated.unwrap_or(counter.sum));
        messages += counter.count;
        model = counter.model.clone().or(model);
    }
    (messages > 0).then(|| Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_creation: usage.cache_creation,
        messages,
        model,
        cost_usd: (usage.nano_dollars > 0).then(|| dollars(usage.nano_dollars)),
    })
}

/// What is stated, in billionths of a dollar.
pub fn nano_dollars(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<9}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(part)
}

/// `0.0421`, without zeros at its end.
pub fn dollars(nano: u64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
