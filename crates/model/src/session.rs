//! A session, folded from its events.
//!
//! ```text
//! Starting ──▶ Queued ──SessionAdmitted──▶ Starting ──AttemptStarted──▶ Running
//!                                                                          │ AttemptExited
//!         ┌──────────AttemptStarted──── Recovering ◀──failed, timeout──── Ended
//!         ▼                               ▲   ▲ └────stop, given up─────────▲
//!      Running ──SessionRestarted,────────┘   └────SessionRestarted──── Ended
//!                AttemptExited
//! ```
//!
//! A restart is one intent: the attempt that runs ends, and the session recovers; it is never
//! over in between. A stop that comes later takes the intent back.
//!
//! Pure: the same events in the same order always make the same session. Whatever does not
//! fit is refused and leaves the session as it was.
//!
//! Invariants: an attempt never starts twice, and none starts while another runs; `Ended` is
//! left only by a recovery from `failed` or `timeout`, or by a restart that somebody asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Admitted, AttemptExited, AttemptStarted, Category, Change, Condition, Created, Ended, Ending,
    Event, HeldLimit, HolderUsage, Life, LimitKind, Outcome, Parked, Phase, Queued, Recovering,
    Recovery, Restarted, Seq, SessionId, Status, Stopped, Time, Tokens, Verdict, VerdictSummary,
    Wait,
};

/// All that the journal knows of one session.
///
/// Journals hold it for years, in summaries: a field that is added needs a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub created: Created,
    pub start_time: Time,
    pub life: Life,
    /// Counts from 1; 0 before the first attempt.
    pub attempt: u32,
    /// When the latest attempt started.
    #[serde(default)]
    pub attempt_time: Option<Time>,
    #[serde(default)]
    pub recovery: Recovery,
    /// Attempts that somebody had asked for, or that followed a stale one.
    #[serde(default)]
    pub restarts: u32,
    #[serde(default)]
    pub stop: Option<Stopped>,
    /// Why the latest attempt was to end, where another one is to follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restarted>,
    /// Which instance of its template the latest attempt runs with.
    #[serde(default)]
    pub instance: Option<String>,
    /// What the latest attempt is held to.
    #[serde(default)]
    pub limits: Vec<HeldLimit>,
    /// What is wrong with it, while it lives.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The cgroup v2 leaf of the latest attempt, below the mount.
    #[serde(default)]
    pub cgroup: Option<String>,
    /// Columns and rows of the terminal.
    #[serde(default)]
    pub size: Option<(u16, u16)>,
    #[serde(default)]
    pub gaps: u32,
    /// As the holder last reported it, at the end of an attempt.
    #[serde(default)]
    pub usage: Option<HolderUsage>,
    /// Its name now, where it is another than it was created with.
    #[serde(default)]
    pub renamed: Option<String>,
    /// What its agent calls it now, where that is another id than it was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identified: Option<String>,
    /// What was said of it after its start, beside the metadata that it was created with.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub described: Map<String, Value>,
    /// Why the latest attempt ended.
    #[serde(default)]
    pub verdict: Option<VerdictSummary>,
    /// What its agent's transcript counts so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    #[serde(default)]
    pub removed: bool,
    /// When the last event happened that this state knows of.
    pub changed_at: Time,
}

/// An event that does not fit the session's state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (event {seq}) refused: {reason}")]
pub struct Refused {
    pub seq: Seq,
    pub kind: String,
    pub reason: String,
}

impl Session {
    /// What its client says of it, at its start and later; the later word counts.
    pub fn metadata(&self) -> Map<String, Value> {
        let mut metadata = self.created.metadata.clone();
        metadata.extend(self.described.clone());
        metadata
    }

    fn describe(&mut self, metadata: &Map<String, Value>) {
        self.described.extend(metadata.clone());
    }

