//! `wk shell-init`: shells tell of themselves, and are not disturbed.
//!
//! What they call is mostly a stand-in that writes down how it was called, so that nothing but
//! the scripts is under test.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use wk_model::{Kind, Status};
use wk_sources::folder_watch::FolderWatch;
use wk_tests::{Home, Outcome, Terminal, TestDaemon, hook_program, skip, within};

/// A shell, and how to run it with a file of commands at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    fn is_here(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|folder| folder.join(self.name()).is_file());
        if !found {
            skip(&format!("there is no {} here", self.name()));
        }
        found
    }

    /// Prompts that are numbered, so that a test can wait for each.
    fn prompts(self) -> &'static str {
        match self {
            Self::Bash => "PS1='P\\#>'\n",
            Self::Zsh => "setopt prompt_subst; PS1='P%i>'; unsetopt prompt_sp\n",
            Self::Fish => {
                "set -g fish_greeting\nset -g n 1\n\
                 function count --on-event fish_postexec; set -g n (math $n + 1); end\n\
                 function fish_prompt; echo -n \"P$n>\"; end\n"
            }
        }
    }
}

/// A home with a stand-in for `wk-hook`, and with the scripts that call it.
struct Yard {
    home: Home,
}

impl Yard {
    fn new() -> Self {
        let yard = Self { home: Home::new() };
        yard.forget();
        let told = yard.told_folder();
        let told = told.display();
        // Whole files in the order of their names: it is called from several places at once.
        let stand_in = format!(
            "#!/bin/sh\nname=$(date +%s%N)-$$\necho \"$@\" > {told}/.$name\n\
             mv {told}/.$name {told}/$name\n"
        );
        yard.write_program("hook", &stand_in);
        yard
    }

    fn told_folder(&self) -> PathBuf {
        self.home.path().join("told")
    }

    fn forget(&self) {
        let _ = fs::remove_dir_all(self.told_folder());
        fs::create_dir(self.told_folder()).unwrap();
    }

    fn hook(&self) -> PathBuf {
        self.home.path().join("hook")
    }

    fn write_program(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// The script that `wk shell-init` prints.
    async fn script(&self, shell: Shell, options: &[&str]) -> PathBuf {
        let mut call = self.home.call(["shell-init", shell.name()]);
        call.args(options).env("WK_HOOK", self.hook());
        let path = self.home.path().join(format!("init.{}", shell.name()));
        fs::write(&path, Outcome::of(call).await.ok()).unwrap();
        path
    }

    /// Opens an interactive shell that runs these lines first.
    fn open(&self, shell: Shell, lines: &str) -> Terminal {
        let lines = format!("{}{lines}", shell.prompts());
        let file = match shell {
            Shell::Bash => self.home.path().join("bashrc"),
            Shell::Zsh => self.home.path().join(".zshrc"),
            Shell::Fish => self.home.path().join(".config/fish/config.fish"),
        };
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, lines).unwrap();
        let mut command = self.home.command(shell.name());
        command.env("TERM", "dumb");
        match shell {
            Shell::Bash => command.args(["--noprofile", "--rcfile"]).arg(file).arg("-i"),
            // Not the machine's own files.
            Shell::Zsh => command.args(["-d", "-i"]),
            Shell::Fish => command.arg("-i"),
        };
        Terminal::open(command)
    }

    /// Runs the shell with these lines at its start, and types the others.
    async fn run(&self, shell: Shell, lines: &str, typed: &[&str]) -> Run {
        self.run_telling(0, shell, lines, typed).await
    }

    /// The same, typing nothing before so much is told: a shell does not wait for that itself.
    async fn run_telling(&self, told: usize, shell: Shell, lines: &str, typed: &[&str]) -> Run {
        self.forget();
        let mut terminal = self.open(shell, lines);
        let pid = terminal.process().pid();
        for (number, line) in typed.iter().enumerate() {
            terminal.until_shows(&format!("P{}>", number + 1)).await;
            self.until_told(pid, told).await;
            terminal.send(format!("{line}\r"));
        }
        let code = terminal.ended().await;
        Run { code, shown: terminal.shown(), told: self.told(pid) }
    }

