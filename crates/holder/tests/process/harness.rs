//! A launcher for real holders, and the two kinds of clients.

use std::{
    fs::File,
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::{fs::OpenOptionsExt, net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wk_holder::{
    folder,
    protocol::{self, AttachRequest, Ended, HolderStatus, Reply, Request, StopRequest},
    record::{self, Entry},
    spec::{Launch, LegacyCgroups, LimitMechanism, RecordingOptions, Spec, Stdio},
};
use wk_model::{AttemptExited, Change, Ending, Limits, OsText, SessionId};
use wk_terminal::{Screen, Size};

/// Only a stuck holder takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const TERMINAL: Stdio = Stdio::Terminal { cols: 80, rows: 24 };
pub(crate) const PIPES: Stdio = Stdio::Pipes { feed: false };

pub(crate) fn os(text: impl Into<Vec<u8>>) -> OsText {
    OsText::new(text).unwrap()
}

/// A spec that runs `command` in a terminal, with this process's `PATH`.
pub(crate) fn spec(command: &[&str]) -> Spec {
    let path = std::env::var("PATH").unwrap();
    Spec {
        session_id: SessionId::from_random(42),
        command: command.iter().map(|word| os(*word)).collect(),
        resume: None,
        on_finish: None,
        working_directory: os("/"),
        environment: vec![os(format!("PATH={path}")), os("TERM=xterm-256color")],
        umask: 0o022,
        limits: Vec::new(),
        stdio: TERMINAL,
        recording: Some(RecordingOptions { max_size: 64 << 20, mask: true }),
        keep_descendants: false,
        grace_ms: 5_000,
        tree_limits: Limits::default(),
        limit_mechanism: LimitMechanism::Auto,
    }
}

/// A spec that runs a shell script in a terminal.
pub(crate) fn script(text: &str) -> Spec {
    spec(&["sh", "-c", text])
}

/// A folder for one session.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new(spec: &Spec) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.write_spec(&serde_json::to_vec(spec).unwrap(), 0o600);
        place
    }

    pub(crate) fn write_spec(&self, text: &[u8], mode: u32) {
        let path = self.path().join(folder::SPEC);
        let _ = std::fs::remove_file(&path);
        let mut options = File::options();
        let mut file = options.write(true).create(true).mode(mode).open(path).unwrap();
        file.write_all(text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("socket")
    }

    pub(crate) fn launch(&self) -> Launch {
        Launch {
            folder: os(self.path().to_str().unwrap()),
            attempt: 1,
            socket: os(self.socket().to_str().unwrap()),
            cgroup: None,
            legacy_cgroups: LegacyCgroups::default(),
            daemon_socket: os(self.path().join("daemon").to_str().unwrap()),
            daemon_command: Vec::new(),
            daemon_environment: Vec::new(),
            attach_wait_ms: 0,
            previous_exit: None,
            environment: Vec::new(),
            working_directory: None,
            afresh: false,
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let read = record::read(self.path(), 1, 0).unwrap();
        assert_eq!(read.malformed, 0);
        read.entries
    }

    pub(crate) fn exited(&self) -> Option<AttemptExited> {
        self.entries().into_iter().find_map(|entry| match entry.change {
            Change::AttemptExited(exited) => Some(exited),
            _ => None,
        })
    }

    /// The recording as players get it.
    pub(crate) fn recorded(&self) -> String {
        let events = wk_recording::Events::new(&self.path().join(folder::RECORDING));
        let events: Vec<_> = events.collect::<Result<_, _>>().unwrap();
        let selection = wk_recording::Selection::default();
        events.iter().filter_map(|event| selection.text(event)).collect()
    }
}

/// A running holder, and the connection that launched it.
pub(crate) struct Session {
    pub(crate) place: Place,
    pub(crate) holder: Child,
    pub(crate) control: Connection,
    pub(crate) launched: Reply,
}

impl Session {
    pub(crate) fn start(spec: &Spec) -> Self {
        let place = Place::new(spec);
        let launch = place.launch();
        Self::launch(place, &launch)
    }

    pub(crate) fn launch(place: Place, launch: &Launch) -> Self {
        let (holder, mut control) = spawn_holder();
        control.send(&Request::Launch(Box::new(launch.clone())));
        let launched = control.answer();
        Self { place, holder, control, launched }
    }

    pub(crate) fn status(&self) -> &HolderStatus {
        match &self.launched {
            Reply::Status(status) => status,
            other => panic!("the launch was answered with {other:?}"),
        }
    }

    /// The command's number.
    pub(crate) fn pid(&self) -> u32 {
        self.status().process.unwrap().pid
    }

    pub(crate) fn attach(&self, request: AttachRequest) -> Attached {
        Attached::new(&self.place.socket(), request)
    }

    pub(crate) fn terminal(&self) -> Attached {
        self.attach(AttachRequest { cols: Some(80), rows: Some(24), ..AttachRequest::default() })
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::new(UnixStream::connect(self.place.socket()).unwrap())
    }

    /// Asks again and again, each time that there was output, until the screen shows `text`.
    pub(crate) fn until_screen_shows(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.control.active = false;
            self.control.send(&Request::Arm);
            assert_eq!(self.control.answer(), Reply::Done);
            let shown = self.control.screen(false);
            if shown.contains(text) {
                return shown;
            }
            assert!(Instant::now() < deadline, "no `{text}` in:\n{shown}");
            // It may have been told already, before the answer to the question above.
            while !self.control.active {
                self.control.next().expect("the connection is open");
            }
        }
    }

    /// Waits until the holder is gone. Returns how the attempt ended.
    pub(crate) fn finish(&mut self) -> AttemptExited {
        self.wait();
        self.place.exited().expect("the exit is on the disk")
    }

    pub(crate) fn ending(&mut self) -> Ending {
        self.finish().ending
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.holder)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.holder.try_wait().unwrap().is_none() {
            let mut stop = Vec::new();
            Request::Stop(StopRequest { grace_ms: 0 }).put(&mut stop);
            let _ = self.control.stream.write_all(&stop);
            wait(&mut self.holder);
        }
    }
}