    /// The session that a `session_created` event begins, or that a summary tells of; none for
    /// any other event.
    pub fn create(event: &Event) -> Option<Self> {
        if let Change::SessionSummarised(summary) = &event.change {
            let own = event.session_id == Some(summary.session.id);
            return own.then(|| summary.session.clone());
        }
        let (Change::SessionCreated(created), Some(id)) = (&event.change, event.session_id) else {
            return None;
        };
        Some(Self {
            id,
            created: Created::clone(created),
            start_time: event.at.time,
            life: Life::Starting,
            attempt: 0,
            attempt_time: None,
            recovery: Recovery::default(),
            restarts: 0,
            stop: None,
            restart: None,
            instance: None,
            limits: Vec::new(),
            conditions: Vec::new(),
            cgroup: None,
            size: None,
            gaps: 0,
            usage: None,
            renamed: None,
            identified: None,
            described: Map::new(),
            verdict: None,
            tokens: None,
            removed: false,
            changed_at: event.at.time,
        })
    }

    /// Moves the session by one event; a refused event leaves it unchanged.
    ///
    /// Journals outlive the code that wrote them, so surprises are errors, not panics.
    pub fn apply(&mut self, event: &Event) -> Result<(), Refused> {
        self.change(event.at.time, &event.change).map_err(|reason| Refused {
            seq: event.seq,
            kind: event.change.kind().to_owned(),
            reason,
        })?;
        self.changed_at = self.changed_at.max(event.at.time);
        Ok(())
    }

    fn change(&mut self, time: Time, change: &Change) -> Result<(), String> {
        match change {
            Change::SessionCreated(_) | Change::SessionSummarised(_) => {
                return Err("the session exists already".into());
            }
            Change::SessionQueued(queued) => return self.queue(queued),
            Change::SessionAdmitted(admitted) => return self.admit(admitted),
            Change::AttemptStarted(started) => return self.start(time, started),
            Change::AttemptExited(exited) => return self.exit(time, exited),
            Change::SessionRecovering(recovering) => return self.recover(recovering),
            Change::SessionParked(parked) => return self.park(parked),
            Change::SessionRestarted(restarted) => return self.restart(time, restarted),
            Change::SessionResized(size) => self.size = Some((size.cols, size.rows)),
            Change::OutputGap(_) => self.gaps += 1,
            Change::SessionStopped(stopped) => return self.stop(time, stopped),
            Change::SessionUnreachable(_) => return self.set_reachable(false),
            Change::SessionRepaired => return self.set_reachable(true),
            Change::SessionAdopted { .. } | Change::HealthChanged(_) if self.is_ended() => {
                return Err("the session has ended".into());
            }
            Change::SessionAdopted { holder: adopted } => {
                if let Life::Running { holder, reachable, .. } = &mut self.life {
                    (*holder, *reachable) = (Some(*adopted), true);
                }
            }
            Change::HealthChanged(health) => self.conditions.clone_from(&health.conditions),
            Change::VerdictReached(verdict) => return self.judge(verdict),
            Change::SessionRenamed { name } => self.renamed = Some(name.clone()),
            Change::SessionIdentified(identified) => {
                self.identified = Some(identified.external_id.clone());
            }
            Change::SessionDescribed { metadata } => self.describe(metadata),
            Change::TokensCounted(tokens) => self.tokens = Some(tokens.clone()),
            Change::SessionClosed { .. } => return self.close(),
            Change::SessionRemoved { .. } if !self.is_ended() => {
                return Err("the session has not ended".into());
            }
            Change::SessionRemoved { .. } => self.removed = true,
            Change::TransitionRefused { .. }
            | Change::LimitWarning(_)
            | Change::LimitExceeded(_)
            | Change::OrphanFound(_)
            | Change::OrphanEnded(_)
            | Change::OnFinishStarted(_)
            | Change::OnFinishEnded(_)
            | Change::BreakerOpened(_)
            | Change::BreakerClosed(_)
            | Change::SessionDeathDetected(_)
            | Change::MassDeath(_)
            | Change::SignalSeen(_)
            | Change::ExitSeen(_)
            | Change::OomVictimSeen(_)
            | Change::CommandSeen(_)
            | Change::WitnessStarted(_)
            | Change::WitnessLost(_)
            | Change::TmuxServerSeen(_)
            | Change::TmuxServerGone(_)
            | Change::TmuxHealth(_)
            | Change::TmuxLayoutChanged(_)
            | Change::ToolStarted(_)
            | Change::ToolFinished(_)
            | Change::Prompt(_)
            | Change::Compaction(_)
            | Change::PermissionWaited(_)
            | Change::SubagentStarted(_)
            | Change::SubagentFinished(_)
            | Change::Hook(_)
            | Change::ShellCommand(_)
            | Change::ConfigReloaded
            | Change::DaemonStarted { .. }
            | Change::DaemonStopped
            | Change::JournalGap(_)
            | Change::Other { .. } => {}
        }
        Ok(())
    }

