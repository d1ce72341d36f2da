//! `wk shell-init`: what a shell runs at its start, so that it is a session.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
};

use anyhow::Context as _;
use wk_client::Places;

use crate::{code::Code, daemon::own_program};

/// Print what makes every interactive shell a session
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each shell tells of its start and its end; its command lines are nobody's \
                        business unless --commands is given.\n\n\
                        Example:\n  wk shell-init bash --install\n  wk shell-init zsh >> ~/.zshrc"
)]
pub(crate) struct ShellInitArgs {
    shell: Shell,
    /// Write it to a file, and say which line to add to the shell's own
    #[arg(long)]
    install: bool,
    /// Tell of each command too, with its code and duration
    #[arg(long)]
    commands: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) fn run(args: &ShellInitArgs, out: &mut impl Write) -> anyhow::Result<Code> {
    let hook = hook_program()?;
    if !hook.is_file() {
        let mut note = io::stderr();
        writeln!(
            note,
            "wk: `{}` is missing: shells tell nothing until it is there",
            hook.display()
        )?;
    }
    let script = args.shell.script(&hook, args.commands);
    if args.install {
        install(args.shell, &script, out)?;
    } else {
        out.write_all(script.as_bytes())?;
    }
    Ok(Code::SUCCESS)
}

impl Shell {
    fn script(self, hook: &Path, commands: bool) -> String {
        let (script, more) = match self {
            Self::Bash => {
                (include_str!("shell_init/init.bash"), include_str!("shell_init/commands.bash"))
            }
            Self::Zsh => {
                (include_str!("shell_init/init.zsh"), include_str!("shell_init/commands.zsh"))
            }
            Self::Fish => {
                (include_str!("shell_init/init.fish"), include_str!("shell_init/commands.fish"))
            }
        };
        let more = if commands { more } else { "" };
        // The path last: nothing in it is looked at again.
        script.replace("@COMMANDS@", more).replace("@WK_HOOK@", &self.quote(hook))
    }

    /// The path as one word of this shell.
    fn quote(self, path: &Path) -> String {
        let text = path.display().to_string();
        let text = match self {
            Self::Bash | Self::Zsh => text.replace('\'', "'\\''"),
            Self::Fish => text.replace('\\', "\\\\").replace('\'', "\\'"),
        };
        format!("'{text}'")
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// The file that this shell reads at its start, as a user calls it.
    fn own_file(self) -> &'static str {
        match self {
            Self::Bash => "~/.bashrc",
            Self::Zsh => "~/.zshrc",
            Self::Fish => "~/.config/fish/config.fish",
        }
    }

    /// The line for that file; it is well where there is nothing to read.
    fn line(self, script: &Path) -> String {
        let script = self.quote(script);
        match self {
            Self::Bash | Self::Zsh => format!("[ ! -r {script} ] || . {script}"),
            Self::Fish => format!("test -r {script}; and source {script}"),
        }
    }
}

/// Writes the script into the state's folder, in one step: shells may be starting right now.
fn install(shell: Shell, script: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let folder = Places::of_this_user()?.state.join("shell");
    let path = folder.join(format!("init.{}", shell.name()));
    let write = || -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let fresh = folder.join(format!(".{}.{}", shell.name(), process::id()));
        fs::write(&fresh, script)?;
        fs::rename(&fresh, &path)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))?;
    writeln!(out, "wrote {}", path.display())?;
    writeln!(out, "add this line to {}:\n  {}", shell.own_file(), shell.line(&path))?;
    Ok(())
}

/// The program that shells call: `WK_HOOK`, else `wk-hook` beside this program.
fn hook_program() -> anyhow::Result<PathBuf> {
    match env::var_os("WK_HOOK") {
        Some(named) => Ok(PathBuf::from(named)),
        None => Ok(own_program()?.with_file_name("wk-hook")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    #[test]
    fn scripts_are_whole_with_and_without_commands() {
        for shell in ALL {
            let plain = shell.script(Path::new("/opt/it's/wk-hook"), false);
            let more = shell.script(Path::new("/opt/it's/wk-hook"), true);
            for script in [&plain, &more] {
                assert!(!script.contains("@WK_HOOK@") && !script.contains("@COMMANDS@"));
            }
            assert!(!plain.contains("--command") && more.contains("--command "));
        }
    }

    #[test]
    fn paths_of_any_kind_are_one_word() {
        let path = Path::new("/a b/it's \\x");
        assert_eq!(Shell::Bash.quote(path), r"'/a b/it'\''s \x'");
        assert_eq!(Shell::Fish.quote(path), r"'/a b/it\'s \\x'");
    }
}
