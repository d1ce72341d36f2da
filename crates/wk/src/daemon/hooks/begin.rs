//! Sessions that are found: agents, their subagents, and what an earlier daemon had found.

use std::collections::HashMap;

use serde_json::{Map, Value};
use wk_holder::host;
use wk_journal::SessionQuery;
use wk_mask::mask_arguments;
use wk_model::{
    BootId, Change, Created, Draft, Ending, HealthChanged, Kind, Life, Moment, ProcessId, Session,
    SessionId, Subagent,
};
use wk_sources::{
    hooks::{AgentTold, Process, Told},
    tmux::{agent_name, process_arguments},
};

use super::{
    Found,
    book::{Entry, Recent},
    take::{Call, Taker},
};
use crate::daemon::{create, tmux::drafts, track};

/// Sessions that have ended and whose late words an earlier daemon may not have heard.
const ENDED: usize = 500;

/// Why a session is incomplete.
const UNSEEN: &str = "its process cannot be seen from here: only the agent can tell its end";

impl Taker {
    /// Takes up what an earlier daemon had found.
    pub(super) fn restore(&mut self) {
        let live = self.core.journal.live();
        let ours = live.iter().filter(|session| is_ours(session));
        let mut subagents = Vec::new();
        for session in ours {
            let process = match session.life {
                Life::Running { process, .. } => process,
                _ => None,
            };
            let of = &session.created;
            let shell = of.session_kind == Kind::Shell;
            let sure = process.is_some_and(|process| shell || self.looks_like_agent(process));
            let entry = Entry {
                process,
                sure,
                external_id: session.external_id().map(str::to_owned),
                shell,
                ..Entry::default()
            };
            if let (None, Some(parent), Some(id)) = (process, of.parent_id, &of.external_id) {
                subagents.push((parent, id.clone(), session.id));
                // Its id is one among those of its parent only.
                self.book.add(session.id, Entry { external_id: None, ..entry });
                continue;
            }
            self.book.add(session.id, entry);
            match process {
                Some(process) => self.watch(process),
                None => self.end_if_rebooted(session.id, self.boot_of(session.id)),
            }
        }
        for (parent, id, child) in subagents {
            if let Some(entry) = self.book.get_mut(parent) {
                entry.subagents.insert(id, child);
            }
        }
        self.remember_ended();
    }

    /// The boot in which a session began.
    fn boot_of(&self, session_id: SessionId) -> BootId {
        let started = self.core.journal.latest(session_id, "attempt_started").ok().flatten();
        started.map_or_else(host::boot_id, |event| event.at.boot)
    }

    fn remember_ended(&mut self) {
        let query =
            SessionQuery { kinds: vec![Kind::Agent], limit: ENDED, ..SessionQuery::default() };
        let Ok(page) = self.core.journal.sessions(&query) else { return };
        let now = host::now();
        for session in page.sessions.iter().rev() {
            if let (Some(ended), Some(id)) = (session.ended(), session.external_id()) {
                let ago = now.time.millis_since(ended.at).saturating_mul(1_000_000);
                let boot_ns = now.boot_ns.saturating_sub(ago);
                let at = Moment { time: ended.at, boot_ns, ..now };
                let external_id = id.to_owned();
                self.book.remember(Recent { session_id: session.id, external_id, at });
            }
        }
    }

    /// What somebody else has found.
    pub(super) fn take_found(&mut self, found: Found, drafts: &mut Vec<Draft>) {
        let (agent, parent, uid) = match found {
            Found::Agent { agent, parent, uid } => (agent, parent, uid),
            Found::Closed(session_id) => {
                // The journal has its end already: this is of its subagents, and of its tokens.
                return self.end(session_id, host::now(), Ending::Closed { by: None }, drafts);
            }
        };
        if !self.book.of_process(agent.process).is_empty() {
            return;
        }
        let created = drafts::agent(&agent, parent, uid);
        let at = begun(agent.process, host::now());
        let process = Some((agent.process, true));
        self.add_session(created, at, process, None, drafts);
    }

