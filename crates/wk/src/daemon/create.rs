//! Creates a session: its folder, its first event, its holder.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wk_api::{CreateSession, Problem, RecoveryRequest};
use wk_holder::{
    folder, host,
    spec::{Launch, LegacyCgroups, LimitMechanism, RecordingOptions, ResourceLimit, Spec, Stdio},
};
use wk_journal::JournalError;
use wk_mask::mask_arguments;
use wk_model::{
    Admitted, AttemptExited, Change, Created, Draft, Ending, HealthOptions, HolderUsage, Kind,
    Label, Moment, Name, OnStale, OsText, Phase, Queued, RecoveryOptions, Session, SessionId,
    Source, WaitsFor,
};
use wk_server::{CreateOrder, bad_request, conflict, internal};
use wk_sources::{
    cgroup::{Cgroups, Controller},
    holders::{HolderLink, LaunchError, Report, launch},
};

use super::{
    core::{Core, NameGuard, draft, failed},
    driver, instance, limits, lost,
    queue::{self, Turn},
    recover,
    resolve::{resolve, uuid},
    working_directory,
};
use crate::{
    config::{MAX_RETRIES, MIN_INTERVAL, Settings, contradiction},
    text::span,
};

/// What the journal knows of a session's creation, kept in its folder too: a journal that was
/// lost is made again from these.
pub(super) const CREATED: &str = "created.json";

/// How long a command that has ended waits for the client that said it would attach.
pub(super) const ATTACH_WAIT_MS: u64 = 5000;

/// A session that has not started after so long never will.
const START: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CreatedFile {
    pub(super) at: Moment,
    pub(super) created: Created,
}

/// Runs a command as a session. Answers when it runs, when it is known that it cannot, or when
/// it is queued.
pub(super) async fn create(core: &Arc<Core>, order: CreateOrder) -> Result<Arc<Session>, Problem> {
    let CreateOrder { mut request, idempotency_key, by } = order;
    if let Some(key) = &idempotency_key
        && let Some(session_id) = core.journal.by_idempotency_key(key).map_err(failed)?
    {
        return known(core, session_id).await;
    }
    let settings = core.settings();
    request.environment.get_or_insert_with(minimal_environment);
    let resolved = resolve(request, &settings, &uuid(random()?)).map_err(bad_request)?;
    let request = &resolved.request;
    let directory = working_directory::find(request.working_directory.as_ref()).await?;
    let mut spec = spec(request, &settings, new_id()?, directory)?;
    spec.on_finish.clone_from(&resolved.on_finish);
    let name = name(core, request.name.as_deref())?;
    let recovery = recovery(request, &settings);
    let mut created = created(request, &spec, recovery, by.uid, idempotency_key)?;
    resolved.complete(&mut created);
    check_on_stale(&created)?;
    let session_id = spec.session_id;
    let at = host::now();
    created.after = after(core, request)?;
    let (template, other) = (created.template.clone(), created.after);
    write_folder(&core.folder(session_id), &spec, &CreatedFile { at, created: created.clone() })?;

    let creation = Draft {
        at,
        trace_parent: request.trace_parent.clone(),
        ..draft(Some(session_id), Change::SessionCreated(Box::new(created)))
    };
    let turn = queue::ask(core, session_id, at.time, template.as_deref(), None, other);
    let turn = turn.map_err(failed)?;
    let drafts = [Some(creation), told(session_id, 1, &turn)].into_iter().flatten();
    match core.journal.append(drafts.collect()).await {
        Ok(_) => {}
        Err(error) => {
            // Nothing runs and nobody was told: nothing is kept.
            let _ = std::fs::remove_dir_all(core.folder(session_id));
            return match error {
                JournalError::Duplicate { session_id } => known(core, session_id).await,
                error => Err(failed(error)),
            };
        }
    }
    drop(name);
    let attach_wait_ms = if request.attach { ATTACH_WAIT_MS } else { 0 };
    match turn {
        Turn::Now { place, .. } => {
            start(core, session_id, Start::first(attach_wait_ms)).await?;
            drop(place);
        }
        Turn::Later { waits_for, place } => {
            if request.attach {
                core.queue.expect_client(session_id);
            }
            drop(place);
            if let WaitsFor::Session { session_id: other } = waits_for {
                // It may have failed already; then that is the answer.
                queue::settle_after(core, session_id, other).await;
            }
        }
    }
    session(core, session_id)
}