/// Waits for a process, but not for ever.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    if let Some(status) = child.try_wait().unwrap() {
        return status;
    }
    let pid = rustix::process::Pid::from_child(child);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    if !ends(&pidfd) {
        child.kill().unwrap();
        panic!("the holder did not end");
    }
    child.wait().unwrap()
}

fn ends(pidfd: &OwnedFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::try_from(PATIENCE).unwrap())).unwrap() == 1
}

/// A watch on a process that is no child of ours.
pub(crate) struct Watch(OwnedFd);

impl Watch {
    pub(crate) fn new(pid: u32) -> Self {
        let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
        Self(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap())
    }

    /// Kills one that may be gone by now.
    pub(crate) fn kill_if_alive(pid: u32) {
        let Some(pid) = rustix::process::Pid::from_raw(pid as i32) else { return };
        if let Ok(pidfd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
        }
    }

    pub(crate) fn ends(&self) -> bool {
        ends(&self.0)
    }

    pub(crate) fn is_alive(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).unwrap() == 0
    }

    pub(crate) fn kill(&self) {
        rustix::process::pidfd_send_signal(&self.0, rustix::process::Signal::KILL).unwrap();
    }
}

/// A holder that waits for its launch request.
pub(crate) fn spawn_holder() -> (Child, Connection) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wk-holder"));
    command.arg0("wk-holder").env_clear().current_dir("/");
    command.stdin(std::os::fd::OwnedFd::from(theirs));
    let holder = command.spawn().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    (holder, Connection::new(ours))
}

/// A connection that speaks the protocol.
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    read: Vec<u8>,
    /// Whether activity was told since it was last set to false.
    active: bool,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, read: Vec::new(), active: false }
    }

    pub(crate) fn send(&mut self, request: &Request) {
        let mut frame = Vec::new();
        request.put(&mut frame);
        self.stream.write_all(&frame).unwrap();
    }

    /// The next reply of any kind; none at the end.
    pub(crate) fn next(&mut self) -> Option<Reply> {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        loop {
            if let Some(frame) = protocol::frame(&self.read).unwrap() {
                let reply = Reply::read(&frame).unwrap();
                let taken = frame.taken;
                self.read.drain(..taken);
                self.active |= matches!(reply, Some(Reply::Activity));
                return Some(reply.expect("replies are known"));
            }
            let mut piece = vec![0; 64 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    pub(crate) fn until(&mut self, mut wanted: impl FnMut(&Reply) -> bool) -> Reply {
        loop {
            let reply = self.next().expect("the connection is open");
            if wanted(&reply) {
                return reply;
            }
        }
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self) -> Reply {
        self.until(|reply| !matches!(reply, Reply::Bell | Reply::Activity))
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Reply {
        self.send(request);
        self.answer()
    }

    pub(crate) fn screen_bytes(&mut self, request: protocol::ScreenRequest) -> Vec<u8> {
        self.send(&Request::Screen(request));
        let mut screen = Vec::new();
        loop {
            match self.answer() {
                Reply::ScreenPart(part) => screen.extend(part),
                Reply::Screen(end) => return [screen, end].concat(),
                other => panic!("a screen was answered with {other:?}"),
            }
        }
    }

    pub(crate) fn screen(&mut self, history: bool) -> String {
        let request = protocol::ScreenRequest { ansi: false, history };
        String::from_utf8(self.screen_bytes(request)).unwrap()
    }
}

/// An attached client, and what its terminal shows.
pub(crate) struct Attached {
    pub(crate) connection: Connection,
    pub(crate) screen: Screen,
    pub(crate) raw: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) sizes: Vec<(u16, u16)>,
    pub(crate) ended: Option<Ended>,
}

impl Attached {
    pub(crate) fn new(socket: &Path, request: AttachRequest) -> Self {
        let mut connection = Connection::new(UnixStream::connect(socket).unwrap());
        connection.send(&Request::Attach(request));
        let size = Size::new(request.cols.unwrap_or(80), request.rows.unwrap_or(24)).unwrap();
        let screen = Screen::new(size, 0);
        let (raw, stderr, sizes) = (Vec::new(), Vec::new(), Vec::new());
        Self { connection, screen, raw, stderr, sizes, ended: None }
    }

    pub(crate) fn type_in(&mut self, bytes: &[u8]) {
        self.connection.send(&Request::Input(bytes.to_vec()));
    }

    /// Takes in one reply. False at the end.
    pub(crate) fn step(&mut self) -> bool {
        match self.connection.next() {
            Some(Reply::Output(bytes)) => {
                self.screen.feed(&bytes);
                self.raw.extend_from_slice(&bytes);
            }
            Some(Reply::ErrorOutput(bytes)) => self.stderr.extend_from_slice(&bytes),
            Some(Reply::Resized { cols, rows }) => {
                self.screen.resize(Size::new(cols, rows).unwrap());
                self.sizes.push((cols, rows));
            }
            Some(Reply::Ended(ended)) => self.ended = Some(ended),
            Some(_) => {}
            None => return false,
        }
        true
    }

    pub(crate) fn until_shows(&mut self, text: &str) {
        while !self.screen.text(false).contains(text) {
            assert!(self.step(), "ended before `{text}`:\n{}", self.screen.text(false));
        }
    }

    pub(crate) fn until_end(&mut self) -> &Ended {
        while self.step() {}
        self.ended.as_ref().expect("the end was told")
    }
}
