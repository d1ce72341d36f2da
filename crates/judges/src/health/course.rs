//! What is remembered of one attempt between two looks at it.

use wk_model::{Liveness, Time};

use super::{Blocked, Counter, Evidence, History, Largest, Look, Trend};

/// What went in and out of a session, from its holder's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    pub output_bytes: u64,
    /// None: nothing yet, or nobody can tell.
    pub last_output: Option<Time>,
    pub last_input: Option<Time>,
}

/// One attempt, as far as it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Course {
    marks: Option<Marks>,
    cpu: Counter,
    read: Counter,
    write: Counter,
    was_active: bool,
    stopped_since: Option<u64>,
    blocked: Option<(Blocked, u64)>,
    history: History,
}

/// What there is to say of a session's tree: a gauge, as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub time: Time,
    pub alive: Liveness,
    pub memory_bytes: u64,
    pub cpu_ms: u64,
    pub read_bytes: Option<u64>,
    pub write_bytes: Option<u64>,
    pub processes: u32,
    pub open_files: Option<u32>,
    pub largest: Option<Largest>,
    pub memory_trend: Option<Trend>,
    pub open_files_trend: Option<Trend>,
    /// What is wrong with it, a sentence for each condition.
    pub reasons: Vec<String>,
}

/// The last change of each kind of activity.
#[derive(Clone, Debug)]
struct Marks {
    output: Mark<u64>,
    input: Mark<Option<Time>>,
    cpu: Mark<u64>,
}

/// A value, and how long it is the same: since a moment, and for a while before it.
#[derive(Clone, Debug)]
struct Mark<T> {
    value: T,
    since: u64,
    before: u64,
}

impl Course {
    /// Takes in a look. `at_ms` is of a clock that only goes on and stands still while the
    /// machine sleeps: nobody can be active then.
    pub fn take(
        &mut self,
        at_ms: u64,
        now: Time,
        look: &Look,
        activity: &Activity,
    ) -> (Evidence, Reading) {
        let evidence = self.weigh(at_ms, now, look, activity);
        self.history.push(look.memory_bytes, look.open_files.unwrap_or(0));
        let reading = Reading {
            time: now,
            alive: look.alive,
            memory_bytes: look.memory_bytes,
            cpu_ms: self.cpu.take(look.cpu_ms),
            read_bytes: look.read_bytes.map(|bytes| self.read.take(bytes)),
            write_bytes: look.write_bytes.map(|bytes| self.write.take(bytes)),
            processes: look.processes,
            open_files: look.open_files,
            largest: look.largest.clone(),
            memory_trend: self.history.memory_trend(),
            open_files_trend: look.open_files.and_then(|_| self.history.open_files_trend()),
            reasons: Vec::new(),
        };
        (evidence, reading)
    }

    fn weigh(&mut self, at_ms: u64, now: Time, look: &Look, activity: &Activity) -> Evidence {
        let marks = self.marks.get_or_insert_with(|| Marks::first(at_ms, now, look, activity));
        let changed = [
            marks.output.take(at_ms, activity.output_bytes),
            marks.input.take(at_ms, activity.last_input),
            // A sum that drops is a process that ended: that is activity too.
            marks.cpu.take(at_ms, look.cpu_ms),
        ];
        self.was_active |= changed.contains(&true);
        if look.stopped {
            // What is stopped cannot be quiet; when it goes on, its silence begins anew.
            marks.restart(at_ms);
        }
        let since = look.stopped.then(|| self.stopped_since.unwrap_or(at_ms));
        self.stopped_since = since;
        self.blocked = longest_blocked(self.blocked.take(), &look.blocked, at_ms);
        Evidence {
            no_output_ms: marks.output.quiet(at_ms),
            no_input_ms: marks.input.quiet(at_ms),
            no_cpu_ms: marks.cpu.quiet(at_ms),
            was_active: self.was_active,
            stopped_ms: since.map(|since| at_ms.saturating_sub(since)),
            blocked: self
                .blocked
                .clone()
                .map(|(process, since)| (process, at_ms.saturating_sub(since))),
            limits: Vec::new(),
        }
    }
}

/// The process that was blocked at the look before, if it is still in the same sleep; else any.
fn longest_blocked(
    before: Option<(Blocked, u64)>,
    now: &[Blocked],
    at_ms: u64,
) -> Option<(Blocked, u64)> {
    before
        .filter(|(process, _)| now.contains(process))
        .or_else(|| now.first().map(|process| (process.clone(), at_ms)))
}

impl Marks {
    /// The silence of before the first look is known for output and input, but not for CPU.
    fn first(at_ms: u64, now: Time, look: &Look, activity: &Activity) -> Self {
        let ago = |time: Option<Time>| time.map_or(0, |time| now.millis_since(time));
        let mark = |before| Mark { value: 0, since: at_ms, before };
        Self {
            output: Mark { value: activity.output_bytes, ..mark(ago(activity.last_output)) },
            input: Mark {
                value: activity.last_input,
                since: at_ms,
                before: ago(activity.last_input),
            },
            cpu: Mark { value: look.cpu_ms, ..mark(0) },
        }
    }

    fn restart(&mut self, at_ms: u64) {
        (self.output.since, self.output.before) = (at_ms, 0);
        (self.input.since, self.input.before) = (at_ms, 0);
        (self.cpu.since, self.cpu.before) = (at_ms, 0);
    }
}

impl<T: PartialEq> Mark<T> {
    /// Whether the value has changed.
    fn take(&mut self, at_ms: u64, value: T) -> bool {
        let changed = self.value != value;
        if changed {
            *self = Self { value, since: at_ms, before: 0 };
        }
        changed
    }

    fn quiet(&self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.since).saturating_add(self.before)
    }
}