/// What the journal is told of a session's turn: nothing where it just starts.
pub(super) fn told(session_id: SessionId, attempt: u32, turn: &Turn) -> Option<Draft> {
    let change = match turn {
        Turn::Now { instance: None, .. } => return None,
        Turn::Now { instance, .. } => {
            Change::SessionAdmitted(Admitted { attempt, instance: instance.clone() })
        }
        Turn::Later { waits_for, .. } => {
            Change::SessionQueued(Queued { waits_for: waits_for.clone() })
        }
    };
    Some(draft(Some(session_id), change))
}

/// The session that must have ended well first; the server has found it by its name.
fn after(core: &Core, request: &CreateSession) -> Result<Option<SessionId>, Problem> {
    let Some(after) = &request.after else { return Ok(None) };
    let unknown = || bad_request(format!("`after`: no session `{}`", after.escape_debug()));
    let session_id = after.parse::<SessionId>().map_err(|_| unknown())?;
    core.journal.session(session_id).map_err(failed)?.ok_or_else(unknown)?;
    Ok(Some(session_id))
}

fn session(core: &Core, session_id: SessionId) -> Result<Arc<Session>, Problem> {
    let session = core.journal.session(session_id).map_err(failed)?;
    session.ok_or_else(|| internal(format!("session {session_id} is not in the journal")))
}

/// The session that an earlier call with the same key made; it may still be starting.
async fn known(core: &Core, session_id: SessionId) -> Result<Arc<Session>, Problem> {
    let mut events = core.journal.subscribe(core.journal.last(), Some(session_id));
    let started = async {
        loop {
            // Its first event may be on its way to the disk still.
            let session = core.journal.session(session_id).map_err(failed)?;
            let told = |session: &Arc<Session>| {
                session.status().is_some() || session.phase() == Phase::Queued
            };
            if let Some(session) = session.filter(told) {
                return Ok(session);
            }
            events.next().await.map_err(failed)?;
        }
    };
    let late = || conflict(format!("session {session_id} was created, but does not start"));
    tokio::time::timeout(START, started).await.map_err(|_| late())?
}

/// An attempt to start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) attempt: u32,
    pub(super) attach_wait_ms: u64,
    /// How the attempt before ended, as a shell would say it.
    pub(super) previous_exit: Option<i32>,
    /// Whether it begins anew, though it is not the first: there is nothing to resume.
    pub(super) afresh: bool,
}

impl Start {
    pub(super) fn first(attach_wait_ms: u64) -> Self {
        Self { attempt: 1, attach_wait_ms, previous_exit: None, afresh: false }
    }
}

