//! Sessions as clients see them.

use std::path::Path;

use wk_api::{Health, Limit, Limits, Recording, SessionView};
use wk_holder::{folder, gauge::Gauges, host};
use wk_model::{Ending, Life, LimitKind, Liveness, Session};

/// The view of a session; its folder tells what changes with every byte.
pub(crate) fn view(session: &Session, sessions: &Path) -> SessionView {
    let session_folder = sessions.join(session.id.as_str());
    let gauges = gauges(session, &session_folder);
    let (process, holder) = match &session.life {
        Life::Running { process, holder, .. } => (*process, *holder),
        _ => (None, None),
    };
    let ended = session.ended();
    let (end_time, ending) = (ended.map(|ended| ended.at), ended.map(|ended| &ended.ending));
    let until = end_time.unwrap_or_else(|| host::now().time);
    let created = &session.created;
    SessionView {
        session_id: session.id.to_string(),
        name: created.name.clone(),
        kind: created.session_kind,
        status: session.status(),
        phase: session.phase(),
        parent_id: created.parent_id.map(String::from),
        external_id: created.external_id.clone(),
        command: created.command.clone(),
        working_directory: created.working_directory.clone(),
        username: created.username.clone(),
        hostname: created.hostname.clone(),
        platform: created.platform.clone(),
        pid: process.map(|process| process.pid),
        holder_pid: holder.map(|holder| holder.pid),
        boot_id: process.map(|process| process.boot.to_string()),
        process_start_time: process.map(|process| process.start_time),
        start_time: session.start_time,
        end_time,
        duration_seconds: until.millis_since(session.start_time) as f64 / 1000.0,
        last_activity: gauges.last_activity,
        exit_code: ending.and_then(Ending::exit_code),
        signal: ending.and_then(Ending::signal),
        error: ending.and_then(error),
        limit_exceeded: ended.and_then(|ended| ended.limit),
        attempt: session.attempt,
        retry_count: session.recovery.spent,
        max_retries: created.recovery.retries,
        limits: limits(session),
        health: health(session),
        memory_bytes: None,
        cpu_seconds: session.usage.and_then(|usage| usage.cpu_ms).map(|ms| ms as f64 / 1000.0),
        read_bytes: None,
        write_bytes: None,
        processes: None,
        open_files: None,
        template: created.template.clone(),
        labels: created.labels.clone(),
        agent_id: created.agent_id.clone(),
        component_name: created.component_name.clone(),
        shell_type: None,
        python_version: None,
        metadata: created.metadata.clone(),
        terminal: created.terminal,
        tmux: None,
        recording: created.recorded.then(|| Recording {
            path: session_folder.join(folder::RECORDING).display().to_string(),
            bytes: gauges.recorded_bytes,
            gaps: gauges.gaps,
        }),
        output_bytes: (session.attempt > 0).then_some(gauges.output_bytes),
        verdict: None,
    }
}

/// What it is held to; by what, the latest attempt has told.
fn limits(session: &Session) -> Limits {
    let limit = |kind: LimitKind| {
        let held = session.limits.iter().find(|held| held.limit == kind);
        let value = held.map(|held| held.value).or(session.created.limits.get(kind))?;
        Some(Limit { value, mechanism: held.map(|held| held.mechanism.as_str().to_owned()) })
    };
    Limits {
        memory: limit(LimitKind::Memory),
        cpu_time: limit(LimitKind::CpuTime),
        time: limit(LimitKind::Time),
        idle: limit(LimitKind::Idle),
        processes: limit(LimitKind::Processes),
        output: limit(LimitKind::Output),
    }
}

/// The holder's page, which also counts what was recorded after the end was told; where its
/// folder is gone, what the end told.
fn gauges(session: &Session, folder: &Path) -> Gauges {
    Gauges::read(folder).ok().flatten().unwrap_or_else(|| {
        let usage = session.usage.unwrap_or_default();
        Gauges {
            output_bytes: usage.output_bytes,
            last_activity: usage.last_activity,
            recorded_bytes: usage.recorded_bytes,
            gaps: u64::from(usage.gaps),
        }
    })
}

fn error(ending: &Ending) -> Option<String> {
    match ending {
        Ending::ExecFailed { error, .. } => Some(error.clone()),
        Ending::HolderLost => Some("its holder was killed, and the session with it".into()),
        Ending::Rebooted => Some("the machine went down".into()),
        Ending::NeverRan { why } => Some(why.clone()),
        Ending::Exited { .. } | Ending::Signaled { .. } => None,
    }
}

fn health(session: &Session) -> Health {
    match &session.life {
        Life::Running { reachable: true, .. } => {
            Health { alive: Liveness::Alive, conditions: Vec::new() }
        }
        Life::Running { reachable: false, .. } => {
            Health { alive: Liveness::Unknown, conditions: vec!["unreachable".into()] }
        }
        Life::Queued { .. } | Life::Starting | Life::Recovering { .. } => Health::default(),
        Life::Ended(_) => Health { alive: Liveness::Dead, conditions: Vec::new() },
    }
}
