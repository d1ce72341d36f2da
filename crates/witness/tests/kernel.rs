//! On a real kernel: what is sent and how things end is told, by a witness of the test's own.

// A test that cannot go on says so by a panic, in its helpers too.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    fs::inotify,
    process::{Pid, Signal, kill_process, kill_process_group},
};
use tempfile::TempDir;
use wk_holder::host;
use wk_model::{Change, ExitSeen, ProcessId, SignalSeen};
use wk_witness::protocol::{self, Ask, Told, VERSION};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wk-witness");

/// No test takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A witness with a folder and pins of its own.
struct Witness {
    folder: TempDir,
    child: Child,
}

impl Witness {
    /// None: this machine cannot have one, which is said aloud.
    fn start() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("not root");
            return None;
        }
        if !Path::new("/sys/kernel/btf/vmlinux").exists() {
            skip("this kernel has no BTF");
            return None;
        }
        if !wk_witness::process::object_is_built() {
            skip("built without clang");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("wk-").tempdir_in("/tmp").unwrap();
        let child = launch(folder.path());
        Some(Self { folder, child })
    }

    fn socket(&self) -> PathBuf {
        protocol::socket(self.folder.path())
    }

    fn connect(&self) -> Peer {
        Peer::new(UnixStream::connect(self.socket()).unwrap())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(self.socket()).unwrap();
    }

    fn start_again(&mut self) {
        self.child = launch(self.folder.path());
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let removed =
            Command::new(PROGRAM).arg("--remove").arg("--dir").arg(self.folder.path()).status();
        assert!(removed.unwrap().success(), "pins are left");
    }
}

/// Starts a witness, and waits for its socket.
fn launch(folder: &Path) -> Child {
    let inotify = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&inotify, folder, inotify::WatchFlags::MOVED_TO).unwrap();
    let child = Command::new(PROGRAM)
        .args(["--foreground", "--dir"])
        .arg(folder)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
    let timeout = rustix::event::Timespec::try_from(PATIENCE).unwrap();
    let mut polled = [rustix::event::PollFd::new(&inotify, rustix::event::PollFlags::IN)];
    assert_eq!(rustix::event::poll(&mut polled, Some(&timeout)).unwrap(), 1, "no socket");
    inotify::Reader::new(&inotify, &mut buffer).next().unwrap();
    child
}

fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED {name}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Ok(mut terminal) = fs::File::options().write(true).open("/dev/tty") {
        let _ = terminal.write_all(line.as_bytes());
    }
}

/// Whoever listens to a witness.
struct Peer {
    reader: BufReader<UnixStream>,
    stream: UnixStream,
    number: u64,
}

impl Peer {
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let mut peer = Self { reader, stream, number: 0 };
        peer.say(&Ask::Hello { version: VERSION });
        assert!(matches!(peer.hear(), Some(Told::Welcome { .. })));
        peer
    }

    fn say(&mut self, ask: &Ask) {
        let line = serde_json::to_string(ask).unwrap() + "\n";
        self.stream.write_all(line.as_bytes()).unwrap();
    }

    /// None: the connection is over.
    fn hear(&mut self) -> Option<Told> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    /// Everything that is told until all is told.
    fn sync(&mut self) -> Vec<Told> {
        self.number += 1;
        let number = self.number;
        self.say(&Ask::Sync { number });
        let mut heard = Vec::new();
        loop {
            match self.hear().expect("the witness goes on") {
                Told::Synced { number: found } if found == number => return heard,
                told => heard.push(told),
            }
        }
    }

    fn watch(&mut self, process: ProcessId) {
        self.say(&Ask::Watch { process });
        assert_eq!(self.sync(), [], "nothing is known of a new process");
    }

    fn watch_child(&mut self, child: &Child) -> ProcessId {
        let process = host::identify(child.id()).unwrap().unwrap();
        self.watch(process);
        process
    }
}

fn signals(told: &[Told]) -> Vec<SignalSeen> {
    let change = told.iter().filter_map(|told| match told {
        Told::Record { change: Change::SignalSeen(seen), .. } => Some(SignalSeen::clone(seen)),
        _ => None,
    });
    change.collect()
}

