//! What brings a tmux session back, planned from its last layout.
//!
//! Pure: words for tmux come out, nobody is asked anything.

use wk_model::{TmuxLayout, TmuxPane};

use crate::config::template::Templates;

/// What is done for one pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A shell, where the pane was.
    Shell,
    /// A template knows how to go on: these words are typed into the shell.
    Resume(Vec<String>),
    /// It ran something that nobody knows how to resume: it is only said.
    Listed(Vec<String>),
}

/// One pane, in the order in which they are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedPane {
    pub(super) directory: String,
    pub(super) start: Start,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedWindow {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) layout: String,
    pub(super) active: bool,
    pub(super) panes: Vec<PlannedPane>,
}

/// More panes than a tmux window can show.
const MANY: usize = 512;

pub(super) fn plan(layout: &TmuxLayout, templates: &Templates) -> Vec<PlannedWindow> {
    let pane = |pane: &TmuxPane| PlannedPane {
        directory: pane.working_directory.clone(),
        start: start(pane, templates),
    };
    let windows = layout.windows.iter().take(MANY).map(|window| PlannedWindow {
        index: window.index,
        name: window.name.clone(),
        layout: window.layout.clone(),
        active: window.active,
        panes: window.panes.iter().take(MANY).map(pane).collect(),
    });
    windows.filter(|window| !window.panes.is_empty()).collect()
}

fn start(pane: &TmuxPane, templates: &Templates) -> Start {
    let argv = &pane.current_argv;
    let Some(program) = argv.first() else { return Start::Shell };
    let base = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let name = base(program.trim_start_matches('-'));
    if SHELLS.contains(&name.as_str()) && argv.len() <= 1 {
        return Start::Shell;
    }
    match wk_sources::tmux::agent_name(&pane.current_command, argv) {
        Some(agent) => resume(agent, argv, templates)
            .map_or_else(|| Start::Listed(argv.clone()), Start::Resume),
        None => Start::Listed(argv.clone()),
    }
}

const SHELLS: [&str; 7] = ["sh", "bash", "zsh", "fish", "dash", "ksh", "tcsh"];

/// Words after which an agent's own id of the session stands.
const ID_WORDS: [&str; 4] = ["--session-id", "--resume", "resume", "--session"];

/// The template's words for going on, where all that they need is known.
fn resume(agent: &str, argv: &[String], templates: &Templates) -> Option<Vec<String>> {
    let words = templates.get(agent).ok()?.resume.clone()?;
    let id = session_id(argv);
    let mut filled = Vec::new();
    for word in words {
        if word.contains("{uuid}") || word.contains("{external_id}") {
            let id = id.as_deref()?;
            filled.push(word.replace("{uuid}", id).replace("{external_id}", id));
        } else if word == "{args}" {
            continue;
        } else if word.contains('{') {
            return None;
        } else {
            filled.push(word);
        }
    }
    Some(filled)
}

/// The agent's id as its own command line had it.
fn session_id(argv: &[String]) -> Option<String> {
    let fits = |id: &str| {
        (8..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !id.starts_with('-')
    };
    let behind = argv.windows(2).find(|pair| ID_WORDS.contains(&pair[0].as_str()));
    let within = argv.iter().find_map(|word| {
        let (name, value) = word.split_once('=')?;
        ID_WORDS.contains(&name).then(|| value.to_owned())
    });
    behind.map(|pair| pair[1].clone()).or(within).filter(|id| fits(id))
}

/// A word as every shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use wk_model::TmuxWindow;

    use super::*;

    fn pane(line: &str) -> TmuxPane {
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        TmuxPane {
            id: "%1".into(),
            index: 0,
            process: None,
            tty: String::new(),
            working_directory: "/srv".into(),
            start_command: String::new(),
            current_command: argv.first().cloned().unwrap_or_default(),
            current_argv: argv,
        }
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_a_template_can_resume_is_resumed_and_all_else_is_listed() {
        let templates = Templates::default();
        let id = "0a1b2c3d-0000-4000-8000-000000000001";
        for (line, want) in [
            ("-bash", Start::Shell),
            ("", Start::Shell),
            ("make -j8", Start::Listed(words("make -j8"))),
            ("bash deploy.sh", Start::Listed(words("bash deploy.sh"))),
            ("claude", Start::Listed(words("claude"))),
            (
                &format!("claude --session-id {id}"),
                Start::Resume(words(&format!("claude --resume {id}"))),
            ),
            (&format!("codex resume {id}"), Start::Resume(words(&format!("codex resume {id}")))),
            ("claude --resume ;rm-rf-slash", Start::Listed(words("claude --resume ;rm-rf-slash"))),
        ] {
            assert_eq!(start(&pane(line), &templates), want, "{line}");
        }
    }

    #[test]
    fn windows_keep_their_order_and_empty_ones_are_left_out() {
        let window = |index, panes| TmuxWindow {
            index,
            name: "w".into(),
            layout: "l".into(),
            active: index == 2,
            panes,
        };
        let layout = TmuxLayout {
            windows: vec![window(0, vec![pane("sh"), pane("vim")]), window(2, vec![])],
        };
        let planned = plan(&layout, &Templates::default());
        assert_eq!(planned.len(), 1);
        assert_eq!(planned[0].panes.len(), 2);
        assert_eq!(planned[0].panes[0].directory, "/srv");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("plain-1.2"), "plain-1.2");
        assert_eq!(quoted("; rm -rf ~"), "'; rm -rf ~'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
