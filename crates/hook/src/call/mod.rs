//! One call: read, find the session, leave a record, ring.

mod arguments;
mod log;
mod patience;

use std::{env, fs, io, path::PathBuf, process, time::Duration};

use wk_hook::{
    ancestry, bell, clock,
    identifier::is_id,
    payload::Payload,
    places::HookPlaces,
    project::Project,
    record::{Environment, Head, Known, KnownBy, Record},
    session_file::SessionFiles,
    settings::HookSettings,
    spool::Spool,
};

use self::{arguments::Call, log::Log, patience::Patient};

/// An agent that neither writes nor closes stdin for so long has nothing more to say: hooks of
/// one that never closes it must not pile up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does what was asked for. Whatever goes wrong is told to the log, and to nobody else.
pub(crate) fn run() {
    bear_limits();
    let boot_ns = clock::boot_ns();
    let time_ms = clock::wall_ms();
    let places = HookPlaces::find();
    let log = Log::new(places.hooks());
    let of_panic = log.clone();
    // The agent must not see a panic: not its text, and not its code.
    std::panic::set_hook(Box::new(move |panic| {
        of_panic.write(&format!("panicked: {panic}"));
        process::exit(0);
    }));
    let call = match arguments::parse(env::args_os().skip(1)) {
        Ok(call) => call,
        Err(problem) => return log.write(&problem),
    };
    let settings = HookSettings::load(places.hooks().as_deref());
    let mut head = Head {
        boot_ns,
        time_ms,
        boot_id: clock::boot_id(),
        pid: process::id(),
        uid: rustix::process::getuid().as_raw(),
        pid_namespace: ancestry::pid_namespace(),
        environment: environment(),
        ..Head::default()
    };
    let body = match call {
        Call::Version => return print_version(),
        Call::Shell(shell) => {
            head.agent.clone_from(&shell.shell_type);
            head.shell = Some(shell);
            head.ancestors = ancestry::ancestors();
            head.working_directory = text(env::current_dir().unwrap_or_default());
            Vec::new()
        }
        Call::Agent { agent, notify } => {
            let payload = match &notify {
                Some(argument) => Payload::of(argument, settings.max_payload),
                None => read(settings.max_payload, &log),
            };
            (head.agent, head.notify) = (agent, notify.is_some());
            head.ancestors = ancestry::ancestors();
            correlate(&mut head, &payload, &places, &settings, &log);
            log.debug(|| format!("{}: session {}", head.agent, describe(&head.session)));
            (head.payload_bytes, head.shortened) = (payload.bytes, payload.shortened);
            payload.body
        }
    };
    let record = Record { head, body };
    leave(&record, &places, &log);
    bell::ring(&places.bell());
}

/// Where no file may grow, a write fails, and does not kill.
fn bear_limits() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// All of stdin: an agent that writes to a closed pipe would be hurt.
fn read(bound: usize, log: &Log) -> Payload {
    let mut stdin = Patient::new(io::stdin(), PATIENCE);
    let payload = Payload::read(&mut stdin, bound);
    if stdin.gave_up() {
        log.write(&format!("stdin was silent for {PATIENCE:?} and not closed: took what had come"));
    }
    payload.unwrap_or_else(|error| {
        log.write(&format!("cannot read stdin: {error}"));
        Payload::default()
    })
}

/// Finds the session: the id on stdin, else that of a process above, else of the project.
fn correlate(
    head: &mut Head,
    payload: &Payload,
    places: &HookPlaces,
    settings: &HookSettings,
    log: &Log,
) {
    let fields = payload.fields();
    let said = fields.cwd.as_ref().map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = said.or_else(|| env::current_dir().ok()).unwrap_or_default();
    let project = Project::of(&directory);
    head.working_directory = text(directory);
    let files = SessionFiles::new(settings, places.hooks());
    if fields.session_id.as_ref().is_some_and(|id| !is_id(id)) {
        log.write("the session id on stdin is none: it has no sensible form");
    }
    if let Some(id) = fields.session_id.clone().filter(|id| is_id(id)) {
        head.session = Known { id, by: KnownBy::Stdin };
        let agent = head.caller().filter(|caller| caller.is_agent).map(|caller| caller.process);
        if let Err(error) = files.store(&project, agent, &head.session.id, fields.is_first()) {
            log.write(&error.to_string());
        }
        return;
    }
    let answer = files.get(&project, &head.ancestors);
    if answer.corrupted > 0 {
        log.write(&format!("removed {} damaged session files", answer.corrupted));
    }
    if let Some(id) = answer.id {
        let by = if answer.of_process { KnownBy::Process } else { KnownBy::SessionFile };
        head.session = Known { id, by };
    }
}

/// For people who wonder why a session is unknown.
fn describe(session: &Known) -> String {
    let by = match session.by {
        KnownBy::Unknown => return "unknown".to_owned(),
        KnownBy::Stdin => "stdin",
        KnownBy::Process => "the file of its process",
        KnownBy::SessionFile => "the project's session file",
    };
    format!("{}, by {by}", session.id)
}

fn environment() -> Environment {
    let variable =
        |name: &str| env::var(name).ok().filter(|value| !value.is_empty() && value.len() <= 256);
    Environment {
        wk_session_id: variable("WK_SESSION_ID"),
        claude_pid: variable("CLAUDE_PID").and_then(|pid| pid.parse().ok()),
        claude_session_id: variable("CLAUDE_CODE_SESSION_ID"),
        trace_parent: variable("TRACEPARENT"),
    }
}

/// Leaves the record where the daemon looks; while the disk takes none, beside its socket.
fn leave(record: &Record, places: &HookPlaces, log: &Log) {
    let mut problem = "nobody can tell where the state is".to_owned();
    if let Some(folder) = places.hooks() {
        match Spool::new(folder).add(record) {
            Ok(()) => return,
            Err(error) => problem = error.to_string(),
        }
    }
    // Only in a folder that the daemon has made: anybody could make one in `/tmp`.
    let own = fs::symlink_metadata(&places.runtime).is_ok_and(|found| {
        use std::os::unix::fs::MetadataExt;
        found.is_dir() && found.uid() == record.head.uid && found.mode() & 0o077 == 0
    });
    let second = own.then(|| Spool::new(places.second_hooks()).add(record));
    match second {
        Some(Ok(())) => log.write(&format!("left beside the daemon's socket: {problem}")),
        _ => log.write(&format!("an event of {} is lost: {problem}", record.head.agent)),
    }
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap_or_else(|path| path.to_string_lossy().into_owned())
}

/// For people only: no hook asks for it.
fn print_version() {
    use io::Write;
    let _ = writeln!(io::stdout(), "wk-hook {}", env!("CARGO_PKG_VERSION"));
}
