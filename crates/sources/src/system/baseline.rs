//! What is kept of a process while it lives, to be compared at its end.

use std::{collections::BTreeSet, fs};

use wk_judges::autopsy::{Fact, What};
use wk_model::{Moment, ProcessId};

use super::{Ends, oom_counter::OomCounter, pidfd::KeptPidfd};

/// Holds one descriptor, where the process lives.
#[derive(Debug)]
pub struct Baseline {
    pub process: ProcessId,
    /// Its cgroups, of every hierarchy.
    pub groups: Vec<String>,
    counter: Option<OomCounter>,
    kept: Option<KeptPidfd>,
}

impl Baseline {
    pub(super) fn of(process: &ProcessId) -> Self {
        // First: what is read below is of this process then, or of nobody.
        let kept = KeptPidfd::open(process).unwrap_or_else(|error| {
            tracing::debug!(pid = process.pid, %error, "cannot take hold of a process");
            None
        });
        let counter = kept.as_ref().and_then(|_| OomCounter::of(process.pid));
        let groups = kept.as_ref().map(|_| groups(process.pid)).unwrap_or_default();
        Self { process: *process, groups, counter, kept }
    }

    /// Somebody has looked at it and it lives: what its cgroup went through before is over.
    pub fn refresh(&self) {
        if let Some(counter) = &self.counter {
            counter.refresh();
        }
    }

    /// How the process ended, where the kernel tells.
    pub fn exit(&self) -> Option<super::pidfd::Exit> {
        self.kept.as_ref()?.exit()
    }

    pub(super) fn facts(&self, at: Moment, ends: &Ends) -> Vec<Fact> {
        let told = self.exit().map(|exit| ("pidfd", exit));
        let heard = || Some(("process connector", ends.exit(&self.process, at)?));
        let waited = told.or_else(heard).map(|(source, exit)| Fact {
            at,
            source: source.into(),
            what: What::Waited { process: self.process, code: exit.code, signal: exit.signal },
        });
        let counted = self.counter.as_ref().and_then(|counter| {
            let kills = counter.risen().filter(|kills| *kills > 0)?;
            let what = What::OomCounter { cgroup: counter.cgroup.clone(), kills };
            Some(Fact { at, source: "cgroup".into(), what })
        });
        waited.into_iter().chain(counted).collect()
    }
}

fn groups(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let paths: BTreeSet<&str> = paths.filter(|path| *path != "/").collect();
    paths.into_iter().map(str::to_owned).collect()
}