    /// How the stand-in was called, the shell's number replaced.
    fn told(&self, pid: u32) -> Vec<String> {
        let entries = fs::read_dir(self.told_folder()).unwrap().map(|entry| entry.unwrap().path());
        let whole = |path: &PathBuf| !path.file_name().unwrap().to_string_lossy().starts_with('.');
        let files: BTreeSet<PathBuf> = entries.filter(whole).collect();
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        texts.map(|text| text.trim_end().replace(&format!("--pid {pid}"), "--pid PID")).collect()
    }

    async fn until_told(&self, pid: u32, count: usize) {
        let told = async {
            let mut watch = FolderWatch::new(&self.told_folder()).unwrap();
            while self.told(pid).len() < count {
                watch.changed().await.unwrap();
            }
        };
        within("what the shell tells", told).await;
    }
}

struct Run {
    code: i32,
    shown: String,
    told: Vec<String>,
}

fn source(script: &Path) -> String {
    format!(". {}\n", script.display())
}

fn start(shell: Shell) -> String {
    format!("--shell start --type {} --pid PID", shell.name())
}

fn end(shell: Shell, code: i32) -> String {
    format!("--shell end --type {} --pid PID --code {code}", shell.name())
}

#[tokio::test]
async fn shells_tell_of_their_start_and_end_and_of_nothing_between() {
    for shell in Shell::ALL.into_iter().filter(|shell| shell.is_here()) {
        let yard = Yard::new();
        let line = source(&yard.script(shell, &[]).await);
        // A second line changes nothing; a subshell's end and a script are no shell's.
        let subshell = if shell == Shell::Fish { "true" } else { "(exit 4)" };
        let script = format!("{} -c true", shell.name());
        let run = yard.run_telling(1, shell, &line.repeat(2), &[subshell, &script, "exit 3"]).await;
        assert_eq!(run.code, 3, "{}", run.shown);
        assert_eq!(run.told, [start(shell), end(shell, 3)], "{}", run.shown);
    }
}

#[tokio::test]
async fn a_window_that_is_closed_ends_its_shell() {
    for shell in Shell::ALL.into_iter().filter(|shell| shell.is_here()) {
        let yard = Yard::new();
        let line = source(&yard.script(shell, &[]).await);
        let mut terminal = yard.open(shell, &line);
        terminal.until_shows("P1>").await;
        let watch = terminal.process();
        yard.until_told(watch.pid(), 1).await;
        terminal.close();
        within("the shell's end", watch.ended()).await;
        let told = yard.told(watch.pid());
        assert_eq!(told.len(), 2, "{shell:?}: {told:?}");
        assert!(told[1].starts_with("--shell end"), "{told:?}");
    }
}

#[tokio::test]
async fn a_shell_in_a_shell_is_one_of_its_own_and_one_that_takes_its_place_is_not() {
    for shell in Shell::ALL.into_iter().filter(|shell| shell.is_here()) {
        let yard = Yard::new();
        let line = source(&yard.script(shell, &[]).await);
        let again = match shell {
            Shell::Bash => {
                format!("bash --noprofile --rcfile {}/bashrc -i", yard.home.path().display())
            }
            Shell::Zsh => "zsh -d -i".to_owned(),
            Shell::Fish => "fish -i".to_owned(),
        };
        let mut terminal = yard.open(shell, &line);
        let pid = terminal.process().pid();
        terminal.until_shows("P1>").await;
        yard.until_told(pid, 1).await;
        terminal.send(format!("exec {again}\r"));
        // The second shell counts anew.
        let prompts = |screen: &wk_terminal::Screen| screen.text(false).matches("P1>").count();
        terminal.until("a second prompt", |screen| prompts(screen) == 2).await;
        yard.until_told(pid, 2).await;
        terminal.send("exit 5\r");
        assert_eq!(terminal.ended().await, 5);
        assert_eq!(yard.told(pid), [start(shell), start(shell), end(shell, 5)], "{shell:?}");
        let inner = format!("{again} -c 'exit 0'");
        let nested = yard.run_telling(1, shell, &line, &[&inner, "exit 0"]).await;
        // The inner one is so short that its start may come after its end.
        let others = nested.told.iter().filter(|told| !told.contains("PID")).count();
        assert!((1..=2).contains(&others) && nested.told.len() == others + 2, "{:?}", nested.told);
    }
}

