//! `wk witness`: the kernel's witness of this machine.

mod install;

use std::{io::Write, path::Path};

use serde_json::json;
use wk_sources::witness::{Looking, look};
use wk_witness::protocol;

use super::ShortFormat;
use crate::{
    code::Code,
    color::{Paint, Style},
    config::Settings,
    context::Context,
    daemon::{WITNESS_LOG, last_words, witness_program},
    json,
    table::{self, Cell},
};

/// Say how the kernel's witness is; install or remove it
///
/// It sees who sends which signal, and how processes end, so that `wk why` can name who killed a
/// session. One serves a whole machine. A daemon that runs as root starts it by itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk witness\n  sudo wk witness install\n  sudo wk witness remove"
)]
pub(crate) struct WitnessArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say how it is; exits with 3 when none is heard
    Status {
        #[arg(long, default_value = "table")]
        format: ShortFormat,
    },
    /// Have it run from now on, also after a restart where systemd runs the machine
    Install,
    /// End it, and take what it keeps in the kernel away
    Remove,
}

pub(crate) async fn run(
    context: &Context,
    args: WitnessArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let settings = Settings::load(&context.places, |name| std::env::var_os(name))?;
    let folder = settings.witness.dir;
    match args.action.unwrap_or(Action::Status { format: ShortFormat::Table }) {
        Action::Status { format } => status(context, &folder, format, out).await,
        Action::Install => install::install(&folder, out).await,
        Action::Remove => install::remove(&folder, out).await,
    }
}

async fn status(
    context: &Context,
    folder: &Path,
    format: ShortFormat,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let found = look(&protocol::socket(folder)).await;
    match format {
        ShortFormat::Json => json::write(out, &as_json(folder, found.as_ref()))?,
        ShortFormat::Table => write_status(out, context, folder, found.as_ref())?,
    }
    Ok(if found.is_ok() { Code::SUCCESS } else { Code::NOT_RUNNING })
}

fn as_json(folder: &Path, found: Result<&Looking, &String>) -> serde_json::Value {
    match found {
        Ok(looking) => json!({
            "heard": true,
            "dir": folder,
            "since": looking.since.time,
            "generation": looking.generation,
            "missing": looking.missing,
        }),
        Err(why) => json!({
            "heard": false,
            "dir": folder,
            "why": why,
            "log": said(folder),
            "obstacles": obstacles(),
        }),
    }
}

fn write_status(
    out: &mut impl Write,
    context: &Context,
    folder: &Path,
    found: Result<&Looking, &String>,
) -> anyhow::Result<()> {
    let paint: Paint = context.paint;
    let place = Cell::plain(&folder.to_string_lossy());
    let mut pairs = Vec::new();
    match found {
        Ok(looking) => {
            pairs.push(("Witness", Cell::new("looks on", Style::Good)));
            let since = context.clock.show(looking.since.time);
            pairs.push(("Since", Cell::plain(&since)));
            pairs.push(("Folder", place));
            pairs.push(("Generation", Cell::plain(&looking.generation)));
            for missing in &looking.missing {
                pairs.push(("Cannot see", Cell::new(missing, Style::Warning)));
            }
        }
        Err(why) => {
            pairs.push(("Witness", Cell::new(why, Style::Warning)));
            pairs.push(("Folder", place));
            if let Some(said) = said(folder) {
                pairs.push(("Its log ends", Cell::plain(&said)));
            }
            let obstacles = obstacles();
            for obstacle in &obstacles {
                pairs.push(("Missing", Cell::new(obstacle, Style::Warning)));
            }
            if obstacles.is_empty() {
                pairs.push(("Next", Cell::plain("sudo wk witness install")));
            }
        }
    }
    Ok(table::write_pairs(out, &pairs, context.width, paint)?)
}

fn said(folder: &Path) -> Option<String> {
    folder.join(WITNESS_LOG).is_file().then(|| last_words(folder))
}

/// What a witness would lack on this machine, as far as anybody can tell.
pub(crate) fn obstacles() -> Vec<String> {
    let mut found = Vec::new();
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        let what = "this kernel has no BTF (/sys/kernel/btf/vmlinux: CONFIG_DEBUG_INFO_BTF)";
        found.push(what.to_owned());
    }
    if !Path::new("/sys/fs/bpf").exists() {
        found.push("this kernel has no BPF file system (CONFIG_BPF_SYSCALL)".to_owned());
    }
    match witness_program() {
        Ok(program) if !program.is_file() => {
            found.push(format!("`{}` is missing: install wk-witness beside wk", program.display()));
        }
        Ok(_) => {}
        Err(error) => found.push(error.to_string()),
    }
    found
}