/// Starts the holder of an attempt; what comes of it is in the journal when this returns.
pub(super) async fn start(
    core: &Arc<Core>,
    session_id: SessionId,
    start: Start,
) -> Result<(), Problem> {
    let Start { attempt, attach_wait_ms, previous_exit, afresh } = start;
    let session_folder = core.folder(session_id);
    let socket = core.places.holder_socket(session_id.as_str(), attempt);
    let leaf = core.cgroups.as_ref().and_then(|cgroups| {
        let made = cgroups.make_leaf(session_id.as_str(), attempt);
        made.inspect_err(|error| tracing::warn!(%session_id, %error, "no cgroup leaf")).ok()
    });
    let overlay = match instance::overlay(core, session_id) {
        Ok(overlay) => overlay,
        Err(error) => return never_launched(core, session_id, attempt, error).await,
    };
    let (daemon_command, daemon_environment) = core.daemon_command.clone();
    let order = Launch {
        folder: text(&session_folder)?,
        attempt,
        socket: text(&socket)?,
        cgroup: leaf.as_deref().map(text).transpose()?,
        legacy_cgroups: legacy_cgroups(core, session_id, attempt)?,
        daemon_socket: text(&core.places.socket())?,
        daemon_command,
        daemon_environment,
        attach_wait_ms,
        previous_exit,
        environment: overlay.environment,
        working_directory: overlay.working_directory,
        afresh,
    };
    let launched = match launch(&core.holder, order).await {
        Ok(launched) => launched,
        // Some holder has the attempt, this one or an earlier one: what it does is the truth.
        Err(error) if folder::record(&session_folder, attempt).exists() => {
            tracing::warn!(%session_id, attempt, %error, "the attempt is claimed");
            return lost::claimed(core, session_id, attempt).await.map_err(failed);
        }
        Err(error) => return not_started(core, session_id, attempt, error).await,
    };
    set_apart(core, launched.status.holder.pid);
    let read = wk_holder::record::read(&session_folder, attempt, 0)
        .map_err(|error| internal(format!("cannot read the record of {session_id}: {error}")))?;
    let taken = read.entries.iter().map(|entry| entry.number).max().unwrap_or(0);
    let reports = core.reports.clone();
    // Held before anything can fail: the command runs.
    core.hold(session_id, HolderLink::start(launched, session_folder, socket, taken, reports));
    let entries = read.entries;
    match driver::take_in(core, session_id, attempt, entries.clone()).await {
        Ok(()) => Ok(()),
        Err(error) => {
            // The driver tries until it works.
            let _ = core.reports.send(Report::Recorded { session_id, attempt, entries }).await;
            Err(failed(error))
        }
    }
}

/// Leaves of cgroup v1 for the limits that need them. The lasting spec says which these are.
fn legacy_cgroups(
    core: &Core,
    session_id: SessionId,
    attempt: u32,
) -> Result<LegacyCgroups, Problem> {
    let Some(cgroups) = &core.cgroups else { return Ok(LegacyCgroups::default()) };
    let spec = std::fs::read(core.folder(session_id).join(folder::SPEC)).ok();
    let spec = spec.and_then(|text| serde_json::from_slice::<Spec>(&text).ok());
    // Without a spec, the holder says what is wrong.
    let Some(spec) = spec.filter(|spec| spec.limit_mechanism == LimitMechanism::Auto) else {
        return Ok(LegacyCgroups::default());
    };
    let leaf = |limit: Option<u64>, controller| {
        let leaf =
            limit.and_then(|_| cgroups.make_legacy_leaf(controller, session_id.as_str(), attempt));
        leaf.as_deref().map(text).transpose()
    };
    Ok(LegacyCgroups {
        memory: leaf(spec.tree_limits.memory, Controller::Memory)?,
        pids: leaf(spec.tree_limits.processes, Controller::Pids)?,
    })
}

/// Takes a holder out of the daemon's cgroup. Nobody waits for it.
fn set_apart(core: &Core, holder: u32) {
    let Some(cgroups) = core.cgroups.clone().filter(Cgroups::sets_holders_apart) else { return };
    tokio::task::spawn_blocking(move || {
        if let Err(error) = cgroups.set_apart(holder) {
            tracing::debug!(holder, %error, "a holder stays in the daemon's cgroup");
        }
    });
}

async fn not_started(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
    error: LaunchError,
) -> Result<(), Problem> {
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::error!(%session_id, error, "no holder");
    if let Some(cgroups) = &core.cgroups {
        cgroups.remove_leaves(session_id.as_str(), attempt);
    }
    never_launched(core, session_id, attempt, format!("cannot start a holder: {error}")).await
}

