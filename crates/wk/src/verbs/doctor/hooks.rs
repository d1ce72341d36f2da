//! Whether agents that have our hooks in their settings call them.

use std::{path::Path, time::SystemTime};

use super::Finding;
use crate::{
    daemon::last_heard,
    text::span,
    verbs::hooks::{Standing, survey},
};

/// One finding for each settings file that concerns us.
pub(super) fn all(state: &Path) -> Vec<Finding> {
    let standings = survey(None);
    let heard = |standing: &Standing| last_heard(state, standing.agent);
    standings.iter().filter_map(|standing| look(standing, heard(standing))).collect()
}

fn look(standing: &Standing, heard: Option<SystemTime>) -> Option<Finding> {
    let (agent, scope) = (standing.agent, standing.scope);
    let flag = if scope == "project" { " --project" } else { "" };
    if let Some(warning) = standing.warnings.first() {
        let seen = format!("{agent}: {warning}");
        return Some(Finding::weak("hooks", seen, format!("see {}", standing.file.display())));
    }
    if !standing.is_installed() {
        return None;
    }
    if !standing.program_exists {
        let seen = format!("{agent} calls {}: not there", standing.programs.join(", "));
        return Some(Finding::bad("hooks", seen, format!("wk hooks install {agent}{flag}")));
    }
    Some(match heard.and_then(|heard| heard.elapsed().ok()) {
        Some(ago) => {
            let seen =
                format!("{agent} ({scope}): last heard {} ago", span::brief(ago.as_secs_f64()));
            Finding::good("hooks", seen)
        }
        None => {
            let remedy = match agent {
                "codex" => "trust them: start codex and enter /hooks".to_owned(),
                _ => format!("start a session of {agent}, and see that the daemon runs"),
            };
            Finding::weak("hooks", format!("{agent} ({scope}): none has arrived yet"), remedy)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn hooks_that_never_arrive_are_a_warning() {
        let standing = |events: &[&str], program_exists, warnings: &[&str]| Standing {
            agent: "codex",
            scope: "user",
            file: "/x/hooks.json".into(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            programs: vec!["/x/wk-hook".into()],
            program_exists,
            warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        };
        let state = |standing: &Standing, heard| look(standing, heard).map(|found| found.state);
        let now = Some(SystemTime::now());
        assert_eq!(state(&standing(&[], true, &[]), now), None);
        assert_eq!(state(&standing(&["Stop"], true, &[]), now), Some(State::Good));
        assert_eq!(state(&standing(&["Stop"], true, &[]), None), Some(State::Weak));
        assert_eq!(state(&standing(&["Stop"], false, &[]), now), Some(State::Bad));
        assert_eq!(state(&standing(&["Stop"], true, &["off"]), now), Some(State::Weak));
    }
}
