//! Signals from others, from within, and from the terminal.

use super::{Expected, Lane, Way, way::ways};

type Injected = Result<Vec<Expected>, String>;

/// Without a witness a signal's number is all there is.
const KILLED: &[&str] = &["killed"];
const BLIND: &[&str] = &["killed", "unknown"];

ways! {
    "killed, one" => killed_one,
    "killed, by pattern" => killed_by_pattern,
    "killed, by a shell builtin" => killed_by_builtin,
    "killed, by a group signal" => killed_by_group,
    "killed, by python" => killed_by_python,
    "killed, TERM obeyed with code 0" => killed_softly,
    "killed, through a wrapper" => killed_through_wrapper,
    "killed, by its wrapper" => killed_by_wrapper,
    "killed, by two at once" => killed_by_two,
    "killed, by one called wk-holder" => killed_by_namesake,
    "killed, from another session" => killed_from_session,
    "self-killed, by itself" => self_killed,
    "self-killed, by its child" => killed_by_child,
    "interrupted" => interrupted,
    "stopped" => stopped,
    "holder-killed" => holder_killed,
}

async fn killed_one(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    let pid = lane.pid(&session).await.to_string();
    let killer = lane.act("/bin/kill", &["-9", &pid]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(BLIND).by(killer)])
}

async fn killed_by_pattern(lane: &Lane) -> Injected {
    let mark = Lane::mark();
    let mut sessions = Vec::new();
    for number in 0..3 {
        sessions.push(lane.living(&format!("{mark}{number}")).await);
    }
    let killer = lane.act("pkill", &["-9", "-f", &mark]).await;
    let expect = |session: &crate::Session| {
        Expected::new(&session.id, KILLED).blind(BLIND).by(killer).with_others()
    };
    Ok(sessions.iter().map(expect).collect())
}

async fn killed_by_builtin(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    let script = format!("kill -9 {}; :", lane.pid(&session).await);
    let killer = lane.act("bash", &["-c", &script]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(BLIND).by(killer)])
}

async fn killed_by_group(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    // A session's command leads a process group of its own.
    let group = format!("-{}", lane.pid(&session).await);
    let killer = lane.act("/bin/kill", &["-9", "--", &group]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(BLIND).by(killer)])
}

async fn killed_by_python(lane: &Lane) -> Injected {
    if !std::path::Path::new("/usr/bin/python3").exists() {
        return Err("there is no /usr/bin/python3".to_owned());
    }
    let session = lane.living(&Lane::mark()).await;
    let script = format!("import os; os.kill({}, 9)", lane.pid(&session).await);
    let killer = lane.act("/usr/bin/python3", &["-c", &script]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(BLIND).by(killer)])
}

async fn killed_softly(lane: &Lane) -> Injected {
    let session = lane.misbehaving(&["late", "50"]).await;
    session.until_shows("ready").await;
    let pid = lane.pid(&session).await.to_string();
    let killer = lane.act("/bin/kill", &["-TERM", &pid]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(&["completed"]).by(killer)])
}

async fn killed_through_wrapper(lane: &Lane) -> Injected {
    let mark = Lane::mark();
    let session = lane.script(&format!("\"$MISBEHAVE\" sleep {mark}x; exit $?")).await;
    session.until_shows("ready").await;
    // The wrapper's own command line ends otherwise.
    let killer = lane.act("pkill", &["-9", "-f", &format!("misbehave sleep {mark}x$")]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(&["killed", "failed", "unknown"]).by(killer)])
}

async fn killed_by_wrapper(lane: &Lane) -> Injected {
    let kill = "sleep 0.1; kill -9 $child; wait $child";
    let script = format!("echo me $$ here; \"$MISBEHAVE\" sleep x & child=$!; {kill}");
    let session = lane.script(&script).await;
    session.until_shows("here").await;
    // It is the session's own command that does it.
    let pid = said(lane, &session.id).await?;
    let causes = &["self-killed", "killed"];
    let blind = &["killed", "failed", "unknown", "self-killed"];
    Ok(vec![Expected::new(&session.id, causes).blind(blind).at_most_by(pid)])
}

