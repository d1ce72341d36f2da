//! Agents, known by the program that runs.

use std::collections::VecDeque;

use wk_holder::host::ProcessStat;
use wk_mask::mask_arguments;
use wk_model::ProcessId;

use super::pane;

/// Processes that are looked at below one pane.
const MAX_PROCESSES: usize = 512;

/// Programs that run others: the name is that of the script.
const INTERPRETERS: [&str; 6] = ["node", "nodejs", "bun", "deno", "python", "python3"];

/// A program, and how the folder of its package is named.
const AGENTS: [(&str, &str); 4] = [
    ("claude", "/@anthropic-ai/claude-code/"),
    ("codex", "/@openai/codex/"),
    ("gemini", "/@google/gemini-cli/"),
    ("opencode", "/opencode-ai/"),
];

/// An agent that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// `claude`, `codex`, `gemini` or `opencode`.
    pub name: &'static str,
    pub process: ProcessId,
    /// With secrets masked.
    pub argv: Vec<String>,
    pub working_directory: String,
}

/// Which agent a process is, by its own name and its arguments.
pub fn agent_name(comm: &str, argv: &[String]) -> Option<&'static str> {
    let known = |text: &str| {
        let base = text.rsplit('/').next().unwrap_or_default();
        let base = base.trim_end_matches(".js").trim_end_matches(".mjs").trim_end_matches(".cjs");
        AGENTS.iter().find(|(name, package)| base == *name || text.contains(package))
    };
    let program = argv.first().map_or(comm, String::as_str);
    let base = program.rsplit('/').next().unwrap_or_default();
    let found = if INTERPRETERS.contains(&base) {
        let script = argv.iter().skip(1).find(|argument| !argument.starts_with('-'));
        script.and_then(|script| known(script)).or_else(|| known(comm))
    } else {
        known(program).or_else(|| known(comm))
    };
    found.map(|(name, _)| *name)
}

/// Agents among a process and its descendants. What an agent starts itself is a part of it.
pub fn agents_below(pid: u32) -> Vec<Agent> {
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut waiting = VecDeque::from([pid]);
    while let Some(pid) = waiting.pop_front() {
        seen += 1;
        if seen > MAX_PROCESSES {
            break;
        }
        // Gone in between.
        let Ok(Some(stat)) = ProcessStat::read(pid) else { continue };
        let argv = pane::arguments(pid);
        match agent_name(&stat.comm, &argv) {
            Some(name) if !stat.is_dead() => found.push(Agent {
                name,
                process: stat.id(),
                argv: mask_arguments(&argv),
                working_directory: pane::look(pid).working_directory,
            }),
            _ => waiting.extend(pane::children(pid).unwrap_or_default()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_known_by_program_or_script() {
        for (comm, line, want) in [
            ("claude", "claude --resume x", Some("claude")),
            ("node", "node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js", Some("claude")),
            ("node", "/usr/bin/node --no-warnings /usr/local/bin/gemini -p x", Some("gemini")),
            ("MainThread", "node /x/bin/codex.js", Some("codex")),
            ("opencode", "/opt/opencode/bin/opencode", Some("opencode")),
            ("claude", "", Some("claude")),
            ("bash", "bash -c claude", None),
            ("vim", "vim claude", None),
            ("node", "node server.js claude", None),
            ("claudette", "claudette", None),
        ] {
            let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(agent_name(comm, &argv), want, "{comm}: {line}");
        }
    }
}