#[tokio::test]
async fn commands_are_told_only_where_that_is_asked_for() {
    for shell in Shell::ALL.into_iter().filter(|shell| shell.is_here()) {
        let yard = Yard::new();
        let line = source(&yard.script(shell, &["--commands"]).await);
        let run = yard
            .run_telling(
                1,
                shell,
                &line,
                &["echo hi", "false", " echo secret", "echo 'a  b'", "exit 1"],
            )
            .await;
        let told: Vec<_> = run.told.iter().filter(|told| told.contains("command ")).collect();
        assert!(told.len() >= 4, "{told:?}");
        assert!(
            told[0].contains("--code 0 ") && told[0].ends_with("--command echo hi"),
            "{told:?}"
        );
        assert!(told[1].contains("--code 1 ") && told[1].ends_with("--command false"), "{told:?}");
        assert!(told[2].contains("--duration") && !told[2].contains("secret"), "{told:?}");
        assert!(told[3].ends_with("--command echo 'a  b'"), "{told:?}");
    }
}

#[tokio::test]
async fn bash_keeps_its_options_traps_and_prompt_commands() {
    let yard = Yard::new();
    let shell = Shell::Bash;
    let line = source(&yard.script(shell, &["--commands"]).await);
    let trap = "trap 'echo \"bye $? it'\\''s\"\necho more' EXIT\n";
    for (case, before, typed, code, shown) in [
        ("a trap sees the code", trap, "exit 7", 7, "bye 7 it's"),
        ("all of it", trap, "exit 7", 7, "more"),
        ("under -eu", "set -eu\n", "exit 0", 0, ""),
        (
            "a trap under -e",
            "trap 'echo \"bye $?\"; echo more' EXIT\nset -eu\n",
            "false",
            1,
            "more",
        ),
        ("in POSIX mode", "set -o posix\n", "exit 2", 2, ""),
        ("an ignored trap", "trap '' EXIT\n", "exit 2", 2, ""),
        ("a prompt command", "PROMPT_COMMAND='echo pc $?;'\n", "(exit 5)", 1, "pc 5"),
        ("two", "PROMPT_COMMAND=('echo one $?' 'echo two $?')\n", "(exit 5)", 1, "two 5"),
        ("noclobber", "set -o noclobber\n", "exit 1", 1, ""),
        ("jobs that are told of at once", "set -b; shopt -s checkjobs\n", "exit 1", 1, ""),
    ] {
        let lines = format!("{before}{line}");
        let typed: Vec<&str> =
            if typed == "(exit 5)" { vec![typed, "exit 1"] } else { vec![typed] };
        let run = yard.run_telling(1, shell, &lines, &typed).await;
        assert_eq!(run.code, code, "{case}: {}", run.shown);
        assert!(run.shown.contains(shown), "{case}: {}", run.shown);
        assert!(!run.shown.contains("error"), "{case}: {}", run.shown);
        assert!(!run.shown.contains("not found"), "{case}: {}", run.shown);
        assert!(!run.shown.contains("[1]"), "{case}: {}", run.shown);
        assert_eq!(run.told.last(), Some(&end(shell, code)), "{case}: {}", run.shown);
    }
    // A trap that comes later is the user's own affair: the daemon sees the process's end.
    let run = yard.run(shell, &format!("{line}trap 'echo later' EXIT\n"), &["exit 7"]).await;
    assert!(run.shown.contains("later") && run.code == 7, "{}", run.shown);
}

#[tokio::test]
async fn zsh_keeps_its_options_and_functions() {
    let shell = Shell::Zsh;
    if !shell.is_here() {
        return;
    }
    let yard = Yard::new();
    let line = source(&yard.script(shell, &["--commands"]).await);
    let before = "zshexit() { echo bye $? }\nprecmd() { echo pc $? }\n\
                  setopt no_unset ksh_arrays no_clobber glob_subst\n";
    let run = yard.run(shell, &format!("{before}{line}"), &["(exit 5)", "exit 7"]).await;
    assert_eq!(run.code, 7, "{}", run.shown);
    assert!(run.shown.contains("bye 7") && run.shown.contains("pc 5"), "{}", run.shown);
    assert_eq!(run.told.last(), Some(&end(shell, 7)), "{}", run.shown);
}

