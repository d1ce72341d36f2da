//! Installing and removing hooks in settings that are JSON.

use std::{io::Write, path::Path};

use anyhow::{Context as _, ensure};
use wk_agents::{
    agent::{Agent, Registration, Version},
    json::Malformed,
    settings::{self, Found},
};

use super::{
    EditArgs, Scope, ask, notes, place, program,
    records::{Installation, Records, remove_folders},
    settings_file::SettingsFile,
};
use crate::{code::Code, context::Context, text::visible::visible};

/// A new file: in a project others shall read it.
fn mode(scope: Scope) -> u32 {
    match scope {
        Scope::User => 0o600,
        Scope::Project => 0o666,
    }
}

pub(super) fn install(
    context: &Context,
    args: &EditArgs,
    program: &str,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let (agent, scope) = (args.agent, args.scope.scope());
    let path = place::of(agent, scope)?;
    let file = SettingsFile::read(&path)?;
    let refused = |wrong| refusal(&path, agent, &wrong);
    let found = settings::look(file.text(), agent).map_err(refused)?;
    let version = program::version(agent);
    let hooks = wanted(agent, version, &found);
    if settings::is_installed(&found, &hooks, agent, program) {
        let path = visible(&path.to_string_lossy()).into_owned();
        writeln!(out, "{} calls {} already: {path}", agent.title(), visible(program))?;
        return Ok(Code::SUCCESS);
    }
    let records = Records::of(&context.places);
    let earlier = records.get(&file.target);
    let record = earlier.as_ref().map(|earlier| &earlier.record);
    let bare = settings::remove(file.text(), agent, record).map_err(refused)?;
    let installed = settings::install(&bare, agent, &hooks, program).map_err(refused)?;
    check(file.text(), &installed.text, agent, &path)?;
    ask::show(out, context.paint, &path, (file.text(), &installed.text))?;
    notes::on_version(agent, version, &hooks, out)?;
    if !ask::wanted(args, out)? {
        return Ok(Code::SUCCESS);
    }
    let mut installation = Installation {
        path: file.target.clone(),
        made_file: file.text.is_none() || earlier.as_ref().is_some_and(|earlier| earlier.made_file),
        made_folders: earlier.map(|earlier| earlier.made_folders).unwrap_or_default(),
        record: installed.record,
    };
    // Known before it is done: a removal then finds what a killed installation has left.
    records.put(&installation)?;
    let made = file.replace(&installed.text, mode(scope))?;
    if !made.is_empty() {
        installation.made_folders = made;
        records.put(&installation)?;
    }
    writeln!(out, "installed: {}", visible(&path.to_string_lossy()))?;
    notes::after(agent, scope, &path, &installed.text, out)?;
    Ok(Code::SUCCESS)
}

fn wanted(agent: Agent, version: Option<Version>, found: &[Found]) -> Vec<Registration> {
    let kept: Vec<String> = found.iter().map(|found| found.event.clone()).collect();
    agent.hooks_of(version, &kept)
}

pub(super) fn remove(
    context: &Context,
    args: &EditArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let (agent, scope) = (args.agent, args.scope.scope());
    let path = place::of(agent, scope)?;
    let file = SettingsFile::read(&path)?;
    let refused = |wrong| refusal(&path, agent, &wrong);
    let found = settings::look(file.text(), agent).map_err(refused)?;
    let records = Records::of(&context.places);
    if found.is_empty() {
        records.forget(&file.target);
        let path = visible(&path.to_string_lossy()).into_owned();
        writeln!(out, "no hooks of Watchkeeper are in {path}")?;
        return Ok(Code::SUCCESS);
    }
    let earlier = records.get(&file.target).unwrap_or_default();
    let record = (!earlier.path.as_os_str().is_empty()).then_some(&earlier.record);
    let left = settings::remove(file.text(), agent, record).map_err(refused)?;
    check(file.text(), &left, agent, &path)?;
    ask::show(out, context.paint, &path, (file.text(), &left))?;
    if !ask::wanted(args, out)? {
        return Ok(Code::SUCCESS);
    }
    if earlier.made_file && is_empty(&left) {
        file.remove()?;
        remove_folders(&earlier.made_folders);
    } else {
        file.replace(&left, mode(scope))?;
    }
    records.forget(&file.target);
    writeln!(out, "removed from {}", visible(&path.to_string_lossy()))?;
    Ok(Code::SUCCESS)
}

fn is_empty(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || letter == '{' || letter == '}')
}

/// Nothing is written that would say anything else than before.
fn check(before: &str, after: &str, agent: Agent, path: &Path) -> anyhow::Result<()> {
    let same = settings::only_ours_differs(before, after, agent);
    ensure!(same, "`{}` has a shape that cannot be changed safely; nothing was", path.display());
    Ok(())
}

fn refusal(path: &Path, agent: Agent, wrong: &Malformed) -> anyhow::Error {
    let reader = agent.title();
    anyhow::anyhow!("{wrong}")
        .context(format!("{reader} would not read `{}`, so it is left alone", path.display()))
}

/// The text of a file, for those who only look.
pub(super) fn look(agent: Agent, path: &Path) -> anyhow::Result<Vec<Found>> {
    let file = SettingsFile::read(path)?;
    settings::look(file.text(), agent).with_context(|| format!("{} cannot read it", agent.title()))
}