fn exits(told: &[Told]) -> Vec<ExitSeen> {
    let change = told.iter().filter_map(|told| match told {
        Told::Record { change: Change::ExitSeen(seen), .. } => Some(seen.clone()),
        _ => None,
    });
    change.collect()
}

#[test]
fn a_peer_that_only_talks_is_cut_off_and_nobody_else_notices() {
    let Some(witness) = Witness::start() else { return };
    let mut honest = witness.connect();
    let mut child = sleeper();
    let process = honest.watch_child(&child);
    // Garbage before any hello, whose answers nobody reads; then one line without end; then
    // 100,000 processes that are not there.
    for garbage in [b"x\n".repeat(8 << 20), vec![b'x'; 1 << 20]] {
        let mut rude = UnixStream::connect(witness.socket()).unwrap();
        rude.set_write_timeout(Some(PATIENCE)).unwrap();
        assert!(rude.write_all(&garbage).is_err(), "it is cut off");
    }
    let mut greedy = witness.connect();
    let watched = (0..100_000).try_for_each(|pid| {
        let process = ProcessId { pid, start_time: u64::from(pid), ..process };
        let line = serde_json::to_string(&Ask::Watch { process }).unwrap() + "\n";
        greedy.stream.write_all(line.as_bytes())
    });
    assert!(watched.is_err(), "it does not read how it is refused");
    child.kill().unwrap();
    child.wait().unwrap();
    let told = honest.sync();
    assert_eq!((signals(&told).len(), exits(&told).len()), (1, 1), "{told:?}");
}

fn sleeper() -> Child {
    Command::new("sleep").arg("1000").spawn().unwrap()
}

/// Ignores SIGTERM.
fn deaf() -> Child {
    let mut child = Command::new("sh")
        .args(["-c", "trap '' TERM; echo deaf; read go"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[test]
fn a_killer_that_is_gone_at_once_is_named_with_its_arguments_and_ancestry() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = sleeper();
    let process = peer.watch_child(&victim);
    let script = format!("kill -9 {}; :", victim.id());
    Command::new("sh").args(["-c", &script]).status().unwrap();
    victim.wait().unwrap();
    let told = peer.sync();
    let [seen] = &signals(&told)[..] else { panic!("{told:?}") };
    assert_eq!((seen.signal, seen.code), (9, 0));
    assert_eq!(seen.sender.argv, ["sh", "-c", &script]);
    assert_eq!(seen.sender.ancestry[0].pid, std::process::id());
    assert!(!seen.sender.ancestry[0].argv.is_empty());
    assert_eq!(seen.kill_argument, Some(victim.id() as i32));
    assert_eq!((seen.target.process, seen.target.root), (process, process));
    let [exit] = &exits(&told)[..] else { panic!("{told:?}") };
    assert_eq!((exit.signal, exit.code, exit.target.process), (Some(9), None, process));
}

#[test]
fn pkill_that_hits_three_is_one_sender() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mark = format!("1000.{}", std::process::id());
    let mut victims: Vec<Child> =
        (0..3).map(|_| Command::new("sleep").arg(&mark).spawn().unwrap()).collect();
    for victim in &victims {
        // Between fork and exec it has another command line.
        let line = format!("/proc/{}/cmdline", victim.id());
        until(|| fs::read(&line).unwrap().starts_with(b"sleep"));
        peer.watch_child(victim);
    }
    let pattern = format!("^sleep {mark}$");
    Command::new("pkill").args(["-TERM", "-f", &pattern]).status().unwrap();
    for victim in &mut victims {
        victim.wait().unwrap();
    }
    let seen = signals(&peer.sync());
    assert_eq!(seen.len(), 3);
    let sender = seen[0].sender.process;
    assert!(seen.iter().all(|seen| seen.sender.process == sender && seen.signal == 15));
    assert_eq!(seen[0].sender.argv, ["pkill", "-TERM", "-f", &pattern]);
}

#[test]
fn a_python_one_liner_is_named() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = sleeper();
    peer.watch_child(&victim);
    let line = format!("import os; os.kill({}, 9)", victim.id());
    let Ok(status) = Command::new("python3").args(["-c", &line]).status() else {
        victim.kill().unwrap();
        victim.wait().unwrap();
        return skip("no python3");
    };
    assert!(status.success());
    victim.wait().unwrap();
    let seen = signals(&peer.sync());
    assert_eq!(seen[0].sender.argv[1..], ["-c", &line]);
}

