//! What one call tells, in words of ours.

use serde_json::Value;
use wk_holder::host;
use wk_hook::{
    ancestry::Ancestor,
    identifier::is_id,
    payload,
    record::{Head, KnownBy, Record, ShellCall},
};
use wk_model::{BootId, Moment, ProcessId, SessionId, Subagent, Time, ToolOutcome};

use super::agent;

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub at: Moment,
    pub trace_parent: Option<String>,
    pub working_directory: String,
    /// The processes above, the parent first.
    pub ancestors: Vec<Process>,
    /// The session of ours that the caller says it is in.
    pub inside: Option<SessionId>,
    pub who: Who,
}

/// Who has called.
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    Agent(Box<AgentTold>),
    Shell { call: ShellCall, process: Option<Process> },
}

/// A process above the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: ProcessId,
    pub comm: String,
}

/// What an agent tells.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentTold {
    /// E.g. `claude`.
    pub agent: String,
    /// The hook's own name.
    pub event: String,
    /// The agent's id of its session, from its own mouth.
    pub id: Option<String>,
    /// The same as the hook could tell without the agent's word.
    pub guess: Option<String>,
    /// The agent's process; whether it is one for sure.
    pub process: Option<(Process, bool)>,
    /// The subagent that this is about.
    pub subagent: Option<Subagent>,
    pub transcript: Option<String>,
    pub fact: Fact,
    /// All of it; a text where it was no JSON.
    pub payload: Value,
    /// The full length of what came.
    pub payload_bytes: u64,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A session of the agent begins, or goes on under another id.
    Begins {
        source: Option<String>,
        model: Option<String>,
    },
    Ends {
        reason: Option<String>,
    },
    ToolStarts {
        tool: String,
        use_id: Option<String>,
        input: Value,
    },
    ToolEnds {
        tool: String,
        use_id: Option<String>,
        outcome: ToolOutcome,
        duration_ms: Option<u64>,
        error: Option<String>,
        output: Value,
    },
    Prompt(String),
    Compaction {
        trigger: Option<String>,
        finished: bool,
    },
    PermissionWait {
        tool: Option<String>,
        message: Option<String>,
    },
    SubagentBegins(Subagent),
    SubagentEnds(Subagent),
    Other,
}

impl Fact {
    /// Whether the process goes on with another session of its agent after this.
    pub fn leads_on(&self) -> bool {
        match self {
            Self::Ends { reason } => matches!(reason.as_deref(), Some("clear" | "resume")),
            _ => false,
        }
    }

    /// Whether it says that the same process has come to another session of its agent.
    pub fn comes_from_another(&self) -> bool {
        match self {
            Self::Begins { source, .. } => {
                matches!(source.as_deref(), Some("clear" | "resume" | "compact" | "fork"))
            }
            _ => false,
        }
    }
}

impl Told {
    /// Reads a record.
    pub fn of(record: Record) -> Self {
        let Record { head, body } = record;
        let now = host::now();
        let boot: BootId = head.boot_id.parse().unwrap_or(now.boot);
        // A clock of this boot cannot be ahead of us; a record of nobody's has no moment.
        let boot_ns = match (boot == now.boot, head.boot_ns) {
            (true, told) => told.min(now.boot_ns),
            (false, told) => told.min(i64::MAX.unsigned_abs()),
        };
        let at = Moment { time: Time::from_millis(head.time_ms), boot, boot_ns };
        let here = own_namespace();
        let visible = head.pid_namespace == here || head.pid_namespace == 0 || here == 0;
        let process = |ancestor: &Ancestor| Process {
            id: ProcessId { boot, pid: ancestor.pid, start_time: ancestor.start_time },
            comm: ancestor.comm.clone(),
        };
        let ancestors: Vec<_> = head.ancestors.iter().filter(|_| visible).map(process).collect();
        let who = match &head.shell {
            Some(call) => {
                let found = ancestors.iter().find(|one| Some(one.id.pid) == call.pid);
                let process = match call.pid {
                    Some(_) => found,
                    None => ancestors.first(),
                };
                Who::Shell { call: call.clone(), process: process.cloned() }
            }
            None => {
                let caller = head.caller().filter(|_| visible);
                let process = caller.map(|caller| (process(caller.process), caller.is_agent));
                Who::Agent(Box::new(agent::read(&head, &body, process)))
            }
        };
        let Head { environment, working_directory, .. } = head;
        Self {
            at,
            trace_parent: environment.trace_parent.filter(|trace| trace.is_ascii()),
            working_directory,
            ancestors,
            inside: environment.wk_session_id.and_then(|id| id.parse().ok()),
            who,
        }
    }
}

/// The body as JSON; a text where it is none.
pub(super) fn value(body: &[u8]) -> Value {
    let parsed = serde_json::from_slice(body);
    let repaired = || serde_json::from_slice(&payload::repaired(body)).ok();
    let value = parsed.ok().or_else(repaired).filter(Value::is_object);
    value.unwrap_or_else(|| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// The id from the agent's own mouth, and what the hook found without it.
pub(super) fn ids(head: &Head) -> (Option<String>, Option<String>) {
    let id = Some(head.session.id.clone()).filter(|id| is_id(id));
    match head.session.by {
        KnownBy::Stdin => (id, None),
        KnownBy::Process | KnownBy::SessionFile => (None, id),
        KnownBy::Unknown => (None, None),
    }
}

fn own_namespace() -> u64 {
    static OWN: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *OWN.get_or_init(wk_hook::ancestry::pid_namespace)
}