/// Journals an attempt that ended before there was a holder.
async fn never_launched(
    core: &Arc<Core>,
    session_id: SessionId,
    attempt: u32,
    error: String,
) -> Result<(), Problem> {
    let exited = AttemptExited {
        attempt,
        ending: Ending::ExecFailed { code: 126, error },
        limit: None,
        usage: HolderUsage::default(),
        last_lines: None,
    };
    let end = Draft {
        source: Source(format!("daemon/not-started/{session_id}")),
        source_seq: Some(u64::from(attempt)),
        ..draft(Some(session_id), Change::AttemptExited(exited))
    };
    recover::journal_end(core, session_id, vec![end]).await.map_err(failed)
}

pub(super) fn new_id() -> Result<SessionId, Problem> {
    Ok(SessionId::from_random(u64::from_le_bytes(random()?)))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bits = [0; N];
    rustix::rand::getrandom(&mut bits, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| internal(format!("the system gives no random bits: {error}")))?;
    Ok(bits)
}

/// Checks the name, and keeps it until the journal has it.
fn name(core: &Arc<Core>, name: Option<&str>) -> Result<Option<NameGuard>, Problem> {
    let Some(text) = name else { return Ok(None) };
    text.parse::<Name>().map_err(|error| bad_request(error.to_string()))?;
    let taken = |by: &str| {
        conflict(format!("the name `{text}` belongs to a living session{by}: choose another"))
    };
    let guard = core.reserve(text.to_owned()).ok_or_else(|| taken(""))?;
    // A name that reads like the beginning of an id is no reason to refuse it.
    let live = core.journal.live();
    let holder = live.iter().find(|session| session.name() == Some(text));
    match holder {
        Some(session) => Err(taken(&format!(" ({})", session.id))),
        None => Ok(Some(guard)),
    }
}

fn spec(
    request: &CreateSession,
    settings: &Settings,
    session_id: SessionId,
    working_directory: OsText,
) -> Result<Spec, Problem> {
    if request.command.first().is_none_or(|program| program.as_bytes().is_empty()) {
        return Err(bad_request("`command` must name a program"));
    }
    let names_none =
        |words: &Vec<OsText>| words.first().is_none_or(|word| word.as_bytes().is_empty());
    if request.resume.as_ref().is_some_and(names_none) {
        return Err(bad_request("`resume` must name a program"));
    }
    let environment = request.environment.clone().unwrap_or_default();
    check_size(&request.command, &environment)?;
    let stdio = match request.terminal {
        Some(size) if (1..=1000).contains(&size.cols) && (1..=1000).contains(&size.rows) => {
            Stdio::Terminal { cols: size.cols, rows: size.rows }
        }
        Some(size) => {
            let (cols, rows) = (size.cols, size.rows);
            let detail = format!("bad terminal size {cols}x{rows}: 1 to 1000 columns and rows");
            return Err(bad_request(detail));
        }
        None => Stdio::Pipes { feed: request.feed },
    };
    let recording = request.record.unwrap_or(settings.recording.enabled).then(|| {
        let (max_size, mask) = (settings.recording.max_size, settings.recording.mask);
        RecordingOptions { max_size, mask }
    });
    let millis =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let limits = request.limits.iter().map(|limit| {
        let wk_api::ResourceLimit { resource, soft, hard } = *limit;
        ResourceLimit { resource, soft, hard }
    });
    Ok(Spec {
        session_id,
        command: request.command.clone(),
        resume: request.resume.clone(),
        on_finish: None,
        working_directory,
        environment,
        umask: request.umask.unwrap_or(0o022) & 0o777,
        limits: limits.collect(),
        stdio,
        recording,
        keep_descendants: keep_descendants(request, settings)?,
        grace_ms: request.grace_ms.unwrap_or_else(|| millis(settings.session.grace)),
        tree_limits: limits::wanted(request, settings)?,
        limit_mechanism: settings.session.limit_mechanism,
    })
}

