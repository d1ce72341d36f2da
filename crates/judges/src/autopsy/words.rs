//! Processes, signals and sizes in words.

use wk_model::{Ancestor, Culprit, SeenProcess, signal_name};

use super::case::{Case, End};

/// Characters of a command line that are shown in a sentence.
const SHOWN: usize = 120;
/// They run what others want, and say little of who wants it.
const RUNNERS: [&str; 14] = [
    "sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "sudo", "su", "env", "timeout", "nohup",
    "xargs", "setsid",
];

/// E.g. `` `pkill -9 -f claude` (4711), run by cron (812) ``.
pub(super) fn who(seen: &SeenProcess) -> String {
    let command = command(&seen.comm, &seen.argv);
    format!("{command} ({}){}", seen.process.pid, run_by(&seen.ancestry))
}

/// The same of a culprit.
pub(super) fn whom(culprit: &Culprit) -> String {
    let command = command(&culprit.comm, &culprit.argv);
    format!("{command} ({}){}", culprit.pid, run_by(&culprit.ancestry))
}

/// The command line, or the program's name where that is not known.
pub(super) fn command(comm: &str, argv: &[String]) -> String {
    if argv.is_empty() {
        return if comm.is_empty() { "a process".to_owned() } else { plain(comm) };
    }
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    let line = plain(&words.join(" "));
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The nearest above it that is no mere shell.
fn run_by(ancestry: &[Ancestor]) -> String {
    let named = |ancestor: &&Ancestor| ancestor.pid > 1 && !ancestor.comm.is_empty();
    let is_runner = |ancestor: &Ancestor| RUNNERS.contains(&ancestor.comm.trim_start_matches('-'));
    let telling = ancestry.iter().filter(named).find(|ancestor| !is_runner(ancestor));
    match telling.or_else(|| ancestry.iter().find(named)) {
        Some(Ancestor { comm, pid, .. }) => format!(", run by {} ({pid})", plain(comm)),
        None => String::new(),
    }
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Without what would move a terminal's cursor, or end a sentence's code.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '`' => '\'',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// One line, cut.
pub(super) fn line(text: &str) -> String {
    plain(text.trim()).chars().take(SHOWN).collect()
}

/// E.g. `exited with code 3`.
pub(super) fn ended(end: End) -> String {
    match end {
        End::Code(code) => format!("exited with code {code}"),
        End::Signal(signal) => format!("ended by {}", signal_name(signal)),
        End::Unknown => "is gone; nobody saw how it ended".to_owned(),
    }
}

/// ` of uid 0` where it is another's than the session's.
pub(super) fn of_another(case: &Case, uid: u32) -> String {
    match case.evidence.subject.uid {
        Some(own) if own != uid => format!(", as uid {uid}"),
        _ => String::new(),
    }
}
