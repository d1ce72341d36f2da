//! What a hook costs its agent: the whole process, beside `/bin/true` and a Python hook that
//! does the same; with the daemon up, stopped and down; and where little works. Then the
//! session file, in process.

use std::{
    fs,
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, ensure};
use clap::Parser;
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::{Pid, Signal, kill_process},
};
use wk_bench::{
    arguments::Common,
    house::{House, program},
    report::{Bar, Table},
    samples::Samples,
};
use wk_hook::{
    ancestry::Ancestor, project::Project, session_file::SessionFiles, settings::HookSettings,
};

/// Measure a hook
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
}

/// The same as `wk-hook`, as people write it.
const PYTHON: &str = r#"
import json, os, socket, sys, time

def stat(pid):
    head, tail = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)
    fields = tail.split()
    return {"pid": pid, "comm": head.split("(", 1)[1], "start_time": int(fields[19])}, int(fields[1])

boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
raw = sys.stdin.buffer.read()
data = json.loads(raw)
ancestors, pid = [], os.getppid()
while pid:
    found, pid = stat(pid)
    ancestors.append(found)
folder = os.path.realpath(data["cwd"])
while folder != "/" and not os.path.exists(os.path.join(folder, ".git")):
    folder = os.path.dirname(folder)
path = os.path.join(os.environ["WK_HOOKS_SESSION_FILE_DIR"], "claude_session_" + os.path.basename(folder))
try:
    stored = open(path).read().split("\n")[0]
except OSError:
    stored = None
if stored != data["session_id"]:
    with open(path + ".tmp", "w") as file:
        file.write(data["session_id"] + "\n" + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) + "\n")
    os.rename(path + ".tmp", path)
head = {"agent": "claude", "boot_ns": boot_ns, "time": time.time(), "pid": os.getpid(),
        "boot": open("/proc/sys/kernel/random/boot_id").read().strip(), "ancestors": ancestors,
        "cwd": data["cwd"], "session_id": data["session_id"]}
os.makedirs(os.environ["PYTHON_SPOOL"], exist_ok=True)
with open(os.path.join(os.environ["PYTHON_SPOOL"], f"{boot_ns}-{os.getpid()}"), "wb") as file:
    file.write(json.dumps(head).encode() + raw)
bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
bell.setblocking(False)
try:
    bell.sendto(b"h", os.environ["BELL"])
except OSError:
    pass
"#;

fn main() -> anyhow::Result<()> {
    let Args { common } = Args::parse();
    let mut table = Table::begin("hook")?;
    let yard = Yard::new(&common)?;
    let runs = common.count(1000, 40);
    let small = yard.payload(2 << 10)?;
    beside(&yard, &mut table, runs, &small)?;
    where_little_works(&yard, &mut table, common.count(300, 20), &small)?;
    in_process(&yard, &mut table, common.count(5000, 200))?;
    println!("{table}");
    Ok(())
}

struct Yard {
    house: House,
    hook: PathBuf,
    python: Option<PathBuf>,
    script: PathBuf,
    folder: tempfile::TempDir,
}

impl Yard {
    fn new(common: &Common) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(common.folder()?)?;
        fs::create_dir_all(folder.path().join("project/.git"))?;
        let script = folder.path().join("hook.py");
        fs::write(&script, PYTHON)?;
        let house = House::new(&common.folder()?)?;
        house.start()?;
        Ok(Self { house, hook: program("wk-hook")?, python: python(), script, folder })
    }

    /// A `PreToolUse` of so many bytes, in a file.
    fn payload(&self, bytes: usize) -> anyhow::Result<PathBuf> {
        let cwd = self.folder.path().join("project");
        let object = |content: &str| {
            serde_json::json!({"session_id": "3f1c2c9e-5a0b-4c1d-9e7f-2b8a6d4c1e90",
                "transcript_path": "/home/me/.claude/projects/x/y.jsonl", "cwd": cwd,
                "permission_mode": "default", "hook_event_name": "PreToolUse",
                "tool_name": "Write", "tool_input": {"file_path": "/x", "content": content},
                "tool_use_id": "toolu_01ABCDEF"})
            .to_string()
        };
        let filler = "some text \\n".repeat(bytes / 11);
        let empty = object("").len();
        let text = object(&filler[..filler.floor_char_boundary(bytes.saturating_sub(empty))]);
        let path = self.folder.path().join(format!("payload-{bytes}"));
        fs::write(&path, text)?;
        Ok(path)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = self.house.program(program);
        let places = self.house.places();
        command.env("BELL", places.runtime.join("bell"));
        command.env("PYTHON_SPOOL", self.folder.path().join("spool"));
        command
    }

    fn wk_hook(&self) -> Command {
        let mut command = self.command(&self.hook);
        command.arg("claude");
        command
    }
}