    fn queue(&mut self, queued: &Queued) -> Result<(), String> {
        match &mut self.life {
            Life::Starting | Life::Recovering { wait: Wait::Restart { .. }, .. } => {
                self.life = Life::Queued { waits_for: queued.waits_for.clone() };
                Ok(())
            }
            Life::Queued { waits_for } => {
                waits_for.clone_from(&queued.waits_for);
                Ok(())
            }
            _ => Err(format!("it cannot wait for its turn: session {}", self.phase())),
        }
    }

    fn admit(&mut self, admitted: &Admitted) -> Result<(), String> {
        let fits = match &self.life {
            Life::Starting | Life::Queued { .. } | Life::Recovering { .. } => {
                admitted.attempt == self.attempt + 1
            }
            Life::Running { .. } | Life::Ended(_) => false,
        };
        if !fits {
            let phase = self.phase();
            return Err(format!(
                "attempt {} cannot be admitted: session {phase}",
                admitted.attempt
            ));
        }
        self.instance.clone_from(&admitted.instance);
        if matches!(self.life, Life::Queued { .. }) {
            self.life = Life::Starting;
        }
        Ok(())
    }

    fn start(&mut self, time: Time, started: &AttemptStarted) -> Result<(), String> {
        if !self.awaits(started.attempt) {
            let phase = self.phase();
            return Err(format!("attempt {} cannot start: session {phase}", started.attempt));
        }
        self.attempt = started.attempt;
        self.attempt_time = Some(time);
        self.limits.clone_from(&started.limits);
        self.verdict = None;
        self.restart = None;
        self.cgroup.clone_from(&started.cgroup);
        self.size = self.created.terminal.then_some((started.cols, started.rows));
        self.life =
            Life::Running { process: started.process, holder: started.holder, reachable: true };
        Ok(())
    }

    /// Whether `attempt` is the one to come.
    fn awaits(&self, attempt: u32) -> bool {
        match &self.life {
            Life::Starting | Life::Recovering { .. } => attempt == self.attempt + 1,
            Life::Queued { .. } | Life::Running { .. } | Life::Ended(_) => false,
        }
    }

    fn exit(&mut self, time: Time, exited: &AttemptExited) -> Result<(), String> {
        // An attempt that could not even be launched ends without having started.
        let runs = matches!(self.life, Life::Running { .. }) && exited.attempt == self.attempt;
        if self.is_given_up(exited) {
            let ending = exited.ending.clone();
            self.end(Ended { outcome: Outcome::Cancelled, ending, limit: None, at: time });
            return Ok(());
        }
        if !runs && !self.awaits(exited.attempt) {
            let phase = self.phase();
            return Err(format!("attempt {} cannot end: session {phase}", exited.attempt));
        }
        if !runs {
            (self.attempt_time, self.restart) = (None, None);
        }
        self.attempt = exited.attempt;
        self.usage = Some(exited.usage);
        if self.ran_well(time, exited.limit) {
            self.recovery.parks = 0;
        }
        self.end(Ended {
            outcome: self.outcome(exited),
            ending: exited.ending.clone(),
            limit: exited.limit,
            at: time,
        });
        // What was to go on does not come back by itself after the machine went down.
        let goes_on = self.restart.as_ref().is_some_and(Restarted::is_by_hand);
        if goes_on && exited.ending != Ending::Rebooted {
            self.await_restart(time);
        }
        Ok(())
    }

    fn outcome(&self, exited: &AttemptExited) -> Outcome {
        let by_hand = self.restart.as_ref().map(Restarted::is_by_hand);
        let stopped = self.stop.is_some() || by_hand == Some(true);
        match exited.ending.outcome(self.created.session_kind, stopped, exited.limit) {
            // However it complied.
            _ if exited.limit.is_none() && by_hand == Some(false) => Outcome::Failed,
            outcome => outcome,
        }
    }

    /// Its turn will never come: no attempt is counted.
    fn is_given_up(&self, exited: &AttemptExited) -> bool {
        matches!((&self.life, &exited.ending), (Life::Queued { .. }, Ending::NeverRan { .. }))
            && exited.attempt == self.attempt + 1
    }