#[test]
fn a_group_kill_is_told_by_its_argument() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    peer.watch_child(&victim);
    kill_process_group(pid(&victim), Signal::TERM).unwrap();
    victim.wait().unwrap();
    let seen = signals(&peer.sync());
    assert_eq!(seen[0].kill_argument, Some(-(victim.id() as i32)));
    assert_eq!(seen[0].sender.process.pid, std::process::id());
}

#[test]
fn a_child_that_kills_its_parent_is_below_the_watched_one() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = Command::new("sh")
        .args(["-c", "read go; sh -c 'kill -TERM $PPID; :'; :"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let process = peer.watch_child(&victim);
    victim.stdin.take().unwrap().write_all(b"go\n").unwrap();
    victim.wait().unwrap();
    let seen = signals(&peer.sync());
    assert_eq!(seen[0].sender.ancestry[0].pid, process.pid);
    assert_eq!(seen[0].sender.argv, ["sh", "-c", "kill -TERM $PPID; :"]);
}

#[test]
fn a_process_that_kills_itself_is_its_own_sender() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = Command::new("sh")
        .args(["-c", "ulimit -c 0; read go; kill -SEGV $$"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let process = peer.watch_child(&victim);
    victim.stdin.take().unwrap().write_all(b"go\n").unwrap();
    victim.wait().unwrap();
    let told = peer.sync();
    assert_eq!(signals(&told)[0].sender.process, process);
    assert_eq!(exits(&told)[0].signal, Some(11));
}

#[test]
fn a_parents_death_signal_comes_from_the_dying_parent() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    // The one in the middle starts the victim, says its number, and leaves when told to.
    let script = "setsid setpriv --pdeathsig KILL sleep 1000 & echo $!; read go";
    let mut middle = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(middle.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let victim: u32 = line.trim().parse().unwrap();
    let command = format!("/proc/{victim}/cmdline");
    until(|| fs::read(&command).unwrap_or_default().starts_with(b"sleep"));
    peer.watch(host::identify(victim).unwrap().unwrap());
    let middle_id = host::identify(middle.id()).unwrap().unwrap();
    middle.stdin.take().unwrap().write_all(b"go\n").unwrap();
    middle.wait().unwrap();
    until(|| host::identify(victim).unwrap().is_none());
    let seen = signals(&peer.sync());
    assert_eq!((seen[0].signal, seen[0].sender.process), (9, middle_id));
    assert!(seen[0].sender_exits);
    // Its memory is gone already; what it was started with is not.
    assert_eq!(seen[0].sender.argv, ["sh", "-c", script]);
}

#[test]
fn ctrl_c_comes_from_the_kernel_and_has_no_kill_call() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = Command::new("script")
        .args(["-qec", "exec sleep 1000", "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let process = peer.watch_child(&victim);
    let children = format!("/proc/{0}/task/{0}/children", process.pid);
    until(|| {
        let text = fs::read_to_string(&children).unwrap_or_default();
        let child = text.split_whitespace().next().unwrap_or("0");
        fs::read(format!("/proc/{child}/cmdline")).is_ok_and(|line| line.starts_with(b"sleep"))
    });
    victim.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    victim.wait().unwrap();
    let told = peer.sync();
    let seen = signals(&told);
    let interrupt = seen.iter().find(|seen| seen.signal == 2).expect("SIGINT");
    assert_eq!((interrupt.code, interrupt.kill_argument), (0x80, None));
    assert_eq!(interrupt.target.root, process);
    assert!(exits(&told).iter().any(|exit| exit.signal == Some(2)));
}

#[test]
fn what_happened_while_no_witness_ran_is_told_once() {
    let Some(mut witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let (mut early, mut late) = (sleeper(), sleeper());
    let processes = [peer.watch_child(&early), peer.watch_child(&late)];
    kill_process(pid(&early), Signal::KILL).unwrap();
    early.wait().unwrap();
    let before = peer.sync();
    witness.kill();
    drop(peer);
    let script = format!("kill -9 {}; :", late.id());
    Command::new("sh").args(["-c", &script]).status().unwrap();
    late.wait().unwrap();
    witness.start_again();
    let mut peer = witness.connect();
    for process in processes {
        peer.say(&Ask::Watch { process });
    }
    let after = peer.sync();
    assert_eq!((signals(&before).len(), signals(&after).len()), (1, 2));
    assert_eq!(signals(&after)[1].sender.argv, ["sh", "-c", &script]);
    let numbers: Vec<u64> = after.iter().filter_map(number).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "each once, and counted on");
    assert_eq!(before.iter().filter_map(number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn strangers_are_not_told_and_cannot_watch() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = deaf();
    let process = peer.watch_child(&victim);
    kill_process(pid(&victim), Signal::TERM).unwrap();
    assert_eq!(signals(&peer.sync()).len(), 1);
    let asks = [
        Ask::Hello { version: VERSION },
        Ask::Watch { process },
        Ask::Replay { after: 0 },
        Ask::Sync { number: 1 },
    ];
    let asks: String = asks.iter().map(|ask| serde_json::to_string(ask).unwrap() + "\n").collect();
    let script = "import socket,sys,os\n\
        s=socket.socket(socket.AF_UNIX); os.setgid(65533); os.setuid(65533)\n\
        s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode())\n\
        f=s.makefile()\n\
        for line in f:\n print(line, end='')\n if 'synced' in line: break\n";
    fs::set_permissions(witness.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(witness.socket()).arg(asks);
    let output = python.output();
    victim.kill().unwrap();
    victim.wait().unwrap();
    let Ok(output) = output else { return skip("no python3") };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("refused") && text.contains("another user"), "{text}");
    assert!(!text.contains("signal_seen"), "{text}");
}

#[test]
fn hostile_peers_are_cut_off_and_nobody_else_notices() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    for bytes in [&b"\xff\xfe\n"[..], b"{}\n", b"{\"ask\":\"watch\"}\n", b"\n\n\n"] {
        let mut stream = UnixStream::connect(witness.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert!(line.contains("refused"), "{line}");
    }
    let mut long = UnixStream::connect(witness.socket()).unwrap();
    long.set_read_timeout(Some(PATIENCE)).unwrap();
    // It is cut off somewhere in the middle.
    let _ = long.write_all(&vec![b'x'; 1 << 20]);
    let mut line = String::new();
    assert!(BufReader::new(&long).read_line(&mut line).is_err() || line.is_empty());
    let mut rude = UnixStream::connect(witness.socket()).unwrap();
    rude.set_read_timeout(Some(PATIENCE)).unwrap();
    rude.write_all(b"{\"ask\":\"sync\",\"number\":1}\n").unwrap();
    assert_eq!(BufReader::new(&rude).read_line(&mut line).unwrap_or(0), 0, "no hello, no answer");
    assert_eq!(peer.sync(), []);
}

#[test]
fn a_kill_loop_loses_records_and_says_how_many() {
    let Some(witness) = Witness::start() else { return };
    let mut peer = witness.connect();
    let mut victim = deaf();
    peer.watch_child(&victim);
    for _ in 0..1500 {
        kill_process(pid(&victim), Signal::TERM).unwrap();
    }
    let told = peer.sync();
    let lost: u64 = told
        .iter()
        .map(|told| if let Told::Lost { records, .. } = told { *records } else { 0 })
        .sum();
    let seen = signals(&told).len() as u64;
    assert!((1000..1500).contains(&seen), "{seen} records");
    assert_eq!(seen + lost, 1500);
    victim.kill().unwrap();
    victim.wait().unwrap();
}

fn number(told: &Told) -> Option<u64> {
    match told {
        Told::Record { number, .. } => Some(*number),
        _ => None,
    }
}

/// Waits for what nothing tells of.
fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it took too long");
        std::thread::yield_now();
    }
}