async fn killed_by_two(lane: &Lane) -> Injected {
    let (one, other) = (Lane::mark(), Lane::mark());
    let mut sessions = Vec::new();
    for mark in [&one, &other] {
        for number in 0..2 {
            sessions.push(lane.living(&format!("{mark}{number}")).await);
        }
    }
    let kill = async |mark: &str| lane.act("pkill", &["-9", "-f", mark]).await;
    let killers = tokio::join!(kill(&one), kill(&other));
    let killers = [killers.0, killers.0, killers.1, killers.1];
    let expect = |(session, killer): (&crate::Session, u32)| {
        Expected::new(&session.id, KILLED).blind(BLIND).by(killer).with_others()
    };
    Ok(sessions.iter().zip(killers).map(expect).collect())
}

/// A name proves nothing: any program can have ours.
async fn killed_by_namesake(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    let program = lane.daemon.path().join("wk-holder");
    std::fs::copy("/bin/sh", &program).map_err(|error| error.to_string())?;
    let script = format!("kill -9 {}; :", lane.pid(&session).await);
    let killer = lane.act(&program.display().to_string(), &["-c", &script]).await;
    Ok(vec![Expected::new(&session.id, KILLED).blind(BLIND).by(killer)])
}

async fn killed_from_session(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    let pid = lane.pid(&session).await;
    let killer = lane.script(&format!("echo me $$ here; kill -9 {pid}; exec sleep 1000")).await;
    killer.until_shows("here").await;
    let killer_pid = lane.pid(&killer).await;
    session.ended().await;
    lane.daemon.ok(["stop", &killer.id, "--grace", "0s"]).await;
    // Its ancestry ends at its holder, which nobody here has started.
    Ok(vec![Expected::new(&session.id, KILLED).blind(BLIND).at_most_by(killer_pid)])
}

async fn self_killed(lane: &Lane) -> Injected {
    let session = lane.script("echo me $$ here; kill -9 $$").await;
    session.until_shows("here").await;
    let pid = said(lane, &session.id).await?;
    Ok(vec![self_kill(&session.id, pid)])
}

async fn killed_by_child(lane: &Lane) -> Injected {
    let script = "sh -c 'echo me $$ here; sleep 0.1; kill -9 '$$'; exit 0' & exec sleep 1000";
    let session = lane.script(script).await;
    session.until_shows("here").await;
    let pid = said(lane, &session.id).await?;
    Ok(vec![self_kill(&session.id, pid)])
}

/// The number behind `me` in what a session has printed.
async fn said(lane: &Lane, session: &str) -> Result<u32, String> {
    let shown = lane.daemon.ok(["logs", session]).await;
    let pid = shown.split_whitespace().skip_while(|word| *word != "me").nth(1);
    pid.and_then(|pid| pid.parse().ok()).ok_or_else(|| format!("nobody said who it is: {shown}"))
}

fn self_kill(session: &str, pid: u32) -> Expected {
    Expected::new(session, &["self-killed"]).blind(BLIND).at_most_by(pid)
}

async fn interrupted(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    lane.daemon.ok(["send", &session.id, "--key", "C-c"]).await;
    Ok(vec![Expected::new(&session.id, &["interrupted"]).blind(&[
        "interrupted",
        "killed",
        "unknown",
    ])])
}

async fn stopped(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    lane.daemon.ok(["stop", &session.id]).await;
    Ok(vec![Expected::new(&session.id, &["stopped"])])
}

async fn holder_killed(lane: &Lane) -> Injected {
    let session = lane.living(&Lane::mark()).await;
    let holder = session.view().await.holder_pid.ok_or("no holder")?.to_string();
    let killer = lane.act("/bin/kill", &["-9", &holder]).await;
    Ok(vec![Expected::new(&session.id, &["holder-killed"]).by(killer)])
}
