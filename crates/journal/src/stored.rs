//! Events as rows: the stored form of every kind, versioned apart from the API's types.
//!
//! Invariant: what is read is what was taken in. A kind or a version that is not known reads
//! as `Change::Other` with all its data.

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, from_str, to_string};
use wk_model::{
    BootId, Change, Event, Moment, Outcome, ProcessId, Requester, Seq, SessionId, Source, Time,
};

/// The version of the payloads written here.
pub(crate) const VERSION: i64 = 1;

/// What `read_event` expects, from `events e` and `JOINED`.
pub(crate) const COLUMNS: &str = "e.seq, e.time_ms, b.boot, e.boot_ns, e.recorded_ms, \
     e.session_id, s.name, e.source_seq, e.trace_parent, e.kind, e.version, e.data";

/// What else `COLUMNS` are from; joined so that events lead, whatever the planner thinks.
pub(crate) const JOINED: &str =
    "CROSS JOIN boots b ON b.id = e.boot CROSS JOIN sources s ON s.id = e.source";

/// A stretch of the journal is 2 to this many events, as the index by it says.
pub(crate) const STRETCH_BITS: u32 = 13;

/// The events of one session, in the order of the journal: `WITH` this, of the session `?1`,
/// from `?2` to `?3`. Each stretch of the index is looked into by itself.
pub(crate) const STRETCHES: &str = "RECURSIVE stretches (n) AS
     (SELECT ?2 >> 13 UNION ALL SELECT n + 1 FROM stretches WHERE n < ?3 >> 13)";
pub(crate) const OF_SESSION: &str = "stretches CROSS JOIN events e
     ON e.seq >> 13 = stretches.n AND e.session_id = ?1 AND e.seq BETWEEN ?2 AND ?3";

/// Kinds that do not read as `Change::Other`.
pub const KNOWN: &[&str] = &[
    "session_created",
    "session_queued",
    "session_admitted",
    "attempt_started",
    "session_resized",
    "output_gap",
    "attempt_exited",
    "session_recovering",
    "session_parked",
    "session_restarted",
    "limit_warning",
    "limit_exceeded",
    "health_changed",
    "transition_refused",
    "session_adopted",
    "session_unreachable",
    "session_repaired",
    "session_stopped",
    "session_closed",
    "session_removed",
    "session_summarised",
    "orphan_found",
    "orphan_ended",
    "on_finish_started",
    "on_finish_ended",
    "breaker_opened",
    "breaker_closed",
    "verdict_reached",
    "session_death_detected",
    "mass_death",
    "signal_seen",
    "exit_seen",
    "oom_victim_seen",
    "command_seen",
    "witness_started",
    "witness_lost",
    "tmux_server_seen",
    "tmux_server_gone",
    "tmux_health",
    "tmux_layout_changed",
    "session_renamed",
    "session_identified",
    "session_described",
    "tool_started",
    "tool_finished",
    "prompt",
    "compaction",
    "permission_waited",
    "subagent_started",
    "subagent_finished",
    "hook",
    "shell_command",
    "tokens_counted",
    "config_reloaded",
    "daemon_started",
    "daemon_stopped",
    "journal_gap",
];

