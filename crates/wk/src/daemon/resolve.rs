//! What a session is to be, from what was asked for, its template and the settings.
//!
//! Pure: the request wins over the template, the template over the settings. What the request
//! leaves open after this, the settings decide where they always do.

mod prompt;

use std::collections::BTreeMap;

use wk_api::CreateSession;
use wk_model::{Created, FailurePattern, OsText};

use crate::{
    config::{
        Settings, Template,
        template::{RETRIES, Setting},
    },
    text::span,
};

/// A request with its template laid under it, and what only a template says.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub request: CreateSession,
    /// The agent's own id for the session, where we have made it.
    pub external_id: Option<String>,
    pub patterns: Vec<FailurePattern>,
    pub on_finish: Option<OsText>,
}

impl Resolved {
    /// Adds to the journal's facts what neither request nor spec have a place for.
    pub(super) fn complete(&self, created: &mut Created) {
        created.template.clone_from(&self.request.template);
        created.external_id.clone_from(&self.external_id);
        created.recovery.patterns.clone_from(&self.patterns);
        created.on_finish = self.on_finish.is_some();
    }
}

/// Lays the template that the request names under it. `uuid` is new; the request's environment
/// is whole. The error is for whoever asked.
pub(super) fn resolve(
    mut request: CreateSession,
    settings: &Settings,
    uuid: &str,
) -> Result<Resolved, String> {
    let nothing = Template::default();
    let template = match &request.template {
        Some(name) => settings.templates.get(name)?,
        None => &nothing,
    };
    let templated = request.template.is_some();

    let environment = request.environment.take().unwrap_or_default();
    let environment = over(environment, variables(&template.env));
    let environment = over(environment, std::mem::take(&mut request.variables));
    let words = std::mem::take(&mut request.command);
    let mut known = Known {
        uuid: None,
        shell: variable(&environment, b"SHELL").unwrap_or(b"/bin/sh"),
        words: &words,
        headless: &[],
    };
    let command = template.command.as_deref().unwrap_or_default();
    if names(command, "{uuid}") {
        known.uuid = Some(uuid);
    }
    let started = match template.command {
        Some(_) => known.expand(command, true),
        None => Some(words.clone()),
    };
    // An agent that answers and exits would, resumed as it is for people, wait for them.
    let headless = template.headless.as_deref().unwrap_or_default();
    known.headless = headless;
    let resume = match known.is_headless() {
        true => template.resume_headless.as_deref(),
        false => template.resume.as_deref(),
    };
    let resumed = resume.and_then(|resume| known.expand(resume, false));
    let external_id = known.uuid.map(str::to_owned);
    let home = variable(&environment, b"HOME").unwrap_or(b"/");
    let cwd = template.cwd.as_deref().map(|cwd| folder(cwd, home));

    request.command = started.unwrap_or_default();
    request.resume = request.resume.or(resumed);
    request.environment = Some(environment);
    request.working_directory =
        request.working_directory.or(cwd).or_else(|| request.default_directory.take());
    request.kind = request.kind.or(template.kind);
    for (key, value) in &template.labels {
        request.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    request.agent_id = request.agent_id.or_else(|| template.agent_id.clone());
    request.component_name = request.component_name.or_else(|| template.component.clone());
    let limits = &template.limits;
    request.max_memory = request.max_memory.or(asked(limits.max_memory));
    request.max_cpu_time_ms =
        request.max_cpu_time_ms.or(asked(limits.max_cpu_time.map(span::millis)));
    request.timeout_ms = request.timeout_ms.or(asked(limits.timeout.map(span::millis)));
    request.idle_timeout_ms =
        request.idle_timeout_ms.or(asked(limits.idle_timeout.map(span::millis)));
    request.max_processes = request.max_processes.or(asked(limits.max_processes));
    request.max_output = request.max_output.or(asked(limits.max_output));
    let recovery = &mut request.recovery;
    recovery.enabled = recovery.enabled.or(template.recovery);
    recovery.retries =
        recovery.retries.or(template.retries).or_else(|| templated.then_some(RETRIES));
    recovery.delay_ms = recovery.delay_ms.or(template.retry_delay.map(span::millis));
    recovery.deadline_ms =
        recovery.deadline_ms.or(asked(template.recovery_deadline.map(span::millis)));
    recovery.restore = recovery.restore.or(template.restore);
    let health = &mut request.health;
    health.interval_ms = health.interval_ms.or(template.health.interval_ms);
    health.stale_after_ms = health.stale_after_ms.or(template.health.stale_after_ms);
    health.hung_after_ms = health.hung_after_ms.or(template.health.hung_after_ms);
    health.on_stale = health.on_stale.or(template.health.on_stale);
    let on_finish = request.on_finish.take().map(script).transpose()?;
    Ok(Resolved {
        request,
        on_finish,
        external_id,
        patterns: template.patterns.clone().unwrap_or_default(),
    })
}

fn script(text: String) -> Result<OsText, String> {
    if text.trim().is_empty() {
        return Err("`on_finish` must be a command for `sh -c`".into());
    }
    OsText::new(text).map_err(|error| format!("`on_finish` {error}"))
}

/// As the API asks for a limit: 0 is none, whatever the settings say.
fn asked(limit: Setting<u64>) -> Option<u64> {
    match limit {
        Setting::Open => None,
        Setting::Nothing => Some(0),
        Setting::Value(limit) => Some(limit),
    }
}

/// What placeholders stand for.
#[derive(Clone, Copy, Debug)]
struct Known<'a> {
    /// The agent's id too: there is no other that we could know.
    uuid: Option<&'a str>,
    shell: &'a [u8],
    /// `{args}`.
    words: &'a [OsText],
    /// By which of them the agent answers and exits.
    headless: &'a [String],
}

