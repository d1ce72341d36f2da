//! A program that is a session of kind `shell`: it tells of its own start and end.
//!
//! The daemon is told where it runs; else a record waits for it, as those of `wk-hook` do: of the
//! start, of the end, or of both. The program never fails, nor waits long, because of either.

use std::{env, fs, time::Duration};

use rustix::{process, system::uname};
use serde_json::{Value, json};
use wk_hook::{
    ancestry, bell, clock,
    places::{bell as bell_in, hooks},
    record::{Environment, Head, Record, ShellCall, ShellEvent},
    spool::Spool,
};
use wk_model::Time;

use crate::{Client, ClientError, Places};

/// Whoever does not answer by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// This program's session, from its start to [`Tracker::end`].
///
/// A program that ends without it is ended by the daemon, which sees that its process is gone.
///
/// ```no_run
/// # async fn run() -> Result<(), wk_client::BadPlace> {
/// let places = wk_client::Places::of_this_user()?;
/// let tracker = wk_client::Tracker::start(&places, "mytool", "MyShell").await;
/// // … the shell …
/// tracker.end().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tracker {
    places: Places,
    client: Client,
    component: String,
    shell_type: String,
    told: Told,
}

#[derive(Debug)]
enum Told {
    Daemon { session_id: String },
    Record,
    Nobody,
}

/// Why nobody took what was told.
enum Untold {
    /// Nobody has answered, or not now: another daemon will hear of it.
    Away,
    /// The daemon says that it cannot be.
    Refused,
}

impl Tracker {
    /// Tells that this program begins. `component` is of letters, digits, `_` and `-`.
    pub async fn start(places: &Places, component: &str, shell_type: &str) -> Self {
        let client = Client::new(places.socket(), component);
        let mut tracker = Self {
            places: places.clone(),
            client,
            component: component.to_owned(),
            shell_type: shell_type.to_owned(),
            told: Told::Nobody,
        };
        let start = start_event(component, shell_type);
        match tracker.call("/track/start", &start).await {
            Ok(session_id) => tracker.told = Told::Daemon { session_id },
            Err(Untold::Away) if tracker.leave(ShellEvent::Start) => tracker.told = Told::Record,
            Err(_) => {}
        }
        tracker
    }

    /// The session's id; none where the daemon will hear of it only later, or never.
    pub fn session_id(&self) -> Option<&str> {
        match &self.told {
            Told::Daemon { session_id } => Some(session_id),
            Told::Record | Told::Nobody => None,
        }
    }

    /// Tells that this program ends; true where the daemon knows, or will.
    pub async fn end(self) -> bool {
        match &self.told {
            Told::Daemon { session_id } => {
                let end = json!({"session_id": session_id, "timestamp": now()});
                match self.call("/track/end", &end).await {
                    Ok(_) => true,
                    Err(Untold::Away) => self.leave(ShellEvent::End),
                    Err(Untold::Refused) => false,
                }
            }
            Told::Record => self.leave(ShellEvent::End),
            Told::Nobody => false,
        }
    }

    /// The session's id in the daemon's answer.
    async fn call(&self, path: &str, event: &Value) -> Result<String, Untold> {
        let answer = tokio::time::timeout(PATIENCE, self.client.post::<Value>(path, &(), event));
        match answer.await {
            Ok(Ok(answer)) => answer["session_id"].as_str().map(str::to_owned).ok_or(Untold::Away),
            Ok(Err(ClientError::Refused(problem))) if problem.status < 500 => Err(Untold::Refused),
            Ok(Err(_)) | Err(_) => Err(Untold::Away),
        }
    }

    /// Leaves a record for a daemon to come.
    fn leave(&self, event: ShellEvent) -> bool {
        let record = Record { head: self.head(event), body: Vec::new() };
        let left = Spool::new(hooks(&self.places.state)).add(&record).is_ok();
        bell::ring(&bell_in(&self.places.runtime));
        left
    }

    fn head(&self, event: ShellEvent) -> Head {
        let pid = std::process::id();
        let shell = ShellCall {
            event,
            shell_type: self.shell_type.clone(),
            pid: Some(pid),
            component: Some(self.component.clone()),
            session_id: self.session_id().map(str::to_owned),
            ..ShellCall::default()
        };
        Head {
            agent: self.shell_type.clone(),
            boot_ns: clock::boot_ns(),
            boot_id: clock::boot_id(),
            time_ms: clock::wall_ms(),
            pid,
            uid: process::getuid().as_raw(),
            pid_namespace: ancestry::pid_namespace(),
            ancestors: ancestry::lineage(pid),
            environment: Environment {
                wk_session_id: env::var("WK_SESSION_ID").ok(),
                ..Environment::default()
            },
            working_directory: env::current_dir()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            shell: Some(shell),
            ..Head::default()
        }
    }
}