#[tokio::test]
async fn a_shell_works_when_nothing_else_does() {
    for shell in Shell::ALL.into_iter().filter(|shell| shell.is_here()) {
        let yard = Yard::new();
        let line = source(&yard.script(shell, &["--commands"]).await);
        for (case, program) in [
            ("it is noisy", Some("#!/bin/sh\necho noise; echo noise >&2\n")),
            ("it fails", Some("#!/bin/sh\nexit 7\n")),
            ("it is no program", Some("\x7fELF")),
            ("it is not there", None),
        ] {
            match program {
                Some(text) => yard.write_program("hook", text),
                None => fs::remove_file(yard.hook()).unwrap(),
            }
            let run = yard.run(shell, &line, &["echo works", "exit 3"]).await;
            assert_eq!(run.code, 3, "{shell:?}, {case}: {}", run.shown);
            assert!(run.shown.contains("works"), "{shell:?}, {case}: {}", run.shown);
            let noisy = ["noise", "wk", "hook", "rror"].iter().any(|word| run.shown.contains(word));
            assert!(!noisy, "{shell:?}, {case}: {}", run.shown);
        }
    }
}

#[tokio::test]
async fn the_line_that_install_names_works_and_stays_the_same() {
    for shell in Shell::ALL.into_iter().filter(|shell| shell.is_here()) {
        let yard = Yard::new();
        let install = async || {
            let mut call = yard.home.call(["shell-init", shell.name(), "--install"]);
            call.env("WK_HOOK", yard.hook());
            Outcome::of(call).await.ok()
        };
        let said = install().await;
        assert_eq!(install().await, said);
        let line = format!("{}\n", said.lines().last().unwrap().trim());
        let run = yard.run_telling(1, shell, &line, &["exit 0"]).await;
        assert_eq!(run.told, [start(shell), end(shell, 0)], "{said}");
        // Without the file, the line is well.
        fs::remove_dir_all(yard.home.state().join("shell")).unwrap();
        let run = yard.run(shell, &line, &["echo works", "exit 0"]).await;
        assert!(run.shown.contains("works") && !run.shown.contains("No such"), "{}", run.shown);
        assert!(run.told.is_empty(), "{:?}", run.told);
    }
}

#[tokio::test]
async fn a_shell_with_the_line_is_a_session_within_the_one_that_it_runs_in() {
    assert!(hook_program().is_file());
    let wk = TestDaemon::start().await;
    let mut events = wk.events().await;
    let rc = wk.path().join("bashrc");
    let line = wk.ok(["shell-init", "bash", "--commands"]).await;
    fs::write(&rc, format!("PS1='P\\#>'\n{line}")).unwrap();
    let inner = format!("bash --noprofile --rcfile {} -i; true", rc.display());
    let mut terminal =
        Terminal::open(wk.call(["run", "--name", "outer", "--", "sh", "-c", &inner]));
    terminal.until_shows("P1>").await;
    let created = events
        .until(|event| event.kind == "session_created" && event.data["session_kind"] == "shell")
        .await;
    let id = created.session_id.unwrap();
    let shell = wk.session(&id).view().await;
    let outer = wk.session("outer").view().await;
    assert_eq!((shell.kind, shell.shell_type.as_deref()), (Kind::Shell, Some("bash")));
    assert_eq!(shell.parent_id, Some(outer.session_id));
    terminal.send("false\r");
    let command = events.until_kind(&id, "shell_command").await;
    assert_eq!(
        (&command.data["command"], &command.data["exit_code"]),
        (&"false".into(), &1.into())
    );
    terminal.send("exit 3\r");
    // Whatever its code: its user has ended it.
    let ended = wk.session(&id).ended().await;
    assert_eq!(ended.status, Some(Status::Completed), "{:?}", ended.exit_code);
    assert_eq!(terminal.ended().await, 0);
}
