//! What agents did, on one time axis: a lane for each session and subagent.

use std::collections::HashMap;

use wk_model::{Change, Event, Excerpt, Session, SessionId, Subagent, Time};

use crate::uses::{Open, Start, ToolUse};

/// Characters of what a tool was asked to do, or a person has asked for.
const BRIEF: usize = 120;
/// Lanes; what further subagents do is shown in the lane of their session.
const MOST_LANES: usize = 500;

/// All lanes, those of subagents behind the one that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub lanes: Vec<Lane>,
}

/// One session, or one subagent that is none of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub session_id: SessionId,
    /// The agent's own id of a subagent.
    pub agent_id: Option<String>,
    pub title: String,
    /// How deep below the first lane.
    pub depth: usize,
    pub start: Time,
    /// None: it lives, as far as anybody told.
    pub end: Option<Time>,
    pub uses: Vec<ToolUse>,
    pub marks: Vec<Mark>,
}

/// Something that is no use of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub kind: MarkKind,
    pub at: Time,
    /// A compaction's end, or when the agent went on after waiting.
    pub until: Option<Time>,
    pub text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkKind {
    Prompt,
    Compaction,
    PermissionWait,
}

impl MarkKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Compaction => "compaction",
            Self::PermissionWait => "permission_wait",
        }
    }
}

/// The kinds of events that a timeline is made of.
pub const KINDS: &[&str] = &[
    "tool_started",
    "tool_finished",
    "prompt",
    "compaction",
    "permission_waited",
    "subagent_started",
    "subagent_finished",
];

/// Makes the timeline of sessions: the first is the one that is asked for, each of the others
/// comes after its parent. Events come in any order.
pub fn fold(sessions: &[&Session], mut events: Vec<Event>) -> Timeline {
    events.sort_by_key(|event| (event.at.time, event.at.boot_ns, event.seq));
    let mut folder = Folder::new(sessions);
    for event in &events {
        folder.take(event);
    }
    folder.finish()
}

struct Folder {
    lanes: Vec<Lane>,
    sessions: HashMap<SessionId, usize>,
    subagents: HashMap<(SessionId, String), usize>,
    open: Open<(usize, ToolUse)>,
    /// The mark of each lane that waits for its end, by its kind.
    unended: HashMap<(usize, MarkKind), usize>,
}

impl Folder {
    fn new(sessions: &[&Session]) -> Self {
        let mut folder = Self {
            lanes: Vec::new(),
            sessions: HashMap::new(),
            subagents: HashMap::new(),
            open: Open::default(),
            unended: HashMap::new(),
        };
        for session in sessions.iter().take(MOST_LANES) {
            folder.add_session(session);
        }
        folder
    }

    fn add_session(&mut self, session: &Session) {
        let parent = session.created.parent_id.and_then(|parent| self.sessions.get(&parent));
        let depth = parent.map_or(0, |parent| self.lanes[*parent].depth + 1);
        let title = session.name().map(str::to_owned);
        let title = title.or_else(|| session.created.agent_id.clone());
        let lane = self.lanes.len();
        self.lanes.push(Lane {
            session_id: session.id,
            agent_id: None,
            title: title.unwrap_or_else(|| session.created.session_kind.as_str().to_owned()),
            depth,
            start: session.start_time,
            end: session.ended().map(|ended| ended.at),
            uses: Vec::new(),
            marks: Vec::new(),
        });
        self.sessions.insert(session.id, lane);
        if let (Some(parent), Some(id)) = (session.created.parent_id, &session.created.external_id)
        {
            self.subagents.insert((parent, id.clone()), lane);
            self.lanes[lane].agent_id = Some(id.clone());
        }
    }