#[derive(Serialize, Deserialize)]
struct TransitionRefused {
    seq: Seq,
    refused: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct Adopted {
    holder: ProcessId,
}

#[derive(Serialize, Deserialize)]
struct Described {
    metadata: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Closed {
    outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
struct Removed {
    by: Requester,
}

#[derive(Serialize, Deserialize)]
struct Renamed {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct DaemonStarted {
    process: ProcessId,
    version: String,
}

/// The payload of a change as stored by version 1.
pub(crate) fn encode(change: &Change) -> serde_json::Result<String> {
    match change {
        Change::SessionCreated(data) => to_string(data),
        Change::SessionQueued(data) => to_string(data),
        Change::SessionAdmitted(data) => to_string(data),
        Change::AttemptStarted(data) => to_string(data),
        Change::SessionResized(data) => to_string(data),
        Change::OutputGap(data) => to_string(data),
        Change::AttemptExited(data) => to_string(data),
        Change::SessionRecovering(data) => to_string(data),
        Change::SessionParked(data) => to_string(data),
        Change::SessionRestarted(data) => to_string(data),
        Change::LimitWarning(data) | Change::LimitExceeded(data) => to_string(data),
        Change::HealthChanged(data) => to_string(data),
        Change::TransitionRefused { seq, refused, reason } => to_string(&TransitionRefused {
            seq: *seq,
            refused: refused.clone(),
            reason: reason.clone(),
        }),
        Change::SessionAdopted { holder } => to_string(&Adopted { holder: *holder }),
        Change::SessionUnreachable(data) => to_string(data),
        Change::SessionStopped(data) => to_string(data),
        Change::SessionClosed { outcome } => to_string(&Closed { outcome: *outcome }),
        Change::SessionRemoved { by } => to_string(&Removed { by: by.clone() }),
        Change::SessionSummarised(data) => to_string(data),
        Change::OrphanFound(data) | Change::OrphanEnded(data) => to_string(data),
        Change::OnFinishStarted(data) => to_string(data),
        Change::OnFinishEnded(data) => to_string(data),
        Change::BreakerOpened(data) => to_string(data),
        Change::BreakerClosed(data) => to_string(data),
        Change::VerdictReached(data) => to_string(data),
        Change::SessionDeathDetected(data) => to_string(data),
        Change::MassDeath(data) => to_string(data),
        Change::SignalSeen(data) => to_string(data),
        Change::ExitSeen(data) => to_string(data),
        Change::OomVictimSeen(data) => to_string(data),
        Change::CommandSeen(data) => to_string(data),
        Change::SessionIdentified(data) => to_string(data),
        Change::SessionDescribed { metadata } => {
            to_string(&Described { metadata: metadata.clone() })
        }
        Change::ToolStarted(data) => to_string(data),
        Change::ToolFinished(data) => to_string(data),
        Change::Prompt(data) => to_string(data),
        Change::Compaction(data) => to_string(data),
        Change::PermissionWaited(data) => to_string(data),
        Change::SubagentStarted(data) => to_string(data),
        Change::SubagentFinished(data) => to_string(data),
        Change::Hook(data) => to_string(data),
        Change::ShellCommand(data) => to_string(data),
        Change::TokensCounted(data) => to_string(data),
        Change::WitnessStarted(data) => to_string(data),
        Change::WitnessLost(data) => to_string(data),
        Change::TmuxServerSeen(data) => to_string(data),
        Change::TmuxServerGone(data) => to_string(data),
        Change::TmuxHealth(data) => to_string(data),
        Change::TmuxLayoutChanged(data) => to_string(data),
        Change::SessionRenamed { name } => to_string(&Renamed { name: name.clone() }),
        Change::DaemonStarted { process, version } => {
            to_string(&DaemonStarted { process: *process, version: version.clone() })
        }
        Change::JournalGap(data) => to_string(data),
        Change::Other { data, .. } => to_string(data),
        Change::SessionRepaired | Change::ConfigReloaded | Change::DaemonStopped => Ok("{}".into()),
    }
}

/// The change that a stored payload stands for.
pub(crate) fn decode(kind: &str, version: i64, data: &str) -> Change {
    let known = (version == VERSION).then(|| decode_known(kind, data).ok().flatten()).flatten();
    known.unwrap_or_else(|| Change::Other { kind: kind.to_owned(), data: as_map(data) })
}

/// Reads one row of `COLUMNS`.
pub(crate) fn read_event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let (kind, version, data) = (row.get_ref(9)?, row.get(10)?, row.get_ref(11)?);
    Ok(Event {
        seq: read_seq(row, 0)?,
        at: Moment {
            time: read_time(row, 1)?,
            // Written by ourselves; damage is found by the check at opening.
            boot: row.get_ref(2)?.as_str()?.parse::<BootId>().unwrap_or_default(),
            boot_ns: row.get::<_, i64>(3)?.unsigned_abs(),
        },
        recorded_at: read_time(row, 4)?,
        session_id: row.get::<_, Option<i64>>(5)?.map(session_id),
        source: Source(row.get(6)?),
        source_seq: row.get::<_, i64>(7)?.unsigned_abs(),
        trace_parent: row.get(8)?,
        change: decode(kind.as_str()?, version, data.as_str()?),
    })
}

pub(crate) fn read_seq(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    Ok(Seq(row.get::<_, i64>(column)?.unsigned_abs()))
}

pub(crate) fn read_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Time> {
    row.get(column).map(Time::from_millis)
}

/// The session whose number is in a column.
pub(crate) fn session_id(number: i64) -> SessionId {
    SessionId::from_number(number.unsigned_abs())
}

/// SQLite's integers have a sign; nothing of ours reaches their end.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn decode_known(kind: &str, data: &str) -> serde_json::Result<Option<Change>> {
    Ok(Some(match kind {
        "session_created" => Change::SessionCreated(from_str(data)?),
        "session_queued" => Change::SessionQueued(from_str(data)?),
        "session_admitted" => Change::SessionAdmitted(from_str(data)?),
        "attempt_started" => Change::AttemptStarted(from_str(data)?),
        "session_resized" => Change::SessionResized(from_str(data)?),
        "output_gap" => Change::OutputGap(from_str(data)?),
        "attempt_exited" => Change::AttemptExited(from_str(data)?),
        "session_recovering" => Change::SessionRecovering(from_str(data)?),
        "session_parked" => Change::SessionParked(from_str(data)?),
        "session_restarted" => Change::SessionRestarted(from_str(data)?),
        "limit_warning" => Change::LimitWarning(from_str(data)?),
        "limit_exceeded" => Change::LimitExceeded(from_str(data)?),
        "health_changed" => Change::HealthChanged(from_str(data)?),
        "transition_refused" => {
            let TransitionRefused { seq, refused, reason } = from_str(data)?;
            Change::TransitionRefused { seq, refused, reason }
        }
        "session_adopted" => Change::SessionAdopted { holder: from_str::<Adopted>(data)?.holder },
        "session_unreachable" => Change::SessionUnreachable(from_str(data)?),
        "session_repaired" => Change::SessionRepaired,
        "session_stopped" => Change::SessionStopped(from_str(data)?),
        "session_closed" => Change::SessionClosed { outcome: from_str::<Closed>(data)?.outcome },
        "session_removed" => Change::SessionRemoved { by: from_str::<Removed>(data)?.by },
        "session_summarised" => Change::SessionSummarised(from_str(data)?),
        "orphan_found" => Change::OrphanFound(from_str(data)?),
        "orphan_ended" => Change::OrphanEnded(from_str(data)?),
        "on_finish_started" => Change::OnFinishStarted(from_str(data)?),
        "on_finish_ended" => Change::OnFinishEnded(from_str(data)?),
        "breaker_opened" => Change::BreakerOpened(from_str(data)?),
        "breaker_closed" => Change::BreakerClosed(from_str(data)?),
        "verdict_reached" => Change::VerdictReached(from_str(data)?),
        "session_death_detected" => Change::SessionDeathDetected(from_str(data)?),
        "mass_death" => Change::MassDeath(from_str(data)?),
        "signal_seen" => Change::SignalSeen(from_str(data)?),
        "exit_seen" => Change::ExitSeen(from_str(data)?),
        "oom_victim_seen" => Change::OomVictimSeen(from_str(data)?),
        "command_seen" => Change::CommandSeen(from_str(data)?),
        "session_identified" => Change::SessionIdentified(from_str(data)?),
        "session_described" => {
            let Described { metadata } = from_str(data)?;
            Change::SessionDescribed { metadata }
        }
        "tool_started" => Change::ToolStarted(from_str(data)?),
        "tool_finished" => Change::ToolFinished(from_str(data)?),
        "prompt" => Change::Prompt(from_str(data)?),
        "compaction" => Change::Compaction(from_str(data)?),
        "permission_waited" => Change::PermissionWaited(from_str(data)?),
        "subagent_started" => Change::SubagentStarted(from_str(data)?),
        "subagent_finished" => Change::SubagentFinished(from_str(data)?),
        "hook" => Change::Hook(from_str(data)?),
        "shell_command" => Change::ShellCommand(from_str(data)?),
        "tokens_counted" => Change::TokensCounted(from_str(data)?),
        "witness_started" => Change::WitnessStarted(from_str(data)?),
        "witness_lost" => Change::WitnessLost(from_str(data)?),
        "tmux_server_seen" => Change::TmuxServerSeen(from_str(data)?),
        "tmux_server_gone" => Change::TmuxServerGone(from_str(data)?),
        "tmux_health" => Change::TmuxHealth(from_str(data)?),
        "tmux_layout_changed" => Change::TmuxLayoutChanged(from_str(data)?),
        "session_renamed" => Change::SessionRenamed { name: from_str::<Renamed>(data)?.name },
        "config_reloaded" => Change::ConfigReloaded,
        "daemon_started" => {
            let DaemonStarted { process, version } = from_str(data)?;
            Change::DaemonStarted { process, version }
        }
        "daemon_stopped" => Change::DaemonStopped,
        "journal_gap" => Change::JournalGap(from_str(data)?),
        _ => return Ok(None),
    }))
}

/// Any payload as an object; what is none is kept under a name of ours.
fn as_map(data: &str) -> Map<String, Value> {
    match from_str(data) {
        Ok(Value::Object(map)) => map,
        Ok(value) => Map::from_iter([("value".to_owned(), value)]),
        Err(_) => Map::from_iter([("text".to_owned(), data.into())]),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::testing::every_change;

    /// Journals hold this for years: a line here may gain fields, and change in no other way.
    #[rustfmt::skip]
    const STORED: &[(&str, &str)] = &[
        ("session_created", r#"{"name":"web","session_kind":"agent","command":["npm","start"],"working_directory":"/srv","uid":1000,"username":"ann","hostname":"host","platform":"linux","parent_id":"4hmasw9nf6yy","external_id":"x-1","template":"server","labels":{"team":"red"},"agent_id":"agent-1","component_name":"api","metadata":{"ticket":7},"terminal":true,"recorded":true,"keep_descendants":false,"limits":{"time_ms":60000},"recovery":{"enabled":true,"retries":3,"delay_ms":2000,"max_delay_ms":300000,"deadline_ms":1800000,"healthy_after_ms":60000,"retry_memory":false,"restore":true,"patterns":[{"category":"rate_limit","screen":"usage limit reached"}]},"health":{"interval_ms":5000,"on_stale":"stop"},"after":"4hmasw9nf6yy","watched":false,"reported":{"verified":true,"heartbeat":true,"remote":false,"client_time":null},"shell_type":"bash","python_version":"3.13.0","on_finish":true,"idempotency_key":"key-1"}"#),
        ("session_queued", r#"{"waits_for":{"what":"slot","scope":"overall"}}"#),
        ("session_admitted", r#"{"attempt":1,"instance":"work"}"#),
        ("attempt_started", r#"{"attempt":1,"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":7,"start_time":1234},"holder":{"boot":"00000000-0000-0000-0000-000000000001","pid":6,"start_time":1234},"cgroup":"wk/a","cols":80,"rows":24,"limits":[{"limit":"memory","value":1024,"mechanism":"cgroup_v1"}]}"#),
        ("session_resized", r#"{"cols":100,"rows":50}"#),
        ("output_gap", r#"{"bytes":4096,"reason":"slow disk"}"#),
        ("attempt_exited", r#"{"attempt":1,"ending":{"how":"signaled","signal":9,"core_dumped":true},"limit":"cpu_time","usage":{"output_bytes":12,"recorded_bytes":0,"gaps":0,"last_activity":null,"cpu_ms":null,"max_rss_bytes":null},"last_lines":"out of memory"}"#),
        ("session_recovering", r#"{"attempt":2,"category":"crash","retry":1,"max_retries":3,"delay_ms":2100,"not_before":"2025-11-11T05:20:32.521Z","since":"2025-11-11T05:20:30.421Z"}"#),
        ("session_parked", r#"{"attempt":2,"category":"rate_limit","until":"2025-11-11T06:00:00.000Z","reason":"try again in 40 minutes"}"#),
        ("session_restarted", r#"{"by":{"uid":1000,"pid":42,"client":"wk"},"attempt":2,"grace_ms":10000,"stale_since":"2025-11-11T05:20:32.521Z"}"#),
        ("limit_warning", r#"{"attempt":1,"limit":"memory","max":1000,"value":801,"mechanism":"sampling","largest":[{"pid":7,"comm":"node","memory_bytes":800,"cpu_ms":12}]}"#),
        ("limit_exceeded", r#"{"attempt":1,"limit":"memory","max":1000,"value":801,"mechanism":"sampling","largest":[{"pid":7,"comm":"node","memory_bytes":800,"cpu_ms":12}]}"#),
        ("health_changed", r#"{"conditions":["stale"],"before":[],"reasons":["no output for 5m"]}"#),
        ("transition_refused", r#"{"seq":3,"refused":"attempt_started","reason":"session ended"}"#),
        ("session_adopted", r#"{"holder":{"boot":"00000000-0000-0000-0000-000000000001","pid":6,"start_time":1234}}"#),
        ("session_unreachable", r#"{"why":"no answer"}"#),
        ("session_repaired", r#"{}"#),
        ("session_stopped", r#"{"by":{"uid":1000,"pid":42,"client":"wk"},"grace_ms":10000}"#),
        ("session_closed", r#"{"outcome":"cancelled"}"#),
        ("session_removed", r#"{"by":{"uid":1000,"pid":42,"client":"wk"}}"#),
        ("session_summarised", r#"{"session":{"id":"28t5cy4tqkff","created":{"name":"a","session_kind":"command","command":["true"],"working_directory":null,"uid":null,"username":null,"hostname":null,"platform":null,"parent_id":null,"external_id":null,"template":null,"labels":{},"agent_id":null,"component_name":null,"metadata":{},"terminal":true,"recorded":false,"keep_descendants":false,"limits":{},"recovery":{"enabled":true,"retries":0,"delay_ms":2000,"max_delay_ms":300000,"deadline_ms":1800000,"healthy_after_ms":60000,"retry_memory":false,"restore":false,"patterns":[]},"health":{},"after":null,"watched":false,"on_finish":false,"idempotency_key":null},"start_time":"2025-11-11T05:20:32.521Z","life":{"phase":"starting"},"attempt":0,"attempt_time":null,"recovery":{"spent":0,"since":null,"total":0,"parks":0},"restarts":0,"stop":null,"instance":null,"limits":[],"conditions":[],"cgroup":null,"size":null,"gaps":0,"usage":null,"renamed":null,"verdict":null,"removed":false,"changed_at":"2025-11-11T05:20:32.521Z"},"last":{"boot":"00000000-0000-0000-0000-000000000001","boot_ns":5,"seq":7}}"#),
        ("orphan_found", r#"{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":9,"start_time":1234},"comm":"sleep","command":["sleep","60"],"signal":15}"#),
        ("orphan_ended", r#"{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":9,"start_time":1234},"comm":"sleep","command":["sleep","60"],"signal":15}"#),
        ("on_finish_started", r#"{"attempt":1}"#),
        ("on_finish_ended", r#"{"attempt":1,"ending":{"how":"exited","code":0},"timed_out":false,"duration_ms":7}"#),
        ("breaker_opened", r#"{"template":"claude","instance":"work","until":"2025-11-11T06:00:00.000Z"}"#),
        ("breaker_closed", r#"{"template":"claude","instance":"work","by":{"uid":1000,"pid":42,"client":"wk"}}"#),
        ("verdict_reached", r#"{"attempt":1,"end_time":"2025-11-11T05:20:32.521Z","revision":1,"settled":true,"cause":"killed","signal":9,"exit_code":null,"culprit":{"pid":42,"start_time":1234,"comm":"pkill","argv":["pkill","-9"],"uid":1000,"username":"ann","ancestry":[{"pid":41,"start_time":1200,"comm":"cron","argv":["/usr/sbin/cron"]}],"session_id":null},"scope":{"kind":"targeted","deaths":["28t5cy4tqkff"],"within_ms":0,"shared":null},"confidence":"certain","summary":"killed by pkill (42)","outcome":"failed","unexpected":true,"evidence":[{"at":"2025-11-11T05:20:32.521Z","source":"witness","text":"SIGKILL from pkill (42)"}],"alternatives":[{"cause":"oom-system","confidence":"possible","text":"memory was short"}],"missing":["the kernel log"],"before":{"age_seconds":60,"last_command":null,"last_tool":null,"last_output":null,"output_bytes":null,"watched_seconds":0,"observations":0,"since_last_observation_ms":null,"active_sessions":0,"other_active_sessions":[],"host":{"memory_used_bytes":null,"memory_total_bytes":null,"cpu_percent":null,"memory_pressure":null,"io_pressure":null,"cpu_pressure":null,"disk_free_bytes":null},"samples":[],"tmux_sessions":null,"tmux_processes":null},"advice":["look at crontab"]}"#),
        ("session_death_detected", r#"{"attempt":1,"cause":"killed","summary":"killed by pkill (42)"}"#),
        ("mass_death", r#"{"cause":"killed","scope":{"kind":"targeted","deaths":["28t5cy4tqkff"],"within_ms":0,"shared":null},"culprit":{"pid":42,"start_time":1234,"comm":"pkill","argv":["pkill","-9"],"uid":1000,"username":"ann","ancestry":[{"pid":41,"start_time":1200,"comm":"cron","argv":["/usr/sbin/cron"]}],"session_id":null},"summary":"3 sessions were killed by pkill (42)"}"#),
        ("signal_seen", r#"{"signal":9,"code":0,"delivery":"delivered","sender":{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":42,"start_time":1234},"comm":"pkill","argv":["pkill","-9"],"uid":1000,"ancestry":[{"pid":41,"start_time":1200,"comm":"cron","argv":["/usr/sbin/cron"]}],"cgroup":77,"tty":null},"sender_exits":false,"sender_is_kernel":false,"kill_argument":7,"target":{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":7,"start_time":1234},"comm":"node","parent":6,"root":{"boot":"00000000-0000-0000-0000-000000000001","pid":6,"start_time":1234}}}"#),
        ("exit_seen", r#"{"target":{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":7,"start_time":1234},"comm":"node","parent":6,"root":{"boot":"00000000-0000-0000-0000-000000000001","pid":6,"start_time":1234}},"code":null,"signal":9,"core_dumped":false}"#),
        ("oom_victim_seen", r#"{"target":{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":7,"start_time":1234},"comm":"node","parent":6,"root":{"boot":"00000000-0000-0000-0000-000000000001","pid":6,"start_time":1234}}}"#),
        ("command_seen", r#"{"process":{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":42,"start_time":1234},"comm":"pkill","argv":["pkill","-9"],"uid":1000,"ancestry":[{"pid":41,"start_time":1200,"comm":"cron","argv":["/usr/sbin/cron"]}],"cgroup":77,"tty":null}}"#),
        ("witness_started", r#"{"version":"0.1.0","generation":"g1"}"#),
        ("witness_lost", r#"{"reason":"full","records":3}"#),
        ("tmux_server_seen", r#"{"server":{"boot":"00000000-0000-0000-0000-000000000001","pid":8,"start_time":1234},"socket":"/tmp/tmux-1000/default","version":"3.3a","sessions":2}"#),
        ("tmux_server_gone", r#"{"server":{"boot":"00000000-0000-0000-0000-000000000001","pid":8,"start_time":1234},"socket":"/tmp/tmux-1000/default","exit_code":null,"signal":9,"sessions":["28t5cy4tqkff"]}"#),
        ("tmux_health", r#"{"server":{"boot":"00000000-0000-0000-0000-000000000001","pid":8,"start_time":1234},"socket":"/tmp/tmux-1000/default","sessions":2,"processes":5,"memory_bytes":4096,"age_seconds":60,"socket_exists":true}"#),
        ("tmux_layout_changed", r#"{"windows":[{"index":0,"name":"sh","layout":"b25d,80x24,0,0,0","active":true,"panes":[{"id":"%0","index":0,"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":9,"start_time":1234},"tty":"/dev/pts/3","working_directory":"/srv","start_command":"","current_command":"sleep","current_argv":["sleep","60"]}]}]}"#),
        ("session_renamed", r#"{"name":"web-2"}"#),
        ("session_identified", r#"{"external_id":"x-2"}"#),
        ("session_described", r#"{"metadata":{"reason":"exit"}}"#),
        ("tool_started", r#"{"tool":"Bash","tool_use_id":"toolu_1","agent_id":null,"input":{"text":"cargo test","bytes":10},"payload_bytes":2048}"#),
        ("tool_finished", r#"{"tool":"Bash","tool_use_id":"toolu_1","agent_id":null,"outcome":"failed","duration_ms":12,"error":"exit code 1","output":{"text":"cargo test","bytes":10},"payload_bytes":2048}"#),
        ("prompt", r#"{"prompt":{"text":"cargo test","bytes":10},"payload_bytes":2048}"#),
        ("compaction", r#"{"trigger":"auto","finished":true}"#),
        ("permission_waited", r#"{"tool":"Bash","agent_id":"a1","message":null}"#),
        ("subagent_started", r#"{"agent_id":"a1","agent_type":"Explore"}"#),
        ("subagent_finished", r#"{"agent_id":"a1","agent_type":"Explore"}"#),
        ("hook", r#"{"event":"Notification","agent":"claude","payload":{"message":"waits"},"payload_bytes":19}"#),
        ("shell_command", r#"{"command":"make","exit_code":2,"duration_ms":100}"#),
        ("tokens_counted", r#"{"input":10,"output":20,"cache_read":0,"cache_creation":0,"messages":1,"model":null,"cost_usd":null}"#),
        ("config_reloaded", r#"{}"#),
        ("daemon_started", r#"{"process":{"boot":"00000000-0000-0000-0000-000000000001","pid":5,"start_time":1234},"version":"0.1.0"}"#),
        ("daemon_stopped", r#"{}"#),
        ("journal_gap", r#"{"events":3,"reason":"full disk"}"#),
        ("note_taken", r#"{"text":"cargo test"}"#),
    ];

    #[test]
    fn every_kind_is_stored_as_it_always_was() {
        let changes = every_change();
        let stored: Vec<_> =
            changes.iter().map(|change| (change.kind(), encode(change).unwrap())).collect();
        for ((kind, data), wanted) in stored.iter().zip(STORED) {
            assert_eq!((*kind, data.as_str()), *wanted);
        }
        assert_eq!(stored.len(), STORED.len());
        for (change, (kind, data)) in changes.iter().zip(STORED) {
            assert_eq!(decode(kind, VERSION, data), *change, "{kind}");
        }
    }

    #[test]
    fn the_events_of_a_session_are_found_by_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        crate::testing::close(crate::testing::open(&path));
        let connection = Connection::open(&path).unwrap();
        let sql = format!(
            "EXPLAIN QUERY PLAN WITH {STRETCHES} SELECT {COLUMNS} FROM {OF_SESSION} {JOINED}"
        );
        let mut explain = connection.prepare(&sql).unwrap();
        let plan = explain.query_map([1, 1, 9], |row| row.get::<_, String>(3)).unwrap();
        let plan: Vec<_> = plan.map(Result::unwrap).collect();
        let wanted = "SEARCH e USING INDEX events_by_stretch (<expr>=? AND session_id=?";
        assert!(plan.iter().any(|step| step.starts_with(wanted)), "{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    }

    #[test]
    fn the_known_kinds_are_those_that_have_a_type() {
        let changes = every_change();
        let typed = changes.iter().filter(|change| !matches!(change, Change::Other { .. }));
        assert!(typed.map(Change::kind).eq(KNOWN.iter().copied()));
    }

    #[test]
    fn what_is_not_known_reads_as_other_with_all_its_data() {
        for (case, kind, version, data, want) in [
            ("a new kind", "verdict", 1, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (
                "a newer version",
                "session_resized",
                2,
                r#"{"cols":1,"rows":2,"unit":"pixels"}"#,
                r#"{"cols":1,"rows":2,"unit":"pixels"}"#,
            ),
            ("data of another shape", "session_resized", 1, r#"{"cols":-1}"#, r#"{"cols":-1}"#),
            ("a list", "verdict", 1, "[1,2]", r#"{"value":[1,2]}"#),
            ("no JSON", "verdict", 1, "}", r#"{"text":"}"}"#),
        ] {
            let data = decode(kind, version, data);
            let want = Change::Other { kind: kind.to_owned(), data: from_str(want).unwrap() };
            assert_eq!(data, want, "{case}");
        }
    }
}
