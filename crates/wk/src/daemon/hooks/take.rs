//! Turns what is told into events.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};

use tokio::sync::mpsc;
use wk_agents::uses::Start;
use wk_api::TrackEnd;
use wk_model::{
    Change, Compaction, Draft, Hook, Identified, Moment, PermissionWaited, ProcessId, Prompt,
    SessionId, Source, ToolFinished, ToolStarted,
};
use wk_sources::hooks::{AgentTold, Fact, Taken, Told, Who};

use super::{
    Gone,
    attribute::{Place, place},
    book::Book,
    end::Ending,
    excerpt::Excerpts,
    last::LastHeard,
    tools,
};
use crate::daemon::{
    core::{Core, draft},
    tokens::Heard,
    track,
};

/// Events of each kind in which an earlier daemon's open uses of tools are looked for.
const TOOL_EVENTS: usize = 5000;

/// Takes records up, one after another.
pub(super) struct Taker {
    pub(super) core: Arc<Core>,
    pub(super) book: Book,
    /// Where ends of processes are reported.
    pub(super) ended: mpsc::Sender<Gone>,
    /// Processes that are watched.
    pub(super) watched: BTreeMap<(u32, u64), ProcessId>,
    /// Ends that are about to be journalled, by when.
    pub(super) endings: Vec<(Instant, Ending)>,
    /// What whoever counts tokens is to hear once it is journalled.
    pub(super) heard: Vec<Heard>,
    pub(super) last: LastHeard,
    /// Ends of shells that had told the daemon itself of their start.
    pub(super) track_ends: Vec<TrackEnd>,
}

/// One call, and what all its events have in common.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) taken: &'a Taken,
    pub(super) told: &'a Told,
}

impl Call<'_> {
    /// The event that stands for the call: once, however often the record is seen.
    pub(super) fn draft(&self, session_id: Option<SessionId>, change: Change) -> Draft {
        Draft {
            source: Source(self.taken.source()),
            source_seq: Some(self.taken.number()),
            ..self.more(session_id, change)
        }
    }

    /// Another event of the same call.
    pub(super) fn more(&self, session_id: Option<SessionId>, change: Change) -> Draft {
        let trace_parent = self.told.trace_parent.clone();
        Draft { at: self.told.at, trace_parent, ..draft(session_id, change) }
    }
}

impl Taker {
    pub(super) fn new(core: Arc<Core>, ended: mpsc::Sender<Gone>) -> Self {
        let (book, watched, endings) = (Book::default(), BTreeMap::new(), Vec::new());
        let (heard, last) = (Vec::new(), LastHeard::new(&core.places.state));
        let track_ends = Vec::new();
        Self { core, book, ended, watched, endings, heard, last, track_ends }
    }

    /// Takes up one record; what is to be journalled goes behind `drafts`.
    pub(super) fn take(&mut self, taken: &Taken, drafts: &mut Vec<Draft>) {
        let call = Call { taken, told: &taken.told };
        match &taken.told.who {
            Who::Agent(agent) => self.take_agent(call, agent, drafts),
            Who::Shell { call: shell, process } => {
                self.take_shell(call, shell, process.as_ref(), drafts);
            }
        }
    }

    fn take_agent(&mut self, call: Call<'_>, agent: &AgentTold, drafts: &mut Vec<Draft>) {
        let process = agent.process.as_ref();
        let process = process.map(|(found, sure)| (found.id, *sure || self.is_agent(found)));
        if let Some((process, true)) = process {
            self.book.make_sure(process);
        }
        let session_id = match place(&self.book, call.told, agent, process) {
            Place::Known(session_id) => Some(session_id),
            Place::Identified(session_id, external_id) => {
                self.book.identify(session_id, &external_id);
                let change = Change::SessionIdentified(Identified { external_id });
                drafts.push(call.more(Some(session_id), change));
                Some(session_id)
            }
            Place::Moved(session_id, process, sure) => {
                self.book.rebind(session_id, process, sure);
                self.watch(process);
                Some(session_id)
            }
            Place::New { process, external_id } => {
                self.begin_agent(call, agent, process, external_id, drafts)
            }
            Place::Nobody => None,
        };
        if let Some(entry) = session_id.and_then(|id| self.book.get_mut(id)) {
            entry.heard = Some(call.told.at);
        }
        let change = self.change(call.told.at, agent, session_id);
        drafts.push(call.draft(session_id, change));
        if let Some(session_id) = session_id {
            let transcript = agent.transcript.as_ref().map(PathBuf::from);
            self.heard.push(Heard { session_id, transcript, ended: false });
            self.follow(call, agent, session_id, drafts);
        }
        self.last.note(&agent.agent);
    }

    /// Whoever counts tokens hears what was journalled.
    pub(super) fn pass_on(&mut self) {
        for heard in self.heard.drain(..) {
            self.core.tokens.tell(heard);
        }
    }

