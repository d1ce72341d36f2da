//! Commands that end by themselves.

use super::{Expected, Lane, Way, way::ways};

type Injected = Result<Vec<Expected>, String>;

ways! {
    "completed" => completed,
    "failed" => failed,
    "exec-failed" => exec_failed,
    "crashed" => crashed,
    "parent-died" => parent_died,
    "hangup" => hangup,
    "heap-exhausted" => heap_exhausted,
    "disk-full" => disk_full,
    "seccomp" => seccomp,
}

async fn completed(lane: &Lane) -> Injected {
    let session = lane.script("exit 0").await;
    Ok(vec![Expected::new(&session.id, &["completed"])])
}

async fn failed(lane: &Lane) -> Injected {
    let session = lane.script("exit 3").await;
    Ok(vec![Expected::new(&session.id, &["failed"])])
}

async fn exec_failed(lane: &Lane) -> Injected {
    // The session is there all the same, and says why it did not run.
    let outcome = lane.daemon.wk(["run", "-d", "--", "/no/such/program"]).await;
    let sessions = lane.daemon.sessions().await;
    let session = sessions.first().ok_or_else(|| format!("no session: {outcome}"))?;
    Ok(vec![Expected::new(&session.session_id, &["exec-failed"])])
}

async fn crashed(lane: &Lane) -> Injected {
    let session = lane.misbehaving(&["null"]).await;
    Ok(vec![Expected::new(&session.id, &["crashed"])])
}

async fn parent_died(lane: &Lane) -> Injected {
    let session = lane.misbehaving(&["parent-died"]).await;
    session.until_shows("here").await;
    let shown = lane.daemon.ok(["logs", &session.id]).await;
    let parent = shown.split_whitespace().skip_while(|word| *word != "parent").nth(1);
    let parent =
        parent.and_then(|pid| pid.parse().ok()).ok_or("the parent did not say who it is")?;
    let expected = Expected::new(&session.id, &["parent-died"]);
    Ok(vec![expected.blind(&["killed", "failed", "unknown"]).at_most_by(parent)])
}

async fn hangup(lane: &Lane) -> Injected {
    let session = lane.misbehaving(&["hangup"]).await;
    Ok(vec![Expected::new(&session.id, &["hangup"]).blind(&["killed", "hangup", "unknown"])])
}

async fn heap_exhausted(lane: &Lane) -> Injected {
    let grow = "node --max-old-space-size=16 -e 'const a=[];for(;;)a.push(new Array(1000).fill(a.length))'";
    if !std::path::Path::new("/usr/bin/node").exists() {
        return Err("there is no node".to_owned());
    }
    let session = lane.script(&format!("exec {grow}")).await;
    Ok(vec![Expected::new(&session.id, &["heap-exhausted"])])
}

async fn disk_full(lane: &Lane) -> Injected {
    let folder = lane.daemon.path().join(Lane::mark());
    std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
    let mounted = rustix::mount::mount(
        "tmpfs",
        &folder,
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        Some(c"size=64k"),
    );
    mounted.map_err(|error| format!("cannot mount a tmpfs: {error}"))?;
    let file = folder.join("file").display().to_string();
    let session = lane.run(&["--cwd", &folder.display().to_string()], &["write", &file]).await;
    session.ended().await;
    // What it says of the disk is read at once; the folder itself may go.
    let expected = Expected::new(&session.id, &["disk-full"]);
    let detach = rustix::mount::UnmountFlags::DETACH;
    lane.settled(&session.id).await;
    let _ = rustix::mount::unmount(&folder, detach);
    Ok(vec![expected])
}

async fn seccomp(lane: &Lane) -> Injected {
    let session = lane.misbehaving(&["seccomp"]).await;
    // The kernel tells nobody of it but the audit log, where there is one.
    Ok(vec![
        Expected::new(&session.id, &["seccomp", "unknown"])
            .blind(&["seccomp", "unknown", "killed"]),
    ])
}
