//! Whether agents that have our hooks in their settings call them.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use wk_hook::{places, spool::Spool};

use super::Finding;
use crate::{
    daemon::last_heard,
    text::span,
    verbs::hooks::{Standing, survey},
};

/// Records that wait only because nobody takes them in.
const MANY: usize = 1000;

/// What is longer ago has been seen, or does not matter.
const LATELY: Duration = Duration::from_secs(24 * 3600);

/// One finding for each settings file that concerns us.
pub(super) fn all(state: &Path) -> Vec<Finding> {
    let standings = survey(None);
    let heard = |standing: &Standing| last_heard(state, standing.agent);
    let told = standings.iter().filter_map(|standing| look(standing, heard(standing)));
    told.chain(spool(&places::hooks(state))).collect()
}

/// What is wrong with the records that hooks leave.
fn spool(folder: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let waiting = Spool::new(folder.to_owned()).waiting().map_or(0, |waiting| waiting.len());
    if waiting > MANY {
        let seen = format!("{waiting} records wait to be taken in");
        findings.push(Finding::weak("hooks", seen, "wk daemon start, and see its log"));
    }
    let bad = fs::read_dir(folder.join("bad")).map_or(0, Iterator::count);
    if bad > 0 {
        let seen = format!("{bad} damaged records were set aside");
        let place = folder.join("bad");
        findings.push(Finding::weak("hooks", seen, format!("look into {}", place.display())));
    }
    let log = folder.join("hook.log");
    let written = fs::metadata(&log).and_then(|found| found.modified()).ok();
    if written.and_then(|at| at.elapsed().ok()).is_some_and(|ago| ago < LATELY) {
        let seen = "wk-hook has noted failures of its own lately".to_owned();
        findings.push(Finding::weak("hooks", seen, format!("see {}", log.display())));
    }
    findings
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

    #[test]
    fn what_hooks_could_not_leave_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        assert!(spool(folder.path()).is_empty());
        fs::create_dir(folder.path().join("bad")).unwrap();
        fs::write(folder.path().join("bad/x"), "").unwrap();
        fs::write(folder.path().join("hook.log"), "lost").unwrap();
        let states: Vec<_> = spool(folder.path()).into_iter().map(|found| found.state).collect();
        assert_eq!(states, [State::Weak, State::Weak]);
    }
}
