//! Which tmux clients are worth a line in the journal.

use wk_model::SeenProcess;

/// Commands that change nothing, by how they begin; most callers shorten them.
const READING: [&str; 10] =
    ["ls", "list", "lsp", "lsw", "lsc", "lscm", "display", "show", "has", "capture"];

/// Flags of tmux itself that take a word.
const WITH_WORD: [&str; 5] = ["-L", "-S", "-f", "-c", "-T"];

/// Whether a tmux client only asks: then it can have killed nothing, and there may be thousands
/// of them, our own among them.
pub(super) fn only_reads(client: &SeenProcess) -> bool {
    let own = std::process::id();
    if client.ancestry.first().is_some_and(|parent| parent.pid == own) {
        return true;
    }
    // Several commands, or more than was read of them.
    if client.argv.iter().any(|word| word.ends_with(';')) {
        return false;
    }
    let mut words = client.argv.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        if WITH_WORD.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return READING.iter().any(|reading| word.starts_with(reading));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use wk_model::{BootId, ProcessId};

    use super::*;

    fn client(line: &str) -> SeenProcess {
        SeenProcess {
            process: ProcessId { boot: BootId::default(), pid: 0, start_time: 0 },
            comm: "tmux".into(),
            argv: line.split(' ').map(str::to_owned).collect(),
            uid: 0,
            ancestry: Vec::new(),
            cgroup: None,
            tty: None,
        }
    }

    #[test]
    fn whoever_may_kill_is_kept() {
        for line in [
            "tmux kill-session -t a",
            "tmux -L x killp",
            "tmux ls ; kill-server",
            "tmux ls; kill-server",
            "tmux",
            "tmux -S /tmp/ls source-file x",
            "tmux set -g destroy-unattached on",
        ] {
            assert!(!only_reads(&client(line)), "{line}");
        }
        for line in ["tmux ls", "tmux -L a list-panes -a", "tmux -u display-message -p x"] {
            assert!(only_reads(&client(line)), "{line}");
        }
    }
}
