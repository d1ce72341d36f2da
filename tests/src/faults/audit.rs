//! Whether a journal tells of every end, and of none twice.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a journal tells too often, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    pub attempts: usize,
    pub twice: Vec<String>,
    pub missing: Vec<String>,
}

#[derive(Default)]
struct Told {
    exits: usize,
    settled: usize,
    unexpected: bool,
    deaths: usize,
}

impl Audit {
    pub(super) fn of(events: &[Value]) -> Self {
        let mut attempts: BTreeMap<(String, u64), Told> = BTreeMap::new();
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        for event in events {
            let data = &event["data"];
            if event["kind"] == "mass_death" {
                *groups.entry(data["scope"]["deaths"].to_string()).or_default() += 1;
            }
            let Some(session) = event["session_id"].as_str() else { continue };
            let key = (session.to_owned(), data["attempt"].as_u64().unwrap_or(0));
            match event["kind"].as_str() {
                Some("attempt_exited") => attempts.entry(key).or_default().exits += 1,
                Some("session_death_detected") => attempts.entry(key).or_default().deaths += 1,
                Some("verdict_reached") if data["settled"] == true => {
                    let told = attempts.entry(key).or_default();
                    told.settled += 1;
                    told.unexpected = data["unexpected"] == true;
                }
                _ => {}
            }
        }
        let mut audit = Self { attempts: attempts.len(), ..Self::default() };
        for ((session, attempt), told) in attempts {
            audit.add(&format!("{session}, attempt {attempt}"), &told);
        }
        let often = groups.into_iter().filter(|(_, times)| *times > 1);
        audit.twice.extend(often.map(|(deaths, times)| format!("{deaths}: {times} mass deaths")));
        audit
    }

    fn add(&mut self, what: &str, told: &Told) {
        let mut count = |times: usize, least: usize, of: &str| {
            if times > 1 {
                self.twice.push(format!("{what}: {times} {of}"));
            }
            if times < least {
                self.missing.push(format!("{what}: no {of}"));
            }
        };
        count(told.exits, 1, "ends");
        count(told.settled, 1, "settled verdicts");
        count(told.deaths, usize::from(told.unexpected), "deaths");
    }
}
