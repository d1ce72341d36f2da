//! Sessions as CSV (RFC 4180), with the API's names as headers.

use std::io::{self, Write};

use serde_json::Value;
use wk_api::SessionView;

/// Every field of a session, in the order of the interfaces.
const FIELDS: [&str; 51] = [
    "session_id",
    "name",
    "kind",
    "status",
    "phase",
    "parent_id",
    "external_id",
    "command",
    "working_directory",
    "username",
    "hostname",
    "platform",
    "pid",
    "holder_pid",
    "watched",
    "boot_id",
    "process_start_time",
    "start_time",
    "end_time",
    "duration_seconds",
    "last_activity",
    "exit_code",
    "signal",
    "error",
    "limit_exceeded",
    "waits_until",
    "waits_for",
    "attempt",
    "retry_count",
    "max_retries",
    "limits",
    "health",
    "memory_bytes",
    "cpu_seconds",
    "read_bytes",
    "write_bytes",
    "processes",
    "open_files",
    "template",
    "labels",
    "agent_id",
    "component_name",
    "shell_type",
    "python_version",
    "verified",
    "metadata",
    "tokens",
    "terminal",
    "tmux",
    "recording",
    "output_bytes",
];

/// Writes a header and a line for each session. What is unknown is empty; what has parts is
/// JSON.
pub(crate) fn write(out: &mut impl Write, sessions: &[SessionView]) -> anyhow::Result<()> {
    let names = FIELDS.iter().chain(["verdict"].iter());
    write_line(out, names.clone().map(ToString::to_string))?;
    for session in sessions {
        let value = serde_json::to_value(session)?;
        write_line(out, names.clone().map(|name| text(value.get(name).unwrap_or(&Value::Null))))?;
    }
    Ok(())
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn write_line(
    out: &mut impl Write,
    fields: impl Iterator<Item = String>,
) -> io::Result<()> {
    let fields: Vec<String> = fields.map(|field| quoted(&field)).collect();
    write!(out, "{}\r\n", fields.join(","))
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn every_field_has_its_column() {
        let mut out = Vec::new();
        write(&mut out, &[sample::session()]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        let value = serde_json::to_value(sample::session()).unwrap();
        let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut sorted = header.clone();
        sorted.sort_unstable();
        names.sort_unstable();
        assert_eq!(sorted, names);
        assert_eq!(header[0], "session_id");
    }

    #[test]
    fn fields_are_quoted_as_the_standard_says() {
        for (field, want) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(quoted(field), want);
        }
        let mut session = sample::session();
        session.command = vec!["sh".into(), "-c".into(), "echo \"a\"".into()];
        let mut out = Vec::new();
        write(&mut out, &[session]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#","[""sh"",""-c"",""echo \""a\""""]","#), "{text}");
        assert!(text.ends_with("\r\n"));
    }
}
