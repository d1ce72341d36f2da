//! What a hook leaves behind, as bytes: a line, a head in JSON, and what came on stdin.
//!
//! ```text
//! wkhook 1 <bytes of the head> <bytes of the body> <checksum>\n<head><body>
//! ```
//!
//! Records outlive the program that wrote them: fields are added, never renamed. One that was
//! cut short, or changed, is known by its lengths and its checksum.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ancestry::{self, Ancestor, Caller};

/// The first word, and the version of what follows.
const MAGIC: &str = "wkhook";
const VERSION: u32 = 1;

/// No record is longer; a longer file is none.
pub const LONGEST: usize = 8 << 20;

/// The line of a record is shorter.
const LONGEST_LINE: usize = 80;

/// Everything about a call that is known when it is made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// Which program called, e.g. `claude`.
    pub agent: String,
    /// The boot-time clock when the hook started, in nanoseconds.
    pub boot_ns: u64,
    pub boot_id: String,
    /// The wall clock then, in milliseconds since 1970.
    pub time_ms: i64,
    /// The hook's own number.
    pub pid: u32,
    pub uid: u32,
    /// In which view of processes the numbers are meant.
    pub pid_namespace: u64,
    /// The processes above, the parent first.
    pub ancestors: Vec<Ancestor>,
    pub environment: Environment,
    pub working_directory: String,
    /// The agent's session, as far as the hook could tell.
    pub session: Known,
    /// The full length of what came on stdin.
    pub payload_bytes: u64,
    /// What came was too long, and the body is a shortened form of it.
    pub shortened: bool,
    /// The body came as an argument, as `notify` of Codex gives it.
    pub notify: bool,
    /// A shell has called, not an agent.
    pub shell: Option<ShellCall>,
}

/// Variables that say who called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wk_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claude_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claude_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
}

/// The agent's session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Empty where it is unknown.
    pub id: String,
    pub by: KnownBy,
}

/// How a hook knows its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    Stdin,
    /// A process above has told its id before.
    Process,
    SessionFile,
    #[default]
    #[serde(other)]
    Unknown,
}

/// What a shell tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShellCall {
    pub event: ShellEvent,
    /// E.g. `bash`.
    pub shell_type: String,
    /// The shell's own number; without it, the parent is the shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The program that the shell belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The session, where a daemon has said which it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShellEvent {
    Start,
    End,
    /// A command in it has ended.
    Command,
    #[default]
    #[serde(other)]
    Unknown,
}

impl Head {
    /// Which process above is the agent.
    pub fn caller(&self) -> Option<Caller<'_>> {
        let Environment { claude_pid, claude_session_id, .. } = &self.environment;
        let stdin = self.session.by == KnownBy::Stdin;
        let ids_agree = stdin && claude_session_id.as_ref() == Some(&self.session.id);
        ancestry::caller(&self.ancestors, &self.agent, *claude_pid, ids_agree)
    }
}

/// A record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub head: Head,
    /// What came on stdin, whole or shortened: any bytes.
    pub body: Vec<u8>,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRecord {
    /// It may still be written, or never was to its end.
    Incomplete,
    Corrupt,
    /// A later version wrote it.
    TooNew,
}

impl Record {
    /// The bytes to be written at once.
    pub fn encode(&self) -> Vec<u8> {
        // Numbers, texts and lists always have a form.
        let head = serde_json::to_vec(&self.head).unwrap_or_default();
        let sum = checksum(&[&head, &self.body]);
        let line = format!("{MAGIC} {VERSION} {} {} {sum:016x}\n", head.len(), self.body.len());
        let mut bytes = Vec::with_capacity(line.len() + head.len() + self.body.len());
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads what `encode` gave; whatever else it is said to be is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRecord> {
        let Some(end) = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
            let begun = bytes.len() < LONGEST_LINE;
            return Err(if begun { BadRecord::Incomplete } else { BadRecord::Corrupt });
        };
        let line = std::str::from_utf8(&bytes[..end]).map_err(|_| BadRecord::Corrupt)?;
        let words: Vec<&str> = line.split(' ').collect();
        let [MAGIC, version, head_bytes, body_bytes, sum] = words.as_slice() else {
            return Err(BadRecord::Corrupt);
        };
        match version.parse::<u32>() {
            Ok(VERSION) => {}
            Ok(version) if version > VERSION => return Err(BadRecord::TooNew),
            _ => return Err(BadRecord::Corrupt),
        }
        let length = |word: &str| match word.parse::<usize>() {
            Ok(length) if length <= LONGEST => Ok(length),
            _ => Err(BadRecord::Corrupt),
        };
        let (head_bytes, body_bytes) = (length(head_bytes)?, length(body_bytes)?);
        let rest = &bytes[end + 1..];
        if rest.len() < head_bytes + body_bytes {
            return Err(BadRecord::Incomplete);
        }
        if rest.len() > head_bytes + body_bytes {
            return Err(BadRecord::Corrupt);
        }
        let (head, body) = rest.split_at(head_bytes);
        if u64::from_str_radix(sum, 16) != Ok(checksum(&[head, body])) {
            return Err(BadRecord::Corrupt);
        }
        let head = serde_json::from_slice(head).map_err(|_| BadRecord::Corrupt)?;
        Ok(Self { head, body: body.to_vec() })
    }
}

/// FNV-1a over eight bytes at a time: quick, and enough against accidents.
fn checksum(parts: &[&[u8]]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |word: u64| sum = (sum ^ word).wrapping_mul(PRIME).rotate_left(23);
    for part in parts {
        let mut words = part.chunks_exact(8);
        for word in &mut words {
            add(word.try_into().map_or(0, u64::from_le_bytes));
        }
        for byte in words.remainder() {
            add(u64::from(*byte));
        }
        add(part.len() as u64);
    }
    sum
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "it is not whole",
            Self::Corrupt => "it is damaged",
            Self::TooNew => "a later version wrote it",
        })
    }
}

impl std::error::Error for BadRecord {}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let head = Head {
            agent: "claude".into(),
            boot_ns: 7,
            ancestors: vec![Ancestor { pid: 3, start_time: 9, comm: "node".into() }],
            session: Known { id: "s".into(), by: KnownBy::Stdin },
            ..Head::default()
        };
        Record { head, body: b"{\"a\":\0\xff".to_vec() }
    }

    #[test]
    fn a_record_reads_back_as_itself() {
        let shell = ShellCall { shell_type: "zsh".into(), ..ShellCall::default() };
        let of_shell = Head { shell: Some(shell), ..Head::default() };
        for record in [Record::default(), record(), Record { head: of_shell, body: Vec::new() }] {
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn one_that_was_cut_anywhere_is_not_whole_and_one_that_was_changed_is_damaged() {
        let bytes = record().encode();
        for length in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..length]), Err(BadRecord::Incomplete), "{length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(Record::decode(&changed).is_err(), "byte {place}");
        }
        let mut longer = bytes;
        longer.push(b'x');
        assert_eq!(Record::decode(&longer), Err(BadRecord::Corrupt));
    }

    #[test]
    fn what_a_later_version_wrote_is_said_to_be_so() {
        assert_eq!(Record::decode(b"wkhook 2 0 0 0\n"), Err(BadRecord::TooNew));
        let known = "{\"session\":{\"id\":\"x\",\"by\":\"telepathy\"},\"new\":1}";
        let head: Head = serde_json::from_str(known).unwrap();
        assert_eq!(head.session, Known { id: "x".into(), by: KnownBy::Unknown });
    }
}
