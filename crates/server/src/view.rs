//! Sessions as clients see them.

use std::path::Path;

use wk_api::{Health, LargestProcess, Limit, Limits, Recording, SessionView};
use wk_holder::{folder, gauge::Gauges, host};
use wk_judges::health::{Reading, Trend};
use wk_model::{
    Category, Ending, Life, LimitKind, Liveness, Recovering, Session, SessionId, Time, TmuxPlace,
    Wait, WaitsFor,
};

use crate::{Sessions, whole::REST};

/// The view of a session; its folder tells what changes with every byte, and the board what was
/// last seen of its process tree.
pub(crate) fn view(session: &Session, sessions: &Sessions) -> SessionView {
    let session_folder = sessions.join(session.id.as_str());
    let gauges = gauges(session, &session_folder);
    let runs = matches!(session.life, Life::Running { .. });
    let reading = sessions.reading(session.id).filter(|_| runs);
    let reading = reading.as_deref();
    let usage_ms = session.usage.filter(|_| !runs).and_then(|usage| usage.cpu_ms);
    let cpu_ms = reading.map(|reading| reading.cpu_ms).or(usage_ms);
    let front = sessions.front(session.id).filter(|_| runs);
    let front = front.as_deref();
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
        name: session.name().map(str::to_owned),
        kind: created.session_kind,
        status: session.status(),
        phase: session.phase(),
        parent_id: created.parent_id.map(String::from),
        external_id: session.external_id().map(str::to_owned),
        command: front
            .map(|front| &front.command)
            .filter(|command| !command.is_empty())
            .unwrap_or(&created.command)
            .clone(),
        working_directory: created.working_directory.clone(),
        username: created.username.clone(),
        hostname: created.hostname.clone(),
        platform: created.platform.clone(),
        pid: process.map(|process| process.pid),
        holder_pid: holder.map(|holder| holder.pid),
        watched: created.watched,
        boot_id: process.map(|process| process.boot.to_string()),
        process_start_time: process.map(|process| process.start_time),
        start_time: session.start_time,
        end_time,
        duration_seconds: until.millis_since(session.start_time) as f64 / 1000.0,
        last_activity: gauges.last_activity.or(front.and_then(|front| front.last_activity)),
        exit_code: ending.and_then(Ending::exit_code),
        signal: ending.and_then(Ending::signal),
        error: ending.and_then(error),
        waits_until: waits_until(session),
        waits_for: waits_for(session),
        limit_exceeded: ended.and_then(|ended| ended.limit),
        attempt: session.attempt,
        retry_count: session.recovery.spent,
        max_retries: created.recovery.retries,
        limits: limits(session),
        health: health(session, reading),
        memory_bytes: reading.map(|reading| reading.memory_bytes),
        cpu_seconds: cpu_ms.map(|ms| ms as f64 / 1000.0),
        read_bytes: reading.and_then(|reading| reading.read_bytes),
        write_bytes: reading.and_then(|reading| reading.write_bytes),
        processes: reading.map(|reading| reading.processes),
        open_files: reading.and_then(|reading| reading.open_files),
        template: created.template.clone(),
        labels: created.labels.clone(),
        agent_id: created.agent_id.clone(),
        component_name: created.component_name.clone(),
        shell_type: created.shell_type.clone(),
        python_version: created.python_version.clone(),
        verified: created.reported.as_ref().map(|reported| reported.verified),
        metadata: session.metadata(),
        tokens: session.tokens.as_ref().and_then(|tokens| serde_json::to_value(tokens).ok()),
        terminal: created.terminal,
        tmux: created.tmux.as_ref().map(|place| tmux(place, session)),
        recording: created.recorded.then(|| Recording {
            path: session_folder.join(folder::RECORDING).display().to_string(),
            bytes: gauges.recorded_bytes,
            gaps: gauges.gaps,
            kept: !was_cleaned_up(session, sessions),
        }),
        // Nobody counts what a watched session shows.
        output_bytes: (session.attempt > 0 && !created.watched).then_some(gauges.output_bytes),
        verdict: session.verdict.as_ref().and_then(|verdict| serde_json::to_value(verdict).ok()),
    }
}

/// `{server, socket, id, name}`, with the number of the server and the name of today.
fn tmux(place: &TmuxPlace, session: &Session) -> serde_json::Value {
    serde_json::json!({
        "server": place.server.pid,
        "socket": place.socket,
        "id": place.id,
        "name": session.renamed.as_ref().unwrap_or(&place.name),
    })
}

fn waits_until(session: &Session) -> Option<Time> {
    match &session.life {
        // Somebody asked for what comes next: it waits for no moment.
        Life::Recovering { wait: Wait::Restart { .. }, .. } => None,
        Life::Recovering { wait, .. } => Some(wait.until()),
        _ => None,
    }
}

