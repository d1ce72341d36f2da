//! opencode has no hooks in its settings: a plugin of ours calls `wk-hook` for it.

/// The first line of the file; the file is ours as long as it begins so.
pub const MARK: &str =
    "// Written by `wk hooks install opencode`; `wk hooks remove opencode` takes it away.";

/// The plugin that calls `program`.
pub fn text(program: &str) -> String {
    let program = serde_json::Value::from(program).to_string();
    format!("{MARK}\nconst PROGRAM = {program};\n{}", include_str!("plugin.js"))
}

/// Whether a file is ours.
pub fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The program that a file of ours calls.
pub fn program_of(text: &str) -> Option<String> {
    let line = text.strip_prefix(MARK)?.lines().nth(1)?;
    serde_json::from_str(line.strip_prefix("const PROGRAM = ")?.strip_suffix(';')?).ok()
}

/// The names under which the plugin tells what happens, as Claude Code has them.
pub const EVENTS: &[&str] = &[
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PermissionRequest",
    "PostCompact",
    "Stop",
    "SessionEnd",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_says_whose_it_is_and_what_it_calls() {
        let plugin = text("/opt/w \"k\"/wk-hook");
        assert!(is_ours(&plugin));
        assert_eq!(program_of(&plugin).as_deref(), Some("/opt/w \"k\"/wk-hook"));
        assert!(!is_ours("export default {}"));
        for event in EVENTS {
            assert!(plugin.contains(&format!("\"{event}\"")), "{event}");
        }
    }
}
