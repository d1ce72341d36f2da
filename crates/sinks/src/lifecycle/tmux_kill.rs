//! Which tmux commands end something.

/// Commands that do, whatever their arguments.
const KILL: [&str; 4] = ["kill-pane", "kill-server", "kill-session", "kill-window"];

/// And commands that do with `-k`.
const RESPAWN: [&str; 4] = ["respawn-pane", "respawn-window", "respawnp", "respawnw"];

/// A command that ends something, and what it is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TmuxKill {
    pub command: String,
    pub target: Option<String>,
}

/// The first such command of a tmux client; commands may be shortened, and chained by `;`.
pub(super) fn find(argv: &[String]) -> Option<TmuxKill> {
    let words = argv.get(1..)?;
    let begin = after_options(words)?;
    let mut commands = words.get(begin..)?.split(|word| word == ";" || word == "\\;");
    commands.find_map(kill)
}

/// tmux's own options: those with a value are followed by it.
fn after_options(words: &[String]) -> Option<usize> {
    let mut place = 0;
    while let Some(option) = words.get(place).and_then(|word| word.strip_prefix('-')) {
        let value = option.find(['c', 'f', 'L', 'S', 'T']);
        // The value is the rest of the word, or the next one.
        let is_next = value.is_some_and(|letter| letter + 1 == option.len());
        place += if is_next { 2 } else { 1 };
    }
    (place < words.len()).then_some(place)
}

fn kill(words: &[String]) -> Option<TmuxKill> {
    let (name, arguments) = words.split_first()?;
    let full = killing(name).or_else(|| respawning(name, arguments))?;
    let mut rest = arguments.iter();
    let target = rest.find_map(|word| match word.strip_prefix("-t") {
        Some("") => Some(None),
        Some(target) => Some(Some(target.to_owned())),
        None => None,
    });
    let target = target.and_then(|target| target.or_else(|| rest.next().cloned()));
    Some(TmuxKill { command: full.to_owned(), target })
}

/// The full name of a command that may be shortened as far as `kill-` and one letter.
fn killing(name: &str) -> Option<&'static str> {
    match name {
        "killp" => Some("kill-pane"),
        "killw" => Some("kill-window"),
        name if name.len() > "kill-".len() => KILL.into_iter().find(|full| full.starts_with(name)),
        _ => None,
    }
}

fn respawning(name: &str, arguments: &[String]) -> Option<&'static str> {
    let known = RESPAWN.into_iter().find(|known| *known == name)?;
    let kills = |word: &String| word.starts_with('-') && word.contains('k');
    arguments.iter().any(kills).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_commands_are_found_among_options_and_others() {
        for (line, want) in [
            ("tmux kill-session -t work", Some(("kill-session", Some("work")))),
            ("tmux -L s -f /dev/null kill-server", Some(("kill-server", None))),
            ("tmux -Ls kill-ses -twork", Some(("kill-session", Some("work")))),
            ("/usr/bin/tmux killp -t %3", Some(("kill-pane", Some("%3")))),
            ("tmux list-sessions ; kill-window -t a:1", Some(("kill-window", Some("a:1")))),
            ("tmux respawn-pane -k -t %1", Some(("respawn-pane", Some("%1")))),
            ("tmux respawn-pane -t %1", None),
            ("tmux new-session kill-server", None),
            ("tmux -L kill-server ls", None),
            ("tmux send-keys kill-session", None),
            ("tmux kill-", None),
            ("tmux -L", None),
            ("tmux", None),
            ("", None),
        ] {
            let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let want = want.map(|(command, target): (&str, Option<&str>)| TmuxKill {
                command: command.to_owned(),
                target: target.map(str::to_owned),
            });
            assert_eq!(find(&argv), want, "{line}");
        }
    }
}
