//! Which hooks are registered, and whether what they call is there.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;
use wk_agents::{agent::Agent, plugin};

use super::{Scope, ShortFormat, edit, notes, place, settings_file::SettingsFile};
use crate::{
    code::Code,
    color::Style,
    context::Context,
    json,
    table::{self, Cell, Column},
};

/// How one settings file stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Standing {
    pub agent: &'static str,
    pub scope: &'static str,
    pub file: PathBuf,
    /// Registered with our program, by their names.
    pub events: Vec<String>,
    /// What they call.
    pub programs: Vec<String>,
    /// Every one of these is there.
    pub program_exists: bool,
    /// Why the file cannot be read, or what keeps its hooks from running.
    pub warnings: Vec<String>,
}

impl Standing {
    pub(crate) fn is_installed(&self) -> bool {
        !self.events.is_empty()
    }
}

/// Looks at every settings file of the agents, in the user's settings and in this project's.
pub(crate) fn survey(only: Option<Agent>) -> Vec<Standing> {
    let agents = Agent::ALL.into_iter().filter(|agent| only.is_none_or(|only| only == *agent));
    let mut found: Vec<Standing> = Vec::new();
    for agent in agents {
        for scope in [Scope::User, Scope::Project] {
            let Ok(path) = place::of(agent, scope) else { continue };
            // A project may be the home itself.
            if !found.iter().any(|standing| standing.file == path) {
                found.push(stand(agent, scope, path));
            }
        }
    }
    found
}

fn stand(agent: Agent, scope: Scope, file: PathBuf) -> Standing {
    let (mut events, mut programs, mut warnings) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let looked = match agent {
        Agent::Opencode => look_at_plugin(&file),
        _ => edit::look(agent, &file)
            .map(|found| found.into_iter().map(|found| (found.event, found.program)).collect()),
    };
    match looked {
        Ok(found) => {
            for (event, program) in found {
                events.insert(event);
                programs.insert(program);
            }
            if let Ok(settings) = SettingsFile::read(&file)
                && !events.is_empty()
            {
                warnings = notes::warnings(agent, &file, settings.text());
            }
        }
        Err(error) => warnings.push(format!("{error:#}")),
    }
    Standing {
        agent: agent.as_str(),
        scope: scope.as_str(),
        file,
        events: events.into_iter().collect(),
        program_exists: programs.iter().all(|program| Path::new(program).is_file()),
        programs: programs.into_iter().collect(),
        warnings,
    }
}

fn look_at_plugin(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let file = SettingsFile::read(file)?;
    let program = plugin::program_of(file.text());
    let events = plugin::EVENTS.iter().map(|event| (*event).to_owned());
    Ok(program
        .map(|program| events.map(|event| (event, program.clone())).collect())
        .unwrap_or_default())
}

const COLUMNS: [Column; 5] = [
    Column { title: "AGENT", least: 0, right: false },
    Column { title: "SCOPE", least: 0, right: false },
    Column { title: "HOOKS", least: 0, right: true },
    Column { title: "CALLS", least: 12, right: false },
    Column { title: "FILE", least: 12, right: false },
];

pub(super) fn run(
    context: &Context,
    agent: Option<Agent>,
    format: ShortFormat,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let standings = survey(agent);
    if format == ShortFormat::Json {
        json::write(out, &standings)?;
        return Ok(Code::SUCCESS);
    }
    let rows: Vec<_> = standings.iter().map(row).collect();
    table::write(out, &COLUMNS, &rows, context.width, context.paint)?;
    for standing in &standings {
        let file = standing.file.display();
        if !standing.program_exists {
            writeln!(out, "{file}: calls a program that is not there: install again")?;
        }
        for warning in &standing.warnings {
            writeln!(out, "{file}: {}", crate::text::visible::visible(warning))?;
        }
    }
    if agent.is_some() {
        for standing in standings.iter().filter(|standing| standing.is_installed()) {
            writeln!(out, "{}: {}", standing.scope, standing.events.join(", "))?;
        }
    }
    Ok(Code::SUCCESS)
}

fn row(standing: &Standing) -> Vec<Cell> {
    let installed = standing.is_installed();
    let style = match (installed, standing.program_exists) {
        (false, _) => Style::Past,
        (true, true) => Style::Good,
        (true, false) => Style::Bad,
    };
    let hooks = if installed { standing.events.len().to_string() } else { "none".into() };
    let calls = if installed { standing.programs.join(", ") } else { "-".into() };
    vec![
        Cell::plain(standing.agent),
        Cell::plain(standing.scope),
        Cell::new(&hooks, style),
        Cell::new(&calls, style),
        Cell::plain(&standing.file.to_string_lossy()),
    ]
}
