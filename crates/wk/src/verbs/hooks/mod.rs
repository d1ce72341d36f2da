//! `wk hooks`: have agents tell what they do.

mod ask;
mod edit;
mod notes;
mod place;
mod plugin;
mod program;
mod records;
mod settings_file;
mod status;

use std::{io::Write, path::PathBuf};

use wk_agents::agent::Agent;

use super::ShortFormat;
use crate::{code::Code, context::Context};

pub(crate) use status::{Standing, survey};

/// Have agents tell what they do, by hooks in their settings
///
/// An agent calls `wk-hook` when it starts, uses a tool, asks for a permission, ends: so that
/// `wk timeline`, `wk tools` and `wk show` know of it. Only what is needed is put into the
/// agent's settings, after it was shown; everything else in them stays as it is, byte for byte.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk hooks status\n  wk hooks install claude\n  wk hooks install codex --project --dry-run\n  wk hooks remove claude --yes"
)]
pub(crate) struct HooksArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Register hooks: shows the change, and asks
    Install(InstallArgs),
    /// Say which hooks are registered, and whether what they call is there
    Status {
        /// claude, codex, gemini or opencode; all of them where none is named
        agent: Option<Agent>,
        #[arg(long, default_value = "table")]
        format: ShortFormat,
    },
    /// Take them out again: the file is as it was before
    Remove(EditArgs),
}

#[derive(Debug, clap::Args)]
struct InstallArgs {
    #[command(flatten)]
    edit: EditArgs,
    /// The program that is to be called, where it is not beside wk
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct EditArgs {
    /// claude, codex, gemini or opencode
    agent: Agent,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show the change only
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
struct ScopeArgs {
    /// In your own settings (the default)
    #[arg(long)]
    user: bool,
    /// In the settings of the project that you are in, which others may share
    #[arg(long)]
    project: bool,
}

/// Whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    User,
    Project,
}

impl ScopeArgs {
    fn scope(self) -> Scope {
        if self.project { Scope::Project } else { Scope::User }
    }
}

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
        }
    }
}

pub(crate) async fn run(
    context: &Context,
    args: HooksArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    match args.action {
        Action::Install(install) => {
            let program = program::find(install.program.as_deref())?;
            match install.edit.agent {
                Agent::Opencode => plugin::install(context, &install.edit, &program, out),
                _ => edit::install(context, &install.edit, &program, out),
            }
        }
        Action::Remove(edit) => match edit.agent {
            Agent::Opencode => plugin::remove(context, &edit, out),
            _ => edit::remove(context, &edit, out),
        },
        Action::Status { agent, format } => status::run(context, agent, format, out),
    }
}
