//! `cargo xtask start`: from a clean clone to a running daemon.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    command::{cargo, find, run as run_command, succeeds},
    metadata::Graph,
    packages,
    steps::Steps,
};

/// `wk` looks for its helpers beside itself, so they are put there before it.
const PROGRAMS: [&str; 4] = ["wk-holder", "wk-hook", "wk-witness", "wk"];

#[derive(clap::Args)]
pub(crate) struct StartArgs {
    /// Put the programs into DIR/bin; ~/.local by default
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

pub(crate) fn run(args: &StartArgs) -> Result<()> {
    let folder = match &args.prefix {
        Some(prefix) => std::path::absolute(prefix)?,
        None => {
            PathBuf::from(env::var_os("HOME").context("set HOME or give --prefix")?).join(".local")
        }
    }
    .join("bin");
    let mut steps = Steps::begin();
    steps.step("system packages", || packages::ensure(&[packages::BUILD]))?;
    let mut built = PathBuf::new();
    steps.step("build (the first time takes minutes)", || {
        run_command(&mut cargo(
            "build --release --locked -p wk -p wk-holder -p wk-hook -p wk-witness",
        ))?;
        built = Graph::read()?.target.join("release");
        Ok(())
    })?;
    steps.step(&format!("put the programs into {}", folder.display()), || {
        PROGRAMS.iter().try_for_each(|name| install(&built.join(name), &folder, name))
    })?;
    let wk = folder.join("wk");
    steps.step("daemon", || start_daemon(&wk))?;
    say_what_is_next(&folder);
    Ok(())
}

/// Replaces a program in one step: whoever runs the old one keeps it.
fn install(built: &Path, folder: &Path, name: &str) -> Result<()> {
    let (place, fresh) = (folder.join(name), folder.join(format!(".{name}.new")));
    let replace = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::copy(built, &fresh)?;
        fs::File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, &place)
    };
    replace().with_context(|| format!("cannot install {}", place.display()))
}

/// A daemon that runs is replaced by the new one; its sessions run on.
fn start_daemon(wk: &Path) -> Result<()> {
    let runs = succeeds(Command::new(wk).args(["daemon", "status"]));
    let verb = if runs { "restart" } else { "start" };
    run_command(Command::new(wk).args(["daemon", verb]))
}

fn say_what_is_next(folder: &Path) {
    let on_path = find("wk");
    let wk = match &on_path {
        Some(found) if *found == folder.join("wk") => "wk".to_owned(),
        Some(found) => {
            println!("note: `wk` on your PATH is {}, not this one", found.display());
            folder.join("wk").display().to_string()
        }
        None => {
            let (file, line) = path_hint(&env::var("SHELL").unwrap_or_default(), folder);
            println!(
                "{} is not on your PATH; add this line to {file}:\n  {line}",
                folder.display()
            );
            folder.join("wk").display().to_string()
        }
    };
    println!(
        "\nTry:\n  \
         {wk} run --name first -- bash     a shell in a session; Ctrl-\\ detaches from it\n  \
         {wk} ls                           what runs, and what ended today\n  \
         {wk} daemon status                its pid: kill -9 it, if you like\n  \
         {wk} attach first                 the shell, as you left it\n  \
         {wk} why first                    why it ended, once it has\n  \
         {wk} doctor                       what works on this machine, and what does not"
    );
}

/// The shell's start-up file, and the line for it.
fn path_hint(shell: &str, folder: &Path) -> (&'static str, String) {
    let folder = folder.display();
    match shell.rsplit('/').next() {
        Some("fish") => ("~/.config/fish/config.fish", format!("fish_add_path {folder}")),
        Some("zsh") => ("~/.zshrc", format!("export PATH=\"{folder}:$PATH\"")),
        Some("bash") => ("~/.bashrc", format!("export PATH=\"{folder}:$PATH\"")),
        _ => ("~/.profile", format!("export PATH=\"{folder}:$PATH\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_speaks_the_users_shell() {
        let folder = Path::new("/h/.local/bin");
        assert_eq!(path_hint("/usr/bin/fish", folder).1, "fish_add_path /h/.local/bin");
        assert_eq!(path_hint("/bin/zsh", folder).0, "~/.zshrc");
        assert_eq!(path_hint("", folder).1, "export PATH=\"/h/.local/bin:$PATH\"");
    }

    #[test]
    fn a_program_is_replaced_under_those_who_hold_it() {
        let folder = env::temp_dir().join(format!("wk-xtask-install-{}", std::process::id()));
        let (bin, built) = (folder.join("bin"), folder.join("built"));
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("wk"), "old").unwrap();
        fs::write(&built, "new").unwrap();
        let held = fs::File::open(bin.join("wk")).unwrap();

        install(&built, &bin, "wk").unwrap();

        assert_eq!(io::read_to_string(held).unwrap(), "old");
        assert_eq!(fs::read_to_string(bin.join("wk")).unwrap(), "new");
        assert_eq!(fs::read_dir(&bin).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
