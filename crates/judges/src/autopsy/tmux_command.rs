//! What a command line of tmux would end.

/// What a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    Server,
    /// `all`: all but this one.
    Session {
        target: Option<String>,
        all: bool,
    },
    /// A window or a pane: with its last one the session ends.
    Part {
        target: Option<String>,
        all: bool,
    },
}

/// A command line of tmux that ends something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// After `-S`.
    pub socket: Option<String>,
    /// After `-L`.
    pub label: Option<String>,
    pub aims: Vec<Aim>,
}

/// Command, alias, letters of its options that take a value.
const ENDING: [(&str, &str); 6] = [
    ("kill-server", "kill-server"),
    ("kill-session", "kill-session"),
    ("kill-window", "killw"),
    ("kill-pane", "killp"),
    ("respawn-pane", "respawnp"),
    ("respawn-window", "respawnw"),
];

/// Reads the arguments of a client; none where it ends nothing.
pub(super) fn read(argv: &[String]) -> Option<Order> {
    let mut order = Order { socket: None, label: None, aims: Vec::new() };
    let mut words = argv.iter().skip(1).map(String::as_str).peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-') && word.len() > 1) {
        let Some((at, option)) = word.char_indices().skip(1).find(|(_, c)| "cfLST".contains(*c))
        else {
            continue;
        };
        let attached = &word[at + 1..];
        let value = if attached.is_empty() { words.next()? } else { attached };
        match option {
            'L' => order.label = Some(value.to_owned()),
            'S' => order.socket = Some(value.to_owned()),
            _ => {}
        }
    }
    let rest: Vec<&str> = words.collect();
    order.aims = aims(&rest);
    (!order.aims.is_empty()).then_some(order)
}

/// Reads a line of tmux's own log.
pub(super) fn read_line(line: &str) -> Option<Order> {
    let unquoted = |word: &'_ str| word.trim_matches(['"', '\'']).to_owned();
    let words: Vec<String> = line.split_whitespace().map(unquoted).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let aims = aims(&words);
    (!aims.is_empty()).then_some(Order { socket: None, label: None, aims })
}

fn aims(words: &[&str]) -> Vec<Aim> {
    let commands = words.split_inclusive(|word| word.ends_with(';'));
    commands.filter_map(aim).collect()
}

fn aim(words: &[&str]) -> Option<Aim> {
    let mut words = words.iter().map(|word| word.strip_suffix(';').unwrap_or(word));
    let name = words.by_ref().find(|word| !word.is_empty())?;
    let fits = |(full, alias): &&(&str, &str)| *alias == name || full.starts_with(name);
    let mut fitting = ENDING.iter().filter(fits);
    let (command, more) = (fitting.next()?.0, fitting.next().is_some());
    // tmux refuses what it could read in two ways.
    if more {
        return None;
    }
    let (mut target, mut all, mut kill) = (None, false, false);
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            // What is to be run instead.
            break;
        };
        for (at, letter) in letters.char_indices() {
            match letter {
                'a' => all = true,
                'k' => kill = true,
                't' | 'c' | 'e' => {
                    let attached = &letters[at + 1..];
                    let value = if attached.is_empty() { words.next()? } else { attached };
                    if letter == 't' {
                        target = Some(value.to_owned());
                    }
                    break;
                }
                // `kill-session -C` ends nothing.
                'C' => return None,
                _ => {}
            }
        }
    }
    match command {
        "kill-server" => Some(Aim::Server),
        "kill-session" => Some(Aim::Session { target, all }),
        "kill-window" | "kill-pane" => Some(Aim::Part { target, all }),
        _ => kill.then_some(Aim::Part { target, all }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(line: &str) -> Option<Order> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        read(&argv)
    }

    #[test]
    fn command_lines_are_read_as_tmux_does() {
        let session = |target: &str| Aim::Session { target: Some(target.into()), all: false };
        let part = |target: &str| Aim::Part { target: Some(target.into()), all: false };
        for (line, want) in [
            ("tmux kill-server", vec![Aim::Server]),
            ("tmux kill-ser", vec![Aim::Server]),
            ("tmux kill-se -t x", vec![]),
            ("tmux kill-session -t web", vec![session("web")]),
            ("tmux -u -f /dev/null kill-session -tweb", vec![session("web")]),
            ("tmux kill-session -C -t web", vec![]),
            (
                "tmux kill-session -at web",
                vec![Aim::Session { target: Some("web".into()), all: true }],
            ),
            ("tmux killp -t %3", vec![part("%3")]),
            ("tmux respawn-pane -t %3", vec![]),
            ("tmux respawn-pane -k -t %3 sh", vec![part("%3")]),
            ("tmux respawnw -kt :1", vec![part(":1")]),
            ("tmux display x ; kill-session -t b", vec![session("b")]),
            ("tmux new-session -s kill-server", vec![]),
            ("tmux list-sessions", vec![]),
            ("tmux kill-session -t", vec![]),
            ("tmux", vec![]),
            ("tmux -L", vec![]),
        ] {
            let order = read_words(line);
            assert_eq!(order.map_or_else(Vec::new, |order| order.aims), want, "{line}");
        }
    }

    #[test]
    fn servers_are_told_apart() {
        let order = read_words("tmux -2L work kill-server").unwrap();
        assert_eq!((order.label.as_deref(), order.socket), (Some("work"), None));
        let order = read_words("tmux -S/tmp/a/b kill-server").unwrap();
        assert_eq!(order.socket.as_deref(), Some("/tmp/a/b"));
    }

    #[test]
    fn lines_of_the_log_are_read_as_well() {
        let order = read_line("kill-session -t \"web\"").unwrap();
        assert_eq!(order.aims, [Aim::Session { target: Some("web".into()), all: false }]);
        assert_eq!(read_line("list-sessions"), None);
        assert_eq!(read_line(""), None);
    }
}
