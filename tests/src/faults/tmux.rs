//! Sessions of tmux, each way with a server of its own.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::ChildStdout,
};

use super::{Expected, Lane, Way, way::ways};
use crate::within;

type Injected = Result<Vec<Expected>, String>;

/// Without a witness, tmux's own log and what the kernel tells everybody are all there is.
const BLIND_SERVER: &[&str] = &["tmux-server-killed", "tmux-server-crashed", "unknown"];

ways! {
    "tmux-kill, session" => kill_session,
    "tmux-kill, pane" => kill_pane,
    "tmux-server-killed, asked" => kill_server,
    "tmux-server-killed, KILL" => server_killed,
    "tmux-server-killed, TERM" => server_terminated,
    "tmux-server-crashed" => server_crashed,
    "tmux, pane killed" => pane_killed,
    "tmux, closed by its user" => closed,
    "tmux-option" => destroyed_unattached,
}

/// A tmux server of one way.
struct Server<'a> {
    lane: &'a Lane,
    name: String,
}

impl<'a> Server<'a> {
    fn new(lane: &'a Lane) -> Result<Self, String> {
        let found = Command::new("tmux").arg("-V").output();
        found.map_err(|error| format!("there is no tmux: {error}"))?;
        Ok(Self { lane, name: Lane::mark() })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.lane.daemon.command("tmux");
        command.args(["-L", &self.name, "-f", "/dev/null"]).args(words);
        command
    }

    /// Calls tmux; its number.
    async fn call(&self, words: &[&str]) -> u32 {
        let mut child = tokio::process::Command::from(self.command(words)).spawn().expect("tmux");
        let pid = child.id().expect("it runs");
        within("tmux", child.wait()).await.expect("it can be waited for");
        pid
    }

    fn ask(&self, format: &str) -> String {
        let output = self.command(&["display-message", "-p", format]).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Begins a session, and waits until it is watched: its id.
    async fn session(&self, name: &str) -> String {
        self.session_of(name, "sleep 1000").await
    }

    async fn session_of(&self, name: &str, command: &str) -> String {
        self.call(&["new-session", "-d", "-s", name, "-x", "80", "-y", "24", command]).await;
        let mut events = self.lane.daemon.events().await;
        let socket = format!("/{}", self.name);
        let created = events
            .until(|event| {
                let tmux = &event.data["tmux"];
                event.kind == "session_created"
                    && tmux["socket"].as_str().is_some_and(|path| path.ends_with(&socket))
                    && tmux["name"] == name
            })
            .await;
        let id = created.session_id.expect("a creation has a session");
        events.until_kind(&id, "attempt_started").await;
        id
    }

    fn pid(&self) -> String {
        self.ask("#{pid}")
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
        let folder: PathBuf = self.lane.daemon.path().join(format!("tmux-{}", uid()));
        let _ = std::fs::remove_file(folder.join(&self.name));
    }
}

fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

async fn kill_session(lane: &Lane) -> Injected {
    let server = Server::new(lane)?;
    let (_other, id) = (server.session("other").await, server.session("victim").await);
    let client = server.call(&["kill-session", "-t", "victim"]).await;
    let expected = Expected::new(&id, &["tmux-kill"]).blind(&["tmux-kill", "hangup", "unknown"]);
    lane.settled(&id).await;
    Ok(vec![expected.by(client)])
}

async fn kill_pane(lane: &Lane) -> Injected {
    let server = Server::new(lane)?;
    let (_other, id) = (server.session("other").await, server.session("victim").await);
    let client = server.call(&["kill-pane", "-t", "victim"]).await;
    let expected = Expected::new(&id, &["tmux-kill"]).blind(&["tmux-kill", "hangup", "unknown"]);
    lane.settled(&id).await;
    Ok(vec![expected.by(client)])
}

async fn server_dies(
    lane: &Lane,
    kill: impl AsyncFnOnce(&Server) -> Option<u32>,
    causes: &'static [&'static str],
) -> Injected {
    let server = Server::new(lane)?;
    let mut sessions = Vec::new();
    for name in ["one", "two", "three"] {
        sessions.push(server.session(name).await);
    }
    let killer = kill(&server).await;
    for id in &sessions {
        lane.settled(id).await;
    }
    let expect = |id: &String| {
        let expected = Expected::new(id, causes).blind(BLIND_SERVER).with_others();
        match killer {
            Some(pid) => expected.by(pid),
            None => expected,
        }
    };
    Ok(sessions.iter().map(expect).collect())
}

