//! Commands that tell somebody something: run aside, with a limit, and ended whole.

use std::{
    ffi::OsString,
    fmt, io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, Command},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Between TERM and KILL of one that takes too long.
const GRACE: Duration = Duration::from_secs(1);

/// How long what it has said is waited for, when it has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Bytes of its stderr that are kept.
const KEPT: usize = 2048;

/// A command and its world.
#[derive(Clone, Debug)]
pub struct Bounded {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
    pub directory: PathBuf,
    pub stdin: Vec<u8>,
    /// It is ended after so long, with its process group.
    pub limit: Duration,
    /// It goes on, unwatched, where nobody waits for it any more; else it is ended then.
    pub survives: bool,
}

/// What became of it.
#[derive(Debug)]
pub struct Ran {
    pub how: How,
    /// The last of what it wrote to stderr.
    pub stderr: String,
}

#[derive(Debug)]
pub enum How {
    Exited(i32),
    Signaled(i32),
    TimedOut,
    NotStarted(io::Error),
}

impl How {
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::Signaled(signal) => write!(f, "was ended by signal {signal}"),
            Self::TimedOut => f.write_str("took too long and was ended"),
            Self::NotStarted(error) => write!(f, "could not be started: {error}"),
        }
    }
}

/// Runs it to its end, or to its limit.
pub async fn run(command: Bounded) -> Ran {
    let Bounded { words, environment, directory, stdin, limit, survives } = command;
    let mut words = words.into_iter();
    let mut prepared = Command::new(words.next().unwrap_or_default());
    prepared
        .args(words)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(!survives);
    let mut child = match prepared.spawn() {
        Ok(child) => child,
        Err(error) => return Ran { how: How::NotStarted(error), stderr: String::new() },
    };
    let mut group = Group { leader: leader(&child), survives };
    let mut helpers = JoinSet::new();
    if let Some(mut pipe) = child.stdin.take() {
        helpers.spawn(async move {
            // It may not care to read.
            let _ = pipe.write_all(&stdin).await;
        });
    }
    let said = Arc::new(Mutex::new(Vec::new()));
    if let Some(pipe) = child.stderr.take() {
        helpers.spawn(keep_last(pipe, said.clone()));
    }
    let how = match timeout(limit, child.wait()).await {
        Ok(Ok(status)) => {
            // What it left behind on purpose is not ours.
            group.forget();
            ended(status)
        }
        Ok(Err(error)) => How::NotStarted(error),
        Err(_) => {
            // Not waited for yet: its id, and so the group's, is nobody else's.
            group.signal(Signal::TERM);
            sleep(GRACE).await;
            group.signal(Signal::KILL);
            group.forget();
            let _ = child.wait().await;
            How::TimedOut
        }
    };
    // A child of its own may hold the pipe open.
    let _ = timeout(LAST_WORDS, async { while helpers.join_next().await.is_some() {} }).await;
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    Ran { how, stderr: String::from_utf8_lossy(&said).trim().to_owned() }
}

fn ended(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exited(code),
        (None, signal) => How::Signaled(signal.unwrap_or_default()),
    }
}

async fn keep_last(mut pipe: ChildStderr, kept: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..length]);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }
}

fn leader(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()?).ok()?)
}

/// A child's process group; ended with this, unless it survives or is forgotten first.
#[derive(Debug)]
struct Group {
    leader: Option<Pid>,
    survives: bool,
}

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, signal);
        }
    }

    fn forget(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.survives {
            self.signal(Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn shell(script: &str, limit: Duration) -> Bounded {
        let words = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
        let environment = vec![("PATH".into(), "/usr/bin:/bin".into()), ("A".into(), "b".into())];
        Bounded {
            words,
            environment,
            directory: "/".into(),
            stdin: b"in".to_vec(),
            limit,
            survives: false,
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn it_has_the_stdin_environment_and_directory_that_it_was_given() {
        let ran = run(shell("echo \"$(cat) $A $(pwd)\" >&2; exit 3", LONG)).await;
        assert!(matches!(ran.how, How::Exited(3)), "{ran:?}");
        assert_eq!(ran.stderr, "in b /");
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let script = format!("trap '' TERM; sleep 1000 & echo $! >{}; wait; wait", file.display());
        let ran = run(shell(&script, Duration::from_millis(300))).await;
        assert!(matches!(ran.how, How::TimedOut), "{ran:?}");
        let pid: u32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let gone = async {
            // Its new parent reaps it in its own time.
            while std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, gone).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_cannot_be_started_says_why() {
        let mut command = shell("", LONG);
        command.words = vec!["/nonexistent/program".into()];
        let ran = run(command).await;
        assert!(ran.how.to_string().contains("could not be started"), "{ran:?}");
    }

    #[tokio::test]
    async fn only_the_last_of_what_it_says_is_kept_and_stdin_may_be_ignored() {
        let mut command = shell("head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2", LONG);
        command.stdin = vec![0; 1 << 20];
        let ran = run(command).await;
        assert!(ran.how.is_good() && ran.stderr.ends_with("xend"), "{:?}", ran.how);
        assert!(ran.stderr.len() <= KEPT);
    }

    #[tokio::test]
    async fn one_that_leaves_a_child_behind_is_not_waited_for() {
        let begin = Instant::now();
        let ran = run(shell("sleep 3 & exit 0", LONG)).await;
        assert!(ran.how.is_good() && begin.elapsed() < Duration::from_secs(2), "{ran:?}");
    }
}
