//! The server's own log of what its clients asked for (`show-messages`).

use wk_mask::mask_text;

/// More is cut: a command line can be as long as somebody likes.
const MAX_COMMAND: usize = 1024;

/// What one client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// As tmux prints it: only the time of day, `05:20:32`.
    pub time: String,
    /// Its terminal, or `client-PID`.
    pub client: String,
    /// The number of the client's process, where its name says it.
    pub pid: Option<u32>,
    /// With secrets masked.
    pub command: String,
}

/// Reads the log; lines that tell of no command are left out.
pub fn parse_messages(bytes: &[u8]) -> Vec<Message> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| message(&String::from_utf8_lossy(line))).collect()
}

/// E.g. `05:20:32: /dev/pts/3 command: kill-session -t web`.
fn message(line: &str) -> Option<Message> {
    let (time, rest) = line.split_once(": ")?;
    let is_time = !time.is_empty() && time.chars().all(|c| c.is_ascii_digit() || c == ':');
    // A client's name holds no space: what follows is the command, whatever it holds.
    let (client, rest) = rest.split_once(' ')?;
    let command = rest.strip_prefix("command: ")?;
    let pid = client.strip_prefix("client-").and_then(|pid| pid.parse().ok());
    is_time.then(|| Message {
        time: time.to_owned(),
        client: client.to_owned(),
        pid,
        // Masked before it is cut: a half of a secret has no shape that gives it away.
        command: mask_text(command).chars().take(MAX_COMMAND).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_with_their_clients() {
        let log = b"05:20:30: config: /etc/tmux.conf\n\
                    05:20:31: /dev/pts/3 command: kill-session -t \"; rm -rf\"\n\
                    05:20:32: client-4711 command: kill-pane command: x\n\
                    \xff: a command: b\n05:20:33: client-x command: y\n";
        let messages = parse_messages(log);
        let told: Vec<_> = messages.iter().map(|m| (m.client.as_str(), m.pid)).collect();
        assert_eq!(told, [("/dev/pts/3", None), ("client-4711", Some(4711)), ("client-x", None)]);
        assert_eq!(messages[0].command, "kill-session -t \"; rm -rf\"");
        assert_eq!(messages[1].command, "kill-pane command: x");
        assert_eq!(messages[1].time, "05:20:32");
    }

    #[test]
    fn secrets_in_commands_are_masked() {
        let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
        let log = format!("05:20:31: client-7 command: new-session -e TOKEN={secret} -s x\n");
        let messages = parse_messages(log.as_bytes());
        assert!(messages[0].command.starts_with("new-session -e TOKEN="), "{messages:?}");
        assert!(!messages[0].command.contains("abcdefghij"), "{messages:?}");
    }
}