async fn kill_server(lane: &Lane) -> Injected {
    let ask = async |server: &Server| Some(server.call(&["kill-server"]).await);
    server_dies(lane, ask, &["tmux-server-killed"]).await
}

async fn server_killed(lane: &Lane) -> Injected {
    let kill = async |server: &Server| Some(lane.act("/bin/kill", &["-9", &server.pid()]).await);
    server_dies(lane, kill, &["tmux-server-killed"]).await
}

async fn server_terminated(lane: &Lane) -> Injected {
    let kill = async |server: &Server| Some(lane.act("/bin/kill", &[&server.pid()]).await);
    server_dies(lane, kill, &["tmux-server-killed"]).await
}

/// A debugger makes it run at address 0, and lets it go: the fault is its own.
async fn server_crashed(lane: &Lane) -> Injected {
    if !std::path::Path::new("/usr/bin/gdb").exists() {
        return Err("there is no gdb".to_owned());
    }
    let crash = async |server: &Server| {
        let pid = server.pid();
        lane.act("gdb", &["-p", &pid, "-batch", "-ex", "set $pc=0", "-ex", "detach"]).await;
        None
    };
    server_dies(lane, crash, &["tmux-server-crashed"]).await
}

async fn pane_killed(lane: &Lane) -> Injected {
    let server = Server::new(lane)?;
    let (_other, id) = (server.session("other").await, server.session("victim").await);
    let output = server.command(&["list-panes", "-t", "victim", "-F", "#{pane_pid}"]).output();
    let pid = String::from_utf8_lossy(&output.expect("tmux").stdout).trim().to_owned();
    let killer = lane.act("/bin/kill", &["-9", &pid]).await;
    let expected = Expected::new(&id, &["killed"]).blind(&["killed", "unknown"]);
    lane.settled(&id).await;
    Ok(vec![expected.by(killer)])
}

async fn closed(lane: &Lane) -> Injected {
    let server = Server::new(lane)?;
    let (_other, id) = (server.session("other").await, server.session_of("victim", "sh").await);
    server.call(&["send-keys", "-t", "victim", "exit", "Enter"]).await;
    lane.settled(&id).await;
    Ok(vec![Expected::new(&id, &["completed"]).blind(&["completed", "unknown"])])
}

async fn destroyed_unattached(lane: &Lane) -> Injected {
    let server = Server::new(lane)?;
    let (_other, id) = (server.session("other").await, server.session("victim").await);
    // A client in control mode is attached as any other, and leaves when its input ends.
    let attach = server.command(&["-C", "attach-session", "-t", "victim"]);
    let mut attach = tokio::process::Command::from(attach);
    attach.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = attach.spawn().map_err(|error| error.to_string())?;
    let mut told = BufReader::new(client.stdout.take().expect("it is piped")).lines();
    within("a client that attaches", until_attached(&mut told)).await;
    server.call(&["set-option", "-t", "victim", "destroy-unattached", "on"]).await;
    drop(client.stdin.take());
    lane.settled(&id).await;
    let _ = within("a client that leaves", client.wait()).await;
    if server.pid().is_empty() {
        // Some versions do, now and then: the verdict says so, and is right.
        return Err("tmux itself crashed of it".to_owned());
    }
    let blind = &["tmux-option", "tmux-kill", "unknown"];
    Ok(vec![Expected::new(&id, &["tmux-option"]).blind(blind)])
}

/// A client says which session it has, once it is attached to one.
async fn until_attached(told: &mut Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(line)) = told.next_line().await {
        if line.starts_with("%session-changed") {
            return;
        }
    }
    panic!("it left before it was attached");
}