/// A Python that is no script itself.
fn python() -> Option<PathBuf> {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let path = String::from_utf8(asked.ok()?.stdout).ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_file())
}

/// How long a program takes, from its start to its end, in milliseconds.
fn run(mut command: Command, payload: &Path) -> anyhow::Result<f64> {
    let mut stdin = fs::File::open(payload)?;
    stdin.rewind()?;
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    let status = child.wait()?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(status.success(), "{command:?}: {status}");
    let mut said = String::new();
    child.stdout.take().context("stdout")?.read_to_string(&mut said)?;
    child.stderr.take().context("stderr")?.read_to_string(&mut said)?;
    ensure!(said.is_empty(), "{command:?} said: {said}");
    Ok(took)
}

fn beside(yard: &Yard, table: &mut Table, runs: usize, small: &Path) -> anyhow::Result<()> {
    let (mut ours, mut nothing, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..runs {
        ours.push(run(yard.wk_hook(), small)?);
        nothing.push(run(yard.command(Path::new("/bin/true")), small)?);
        if let (Some(python), 0) = (&yard.python, round % 10) {
            let mut command = yard.command(python);
            command.arg(&yard.script);
            theirs.push(run(command, small)?);
        }
    }
    let (ours, nothing, theirs) = (Samples::new(ours), Samples::new(nothing), Samples::new(theirs));
    let ms = |value: f64| format!("{value:.2} ms");
    let what = format!("a PreToolUse of 2 kB, the daemon up, whole process, {runs} times, median");
    let bar = Bar::AtMost(1.5, " ms");
    table.row(
        &what,
        &ms(ours.median()),
        &format!("{} true", ms(nothing.median())),
        ours.median(),
        &bar,
    );
    let factor = ours.median() / nothing.median();
    table.row("  times /bin/true", &format!("{factor:.2} ×"), "", factor, &Bar::AtMost(2.0, " ×"));
    let factor = theirs.median() / ours.median();
    let peer = format!("{} Python", ms(theirs.median()));
    table.row(
        "  times faster than Python",
        &format!("{factor:.1} ×"),
        &peer,
        factor,
        &Bar::AtLeast(20.0, " ×"),
    );
    table.note("  p99", &ms(ours.p99()), &format!("{} true", ms(nothing.p99())));
    Ok(())
}

fn where_little_works(
    yard: &Yard,
    table: &mut Table,
    runs: usize,
    small: &Path,
) -> anyhow::Result<()> {
    let daemon = yard.house.daemon()?;
    let pid = i32::try_from(daemon.pid).ok().and_then(Pid::from_raw).context("no pid")?;
    let mut row = |what: &str, samples: &Samples, beyond: f64, peer: &str| {
        let text = format!("{:.2} ms", samples.median());
        table.note(&format!("{what}, {} times, median", samples.len()), &text, peer);
        let most = format!("{:.2} ms", samples.most());
        let most_beyond = samples.most() - beyond;
        table.row("  most, beyond reading", &most, "", most_beyond, &Bar::AtMost(10.0, " ms"));
    };
    let repeat = |make: &dyn Fn() -> Command, payload: &Path| {
        let times: anyhow::Result<Vec<_>> = (0..runs).map(|_| run(make(), payload)).collect();
        anyhow::Ok(Samples::new(times?))
    };
    kill_process(pid, Signal::STOP)?;
    let stopped = repeat(&|| yard.wk_hook(), small);
    kill_process(pid, Signal::CONT)?;
    row("the daemon stopped by SIGSTOP", &stopped?, 0.0, "");

    let big = yard.payload(10 << 20)?;
    let reading = repeat(
        &|| {
            let mut command = yard.command(Path::new("/bin/sh"));
            // Reads all of it, and no more.
            command.args(["-c", "exec cat > /dev/null"]);
            command
        },
        &big,
    )?;
    let peer = format!("{:.2} ms cat", reading.median());
    row("10 MB on stdin", &repeat(&|| yard.wk_hook(), &big)?, reading.median(), &peer);

    let homeless = || {
        let mut command = yard.wk_hook();
        command.env_remove("HOME");
        command
    };
    row("no HOME", &repeat(&homeless, small)?, 0.0, "");
    if let Some(full) = Disk::mount(&yard.folder.path().join("full"), c"size=64k", false)? {
        while fs::write(full.0.join(format!("{}", fs::read_dir(&full.0)?.count())), [0; 4096])
            .is_ok()
        {}
        let on_full = || {
            let mut command = yard.wk_hook();
            command.env("WK_STATE_DIR", full.0.join("state")).env("WK_RUNTIME_DIR", &full.0);
            command.env("WK_HOOKS_SESSION_FILE_DIR", &full.0);
            command
        };
        row("a full disk", &repeat(&on_full, small)?, 0.0, "");
    }
    if let Some(fixed) = Disk::mount(&yard.folder.path().join("fixed"), c"size=64k", true)? {
        let on_fixed = || {
            let mut command = yard.wk_hook();
            command.env("WK_HOOKS_SESSION_FILE_DIR", &fixed.0).env("TMPDIR", &fixed.0);
            command
        };
        row("a read-only /tmp", &repeat(&on_fixed, small)?, 0.0, "");
    }
    daemon.kill()?;
    row("the daemon down", &repeat(&|| yard.wk_hook(), small)?, 0.0, "");
    Ok(())
}

/// A disk of its own; none where this user may not mount one.
struct Disk(PathBuf);

impl Disk {
    fn mount(
        path: &Path,
        options: &std::ffi::CStr,
        read_only: bool,
    ) -> anyhow::Result<Option<Self>> {
        fs::create_dir_all(path)?;
        let flags = if read_only { MountFlags::RDONLY } else { MountFlags::empty() };
        match mount("tmpfs", path, "tmpfs", flags, options) {
            Ok(()) => Ok(Some(Self(path.to_owned()))),
            Err(error) => {
                eprintln!("no disk of its own ({error}): not measured there");
                Ok(None)
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

fn in_process(yard: &Yard, table: &mut Table, runs: usize) -> anyhow::Result<()> {
    let dir = yard.folder.path().join("files");
    let hooks = yard.folder.path().join("hooks");
    fs::create_dir_all(&dir)?;
    fs::create_dir_all(&hooks)?;
    let agent = Ancestor { pid: std::process::id(), start_time: 1, comm: "claude".into() };
    for fsync in [false, true] {
        let settings = HookSettings {
            session_file_dir: dir.clone(),
            session_file_fsync: fsync,
            ..HookSettings::default()
        };
        let files = SessionFiles::new(&settings, Some(hooks.clone()));
        let (mut stores, mut gets) = (Vec::new(), Vec::new());
        for number in 0..runs {
            let id = format!("session-{number}");
            let begun = Instant::now();
            let project = Project::of(&yard.folder.path().join("project"));
            files.store(&project, Some(&agent), &id, false)?;
            stores.push(begun.elapsed());
            let begun = Instant::now();
            let project = Project::of(&yard.folder.path().join("project"));
            let found = files.get(&project, &[]).id;
            gets.push(begun.elapsed());
            ensure!(found.as_deref() == Some(&id), "got {found:?}, not {id}");
        }
        let (stores, gets) = (Samples::of_times(&stores), Samples::of_times(&gets));
        let ms = |value: f64| format!("{value:.3} ms");
        let bar = if fsync { Bar::None } else { Bar::AtMost(1.0, " ms") };
        let how = if fsync { "with fsync, on disk" } else { "each another id, three files" };
        table.row(
            &format!("store, {how}, {runs} times, p99"),
            &ms(stores.p99()),
            "2 ms",
            stores.p99(),
            &bar,
        );
        table.row("  get, p99", &ms(gets.p99()), "3 ms", gets.p99(), &bar);
    }
    Ok(())
}
