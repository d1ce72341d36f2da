//! How often verdicts were right.

use std::{collections::BTreeMap, fmt::Write};

use super::{Audit, Struck};

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
    /// What was killed meanwhile.
    pub struck: Struck,
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
            struck: Struck::default(),
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
    audits: Vec<Audit>,
}

impl Tally {
    pub fn add(&mut self, runs: Vec<Run>) {
        for run in runs {
            self.ways.entry(run.way).or_default().push(run);
        }
    }

    pub fn add_audit(&mut self, audit: Audit) {
        self.audits.push(audit);
    }

    /// What was told more than once, of all that ended.
    pub fn twice(&self) -> Vec<&str> {
        self.audits.iter().flat_map(|audit| &audit.twice).map(String::as_str).collect()
    }

    /// What was not told at all.
    pub fn missing(&self) -> Vec<&str> {
        self.audits.iter().flat_map(|audit| &audit.missing).map(String::as_str).collect()
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

    /// A table in Markdown: how often each was right, by what was killed meanwhile.
    pub fn chaos_table(&self) -> String {
        let mut text = String::from(
            "| killed meanwhile | deaths | cause | culprit | scope | wrong culprit |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        let mut by: BTreeMap<Struck, Vec<&Run>> = BTreeMap::new();
        for run in self.compared() {
            by.entry(run.struck).or_default().push(run);
        }
        for (struck, runs) in by {
            let count = |is: fn(&Run) -> bool| runs.iter().filter(|run| is(run)).count();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                struck.shown(),
                runs.len(),
                count(|run| run.cause),
                count(|run| run.culprit),
                count(|run| run.scope),
                count(|run| run.wrong_culprit),
            );
        }
        let attempts: usize = self.audits.iter().map(|audit| audit.attempts).sum();
        let (twice, missing) = (self.twice().len(), self.missing().len());
        let _ = writeln!(
            text,
            "\n| ends in the journals | reported twice | not reported |\n|---:|---:|---:|\n\
             | {attempts} | {twice} | {missing} |"
        );
        text
    }
}
