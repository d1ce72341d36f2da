//! What a rule has found.

use wk_model::{Alternative, Cause, Confidence, Culprit, SeenProcess};

use super::Shared;

/// What a rule has found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub cause: Cause,
    pub confidence: Confidence,
    pub summary: String,
    pub culprit: Option<Culprit>,
    pub shared: Option<Shared>,
    /// The signal, where the ending itself has none.
    pub signal: Option<i32>,
    pub alternatives: Vec<Alternative>,
    pub missing: Vec<String>,
    pub advice: Vec<String>,
    /// Its own user did it, by hand: no harm is done.
    pub by_its_user: bool,
}

impl Finding {
    pub(super) fn new(cause: Cause, confidence: Confidence, summary: impl Into<String>) -> Self {
        Self {
            cause,
            confidence,
            summary: summary.into(),
            culprit: None,
            shared: None,
            signal: None,
            alternatives: Vec::new(),
            missing: Vec::new(),
            advice: Vec::new(),
            by_its_user: false,
        }
    }

    /// Who did it; that is also what others that died of it share.
    pub(super) fn by(mut self, culprit: Culprit) -> Self {
        let Culprit { pid, start_time, .. } = culprit;
        self.shared.get_or_insert(Shared::Culprit { pid, start_time });
        self.culprit = Some(culprit);
        self
    }

    pub(super) fn by_seen(self, seen: &SeenProcess) -> Self {
        self.by(culprit(seen))
    }

    pub(super) fn shares(mut self, shared: Shared) -> Self {
        self.shared = Some(shared);
        self
    }

    pub(super) fn signal(mut self, signal: i32) -> Self {
        self.signal = Some(signal);
        self
    }

    pub(super) fn or(
        mut self,
        cause: Cause,
        confidence: Confidence,
        text: impl Into<String>,
    ) -> Self {
        self.alternatives.push(Alternative { cause, confidence, text: text.into() });
        self
    }

    pub(super) fn misses(mut self, text: impl Into<String>) -> Self {
        self.missing.push(text.into());
        self
    }

    pub(super) fn advises(mut self, text: impl Into<String>) -> Self {
        self.advice.push(text.into());
        self
    }
}

/// The process as it was seen, as the one who did it.
pub(super) fn culprit(seen: &SeenProcess) -> Culprit {
    Culprit {
        pid: seen.process.pid,
        start_time: (seen.process.start_time != 0).then_some(seen.process.start_time),
        comm: seen.comm.clone(),
        argv: seen.argv.clone(),
        uid: Some(seen.uid),
        username: None,
        ancestry: seen.ancestry.clone(),
        session_id: None,
    }
}
