//! The command line, by hand: a parser of command lines takes longer than all else here.
//!
//! ```text
//! wk-hook AGENT                      JSON on stdin
//! wk-hook AGENT JSON                 JSON as the last argument: `notify` of Codex
//! wk-hook --shell start|end|command  [--type T] [--pid N] [--command C] [--code N] [--duration MS]
//! ```

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use wk_hook::record::{ShellCall, ShellEvent};

/// A command that a shell tells of is cut here.
const LONGEST_COMMAND: usize = 16 << 10;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Agent { agent: String, notify: Option<Vec<u8>> },
    Shell(ShellCall),
    Version,
}

/// Reads the words after the program's name.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Call, String> {
    let mut words = words;
    let Some(first) = words.next() else {
        // An agent that is not named is one all the same.
        return Ok(Call::Agent { agent: "agent".into(), notify: None });
    };
    match first.to_str() {
        Some("--version") => Ok(Call::Version),
        Some("--shell") => shell(words).map(Call::Shell),
        Some(word) if word.starts_with('-') => Err(format!("`{word}` is not known")),
        Some(agent) => {
            // What stands before the last word is of no interest.
            let notify = words.last().map(OsString::into_vec);
            Ok(Call::Agent { agent: agent.chars().take(64).collect(), notify })
        }
        None => Err("the agent's name is no text".into()),
    }
}

fn shell(mut words: impl Iterator<Item = OsString>) -> Result<ShellCall, String> {
    let event = match words.next().as_ref().and_then(|word| word.to_str()) {
        Some("start") => ShellEvent::Start,
        Some("end") => ShellEvent::End,
        Some("command") => ShellEvent::Command,
        _ => return Err("--shell wants start, end or command".into()),
    };
    let mut call = ShellCall { event, shell_type: "shell".into(), ..ShellCall::default() };
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        let value = value.to_string_lossy();
        match flag.to_str() {
            Some("--type") => call.shell_type = value.chars().take(64).collect(),
            Some("--pid") => call.pid = value.parse().ok(),
            Some("--command") => call.command = Some(cut(&value)),
            Some("--code") => call.exit_code = value.parse().ok(),
            Some("--duration") => call.duration_ms = value.parse().ok(),
            // A later shell-init may say more.
            _ => {}
        }
    }
    Ok(call)
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_COMMAND)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Call, String> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn an_agent_is_named_and_codex_adds_its_json() {
        let agent = |agent: &str, notify: Option<&str>| {
            Ok(Call::Agent { agent: agent.into(), notify: notify.map(Into::into) })
        };
        assert_eq!(parsed(&[]), agent("agent", None));
        assert_eq!(parsed(&["claude"]), agent("claude", None));
        assert_eq!(parsed(&["codex", "{}"]), agent("codex", Some("{}")));
        assert!(parsed(&["--nonsense"]).is_err());
    }

    #[test]
    fn a_shell_says_what_it_knows() {
        let words = "command --type zsh --pid 7 --command ls --code 2 --duration 15 --new x";
        let words: Vec<_> = ["--shell"].into_iter().chain(words.split(' ')).collect();
        let want = ShellCall {
            event: ShellEvent::Command,
            shell_type: "zsh".into(),
            pid: Some(7),
            command: Some("ls".into()),
            exit_code: Some(2),
            duration_ms: Some(15),
            ..ShellCall::default()
        };
        assert_eq!(parsed(&words), Ok(Call::Shell(want)));
        assert!(parsed(&["--shell", "dance"]).is_err());
        let long = "é".repeat(LONGEST_COMMAND);
        let Ok(Call::Shell(call)) = parsed(&["--shell", "command", "--command", &long]) else {
            panic!("a shell's call");
        };
        assert!(call.command.unwrap().len() <= LONGEST_COMMAND);
    }
}
