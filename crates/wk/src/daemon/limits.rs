//! What a new session is held to: what was asked for, else what the settings say.

use std::time::Duration;

use wk_api::{CreateSession, Problem};
use wk_model::Limits;
use wk_server::bad_request;

use crate::{
    config::{LEAST_MEMORY, Settings, contradiction},
    text::{bytes, span},
};

/// The limits of a session. A 0 asks for none, whatever the settings say.
pub(super) fn wanted(request: &CreateSession, settings: &Settings) -> Result<Limits, Problem> {
    let session = &settings.session;
    let millis = |span: Option<Duration>| span.map(span::millis);
    let limits = Limits {
        memory: either(request.max_memory, session.max_memory),
        cpu_time_ms: either(request.max_cpu_time_ms, millis(session.max_cpu_time)),
        time_ms: either(request.timeout_ms, millis(session.timeout)),
        idle_ms: either(request.idle_timeout_ms, millis(session.idle_timeout)),
        processes: either(request.max_processes, session.max_processes),
        output: either(request.max_output, session.max_output),
    };
    if let Some(memory) = limits.memory.filter(|memory| *memory < LEAST_MEMORY) {
        return Err(bad_request(format!(
            "a memory limit of {} is too small: at least {} will do",
            bytes::exact(memory),
            bytes::exact(LEAST_MEMORY)
        )));
    }
    // By its settings a session may well have one that it never meets; who asks for both of
    // them has mistaken one for the other.
    if let (Some(idle @ 1..), Some(time @ 1..)) = (request.idle_timeout_ms, request.timeout_ms)
        && let Some(detail) =
            contradiction::limits(Duration::from_millis(idle), Duration::from_millis(time))
    {
        return Err(bad_request(detail));
    }
    Ok(limits)
}

fn either(asked: Option<u64>, setting: Option<u64>) -> Option<u64> {
    asked.or(setting).filter(|limit| *limit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_counts_and_nothing_can_be_asked_for() {
        let mut settings = Settings::default();
        settings.session.timeout = Some(Duration::from_secs(60));
        settings.session.idle_timeout = Some(Duration::from_secs(600));
        settings.session.max_memory = Some(1 << 30);
        settings.session.max_processes = Some(50);
        let request = CreateSession {
            timeout_ms: Some(5),
            max_memory: Some(0),
            max_output: Some(7),
            ..CreateSession::default()
        };
        let want = Limits {
            time_ms: Some(5),
            idle_ms: Some(600_000),
            processes: Some(50),
            output: Some(7),
            ..Limits::default()
        };
        assert_eq!(wanted(&request, &settings).unwrap(), want);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let settings = Settings::default();
        let both = CreateSession {
            timeout_ms: Some(60_000),
            idle_timeout_ms: Some(60_000),
            ..CreateSession::default()
        };
        let problem = wanted(&both, &settings).unwrap_err();
        assert!(problem.detail.contains("idle limit of 1m is never reached"), "{}", problem.detail);
        let small = CreateSession { max_memory: Some(4096), ..CreateSession::default() };
        let problem = wanted(&small, &settings).unwrap_err();
        assert!(problem.detail.contains("4KiB is too small: at least 1MiB"), "{}", problem.detail);
    }
}