fn waits_for(session: &Session) -> Option<String> {
    match &session.life {
        Life::Queued { waits_for } => Some(match waits_for {
            WaitsFor::Slot { scope } if scope == "overall" => "a free slot".into(),
            WaitsFor::Slot { scope } => format!("a free slot of {scope}"),
            WaitsFor::Session { session_id } => format!("the end of session {session_id}"),
            WaitsFor::Breaker { template } => format!("an instance of {template} that works"),
        }),
        Life::Recovering { wait: Wait::Parked(parked), .. } => Some(parked.reason.clone()),
        // What is restored spends no retry.
        Life::Recovering { wait: Wait::Retry(retry), .. } if !is_restored(session, retry) => {
            Some(format!("retry {} of {}", retry.retry, retry.max_retries))
        }
        _ => None,
    }
}

fn is_restored(session: &Session, retry: &Recovering) -> bool {
    let lost = matches!(retry.category, Category::Rebooted | Category::HolderLost);
    lost && session.created.recovery.restore
}

/// Whether there was a recording that is not kept any more.
pub(crate) fn was_cleaned_up(session: &Session, sessions: &Sessions) -> bool {
    let Some(ended) = session.ended() else { return false };
    // The end is told before the first of a short recording is on the disk.
    let settled = u128::from(host::now().time.millis_since(ended.at)) > REST.as_millis();
    session.created.recorded
        && settled
        && session.attempt_time.is_some()
        && !sessions.join(session.id.as_str()).join(folder::RECORDING).exists()
}

pub(crate) fn cleaned_up(session_id: SessionId) -> String {
    format!(
        "the recording of session {session_id} was cleaned up: [cleanup] in the settings says \
         how long recordings are kept"
    )
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
            last_input: None,
        }
    })
}

fn error(ending: &Ending) -> Option<String> {
    match ending {
        Ending::ExecFailed { error, .. } => Some(error.clone()),
        Ending::HolderLost => Some("its holder was killed, and the session with it".into()),
        Ending::Rebooted => Some("the machine went down".into()),
        Ending::NeverRan { why } => Some(why.clone()),
        Ending::Gone => Some("it is gone; nobody of ours waited for its end".into()),
        Ending::Exited { .. } | Ending::Signaled { .. } | Ending::Closed { .. } => None,
    }
}

/// The journal's conditions, and what the last look adds to them.
fn health(session: &Session, reading: Option<&Reading>) -> Health {
    let Life::Running { reachable, .. } = &session.life else {
        let alive = if session.is_ended() { Liveness::Dead } else { Liveness::Unknown };
        return Health { alive, ..Health::default() };
    };
    let mut conditions: Vec<_> = session.conditions.iter().map(ToString::to_string).collect();
    if !reachable {
        conditions.push("unreachable".into());
    }
    let Some(reading) = reading else {
        let remote = session.created.reported.as_ref().is_some_and(|reported| reported.remote);
        let seen = *reachable && !remote;
        let alive = if seen { Liveness::Alive } else { Liveness::Unknown };
        return Health { alive, conditions, ..Health::default() };
    };
    let word = |trend: Option<Trend>| trend.map(|trend| trend.as_str().to_owned());
    Health {
        alive: reading.alive,
        conditions,
        reasons: reading.reasons.clone(),
        checked_at: Some(reading.time),
        memory_trend: word(reading.memory_trend),
        open_files_trend: word(reading.open_files_trend),
        largest_process: reading.largest.as_ref().map(|largest| LargestProcess {
            pid: largest.pid,
            comm: largest.comm.clone(),
            memory_bytes: largest.memory_bytes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use wk_model::{
        BootId, Change, Created, Ended, Event, Moment, Outcome, RecoveryOptions, Seq, Source,
    };

    use super::*;

    fn recovering(category: Category, restore: bool, max_retries: u32) -> Session {
        let recovery = RecoveryOptions { restore, ..RecoveryOptions::default() };
        let created = Created { recovery, ..Created::default() };
        let at = Moment { time: Time::default(), boot: BootId::default(), boot_ns: 0 };
        let creation = Event {
            seq: Seq(1),
            at,
            recorded_at: at.time,
            session_id: Some(SessionId::from_number(7)),
            source: Source::daemon(),
            source_seq: 1,
            trace_parent: None,
            change: Change::SessionCreated(Box::new(created)),
        };
        let retry = Recovering {
            attempt: 2,
            category,
            retry: max_retries.min(1),
            max_retries,
            delay_ms: 0,
            not_before: at.time,
            since: at.time,
        };
        let (outcome, ending) = (Outcome::Failed, Ending::Rebooted);
        let last = Ended { outcome, ending, limit: None, at: at.time };
        let life = Life::Recovering { wait: Wait::Retry(retry), last };
        Session { life, ..Session::create(&creation).unwrap() }
    }

    #[test]
    fn what_is_restored_waits_for_no_retry() {
        for (category, restore, max_retries, want) in [
            (Category::Crash, false, 3, Some("retry 1 of 3")),
            (Category::HolderLost, false, 3, Some("retry 1 of 3")),
            (Category::Crash, true, 3, Some("retry 1 of 3")),
            (Category::HolderLost, true, 3, None),
            (Category::Rebooted, true, 0, None),
        ] {
            let shown = waits_for(&recovering(category, restore, max_retries));
            assert_eq!(shown.as_deref(), want, "{category:?} {restore}");
        }
    }
}