    /// Ends those shells, as if they had said so when it happened.
    pub(super) async fn end_tracked(&mut self) {
        for end in self.track_ends.drain(..) {
            let session_id = end.session_id.clone();
            // Only this user can have left the record.
            if let Err(problem) = track::end(&self.core, end, true).await {
                tracing::warn!(session_id, detail = problem.detail, "an end is not believed");
            }
        }
    }

    /// The event that stands for the call.
    fn change(&mut self, at: Moment, agent: &AgentTold, session_id: Option<SessionId>) -> Change {
        let excerpts = Excerpts::new(&self.core.settings());
        let subagent = agent.subagent.as_ref().map(|subagent| subagent.agent_id.clone());
        match &agent.fact {
            Fact::ToolStarts { tool, use_id, input } => {
                let started = ToolStarted {
                    tool: tool.clone(),
                    tool_use_id: use_id.clone(),
                    agent_id: subagent,
                    input: excerpts.input(input),
                    payload_bytes: agent.payload_bytes,
                };
                if let Some(entry) = session_id.and_then(|id| self.book.get_mut(id)) {
                    entry.tools.begin(Start::of(None, &started), at);
                }
                Change::ToolStarted(Box::new(started))
            }
            Fact::ToolEnds { tool, use_id, outcome, duration_ms, error, output } => {
                let mut finished = ToolFinished {
                    tool: tool.clone(),
                    tool_use_id: use_id.clone(),
                    agent_id: subagent,
                    outcome: *outcome,
                    duration_ms: *duration_ms,
                    error: error.as_ref().and_then(|error| excerpts.error(error)),
                    output: excerpts.output(output),
                    payload_bytes: agent.payload_bytes,
                };
                let paired = session_id.and_then(|session_id| {
                    self.restore_tools(session_id);
                    let tools = &mut self.book.get_mut(session_id)?.tools;
                    tools.end(&Start::of_end(None, &finished), at)
                });
                finished.duration_ms = finished.duration_ms.or(paired);
                Change::ToolFinished(Box::new(finished))
            }
            Fact::Prompt(text) => Change::Prompt(Prompt {
                prompt: excerpts.prompt(text),
                payload_bytes: agent.payload_bytes,
            }),
            Fact::Compaction { trigger, finished } => {
                Change::Compaction(Compaction { trigger: trigger.clone(), finished: *finished })
            }
            Fact::PermissionWait { tool, message } => Change::PermissionWaited(PermissionWaited {
                tool: tool.clone(),
                agent_id: subagent,
                message: message.as_ref().and_then(|message| excerpts.permission(message)),
            }),
            Fact::SubagentBegins(subagent) => Change::SubagentStarted(subagent.clone()),
            Fact::SubagentEnds(subagent) => Change::SubagentFinished(subagent.clone()),
            Fact::Begins { .. } | Fact::Ends { .. } | Fact::Other => Change::Hook(Box::new(Hook {
                event: agent.event.clone(),
                agent: Some(agent.agent.clone()),
                payload: excerpts.hook(&agent.payload),
                payload_bytes: agent.payload_bytes,
            })),
        }
    }

    /// What follows from a call beside its own event.
    fn follow(
        &mut self,
        call: Call<'_>,
        agent: &AgentTold,
        session_id: SessionId,
        drafts: &mut Vec<Draft>,
    ) {
        match &agent.fact {
            Fact::SubagentBegins(subagent) => {
                self.begin_subagent(call, agent, subagent, session_id, drafts);
            }
            Fact::SubagentEnds(subagent) => {
                let entry = self.book.get_mut(session_id);
                let child = entry.and_then(|entry| entry.subagents.remove(&subagent.agent_id));
                if let Some(child) = child {
                    let path = agent.payload.get("agent_transcript_path");
                    let transcript = path.and_then(|path| path.as_str()).map(PathBuf::from);
                    self.heard.push(Heard { session_id: child, transcript, ended: false });
                    self.close(child, call.told.at, drafts);
                }
            }
            Fact::Begins { .. } => self.take_back_farewell(session_id, call.told.at),
            fact @ Fact::Ends { .. } if fact.leads_on() => {
                if let Some(entry) = self.book.get_mut(session_id) {
                    entry.leads_on = true;
                }
            }
            Fact::Ends { .. } => self.bid_farewell(session_id, call.told.at, drafts),
            _ => {}
        }
    }

    /// After a daemon's start, uses that the one before had seen begin are in the journal.
    fn restore_tools(&mut self, session_id: SessionId) {
        let Some(entry) = self.book.get_mut(session_id) else { return };
        if std::mem::replace(&mut entry.tools.restored, true) {
            return;
        }
        match tools::recent(&self.core.journal, session_id, TOOL_EVENTS) {
            Ok(events) => entry.tools.restore(&events),
            Err(error) => tracing::warn!(%error, "cannot tell which tools were in use"),
        }
    }
}