fn start_event(component: &str, shell_type: &str) -> Value {
    let pid = std::process::id();
    let began = ancestry::lineage(pid).first().map(|own| own.start_time);
    let directory = env::current_dir().unwrap_or_default();
    json!({
        "event_version": "1.0",
        "event_id": uuid(),
        "event_type": "session_start",
        "component_name": component,
        "shell_type": shell_type,
        "timestamp": now(),
        "pid": pid,
        "process_start_time": began,
        "user": {"username": username()},
        "hostname": uname().nodename().to_string_lossy(),
        "environment": {"platform": "linux", "cwd": directory.to_string_lossy()},
    })
}

fn now() -> String {
    Time::from_millis(clock::wall_ms()).to_string()
}

fn username() -> String {
    let named = env::var("USER").ok().filter(|name| !name.is_empty());
    named.unwrap_or_else(|| process::getuid().as_raw().to_string())
}

/// Names this start: sent twice, it is the same session.
fn uuid() -> String {
    let made = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    made.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixListener,
    };

    use super::*;

    fn places(folder: &tempfile::TempDir) -> Places {
        let path = folder.path();
        Places { state: path.join("s"), runtime: path.join("r"), config: path.join("c") }
    }

    #[tokio::test]
    async fn without_a_daemon_records_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let tracker = Tracker::start(&places(&folder), "mytool", "MyShell").await;
        assert_eq!(tracker.session_id(), None);
        assert!(tracker.end().await);
        let waiting = Spool::new(hooks(&folder.path().join("s"))).waiting().unwrap();
        let calls: Vec<Head> =
            waiting.iter().map(|record| record.read().unwrap().unwrap().head).collect();
        let told = calls.iter().map(|head| head.shell.clone().unwrap());
        let events: Vec<ShellEvent> = told.map(|shell| shell.event).collect();
        assert_eq!(events, [ShellEvent::Start, ShellEvent::End]);
        assert_eq!(calls[0].shell.as_ref().unwrap().component.as_deref(), Some("mytool"));
        // The daemon finds the process among those that it is told of.
        assert_eq!(calls[0].ancestors[0].pid, std::process::id());
    }

    #[tokio::test]
    async fn a_daemon_is_told_and_says_the_id() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(&folder);
        fs::create_dir(&places.runtime).unwrap();
        let listener = UnixListener::bind(places.socket()).unwrap();
        let daemon = tokio::spawn(async move {
            let mut heard = Vec::new();
            for _ in 0..3 {
                let (mut line, _) = listener.accept().await.unwrap();
                let mut text = vec![0; 65536];
                let length = line.read(&mut text).await.unwrap();
                heard.push(String::from_utf8_lossy(&text[..length]).into_owned());
                let body = r#"{"session_id":"28t5cy4tqkff","status":"tracked","error":null}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
                let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                line.write_all(answer.as_bytes()).await.unwrap();
            }
            heard
        });
        let tracker = Tracker::start(&places, "mytool", "MyShell").await;
        assert_eq!(tracker.session_id(), Some("28t5cy4tqkff"));
        assert!(tracker.end().await);
        let tracker = Tracker::start(&places, "mytool", "MyShell").await;
        let heard = daemon.await.unwrap();
        assert!(heard[0].starts_with("POST /api/track/start "), "{heard:?}");
        assert!(heard[1].starts_with("POST /api/track/end "), "{heard:?}");
        assert!(!places.state.exists(), "nothing waits for anybody");
        // It is away by now: a record says which session is over.
        assert!(tracker.end().await);
        let waiting = Spool::new(hooks(&places.state)).waiting().unwrap();
        let call = waiting[0].read().unwrap().unwrap().head.shell.unwrap();
        assert_eq!((waiting.len(), call.event), (1, ShellEvent::End));
        assert_eq!(call.session_id.as_deref(), Some("28t5cy4tqkff"));
    }

    #[tokio::test]
    async fn where_nothing_can_be_told_nothing_fails() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = Places { state: "/proc/nowhere".into(), ..places(&folder) };
        let tracker = Tracker::start(&nowhere, "mytool", "MyShell").await;
        assert_eq!(tracker.session_id(), None);
        assert!(!tracker.end().await);
    }
}
