use super::*;
use crate::config::{Settings, file};

fn read(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let faults = file::apply(text, std::path::Path::new("config.toml"), &mut settings, |_| {});
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    if told.is_empty() { Ok(settings) } else { Err(told.join("\n")) }
}

fn template(text: &str, name: &str) -> Template {
    read(text).unwrap().templates.get(name).unwrap().clone()
}

#[test]
fn the_built_in_ones_have_no_faults_and_are_there_without_a_file() {
    assert!(read(BUILTIN).is_ok());
    let templates = Templates::default();
    let names: Vec<_> = templates.names().collect();
    assert_eq!(names, ["claude", "codex", "gemini", "opencode", "shell"]);
    assert!(templates.iter().all(|(_, template, origin)| {
        template.command.is_some() && origin == TemplateOrigin::BuiltIn
    }));
    assert_eq!(templates.get("shell").unwrap().retries, Some(0));
}

#[test]
fn a_users_template_goes_over_the_built_in_one_field_by_field() {
    let claude = template(
        "[template.claude]\nretries = 7\nlabels = { team = \"red\" }\nenv.X = \"1\"\n\
         limits.max_memory = \"2GiB\"\n",
        "claude",
    );
    let built_in = Templates::default().get("claude").unwrap().clone();
    assert_eq!((claude.retries, claude.command), (Some(7), built_in.command));
    assert_eq!(claude.patterns, built_in.patterns);
    let labels: Vec<_> = claude.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["agent=claude", "team=red"]);
    assert_eq!(claude.limits.max_memory, Setting::Value(2 << 30));
}

#[test]
fn a_template_extends_another_and_can_take_a_limit_away() {
    let text = "[template.base]\nlimits = { timeout = \"5m\", max_processes = 10 }\n\
                [template.job]\nextends = \"base\"\ncommand = [\"make\"]\n\
                limits.timeout = \"none\"\n[template.job2]\nextends = \"job\"\n";
    let job = template(text, "job2");
    assert_eq!(job.command.as_deref(), Some(&["make".to_owned()][..]));
    assert_eq!(job.limits.timeout, Setting::Nothing);
    assert_eq!(job.limits.max_processes, Setting::Value(10));
    assert_eq!(job.limits.max_memory, Setting::Open);
}

