//! Agents' settings: people write them, and what goes into them must come out again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wk_agents::{agent::Agent, diff, settings};

const PROGRAM: &str = "/opt/w k/wk-hook";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for agent in [Agent::Claude, Agent::Codex, Agent::Gemini] {
        let hooks = agent.hooks();
        let Ok(bare) = settings::remove(text, agent, None) else { continue };
        assert!(settings::look(&bare, agent).is_ok_and(|found| found.is_empty()));
        assert!(settings::only_ours_differs(text, &bare, agent), "{text} became {bare}");
        let Ok(installed) = settings::install(&bare, agent, hooks, PROGRAM) else { continue };
        let after = &installed.text;
        assert!(settings::only_ours_differs(&bare, after, agent), "{bare} became {after}");
        let found = settings::look(after, agent).unwrap();
        assert!(settings::is_installed(&found, hooks, agent, PROGRAM));
        assert_eq!(settings::remove(after, agent, Some(&installed.record)).unwrap(), bare);
        let left = settings::remove(after, agent, None).unwrap();
        assert!(settings::only_ours_differs(&bare, &left, agent), "{after} became {left}");
        let _ = diff::lines(text, after);
    }
});
