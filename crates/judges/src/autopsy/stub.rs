use super::{Evidence, Opinion};
use wk_model::{Scope, ScopeKind, SessionId};
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    pub session_id: SessionId,
    pub opinion: Opinion,
}
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub members: Vec<usize>,
    pub scope: Scope,
}
pub fn examine(evidence: &Evidence) -> Opinion {
    Opinion {
        cause: wk_model::Cause::Unknown,
        confidence: wk_model::Confidence::Possible,
        signal: evidence.ending.signal(),
        exit_code: evidence.ending.exit_code(),
        culprit: None,
        summary: "nobody knows".into(),
        outcome: wk_model::Outcome::Failed,
        unexpected: evidence.ending.exit_code() != Some(0),
        evidence: vec![],
        alternatives: vec![],
        missing: vec![],
        advice: vec![],
        shared: None,
        end_time: evidence.ended_at.time,
    }
}
pub fn group(deaths: &[Death], _window_ms: u64) -> Vec<Group> {
    deaths
        .iter()
        .enumerate()
        .map(|(i, d)| Group {
            members: vec![i],
            scope: Scope {
                kind: ScopeKind::Targeted,
                deaths: vec![d.session_id],
                within_ms: 0,
                shared: None,
            },
        })
        .collect()
}