/// What the session does about its own failures.
fn recovery(request: &CreateSession, settings: &Settings) -> RecoveryOptions {
    let (asked, defaults) = (request.recovery, &settings.session);
    let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    RecoveryOptions {
        enabled: asked.enabled.unwrap_or(true),
        retries: asked.retries.unwrap_or(defaults.retries),
        delay_ms: asked.delay_ms.unwrap_or_else(|| millis(defaults.retry_delay)),
        max_delay_ms: millis(defaults.max_retry_delay),
        deadline_ms: match asked.deadline_ms {
            Some(ms) => Some(ms).filter(|ms| *ms > 0),
            None => defaults.recovery_deadline.map(millis),
        },
        healthy_after_ms: millis(defaults.healthy_after),
        retry_memory: asked.retry_memory.unwrap_or(defaults.retry_memory),
        restore: asked.restore.unwrap_or(false),
        patterns: Vec::new(),
    }
}

/// Before another attempt, the last one's whole tree must be gone: nothing of it can be kept.
fn keep_descendants(request: &CreateSession, settings: &Settings) -> Result<bool, Problem> {
    let recovery = recovery(request, settings);
    let recovers = recovery.enabled && (recovery.retries > 0 || recovery.restore);
    if recovery.retries > MAX_RETRIES {
        let detail = format!("`recovery.retries` must be between 0 and {MAX_RETRIES}");
        return Err(bad_request(detail));
    }
    let (delay, deadline) = (Duration::from_millis(recovery.delay_ms), recovery.deadline_ms);
    if recovery.retries > 0
        && let Some(detail) = contradiction::retries(delay, deadline.map(Duration::from_millis))
    {
        return Err(bad_request(detail));
    }
    match request.keep_descendants {
        Some(true) if recovers && request.recovery != RecoveryRequest::default() => {
            Err(bad_request(
                "`keep_descendants` and retries exclude each other: before another attempt, all \
                 of the last one must be gone",
            ))
        }
        Some(keep) => Ok(keep && !recovers),
        None => Ok(request.kind == Some(Kind::Shell) && !recovers),
    }
}

/// A stale session is started again from its retries: there must be some.
fn check_on_stale(created: &Created) -> Result<(), Problem> {
    if created.health.on_stale == Some(OnStale::Restart) && !created.recovery.has_retries() {
        let detail = "a stale session is restarted as long as there are retries, and this one has \
                      none: give it some (`--retries`), or have it stopped (`--on-stale stop`)";
        return Err(bad_request(detail));
    }
    Ok(())
}

fn minimal_environment() -> Vec<OsText> {
    super::world::daemon_environment()
        .filter_map(|(name, value)| text_of_variable(&name, &value))
        .collect()
}

fn text_of_variable(name: &std::ffi::OsStr, value: &std::ffi::OsStr) -> Option<OsText> {
    use std::os::unix::ffi::OsStrExt;
    OsText::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
}

/// The kernel takes so many bytes of one argument (`MAX_ARG_STRLEN`), and of all together a
/// quarter of the stack limit, at most 6 MiB; see execve(2).
fn check_size(command: &[OsText], environment: &[OsText]) -> Result<(), Problem> {
    const ONE: usize = 128 << 10;
    const ALL: usize = 6 << 20;
    let sizes = || command.iter().chain(environment).map(|text| text.as_bytes().len() + 1);
    let too_large = |detail: String| Problem {
        kind: wk_api::problem_type::TOO_LARGE.into(),
        title: "Too large".into(),
        status: 413,
        detail,
        candidates: Vec::new(),
    };
    if let Some(size) = sizes().find(|size| *size > ONE) {
        return Err(too_large(format!(
            "an argument or variable has {size} bytes, and the system takes at most {ONE}: \
             pass it through a file or stdin"
        )));
    }
    match sizes().sum::<usize>() {
        all if all > ALL => Err(too_large(format!(
            "arguments and environment have {all} bytes, and the system takes at most {ALL}: \
             pass them through a file or stdin"
        ))),
        _ => Ok(()),
    }
}

