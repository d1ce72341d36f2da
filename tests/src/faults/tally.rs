//! How often verdicts were right.

use std::{collections::BTreeMap, fmt::Write};

/// One session's verdict, compared.
#[derive(Clone, Debug)]
pub struct Run {
    pub way: &'static str,
    pub cause: bool,
    pub culprit: bool,
    pub scope: bool,
    /// Somebody was named who had not done it: the worst there is.
    pub wrong_culprit: bool,
    /// Why it could not be tried here.
    pub skipped: Option<String>,
    pub shown: String,
}

impl Run {
    pub(super) fn skipped(way: &'static str, why: String) -> Self {
        Self { skipped: Some(why), ..Self::silent(way) }
    }

    /// There was no verdict.
    pub(super) fn silent(way: &'static str) -> Self {
        Self {
            way,
            cause: false,
            culprit: false,
            scope: false,
            wrong_culprit: false,
            skipped: None,
            shown: "no verdict came".to_owned(),
        }
    }

    pub fn is_right(&self) -> bool {
        self.cause && self.culprit && self.scope
    }
}

/// All runs, by way.
#[derive(Debug, Default)]
pub struct Tally {
    ways: BTreeMap<&'static str, Vec<Run>>,
}

impl Tally {
    pub fn add(&mut self, runs: Vec<Run>) {
        for run in runs {
            self.ways.entry(run.way).or_default().push(run);
        }
    }

    /// Runs that were compared and are not right.
    pub fn wrong(&self) -> impl Iterator<Item = &Run> {
        self.compared().filter(|run| !run.is_right())
    }

    pub fn compared(&self) -> impl Iterator<Item = &Run> {
        self.ways.values().flatten().filter(|run| run.skipped.is_none())
    }

    /// A table in Markdown: how often each was right.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| way to die | deaths | cause | culprit | scope | wrong culprit |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        for (way, runs) in &self.ways {
            let compared: Vec<_> = runs.iter().filter(|run| run.skipped.is_none()).collect();
            let count = |is: fn(&Run) -> bool| compared.iter().filter(|run| is(run)).count();
            let skipped = runs.iter().find_map(|run| run.skipped.as_deref());
            let name = match (compared.len(), skipped) {
                (0, Some(why)) => format!("{way} (not here: {why})"),
                _ => (*way).to_owned(),
            };
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} |",
                compared.len(),
                count(|run| run.cause),
                count(|run| run.culprit),
                count(|run| run.scope),
                count(|run| run.wrong_culprit),
            );
        }
        text
    }
}