impl Known<'_> {
    /// The words of a command; none where a placeholder stands for what nobody knows. With
    /// `append`, a command that has no place for the caller's words gets them at its end.
    fn expand(&self, command: &[String], append: bool) -> Option<Vec<OsText>> {
        let mut expanded = Vec::new();
        for word in command {
            if word == "{args}" {
                expanded.extend_from_slice(self.words);
            } else if word == "{continue}" {
                expanded.extend(prompt::replaced(self.words, self.headless));
            } else if word.contains("{args}") && self.words.is_empty() {
                // `--prompt={args}` without a prompt.
            } else {
                expanded.push(self.word(word)?);
            }
        }
        if append && !names(command, "{args}") {
            expanded.extend_from_slice(self.words);
        }
        Some(expanded)
    }

    fn is_headless(&self) -> bool {
        self.words.iter().any(|word| prompt::is_headless(word, self.headless))
    }

    fn word(&self, word: &str) -> Option<OsText> {
        let (mut bytes, mut rest) = (Vec::new(), word);
        while let Some(at) = rest.find('{') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            let id = || self.uuid.map(str::as_bytes);
            let (name, value) = match () {
                () if rest.starts_with("{uuid}") => ("{uuid}", id()?.to_vec()),
                () if rest.starts_with("{external_id}") => ("{external_id}", id()?.to_vec()),
                () if rest.starts_with("{shell}") => ("{shell}", self.shell.to_vec()),
                () if rest.starts_with("{args}") => ("{args}", self.joined()),
                () => ("{", b"{".to_vec()),
            };
            bytes.extend(value);
            rest = &rest[name.len()..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        // Neither templates nor the caller's words hold a NUL.
        OsText::new(bytes).ok()
    }

    fn joined(&self) -> Vec<u8> {
        self.words.iter().map(OsText::as_bytes).collect::<Vec<_>>().join(&b' ')
    }
}

fn names(command: &[String], placeholder: &str) -> bool {
    command.iter().any(|word| word.contains(placeholder))
}

pub(super) fn variables(env: &BTreeMap<String, String>) -> Vec<OsText> {
    env.iter().filter_map(|(name, value)| OsText::new(format!("{name}={value}")).ok()).collect()
}

/// `changes` over an environment; of two of one name the later holds.
pub(super) fn over(environment: Vec<OsText>, changes: Vec<OsText>) -> Vec<OsText> {
    let name = |text: &OsText| -> Vec<u8> {
        text.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default().to_vec()
    };
    let changed: Vec<Vec<u8>> = changes.iter().map(name).collect();
    let kept = environment.into_iter().filter(|text| !changed.contains(&name(text)));
    kept.chain(changes).collect()
}

fn variable<'a>(environment: &'a [OsText], name: &[u8]) -> Option<&'a [u8]> {
    let found = environment.iter().find_map(|text| {
        text.as_bytes().strip_prefix(name).and_then(|rest| rest.strip_prefix(b"="))
    });
    found.filter(|value| !value.is_empty())
}

