//! One entry that calls `wk-hook`: how each agent wants it, and how ours is known again.

use serde_json::Value;

use super::{PROGRAM, piece::Piece};
use crate::agent::{Agent, Registration};

/// The matcher of every tool.
pub(super) const ALL_TOOLS: &str = "*";

/// What agents that show names show.
const NAME: &str = "watchkeeper";

/// The entry that has `agent` call `program`.
pub(super) fn of(agent: Agent, hook: &Registration, program: &str) -> Piece {
    let text = |text: &str| Piece::Text(text.to_owned());
    let mut members = vec![("type", text("command"))];
    match agent {
        // Without a shell: the hook's parent is the agent itself.
        Agent::Claude => {
            members.push(("command", text(program)));
            members.push(("args", Piece::Array(vec![text(agent.as_str())])));
        }
        Agent::Gemini => {
            members.insert(0, ("name", text(NAME)));
            members.push(("command", Piece::Text(shell_line(program, agent))));
        }
        Agent::Codex | Agent::Opencode => {
            members.push(("command", Piece::Text(shell_line(program, agent))));
        }
    }
    members.push(("timeout", Piece::Number(hook.timeout)));
    Piece::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Entries and what they are for.
pub(super) fn group(agent: Agent, hook: &Registration, program: &str) -> Piece {
    let mut members = Vec::new();
    if hook.of_tools {
        members.push(("matcher".to_owned(), Piece::Text(ALL_TOOLS.to_owned())));
    }
    members.push(("hooks".to_owned(), Piece::Array(vec![of(agent, hook, program)])));
    Piece::Object(members)
}

fn shell_line(program: &str, agent: Agent) -> String {
    format!("{} {agent}", shell_word(program))
}

/// A path as one word of a shell.
fn shell_word(path: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter);
    if !path.is_empty() && path.chars().all(plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

/// The program that an entry calls, if that is ours.
pub(super) fn program_of(handler: &Value) -> Option<String> {
    let command = handler.get("command")?.as_str()?;
    let program = match handler.get("args") {
        Some(Value::Array(_)) => command.to_owned(),
        _ => first_word(command),
    };
    let name = program.rsplit('/').next().unwrap_or(&program);
    (name == PROGRAM).then_some(program)
}

/// The first word as a shell would read it, single quotes understood.
fn first_word(line: &str) -> String {
    let mut word = String::new();
    let mut quoted = false;
    let mut letters = line.trim_start().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => quoted = !quoted,
            '\\' if !quoted => word.extend(letters.next()),
            letter if letter.is_whitespace() && !quoted => break,
            letter => word.push(letter),
        }
    }
    word
}

/// Whether an entry is the wanted one; agents may have dropped a key or put them in another
/// order.
pub(super) fn same(found: &Value, wanted: &str, agent: Agent) -> bool {
    let Ok(wanted) = serde_json::from_str::<Value>(wanted) else { return false };
    let needed = match agent {
        Agent::Claude => ["type", "command", "args", "timeout"],
        _ => ["type", "command", "command", "timeout"],
    };
    needed.iter().all(|key| found.get(key) == wanted.get(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ours_is_known_by_the_program_that_it_calls() {
        for (handler, want) in [
            (json!({"command": "/opt/w k/wk-hook", "args": ["claude"]}), Some("/opt/w k/wk-hook")),
            (json!({"command": "/usr/bin/wk-hook codex"}), Some("/usr/bin/wk-hook")),
            (json!({"command": "'/opt/w k/wk-hook' codex"}), Some("/opt/w k/wk-hook")),
            (json!({"command": "wk-hook"}), Some("wk-hook")),
            (json!({"command": "/usr/bin/not-wk-hook codex"}), None),
            (json!({"command": "echo wk-hook"}), None),
            (json!({"command": 7}), None),
            (json!({"type": "prompt"}), None),
            (json!("wk-hook"), None),
        ] {
            assert_eq!(program_of(&handler).as_deref(), want, "{handler}");
        }
    }

    #[test]
    fn a_strange_path_stays_one_word() {
        for path in ["/usr/bin/wk-hook", "/a b/wk-hook", "/it's/wk-hook", "/$HOME;x/wk-hook"] {
            assert_eq!(first_word(&shell_line(path, Agent::Codex)), path);
        }
    }
}
