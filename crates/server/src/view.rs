//! Sessions as clients see them.

use std::path::Path;

use wk_api::{Health, Limit, Limits, Recording, SessionView};
use wk_holder::{folder, gauge::Gauges, host};
use wk_model::{Ending, HolderUsage, Life, Liveness, Session, SessionId};

use crate::whole::REST;

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
        attempt: session.attempt,
        retry_count: session.recovery.spent,
        max_retries: created.recovery.retries,
        limits: Limits {
            time: created
                .limits
                .time_ms
                .map(|value| Limit { value, mechanism: "holder".to_owned() }),
            ..Limits::default()
        },
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
            kept: !was_cleaned_up(session, sessions),
        }),
        output_bytes: (session.attempt > 0).then_some(gauges.output_bytes),
        verdict: None,
    }
}

/// Whether there was a recording that is not kept any more.
pub(crate) fn was_cleaned_up(session: &Session, sessions: &Path) -> bool {
    let Some(ended) = session.ended() else { return false };
    // The end is told before the first of a short recording is on the disk.
    let settled = u128::from(host::now().time.millis_since(ended.at)) > REST.as_millis();
    let has_printed = |usage: HolderUsage| usage.output_bytes > 0 || usage.recorded_bytes > 0;
    session.created.recorded
        && settled
        && session.usage.is_some_and(has_printed)
        && !sessions.join(session.id.as_str()).join(folder::RECORDING).exists()
}

pub(crate) fn cleaned_up(session_id: SessionId) -> String {
    format!(
        "the recording of session {session_id} was cleaned up: [cleanup] in the settings says \
         how long recordings are kept"
    )
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