pub(super) fn folder(cwd: &str, home: &[u8]) -> OsText {
    let path = match cwd.strip_prefix('~') {
        Some(rest) => [home, rest.as_bytes()].concat(),
        None => cwd.as_bytes().to_vec(),
    };
    // Checked when it was read.
    OsText::new(path).unwrap_or_default()
}

/// A version 4 UUID of random bits.
pub(super) fn uuid(mut bits: [u8; 16]) -> String {
    bits[6] = bits[6] & 0x0f | 0x40;
    bits[8] = bits[8] & 0x3f | 0x80;
    let hex: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    const UUID: &str = "00000000-0000-4000-8000-000000000000";

    fn settings(text: &str) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        load(&path, |_| None).unwrap().settings
    }

    fn texts(words: &[&str]) -> Vec<OsText> {
        words.iter().map(|word| OsText::new(*word).unwrap()).collect()
    }

    fn ask(template: &str, words: &[&str]) -> CreateSession {
        CreateSession {
            template: Some(template.to_owned()),
            command: texts(words),
            environment: Some(texts(&["HOME=/home/ann", "SHELL=/bin/zsh", "A=mine"])),
            ..CreateSession::default()
        }
    }

    fn resolved(text: &str, request: CreateSession) -> Resolved {
        resolve(request, &settings(text), UUID).unwrap()
    }

    #[test]
    fn the_built_in_ones_start_and_resume_their_agents() {
        let (none, prompt) = (&[][..], &["do it", "now"][..]);
        for (name, words, start, resume) in [
            (
                "claude",
                prompt,
                vec!["claude", "--session-id", UUID, "do it", "now"],
                Some(vec!["claude", "--resume", UUID]),
            ),
            (
                "gemini",
                none,
                vec!["gemini", "--session-id", UUID],
                Some(vec!["gemini", "--resume", UUID]),
            ),
            // Its id is not known: the command is started again.
            ("codex", prompt, vec!["codex", "do it", "now"], None),
            ("opencode", prompt, vec!["opencode", "--prompt=do it now"], None),
            ("opencode", none, vec!["opencode"], None),
            ("shell", none, vec!["/bin/zsh"], None),
        ] {
            let resolved = resolved("", ask(name, words));
            assert_eq!(resolved.request.command, texts(&start), "{name}");
            assert_eq!(resolved.request.resume, resume.map(|words| texts(&words)), "{name}");
            let external_id = start.contains(&UUID).then_some(UUID);
            assert_eq!(resolved.external_id.as_deref(), external_id);
            let retries = if name == "shell" { 0 } else { 3 };
            assert_eq!(resolved.request.recovery.retries, Some(retries));
            assert_eq!(resolved.patterns.is_empty(), name == "shell");
        }
    }

    #[test]
    fn an_agent_that_answers_and_exits_is_resumed_to_do_so() {
        for (name, words, want) in [
            (
                "claude",
                &["--model", "opus", "-p", "fix the tests"][..],
                Some(&["claude", "--resume", UUID, "--model", "opus", "-p", "continue"][..]),
            ),
            (
                "claude",
                &["--print", "fix the tests"],
                Some(&["claude", "--resume", UUID, "--print", "continue"]),
            ),
            (
                "gemini",
                &["--prompt=fix it"],
                Some(&["gemini", "--resume", UUID, "--prompt=continue"]),
            ),
            ("claude", &["fix -p"], Some(&["claude", "--resume", UUID])),
            // Its id is not known: it begins anew, as it began.
            ("codex", &["exec", "fix it"], None),
        ] {
            let resumed = resolved("", ask(name, words)).request.resume;
            assert_eq!(resumed, want.map(texts), "{name} {words:?}");
        }
        let text = "[template.x]\ncommand = [\"x\"]\nresume = [\"x\", \"again\"]\n\
                    headless = [\"exec\"]\n";
        let headless = resolved(text, ask("x", &["exec", "it"])).request;
        assert_eq!(headless.resume, None, "without such a command, what was begun is begun anew");
    }

    #[test]
    fn the_request_wins_over_the_template() {
        let text = "[template.x]\ncommand = [\"x\"]\nkind = \"agent\"\nagent_id = \"t\"\n\
                    cwd = \"~/src\"\nretries = 5\nretry_delay = \"1s\"\nrestore = true\n\
                    recovery = \"off\"\nenv = { A = \"template\", B = \"template\" }\n\
                    labels = { a = \"template\", b = \"template\" }\nlimits.timeout = \"1m\"\n\
                    limits.max_memory = \"1GiB\"\nlimits.max_processes = \"none\"\n";
        let open = resolved(text, ask("x", &["-v"])).request;
        assert_eq!(open.command, texts(&["x", "-v"]));
        assert_eq!(open.working_directory, Some(OsText::new("/home/ann/src").unwrap()));
        assert_eq!((open.kind, open.timeout_ms), (Some(wk_model::Kind::Agent), Some(60_000)));
        let environment = open.environment.unwrap();
        assert!(environment.contains(&OsText::new("A=template").unwrap()));
        assert!(!environment.contains(&OsText::new("A=mine").unwrap()));
        assert_eq!((open.recovery.enabled, open.recovery.restore), (Some(false), Some(true)));

        let mut request = ask("x", &[]);
        request.kind = Some(wk_model::Kind::Command);
        request.working_directory = Some(OsText::new("/here").unwrap());
        request.variables = texts(&["A=flag"]);
        request.labels = [("a".to_owned(), "flag".to_owned())].into();
        request.timeout_ms = Some(1);
        request.recovery.retries = Some(0);
        let resolved = resolved(text, request);
        let limits = (resolved.request.max_memory, resolved.request.max_processes);
        assert_eq!(limits, (Some(1 << 30), Some(0)));
        let request = resolved.request;
        assert_eq!((request.kind, request.timeout_ms), (Some(wk_model::Kind::Command), Some(1)));
        assert_eq!(request.working_directory, Some(OsText::new("/here").unwrap()));
        let environment = request.environment.unwrap();
        assert!(environment.contains(&OsText::new("A=flag").unwrap()), "{environment:?}");
        assert!(environment.contains(&OsText::new("B=template").unwrap()));
        assert_eq!(
            (request.labels["a"].as_str(), request.labels["b"].as_str()),
            ("flag", "template")
        );
        assert_eq!((request.recovery.retries, request.recovery.delay_ms), (Some(0), Some(1000)));
    }

    #[test]
    fn without_a_template_nothing_changes_but_defaults_of_the_caller() {
        let request = CreateSession {
            command: texts(&["ls", "{uuid}", "{args}"]),
            default_directory: Some(OsText::new("/here").unwrap()),
            ..CreateSession::default()
        };
        let request = resolve(request, &Settings::default(), UUID).unwrap().request;
        assert_eq!(request.command, texts(&["ls", "{uuid}", "{args}"]));
        assert_eq!((request.recovery.retries, request.kind), (None, None));
        assert_eq!(request.working_directory, Some(OsText::new("/here").unwrap()));
    }

    #[test]
    fn placeholders_stand_anywhere_in_a_word_and_are_not_looked_for_in_the_callers() {
        let text = "[template.x]\ncommand = [\"x\", \"id={uuid},{other}\", \"{args}\", \"end\"]\n\
                    resume = [\"x\", \"--continue={external_id}\", \"{args}\"]\n\
                    [template.plain]\nretries = 1\n";
        let both = resolved(text, ask("x", &["{uuid}"])).request;
        let id = format!("id={UUID},{{other}}");
        assert_eq!(both.command, texts(&["x", &id, "{uuid}", "end"]));
        let resume = format!("--continue={UUID}");
        assert_eq!(both.resume, Some(texts(&["x", &resume, "{uuid}"])));
        // A template without a command runs the caller's.
        let plain = resolved(text, ask("plain", &["make", "all"])).request;
        assert_eq!(plain.command, texts(&["make", "all"]));
    }

    #[test]
    fn an_unknown_template_is_told_with_the_nearest() {
        let error = resolve(ask("cluade", &[]), &Settings::default(), UUID).unwrap_err();
        assert_eq!(error, "unknown template `cluade`: did you mean `claude`?");
        for text in [" ", "a\0b"] {
            let on_finish = Some(text.to_owned());
            let request = CreateSession { on_finish, ..CreateSession::default() };
            let error = resolve(request, &Settings::default(), UUID).unwrap_err();
            assert!(error.contains("`on_finish`"), "{error}");
        }
    }

    #[test]
    fn ids_have_the_form_that_agents_ask_for() {
        assert_eq!(uuid([0; 16]), UUID);
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
