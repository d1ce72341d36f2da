//! From the launch request to a holder at work.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    time::{Duration, Instant},
};

use wk_holder::{
    folder,
    spec::{Launch, Spec, Stdio},
};
use wk_model::{AttemptStarted, Change, Ending, HolderUsage, OutputGap, ProcessId};
use wk_recording::{Header, Options};

use super::{
    birth::Birth,
    child::{self, Child, Start},
    clients::{Clients, Role},
    door::Door,
    facts::{self, variable},
    gauges::GaugePage,
    holder::Holder,
    launch,
    leaf::Leaf,
    limits::{Leaves, Limits},
    outbox::Outbox,
    output::Output,
    stop,
    summon::Summons,
    tape::Tape,
    tree::{self, Tree},
    view::View,
};

/// How long output waits for the client that must not lose any of it.
const FEEDER_PATIENCE: Duration = Duration::from_secs(10);

/// Takes the launch request and starts what it asks for. None: it was refused.
pub(crate) fn start(birth: Birth) -> Option<Holder> {
    let Birth { launcher, signals } = birth;
    let prepared = launch::receive(&launcher)
        .map_err(|error| error.to_string())
        .and_then(|(launch, rest)| Ok((Prepared::new(&launch)?, launch, rest)));
    let (prepared, launch, rest) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => {
            launch::refuse(&launcher, &why);
            return None;
        }
    };
    let Prepared { spec, me, outbox, door } = prepared;
    let leaf = launch.cgroup.as_ref().map(|path| Leaf::new(launch::path(path)));
    let leaves = Leaves::new(&launch);
    let limits = Limits::prepare(&spec, &leaves);
    let legacy: Vec<Leaf> = leaves.legacy().collect();
    let started = Instant::now();
    let start = child::start(&spec, &launch, leaf.as_ref(), &legacy);
    let feed = spec.stdio == Stdio::Pipes { feed: true };
    let mut holder = Holder {
        me,
        session_id: spec.session_id,
        attempt: launch.attempt,
        keep_descendants: spec.keep_descendants,
        grace: Duration::from_millis(spec.grace_ms),
        recorded: spec.recording.is_some(),
        summons: Summons::new(&launch),
        outbox,
        signals,
        door,
        clients: Clients::default(),
        child: None,
        tree: Tree::new(me, leaf),
        output: Output::new(View::new(spec.stdio), GaugePage::open(launch::path(&launch.folder))),
        limits,
        legacy,
        stop: None,
        expected_until: None,
        reads_wait: feed,
        feeder_cut: false,
        active: None,
        resized_at: None,
        reaps_on: false,
        end: None,
        buffer: Vec::new(),
    };
    match start {
        Ok(Start::Running(child)) => {
            holder.limits.check(child.process.pid);
            holder.child = Some(*child);
            holder.expect_client(feed, launch.attach_wait_ms, started);
            holder.begin(&spec, &launch, launcher, rest);
        }
        Ok(Start::Failed(ending)) => holder.never_began(&ending, launcher, rest),
        Err(error) => {
            let error = format!("cannot start a process: {error}");
            holder.never_began(&Ending::ExecFailed { code: 126, error }, launcher, rest);
        }
    }
    Some(holder)
}

/// What must be there before anything is run.
struct Prepared {
    spec: Spec,
    me: ProcessId,
    outbox: Outbox,
    door: Door,
}

impl Prepared {
    fn new(launch: &Launch) -> Result<Self, String> {
        let spec = launch::spec(launch).map_err(|error| error.to_string())?;
        let me = tree::read(std::process::id())
            .map(|stat| stat.id())
            .ok_or("/proc does not tell when this process started")?;
        let folder = launch::path(&launch.folder);
        let outbox = Outbox::claim(folder, launch.attempt).map_err(|error| error.to_string())?;
        match Door::open(launch::path(&launch.socket)) {
            Ok(door) => Ok(Self { spec, me, outbox, door }),
            Err(error) => {
                outbox.give_back();
                Err(format!("cannot listen at `{}`: {error}", launch.socket.to_text()))
            }
        }
    }
}

impl Holder {
    fn expect_client(&mut self, feed: bool, wait_ms: u64, started: Instant) {
        if feed {
            self.expect_feeder(started);
        } else if wait_ms > 0 {
            self.expected_until = Some(stop::after(Duration::from_millis(wait_ms)));
        }
    }

    /// Keeps input open and output back for the client who fills the one and reads the other.
    pub(crate) fn expect_feeder(&mut self, since: Instant) {
        self.expected_until = Some(since + FEEDER_PATIENCE);
        self.reads_wait = true;
        self.clients.feed.expect();
    }

    /// The command runs: tell it, and record what comes.
    fn begin(&mut self, spec: &Spec, launch: &Launch, launcher: OwnedFd, rest: Vec<u8>) {
        let process = self.child.as_ref().map(|child| child.process);
        let (cols, rows) = self.output.view.size();
        let cgroup = self.child.as_ref().and_then(|child| self.cgroup_of(child));
        self.outbox.tell(Change::AttemptStarted(AttemptStarted {
            attempt: self.attempt,
            process,
            holder: Some(self.me),
            cgroup,
            cols,
            rows,
            limits: self.limits.held(),
        }));
        self.answer_launch(launcher, rest);
        if let Err(error) = self.record(spec, launch) {
            let reason = format!("cannot start the recording: {error}");
            self.outbox.tell(Change::OutputGap(OutputGap { bytes: 0, reason }));
            self.clients.bell();
        }
    }

    fn never_began(&mut self, ending: &Ending, launcher: OwnedFd, rest: Vec<u8>) {
        self.reads_wait = false;
        self.end(ending, HolderUsage::default());
        self.answer_launch(launcher, rest);
    }

    fn answer_launch(&mut self, launcher: OwnedFd, rest: Vec<u8>) {
        self.clients.add(launcher, Role::Control { armed: false }, rest);
        let status = self.status();
        if let Some(client) = self.clients.list.last_mut() {
            client.send(&status);
        }
        self.clients.bell();
    }

    fn cgroup_of(&self, child: &Child) -> Option<String> {
        let leaf = self.tree.leaf()?;
        let inside = leaf.members().contains(&child.process.pid);
        inside.then(|| facts::cgroup(child.process.pid)).flatten()
    }

    fn record(&mut self, spec: &Spec, launch: &Launch) -> std::io::Result<()> {
        let Some(recording) = spec.recording else { return Ok(()) };
        let folder: PathBuf = launch::path(&launch.folder).join(folder::RECORDING);
        let options = Options { max_size: recording.max_size };
        let header = header(spec, recording.mask);
        self.output.set_tape(Tape::start(folder, header, options, recording.mask)?);
        Ok(())
    }
}

fn header(spec: &Spec, mask: bool) -> Header {
    let text = |name| variable(&spec.environment, name).map(String::from_utf8_lossy);
    let command: Vec<_> = spec.command.iter().map(|word| word.to_text()).collect();
    let command = command.join(" ");
    let command = if mask { wk_mask::mask_text(&command).into_owned() } else { command };
    let (cols, rows, term) = match spec.stdio {
        Stdio::Terminal { cols, rows } => (cols, rows, text("TERM")),
        Stdio::Pipes { .. } => (80, 24, None),
    };
    Header {
        cols,
        rows,
        term: term.map(Into::into),
        title: None,
        command: Some(command),
        shell: text("SHELL").map(Into::into),
    }
}
