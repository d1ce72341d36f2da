//! opencode's hooks: a file of ours among its plugins.

use std::io::Write;

use anyhow::ensure;
use wk_agents::{agent::Agent, plugin};

use super::{
    EditArgs, ask, notes, place,
    records::{Installation, Records, remove_folders},
    settings_file::SettingsFile,
};
use crate::{code::Code, context::Context, text::visible::visible};

pub(super) fn install(
    context: &Context,
    args: &EditArgs,
    program: &str,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let (path, scope) = (place::of(Agent::Opencode, args.scope.scope())?, args.scope.scope());
    let file = SettingsFile::read(&path)?;
    let shown = visible(&path.to_string_lossy()).into_owned();
    ensure!(
        file.text.as_deref().is_none_or(plugin::is_ours),
        "`{shown}` was not written by Watchkeeper: move it away"
    );
    let text = plugin::text(program);
    if file.text() == text {
        writeln!(out, "opencode calls {} already: {shown}", visible(program))?;
        return Ok(Code::SUCCESS);
    }
    ask::show(out, context.paint, &path, (file.text(), &text))?;
    if !ask::wanted(args, out)? {
        return Ok(Code::SUCCESS);
    }
    let made_folders = file.replace(&text, 0o644)?;
    if !made_folders.is_empty() {
        let path = file.target.clone();
        let installation =
            Installation { path, made_file: true, made_folders, ..Installation::default() };
        Records::of(&context.places).put(&installation)?;
    }
    writeln!(out, "installed: {shown}")?;
    notes::after(Agent::Opencode, scope, &path, &text, out)?;
    Ok(Code::SUCCESS)
}

pub(super) fn remove(
    context: &Context,
    args: &EditArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let path = place::of(Agent::Opencode, args.scope.scope())?;
    let file = SettingsFile::read(&path)?;
    let shown = visible(&path.to_string_lossy()).into_owned();
    if !plugin::is_ours(file.text()) {
        writeln!(out, "no plugin of Watchkeeper is in {shown}")?;
        return Ok(Code::SUCCESS);
    }
    writeln!(out, "the file {shown} goes")?;
    if !ask::wanted(args, out)? {
        return Ok(Code::SUCCESS);
    }
    file.remove()?;
    let records = Records::of(&context.places);
    if let Some(installation) = records.get(&file.target) {
        remove_folders(&installation.made_folders);
        records.forget(&file.target);
    }
    writeln!(out, "removed: {shown}")?;
    Ok(Code::SUCCESS)
}