/// The facts for the journal: never the environment.
fn created(
    request: &CreateSession,
    spec: &Spec,
    recovery: RecoveryOptions,
    uid: u32,
    idempotency_key: Option<String>,
) -> Result<Created, Problem> {
    for (key, value) in &request.labels {
        Label::new(key, value).map_err(|error| bad_request(error.to_string()))?;
    }
    let words = [&request.agent_id, &request.component_name, &request.trace_parent];
    if words.into_iter().flatten().any(|word| word.len() > 256 || word.contains(char::is_control)) {
        let detail = "agent_id, component_name and trace_parent: at most 256 bytes, no control \
                      characters";
        return Err(bad_request(detail));
    }
    let system = rustix::system::uname();
    let username = crate::daemon::world::user_name(uid);
    Ok(Created {
        name: request.name.clone(),
        session_kind: request.kind.unwrap_or_default(),
        command: mask_arguments(&shown(&spec.command)),
        working_directory: Some(spec.working_directory.to_text().into_owned()),
        uid: Some(uid),
        username,
        hostname: Some(system.nodename().to_string_lossy().into_owned()),
        platform: Some(format!(
            "{}-{}-{}",
            system.sysname().to_string_lossy(),
            system.release().to_string_lossy(),
            system.machine().to_string_lossy()
        )),
        labels: request.labels.clone(),
        agent_id: request.agent_id.clone(),
        component_name: request.component_name.clone(),
        metadata: request.metadata.clone(),
        terminal: request.terminal.is_some(),
        recorded: spec.recording.is_some(),
        keep_descendants: spec.keep_descendants,
        limits: spec.tree_limits,
        recovery,
        health: health(request)?,
        idempotency_key,
        ..Created::default()
    })
}

/// A client may ask for what no setting allows.
fn health(request: &CreateSession) -> Result<HealthOptions, Problem> {
    let least = span::millis(MIN_INTERVAL);
    match request.health {
        HealthOptions { interval_ms: Some(interval @ 1..), .. } if interval < least => Err(
            bad_request(format!("`health.interval_ms` must be at least {least}, or 0 for none")),
        ),
        HealthOptions { hung_after_ms: Some(0), .. } => {
            Err(bad_request("`health.hung_after_ms` must be at least 1"))
        }
        health => Ok(health),
    }
}

/// The command for people; what is longer than anybody reads is in the spec alone.
fn shown(command: &[OsText]) -> Vec<String> {
    const LONGEST: usize = 16 << 10;
    let (mut shown, mut room) = (Vec::new(), LONGEST);
    for (index, argument) in command.iter().enumerate() {
        let text = argument.to_text();
        if text.len() > room {
            let head = &text[..text.floor_char_boundary(room)];
            let more = command.len() - index - 1;
            shown.push(format!("{head}… ({} bytes, {more} more arguments)", text.len()));
            break;
        }
        room -= text.len();
        shown.push(text.into_owned());
    }
    shown
}

fn write_folder(path: &Path, spec: &Spec, created: &CreatedFile) -> Result<(), Problem> {
    let written = || -> std::io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)?;
        write_private(&path.join(folder::SPEC), spec)?;
        write_private(&path.join(CREATED), created)
    };
    written().map_err(|error| {
        let _ = std::fs::remove_dir_all(path);
        internal(format!("cannot write `{}`: {error}", path.display()))
    })
}

fn write_private(path: &Path, content: &impl Serialize) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&serde_json::to_vec(content)?)
}

fn text(path: &Path) -> Result<OsText, Problem> {
    use std::os::unix::ffi::OsStrExt;
    OsText::new(path.as_os_str().as_bytes()).map_err(|error| internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_nobody_reads_whole_is_cut() {
        let words = |words: &[&str]| -> Vec<OsText> {
            words.iter().map(|word| OsText::new(*word).unwrap()).collect()
        };
        assert_eq!(shown(&words(&["ls", "-l"])), ["ls", "-l"]);
        let long = "é".repeat(10_000);
        let cut = shown(&words(&["echo", &long, "and", "more"]));
        assert_eq!(cut.len(), 2);
        assert!(cut[1].len() < 17_000 && cut[1].ends_with("(20000 bytes, 2 more arguments)"));
    }
}
