//! The first line of a segment.

use crate::escape::push_quoted;
use std::borrow::Cow;

/// A command of 10 MB must not fill every segment with itself.
const MAX_VALUE: usize = 4096;

/// What a recording says about its session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub cols: u16,
    pub rows: u16,
    /// The value of `TERM`; `None` for a session without a terminal.
    pub term: Option<String>,
    pub title: Option<String>,
    pub command: Option<String>,
    /// The value of `SHELL`.
    pub shell: Option<String>,
}

impl Header {
    /// Cuts values of unreasonable length.
    pub(crate) fn bounded(mut self) -> Header {
        let values = [&mut self.term, &mut self.title, &mut self.command, &mut self.shell];
        for text in values.into_iter().flatten() {
            *text = bounded(text).into_owned();
            text.shrink_to_fit();
        }
        self
    }

    /// The header line of a segment that starts at `wall_ms`.
    pub(crate) fn line(&self, wall_ms: u64) -> Vec<u8> {
        let mut line =
            format!(r#"{{"version":3,"term":{{"cols":{},"rows":{}"#, self.cols, self.rows)
                .into_bytes();
        push_member("type", self.term.as_deref(), &mut line);
        line.extend_from_slice(format!(r#"}},"timestamp":{}"#, wall_ms / 1000).as_bytes());
        push_member("title", self.title.as_deref(), &mut line);
        push_member("command", self.command.as_deref(), &mut line);
        if let Some(shell) = &self.shell {
            line.extend_from_slice(br#","env":{"SHELL":"#);
            push_quoted(shell, &mut line);
            line.push(b'}');
        }
        line.extend_from_slice(b"}\n");
        line
    }
}

/// `text`, cut when it is longer than anybody reads.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_VALUE {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(MAX_VALUE)]))
}

fn push_member(name: &str, value: Option<&str>, line: &mut Vec<u8>) {
    if let Some(value) = value {
        line.extend_from_slice(format!(r#","{name}":"#).as_bytes());
        push_quoted(value, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_header_is_what_the_format_asks_for() {
        let header = Header {
            cols: 80,
            rows: 24,
            term: Some("xterm-256color".into()),
            title: Some("a \"title\"".into()),
            command: Some("sh -c 'echo\n'".into()),
            shell: Some("/bin/sh".into()),
        };
        let value: Value = serde_json::from_slice(&header.line(1_504_467_315_999)).unwrap();
        assert_eq!(
            value,
            json!({
                "version": 3,
                "term": {"cols": 80, "rows": 24, "type": "xterm-256color"},
                "timestamp": 1_504_467_315,
                "title": "a \"title\"",
                "command": "sh -c 'echo\n'",
                "env": {"SHELL": "/bin/sh"},
            })
        );
    }

    #[test]
    fn a_header_of_nothing_is_valid_too() {
        let line = Header { cols: 1, rows: 2, ..Header::default() }.line(5);
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value, json!({"version": 3, "term": {"cols": 1, "rows": 2}, "timestamp": 0}));
    }

    #[test]
    fn a_huge_command_is_cut() {
        let header = Header { command: Some("ä".repeat(5_000_000)), ..Header::default() }.bounded();
        assert!(header.line(0).len() < 2 * MAX_VALUE);
    }
}
