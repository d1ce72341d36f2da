//! What a line tells beyond its reason.

use serde::Serialize;
use wk_model::{
    Alternative, Before, Confidence, Culprit, EvidenceLine, Kind, LimitKind, Scope, Session,
    SessionId, Verdict,
};

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Context {
    Created {
        name: Option<String>,
        kind: Kind,
        command: Vec<String>,
        working_directory: Option<String>,
    },
    Started {
        attempt: u32,
        pid: Option<u32>,
    },
    Exited {
        attempt: u32,
        exit_code: Option<i32>,
        signal: Option<i32>,
        limit: Option<LimitKind>,
    },
    Death(Box<DeathContext>),
}

/// The names are those that others have for it: fixed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DeathContext {
    session_id: SessionId,
    name: Option<String>,
    tmux_session_name: Option<String>,
    age_seconds: Option<u64>,
    last_command: Option<String>,
    output_size_bytes: Option<u64>,
    /// Time watched, looks taken, and time since the last of them.
    polling_duration_seconds: Option<u64>,
    poll_count: Option<u64>,
    seconds_since_last_poll: Option<f64>,
    active_sessions_count: Option<u32>,
    other_active_sessions: Vec<SessionId>,
    system_memory_mb: Option<u64>,
    system_cpu_percent: Option<u32>,
    tmux_sessions: Option<u32>,
    tmux_process_count: Option<u32>,
    verdict: Judgement,
}

/// The verdict, but for what stands beside it.
#[derive(Clone, Debug, Serialize)]
struct Judgement {
    attempt: u32,
    cause: String,
    signal: Option<i32>,
    exit_code: Option<i32>,
    culprit: Option<Culprit>,
    scope: Scope,
    confidence: Confidence,
    summary: String,
    evidence: Vec<EvidenceLine>,
    alternatives: Vec<Alternative>,
    missing: Vec<String>,
    advice: Vec<String>,
}

impl DeathContext {
    pub(super) fn of(
        session_id: SessionId,
        session: Option<&Session>,
        tmux: Option<&str>,
        verdict: &Verdict,
    ) -> Self {
        let known = verdict.before.as_ref();
        let of = |field: fn(&Before) -> u64| known.map(field);
        Self {
            session_id,
            name: session.and_then(Session::name).map(str::to_owned),
            tmux_session_name: tmux.map(str::to_owned),
            age_seconds: of(|before| before.age_seconds),
            last_command: known.and_then(|before| before.last_command.clone()),
            output_size_bytes: known.and_then(|before| before.output_bytes),
            polling_duration_seconds: of(|before| before.watched_seconds),
            poll_count: of(|before| before.observations),
            seconds_since_last_poll: known
                .and_then(|before| Some(before.since_last_observation_ms? as f64 / 1000.0)),
            active_sessions_count: known.map(|before| before.active_sessions),
            other_active_sessions: known
                .map(|before| before.other_active_sessions.clone())
                .unwrap_or_default(),
            system_memory_mb: known
                .and_then(|before| Some(before.host.memory_used_bytes? / 1024 / 1024)),
            system_cpu_percent: known.and_then(|before| before.host.cpu_percent),
            tmux_sessions: known.and_then(|before| before.tmux_sessions),
            tmux_process_count: known.and_then(|before| before.tmux_processes),
            verdict: judgement(verdict),
        }
    }
}

fn judgement(verdict: &Verdict) -> Judgement {
    Judgement {
        attempt: verdict.attempt,
        cause: verdict.cause.to_string(),
        signal: verdict.signal,
        exit_code: verdict.exit_code,
        culprit: verdict.culprit.clone(),
        scope: verdict.scope.clone(),
        confidence: verdict.confidence,
        summary: verdict.summary.clone(),
        evidence: verdict.evidence.clone(),
        alternatives: verdict.alternatives.clone(),
        missing: verdict.missing.clone(),
        advice: verdict.advice.clone(),
    }
}