    /// A session for an agent that has called for the first time.
    pub(super) fn begin_agent(
        &mut self,
        call: Call<'_>,
        agent: &AgentTold,
        process: Option<(ProcessId, bool)>,
        external_id: Option<String>,
        drafts: &mut Vec<Draft>,
    ) -> Option<SessionId> {
        let told = call.told;
        let sure = process.filter(|(_, sure)| *sure).map(|(process, _)| process);
        let argv = sure.filter(|process| lives(*process)).map(|process| arguments(process.pid));
        let mut metadata = Map::new();
        if let Some(transcript) = &agent.transcript {
            metadata.insert("transcript_path".into(), Value::String(transcript.clone()));
        }
        let created = Created {
            session_kind: Kind::Agent,
            command: argv
                .filter(|argv| !argv.is_empty())
                .unwrap_or_else(|| vec![agent.agent.clone()]),
            working_directory: directory(told),
            parent_id: self.parent(told, process.map(|(process, _)| process)),
            external_id: external_id.clone(),
            agent_id: Some(agent.agent.clone()),
            metadata,
            ..drafts::found(rustix::process::getuid().as_raw())
        };
        // An agent has run since its process began; who calls for several, for longer.
        let at = sure.map_or(told.at, |process| begun(process, told.at));
        let session_id = self.add_session(created, at, process, external_id, drafts)?;
        if process.is_none() {
            let incomplete = HealthChanged::incomplete(UNSEEN);
            drafts.push(call.more(Some(session_id), Change::HealthChanged(incomplete)));
            self.end_if_rebooted(session_id, told.at.boot);
        }
        Some(session_id)
    }

    /// A subagent is a session of its own, below its agent's.
    pub(super) fn begin_subagent(
        &mut self,
        call: Call<'_>,
        agent: &AgentTold,
        subagent: &Subagent,
        parent: SessionId,
        drafts: &mut Vec<Draft>,
    ) {
        let known = |entry: &Entry| entry.subagents.contains_key(&subagent.agent_id);
        if self.book.get(parent).is_none_or(known) {
            return;
        }
        let kind = subagent.agent_type.clone();
        let mut metadata = Map::new();
        if let Some(kind) = &kind {
            metadata.insert("agent_type".into(), Value::String(kind.clone()));
        }
        let created = Created {
            session_kind: Kind::Agent,
            command: [Some(agent.agent.clone()), kind].into_iter().flatten().collect(),
            working_directory: directory(call.told),
            parent_id: Some(parent),
            external_id: Some(subagent.agent_id.clone()),
            agent_id: Some(agent.agent.clone()),
            metadata,
            ..drafts::found(rustix::process::getuid().as_raw())
        };
        let child = self.add_session(created, call.told.at, None, None, drafts);
        if let (Some(child), Some(entry)) = (child, self.book.get_mut(parent)) {
            entry.subagents.insert(subagent.agent_id.clone(), child);
        }
    }

    /// Adds a session to the journal's drafts and to the book.
    pub(super) fn add_session(
        &mut self,
        created: Created,
        at: Moment,
        process: Option<(ProcessId, bool)>,
        external_id: Option<String>,
        drafts: &mut Vec<Draft>,
    ) -> Option<SessionId> {
        // Without random bits nothing works.
        let bits = create::random::<8>().ok()?;
        let session_id = SessionId::from_random(u64::from_le_bytes(bits));
        let shell = created.session_kind == Kind::Shell;
        let id = process.map(|(process, _)| process);
        drafts.extend(drafts::begin(session_id, at, created, (id, None), (0, 0)));
        let sure = process.is_some_and(|(_, sure)| sure);
        let mut entry = Entry { process: id, sure, external_id, shell, ..Entry::default() };
        // Nothing of it is in the journal that could be looked up.
        entry.tools.restored = true;
        self.book.add(session_id, entry);
        if let Some(process) = id {
            // A shell is often a pane's own process, which then stays the pane's.
            if sure && !shell {
                self.core.witness.watch_for(process, Some(session_id));
            }
            self.watch(process);
        }
        Some(session_id)
    }