    /// A verdict says how an end is to be counted; an earlier attempt's is history.
    fn judge(&mut self, verdict: &Verdict) -> Result<(), String> {
        if verdict.attempt != self.attempt {
            return Ok(());
        }
        match &mut self.life {
            Life::Ended(ended) => ended.outcome = verdict.outcome,
            // The next one is about to start, or waits for its turn.
            Life::Recovering { .. } | Life::Starting | Life::Queued { .. } => {}
            Life::Running { .. } => {
                return Err(format!("attempt {} has not ended", verdict.attempt));
            }
        }
        self.verdict = Some(verdict.into());
        Ok(())
    }

    fn end(&mut self, ended: Ended) {
        self.conditions.clear();
        self.life = Life::Ended(ended);
    }

    fn recover(&mut self, recovering: &Recovering) -> Result<(), String> {
        let last = self.failure(recovering.attempt)?;
        self.recovery.spent = recovering.retry;
        self.recovery.since = Some(recovering.since);
        self.recovery.total += 1;
        self.restarts += u32::from(recovering.category == Category::Stale);
        self.life = Life::Recovering { wait: Wait::Retry(recovering.clone()), last };
        Ok(())
    }

    fn park(&mut self, parked: &Parked) -> Result<(), String> {
        let last = self.failure(parked.attempt)?;
        let waits = parked.until.millis_since(last.at);
        // Parking suspends the deadline: it counts from later.
        self.recovery.since = self.recovery.since.map(|since| since.plus_millis(waits));
        self.recovery.total += 1;
        self.recovery.parks += 1;
        self.life = Life::Recovering { wait: Wait::Parked(parked.clone()), last };
        Ok(())
    }

    /// The failure that `attempt` would be the answer to.
    fn failure(&self, attempt: u32) -> Result<Ended, String> {
        let phase = self.phase();
        match &self.life {
            Life::Ended(ended) if matches!(ended.outcome, Outcome::Failed | Outcome::Timeout) => {
                let fits = attempt == self.attempt + 1 && !self.removed;
                fits.then(|| ended.clone())
                    .ok_or_else(|| format!("attempt {attempt} is not the next one"))
            }
            Life::Ended(ended) => {
                Err(format!("nothing has failed: {}", Status::from(ended.outcome)))
            }
            _ => Err(format!("nothing has failed: session {phase}")),
        }
    }

    fn restart(&mut self, time: Time, restarted: &Restarted) -> Result<(), String> {
        let by_hand = restarted.is_by_hand();
        let fits = match &self.life {
            Life::Starting => false,
            // Whoever asked for something asked for it knowing more than a watch does.
            Life::Running { .. } => by_hand || self.stop.is_none() && self.restart.is_none(),
            Life::Queued { .. } | Life::Recovering { .. } | Life::Ended(_) => by_hand,
        };
        if !fits || self.removed || restarted.attempt != self.attempt + 1 {
            let phase = self.phase();
            return Err(format!(
                "attempt {} cannot be asked for: session {phase}",
                restarted.attempt
            ));
        }
        if matches!(self.life, Life::Running { .. }) {
            self.stop = None;
            self.restart = Some(restarted.clone());
        } else {
            self.restart = None;
            self.await_restart(time);
        }
        Ok(())
    }

    /// Another attempt is to follow, with a budget of its own.
    fn await_restart(&mut self, at: Time) {
        self.stop = None;
        self.restarts += 1;
        self.recovery = Recovery { total: self.recovery.total, ..Recovery::default() };
        let last = match &self.life {
            Life::Ended(last) | Life::Recovering { last, .. } if self.attempt > 0 => last.clone(),
            _ => {
                self.life = Life::Starting;
                return;
            }
        };
        self.life =
            Life::Recovering { wait: Wait::Restart { attempt: self.attempt + 1, at }, last };
    }