#[test]
fn each_kind_of_fault_names_its_place_and_what_would_be_right() {
    for (text, want) in [
        (
            "[template.a]\nextends = \"b\"\n[template.b]\nextends = \"a\"",
            "2:11: template.a.extends: the templates extend each other: a → b → a",
        ),
        ("[template.claude]\nextends = \"claude\"", "each other: claude → claude"),
        (
            "[template.a]\nextends = \"claud\"",
            "2:11: template.a.extends: unknown template `claud`: did you mean `claude`?",
        ),
        (
            "[template.a]\nextends = \"c\"\n[template.c]\nextends = \"zzzzzzz\"",
            "at the end of a → c: there are a, c, claude",
        ),
        (
            "[template.a]\nretires = 1",
            "2:1: unknown key `retires` in [template.a]: did you mean `retries`?",
        ),
        (
            "[template.a.limits]\ntimeuot = 1",
            "unknown key `timeuot` in [template.a.limits]: did you mean `timeout`?",
        ),
        (
            "[template.a]\nlimits.timeout = \"soon\"",
            "template.a.limits.timeout: `soon` is no length of time: write for example",
        ),
        ("[template.a]\nlimits.timeout = \"-5m\"", "is no length of time"),
        (
            "[template.a]\nlimits.max_memory = \"lots\"",
            "template.a.limits.max_memory: `lots` is no size: write for example",
        ),
        ("[template.a]\nlimits.max_memory = -1", "must not be negative"),
        ("[template.a]\nlimits.max_processes = 0", "must be a number from 1 on"),
        (
            "[template.a]\ncommand = \"ls\"",
            "template.a.command: must be a list like [\"make\", \"{args}\"], not `ls`",
        ),
        ("[template.a]\ncommand = []", "`command` must name a program"),
        (
            "[template.a]\ncommand = [\"x\", 3]",
            "2:17: template.a.command: must be a word in quotes, not the number 3",
        ),
        (
            "[template.a]\ncommand = [\"x\", \"{uid}\"]",
            "unknown placeholder `uid`: did you mean `uuid`?",
        ),
        (
            "[template.a]\ncommand = [\"x\", \"{external_id}\"]",
            "nobody knows `{external_id}` before",
        ),
        (
            "[template.a]\nresume = [\"x\", \"{continue}\"]",
            "`resume`: `{continue}` is for `resume_headless` only",
        ),
        (
            "[template.a]\nheadless = \"-p\"",
            "template.a.headless: must be a list like [\"--print\"], not `-p`",
        ),
        ("[template.a]\nhealth.interval = \"1ms\"", "health.interval: must be at least 100ms"),
        ("[template.a]\nhealth.hung_after = \"none\"", "`none` is no length of time"),
        ("[template.a]\nkind = \"tmux\"", "made by tmux"),
        ("[template.a]\nkind = \"agnet\"", "is not a kind: use one of command, agent"),
        ("[template.a]\ncwd = \"here\"", "must be an absolute path, or begin with ~/"),
        ("[template.a]\nenv = { \"A=B\" = \"x\" }", "`A=B` is no variable"),
        ("[template.a]\nlabels = { \"a b\" = \"x\" }", "bad label key `a b`"),
        ("[template.a]\nretries = -1", "template.a.retries: must be between 0 and 1000"),
        ("[template.a]\nrecovery = \"maybe\"", "must be \"on\" or \"off\", not `maybe`"),
        (
            "[template.a]\nhealth.on_stale = \"kill\"",
            "must be \"report\", \"stop\" or \"restart\", not `kill`",
        ),
        ("[[template.a.patterns]]\nscreen = \"x\"", "a pattern needs a `category`"),
        ("[[template.a.patterns]]\ncategory = \"quota\"", "needs a `screen` or an `exit_code`"),
        (
            "[[template.a.patterns]]\ncategory = \"qouta\"",
            "unknown category `qouta`: did you mean `quota`?",
        ),
        ("[template.a]\npatterns = 3", "write [[template.a.patterns]]"),
        ("[[template.a.instance]]\nenv.A = \"1\"", "an instance needs a `name`"),
        (
            "[[template.a.instance]]\nname = \"x\"\n[[template.a.instance]]\nname = \"x\"",
            "two instances `x`",
        ),
        ("[template.\"a b\"]\n", "bad name `a b`"),
        ("template = 3", "write [template.NAME]"),
        ("[template]\nclaude = 3", "template.claude: must be a table"),
    ] {
        let told = read(text).unwrap_err();
        assert!(told.contains(want), "{text}\n{told}");
    }
}

#[test]
fn every_key_is_known() {
    for key in read::KEYS {
        let told = read_one(key);
        assert!(!told.contains("unknown key"), "{told}");
    }
}

fn read_one(key: &str) -> String {
    read(&format!("[template.a]\n{key} = 1979-05-27\n")).unwrap_err()
}

#[test]
fn what_is_shown_reads_back_as_the_same() {
    let text = "[template.a]\ncommand = [\"x\", \"{args}\"]\nresume = [\"x\", \"{uuid}\"]\n\
                cwd = \"~/src\"\nkind = \"agent\"\nagent_id = \"i\"\ncomponent = \"c\"\n\
                retries = 2\nretry_delay = \"3s\"\nrecovery = \"off\"\nrestore = true\n\
                recovery_deadline = \"none\"\nmax_concurrent = 4\nextends = \"shell\"\n\
                env.A = \"b\"\nlabels.l = \"m\"\nhealth.interval = \"5s\"\n\
                health.stale_after = \"none\"\nhealth.on_stale = \"restart\"\n\
                health.hung_after = \"5m\"\nheadless = [\"-p\"]\n\
                resume_headless = [\"x\", \"{continue}\"]\n\
                limits = { max_memory = \"1GiB\", max_cpu_time = \"none\", timeout = \"1s\", \
                idle_timeout = \"2s\", max_processes = 3, max_output = \"4KiB\" }\n\
                patterns = [{ category = \"quota\", screen = \"q\", exit_code = 3 }]\n\
                [[template.a.instance]]\nname = \"one\"\ncwd = \"/\"\nenv.B = \"c\"\n\
                max_concurrent = 1\n";
    let written = template(text, "a");
    let shown = toml::to_string(&toml::Table::from_iter([(
        "template".to_owned(),
        toml::Value::Table(
            [("a".to_owned(), toml::Value::Table(written.table()))].into_iter().collect(),
        ),
    )]));
    assert_eq!(template(&shown.unwrap(), "a"), written);
}