    /// The session in whose tree a process is: under a holder, in a pane, or an agent's.
    pub(super) fn parent(&self, told: &Told, own: Option<ProcessId>) -> Option<SessionId> {
        let siblings = own.map_or(&[][..], |own| self.book.of_process(own));
        let mut live = self.core.journal.live();
        // What was found in another is nearer than that.
        live.sort_by_key(|session| session.created.watched);
        let mut owners = HashMap::new();
        for session in live.iter().filter(|session| !siblings.contains(&session.id)) {
            if let Life::Running { process, holder, .. } = session.life {
                owners.extend(process.into_iter().chain(holder).map(|id| (id, session.id)));
            }
            if session.created.tmux.is_some() {
                let panes = self.core.tmux.panes(session.id);
                owners.extend(panes.into_iter().map(|id| (id, session.id)));
            }
        }
        let above = told.ancestors.iter().map(|one| one.id);
        let below = own.is_none_or(|own| told.ancestors.iter().all(|one| one.id != own));
        let mut above = above.skip_while(|id| !below && Some(*id) != own);
        let inside = |id: &SessionId| live.iter().any(|session| session.id == *id);
        above.find_map(|id| owners.get(&id).copied()).or(told.inside.filter(inside))
    }

    /// Whether a process is an agent, as far as can be told of one that lives.
    pub(super) fn is_agent(&self, process: &Process) -> bool {
        // What is known once need not be looked at again.
        let known = self.book.of_process(process.id);
        if let [only, ..] = known {
            return self.book.get(*only).is_some_and(|entry| entry.sure);
        }
        lives(process.id) && agent_name(&process.comm, &arguments(process.id.pid)).is_some()
    }

    fn looks_like_agent(&self, process: ProcessId) -> bool {
        let stat = host::ProcessStat::read(process.pid).ok().flatten();
        let comm = stat.filter(|stat| stat.id() == process).map(|stat| stat.comm);
        // A shell or a runtime that was sure to be an agent before cannot be told from others;
        // sessions that share a process are of one that calls for several.
        comm.is_some_and(|comm| {
            self.book.of_process(process).is_empty()
                && (wk_hook::ancestry::is_runtime(&comm)
                    || agent_name(&comm, &arguments(process.pid)).is_some())
        })
    }
}

/// Whether a session is one of those that this is about.
fn is_ours(session: &Session) -> bool {
    let created = &session.created;
    // Of what others only tell of, they know the end.
    let elsewhere = |reported: &wk_model::Reported| reported.remote || !reported.verified;
    let elsewhere = created.reported.as_ref().is_some_and(elsewhere);
    created.watched && created.tmux.is_none() && !elsewhere && !track::is_tracked(session)
}

fn lives(process: ProcessId) -> bool {
    host::liveness(&process) == wk_model::Liveness::Alive
}

fn arguments(pid: u32) -> Vec<String> {
    mask_arguments(&process_arguments(pid))
}

fn directory(told: &Told) -> Option<String> {
    Some(told.working_directory.clone()).filter(|directory| !directory.is_empty())
}

/// When a process began; not later than `at`.
pub(super) fn begun(process: ProcessId, at: Moment) -> Moment {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let boot_ns = u128::from(process.start_time) * 1_000_000_000 / u128::from(ticks);
    let boot_ns = u64::try_from(boot_ns).unwrap_or(u64::MAX);
    if process.boot != at.boot || boot_ns > at.boot_ns {
        return at;
    }
    let ago_ms = i64::try_from((at.boot_ns - boot_ns) / 1_000_000).unwrap_or(i64::MAX);
    let time = wk_model::Time::from_millis(at.time.as_millis().saturating_sub(ago_ms));
    Moment { time, boot_ns, ..at }
}