    fn stop(&mut self, time: Time, stopped: &Stopped) -> Result<(), String> {
        let ended = match &self.life {
            Life::Ended(_) => return Err("the session has ended".into()),
            Life::Queued { .. } => {
                let ending = Ending::NeverRan { why: "stopped before its turn came".into() };
                Some(Ended { outcome: Outcome::Cancelled, ending, limit: None, at: time })
            }
            Life::Recovering { last, .. } => {
                Some(Ended { outcome: Outcome::Cancelled, at: time, ..last.clone() })
            }
            Life::Starting | Life::Running { .. } => None,
        };
        self.restart = None;
        // The first who asked is the one who ended it.
        self.stop.get_or_insert_with(|| stopped.clone());
        if let Some(ended) = ended {
            self.end(ended);
        }
        Ok(())
    }

    /// A recovery that is given up has failed, whatever ended its last attempt. Nobody gives a
    /// restart up: who closes it did not know of it yet.
    fn close(&mut self) -> Result<(), String> {
        match &self.life {
            Life::Ended(_) => {}
            Life::Recovering { wait: Wait::Restart { .. }, .. } => {
                return Err("it is about to start again".into());
            }
            Life::Recovering { last, .. } => {
                let given_up = Ended { outcome: Outcome::Failed, ..last.clone() };
                self.end(given_up);
            }
            Life::Queued { .. } | Life::Starting | Life::Running { .. } => {
                return Err("the session has not ended".into());
            }
        }
        Ok(())
    }

    fn set_reachable(&mut self, now: bool) -> Result<(), String> {
        match &mut self.life {
            Life::Running { reachable, .. } => *reachable = now,
            _ => return Err("the session does not run".into()),
        }
        Ok(())
    }

    /// Its name now.
    pub fn name(&self) -> Option<&str> {
        self.renamed.as_deref().or(self.created.name.as_deref())
    }

    /// What its agent, or its client, calls it now.
    pub fn external_id(&self) -> Option<&str> {
        self.identified.as_deref().or(self.created.external_id.as_deref())
    }

    /// As programs see it. Between a restart and its attempt it recovers, by our hand.
    pub fn status(&self) -> Option<Status> {
        self.life.status().or((self.attempt > 0).then_some(Status::Recovering))
    }

    pub fn phase(&self) -> Phase {
        self.life.phase()
    }

    pub fn is_ended(&self) -> bool {
        matches!(self.life, Life::Ended(_))
    }

    /// Whether an attempt is over, whatever has become of the session since.
    pub fn is_over(&self, attempt: u32) -> bool {
        let runs = matches!(self.life, Life::Running { .. });
        self.attempt > attempt || self.attempt == attempt && !runs
    }

    /// Whether a retry has helped: the session completed after one, or its latest attempt runs,
    /// or ran, as long as counts as healthy.
    pub fn has_recovered(&self, now: Time) -> bool {
        let well = match &self.life {
            Life::Running { .. } => self.ran_well(now, None),
            Life::Ended(ended) => {
                ended.outcome == Outcome::Completed || self.ran_well(ended.at, ended.limit)
            }
            Life::Queued { .. } | Life::Starting | Life::Recovering { .. } => false,
        };
        self.recovery.total > 0 && well
    }

    /// When the latest attempt last did something before `until`: the silence for which it was
    /// ended, by us or by its idle limit, is no work.
    pub fn worked_until(&self, until: Time, limit: Option<LimitKind>) -> Time {
        let stale_since = self.restart.as_ref().and_then(|restart| restart.stale_since);
        let idle_ms = self.created.limits.idle_ms.filter(|_| limit == Some(LimitKind::Idle));
        let quiet = idle_ms.map(|ms| until.minus_millis(ms)).or(stale_since);
        quiet.map_or(until, |since| since.min(until))
    }

    /// How long its latest attempt worked until then, in milliseconds.
    pub fn ran_ms(&self, until: Time, limit: Option<LimitKind>) -> u64 {
        let until = self.worked_until(until, limit);
        self.attempt_time.map_or(0, |start| until.millis_since(start))
    }

    /// Whether the latest attempt has worked, until then, for as long as counts as healthy.
    fn ran_well(&self, until: Time, limit: Option<LimitKind>) -> bool {
        let healthy_after = self.created.recovery.healthy_after_ms;
        self.attempt_time.is_some() && self.ran_ms(until, limit) >= healthy_after
    }

    /// When and how it ended.
    pub fn ended(&self) -> Option<&Ended> {
        match &self.life {
            Life::Ended(ended) => Some(ended),
            _ => None,
        }
    }
}