    fn take(&mut self, event: &Event) {
        let Some(session) = event.session_id.filter(|id| self.sessions.contains_key(id)) else {
            return;
        };
        let at = event.at.time;
        match &event.change {
            Change::ToolStarted(started) => {
                let lane = self.lane(session, started.agent_id.as_deref(), at);
                self.go_on(lane, at);
                let begun = ToolUse {
                    tool: started.tool.clone(),
                    start: Some(at),
                    end: None,
                    duration_ms: None,
                    outcome: None,
                    error: None,
                    input: brief(&started.input),
                };
                let forgotten = self.open.begin(Start::of(Some(session), started), (lane, begun));
                self.keep(forgotten);
            }
            Change::ToolFinished(finished) => {
                let lane = self.lane(session, finished.agent_id.as_deref(), at);
                self.go_on(lane, at);
                let (lane, mut used) =
                    self.open.end(&Start::of_end(Some(session), finished)).unwrap_or_else(|| {
                        let start = finished.duration_ms.map(|ms| before(at, ms));
                        (lane, ToolUse::unstarted(&finished.tool, start))
                    });
                used.end = Some(at);
                let paired = used.start.map(|start| at.millis_since(start));
                used.duration_ms = finished.duration_ms.or(paired);
                used.outcome = Some(finished.outcome);
                used.error = finished.error.as_deref().map(cut);
                self.keep(Some((lane, used)));
            }
            Change::Prompt(prompt) => {
                let lane = self.lane(session, None, at);
                self.mark(lane, MarkKind::Prompt, at, brief(&prompt.prompt));
            }
            Change::Compaction(compaction) => {
                let lane = self.lane(session, None, at);
                if !compaction.finished {
                    self.mark(lane, MarkKind::Compaction, at, compaction.trigger.clone());
                } else if !self.until(lane, MarkKind::Compaction, at) {
                    self.mark(lane, MarkKind::Compaction, at, compaction.trigger.clone());
                    self.until(lane, MarkKind::Compaction, at);
                }
            }
            Change::PermissionWaited(waited) => {
                let lane = self.lane(session, waited.agent_id.as_deref(), at);
                let text = waited.tool.clone().or_else(|| waited.message.as_deref().map(cut));
                // A request and the notification of it are one wait.
                if !self.unended.contains_key(&(lane, MarkKind::PermissionWait)) {
                    self.mark(lane, MarkKind::PermissionWait, at, text);
                }
            }
            Change::SubagentStarted(subagent) => self.begin(session, subagent, at),
            Change::SubagentFinished(subagent) => {
                let lane = self.lane(session, Some(&subagent.agent_id), at);
                if self.lanes[lane].agent_id.as_ref() == Some(&subagent.agent_id) {
                    self.lanes[lane].end.get_or_insert(at);
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, session: SessionId, subagent: &Subagent, at: Time) {
        let lane = self.lane(session, Some(&subagent.agent_id), at);
        let lane = &mut self.lanes[lane];
        if let Some(kind) = &subagent.agent_type
            && lane.agent_id.as_ref() == Some(&subagent.agent_id)
        {
            lane.title.clone_from(kind);
        }
    }

    /// The lane of a session, or of a subagent of it.
    fn lane(&mut self, session: SessionId, agent_id: Option<&str>, at: Time) -> usize {
        let own = self.sessions.get(&session).copied().unwrap_or(0);
        let Some(agent_id) = agent_id else { return own };
        let key = (session, agent_id.to_owned());
        if self.lanes[own].agent_id.as_deref() == Some(agent_id) {
            return own;
        }
        if let Some(lane) = self.subagents.get(&key) {
            return *lane;
        }
        if self.lanes.len() >= MOST_LANES {
            return own;
        }
        let lane = self.lanes.len();
        self.lanes.push(Lane {
            session_id: session,
            agent_id: Some(agent_id.to_owned()),
            title: "subagent".to_owned(),
            depth: self.lanes[own].depth + 1,
            start: at,
            end: None,
            uses: Vec::new(),
            marks: Vec::new(),
        });
        self.subagents.insert(key, lane);
        lane
    }

    fn mark(&mut self, lane: usize, kind: MarkKind, at: Time, text: Option<String>) {
        self.go_on(lane, at);
        let marks = &mut self.lanes[lane].marks;
        marks.push(Mark { kind, at, until: None, text });
        if kind != MarkKind::Prompt {
            self.unended.insert((lane, kind), marks.len() - 1);
        }
    }

    /// An agent that does something does not wait any more.
    fn go_on(&mut self, lane: usize, at: Time) {
        self.until(lane, MarkKind::PermissionWait, at);
    }

    /// Ends the mark of a kind; answers whether there was one.
    fn until(&mut self, lane: usize, kind: MarkKind, at: Time) -> bool {
        let Some(mark) = self.unended.remove(&(lane, kind)) else { return false };
        self.lanes[lane].marks[mark].until = Some(at);
        true
    }

    fn keep(&mut self, used: Option<(usize, ToolUse)>) {
        if let Some((lane, used)) = used {
            self.lanes[lane].uses.push(used);
        }
    }

    /// When a lane ended, at the latest with its session.
    fn end_of(&self, lane: usize) -> Option<Time> {
        let session = self.sessions.get(&self.lanes[lane].session_id);
        self.lanes[lane].end.or_else(|| self.lanes[*session?].end)
    }

    fn finish(mut self) -> Timeline {
        for (lane, mut used) in std::mem::take(&mut self.open).into_rest() {
            // Nothing runs on in a session that is over: nobody told how it went.
            used.end = self.end_of(lane);
            self.lanes[lane].uses.push(used);
        }
        for lane in &mut self.lanes {
            lane.uses.sort_by_key(|used| used.start.or(used.end));
        }
        Timeline { lanes: in_order(self.lanes, &self.sessions) }
    }
}

/// Subagents that are no sessions behind their session, those that are as they came.
fn in_order(lanes: Vec<Lane>, sessions: &HashMap<SessionId, usize>) -> Vec<Lane> {
    let mut order: Vec<(usize, usize)> = lanes
        .iter()
        .enumerate()
        .map(|(index, lane)| (sessions.get(&lane.session_id).copied().unwrap_or(index), index))
        .collect();
    order.sort_unstable();
    let mut lanes: Vec<Option<Lane>> = lanes.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, index)| lanes[index].take()).collect()
}

impl ToolUse {
    fn unstarted(tool: &str, start: Option<Time>) -> Self {
        Self {
            tool: tool.to_owned(),
            start,
            end: None,
            duration_ms: None,
            outcome: None,
            error: None,
            input: None,
        }
    }
}

fn before(at: Time, ms: u64) -> Time {
    Time::from_millis(at.as_millis().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
}

fn brief(excerpt: &Excerpt) -> Option<String> {
    excerpt.text.as_deref().map(cut)
}

fn cut(text: &str) -> String {
    text.chars().take(BRIEF).collect()
}

#[cfg(test)]
mod tests;
