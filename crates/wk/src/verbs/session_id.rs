//! `wk session-id`: in which session of an agent this is.

use std::{env, io::Write, path::Path};

use anyhow::{Context as _, bail};
use wk_hook::{ancestry, places, project::Project, session_file::SessionFiles};

use crate::{code::Code, config::Settings, context::Context, daemon::hook_settings};

/// Print the id of the agent's session that this is in, or `unknown`
///
/// It is the agent's own id. Inside an agent it is that agent's, elsewhere the latest of the
/// project: the folder with `.git` above the working directory. No daemon is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk session-id\n  wk session-id --project ~/src/app\n  \
                        wk session-id --store sess_abc123\n  wk session-id --cleanup")]
pub(crate) struct SessionIdArgs {
    /// A project, by its folder or its name
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Store this id for the project
    #[arg(long, value_name = "ID", conflicts_with = "cleanup")]
    store: Option<String>,
    /// Remove session files that are too old, and no others
    #[arg(long)]
    cleanup: bool,
}

pub(crate) fn run(
    context: &Context,
    args: &SessionIdArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let settings = Settings::load(&context.places, |name| env::var_os(name))?;
    let hooks = places::hooks(&context.places.state);
    let files = SessionFiles::new(&hook_settings(&settings), Some(hooks));
    if args.cleanup {
        let cleaned = files.cleanup();
        writeln!(
            out,
            "removed {}: {} too old, {} damaged",
            cleaned.total(),
            cleaned.stale,
            cleaned.corrupted
        )?;
        return Ok(Code::SUCCESS);
    }
    let project = project(args.project.as_deref())?;
    if let Some(id) = &args.store {
        if let Err(error) = files.store(&project, None, id, false) {
            bail!("cannot store `{}`: {error}", id.escape_debug());
        }
        return Ok(Code::SUCCESS);
    }
    // A project that is named is asked for, whoever asks.
    let ancestors = match args.project {
        Some(_) => Vec::new(),
        None => ancestry::ancestors(),
    };
    let answer = files.get(&project, &ancestors);
    writeln!(out, "{}", answer.id.as_deref().unwrap_or("unknown"))?;
    Ok(Code::SUCCESS)
}

fn project(named: Option<&str>) -> anyhow::Result<Project> {
    match named {
        Some("") => bail!("name a project"),
        Some(text) if text.contains('/') || text == "." || text == ".." => {
            Ok(Project::of(&std::path::absolute(Path::new(text))?))
        }
        Some(name) => Ok(Project::named(name)),
        None => Ok(Project::of(&env::current_dir().context("where is this?")?)),
    }
}
