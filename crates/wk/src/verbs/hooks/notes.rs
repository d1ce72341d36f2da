//! What a person should know, or still has to do, after hooks were installed.

use std::{fs, io::Write, path::Path};

use serde_json::Value;
use wk_agents::agent::{Agent, Registration, Version};

use super::{Scope, survey};

/// Says it where an agent's version leaves hooks out.
pub(super) fn on_version(
    agent: Agent,
    version: Option<Version>,
    hooks: &[Registration],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (all, some) = (agent.hooks().len(), hooks.len());
    if some == all {
        return Ok(());
    }
    let (title, program) = (agent.title(), agent.program());
    match version {
        Some(version) => {
            writeln!(out, "{some} of {all} hooks: {title} {version} may not know the others")?;
        }
        None => writeln!(
            out,
            "{some} of {all} hooks: `{program} --version` tells nothing here, so only those that \
             every version knows; install again when it does"
        )?,
    }
    Ok(())
}

/// Says what is still to be done.
pub(super) fn after(
    agent: Agent,
    scope: Scope,
    path: &Path,
    text: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match agent {
        Agent::Claude => writeln!(out, "Sessions of Claude Code that start from now on call it.")?,
        Agent::Codex => writeln!(
            out,
            "Codex does not run it before you trust it: start codex, enter /hooks, and trust \
             each entry. A change of the file asks for that again."
        )?,
        Agent::Gemini => writeln!(
            out,
            "Sessions of Gemini CLI that start from now on call it; it may ask you to trust it."
        )?,
        Agent::Opencode => writeln!(out, "Start opencode anew: it loads plugins when it starts.")?,
    }
    if scope == Scope::Project && agent != Agent::Opencode {
        writeln!(out, "Whoever shares this project shares the file, and needs wk-hook there too.")?;
    }
    let mut warnings = warnings(agent, path, text);
    // Each of the two would be called.
    let others = survey(Some(agent)).into_iter();
    let mut others = others.filter(|other| other.is_installed() && other.scope != scope.as_str());
    if let Some(other) = others.next() {
        let flag = other.scope;
        warnings.push(format!(
            "the {flag}'s settings have them as well, and each hook may arrive twice: \
             `wk hooks remove {agent} --{flag}`"
        ));
    }
    for warning in warnings {
        writeln!(out, "Warning: {warning}")?;
    }
    Ok(())
}

/// What keeps an agent from calling hooks at all.
pub(super) fn warnings(agent: Agent, path: &Path, text: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let mut found = Vec::new();
    match agent {
        Agent::Claude if value["disableAllHooks"] == Value::Bool(true) => {
            found.push("`disableAllHooks` in this file keeps all hooks from running".to_owned());
        }
        Agent::Gemini if value["hooksConfig"]["enabled"] == Value::Bool(false) => {
            found
                .push("`hooksConfig.enabled` in this file keeps all hooks from running".to_owned());
        }
        Agent::Codex => found.extend(codex(&path.with_file_name("config.toml"))),
        _ => {}
    }
    found
}

fn codex(config: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(config) else { return Vec::new() };
    let Ok(config) = text.parse::<toml::Table>() else { return Vec::new() };
    let mut found = Vec::new();
    let features = config.get("features").and_then(toml::Value::as_table);
    let off = |name| {
        features.and_then(|table| table.get(name)).and_then(toml::Value::as_bool) == Some(false)
    };
    if off("hooks") || off("codex_hooks") {
        found.push("`features.hooks` in config.toml keeps all hooks from running".to_owned());
    }
    let hooks = config.get("hooks").and_then(toml::Value::as_table);
    // Trust is kept there too.
    if hooks.is_some_and(|hooks| hooks.keys().any(|key| key != "state")) {
        found.push(
            "config.toml has hooks as well: Codex takes both and says so at each start".to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_that_keep_hooks_from_running_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hooks.json");
        let warned = |agent, text: &str| warnings(agent, &path, text).len();
        assert_eq!(warned(Agent::Claude, r#"{"disableAllHooks": true}"#), 1);
        assert_eq!(warned(Agent::Claude, "{}"), 0);
        assert_eq!(warned(Agent::Gemini, r#"{"hooksConfig": {"enabled": false}}"#), 1);
        assert_eq!(warned(Agent::Codex, "{}"), 0);
        let config = folder.path().join("config.toml");
        fs::write(&config, "[features]\nhooks = false\n[[hooks.Stop]]\n[hooks.state]\n").unwrap();
        assert_eq!(warned(Agent::Codex, "{}"), 2);
        fs::write(&config, "[hooks.state]\na = 1\n").unwrap();
        assert_eq!(warned(Agent::Codex, "{}"), 0);
    }
}
