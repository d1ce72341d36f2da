//! Limits: ours, the kernel's, and those of groups.

use std::{fs, path::PathBuf};

use super::{Expected, Lane, Way, way::ways};

type Injected = Result<Vec<Expected>, String>;

ways! {
    "limit-memory" => limit_memory,
    "limit-time" => limit_time,
    "limit-idle" => limit_idle,
    "limit-cpu" => limit_cpu,
    "limit-output" => limit_output,
    "limit-processes" => limit_processes,
    "rlimit, file size" => rlimit_file,
    "rlimit, CPU" => rlimit_cpu,
    "oom-cgroup" => oom_cgroup,
}

async fn limit_memory(lane: &Lane) -> Injected {
    let session = lane.run(&["--max-memory", "48M", "--grace", "0s"], &["allocate"]).await;
    Ok(vec![Expected::new(&session.id, &["limit-memory"])])
}

async fn limit_time(lane: &Lane) -> Injected {
    let session = lane.run(&["--timeout", "300ms"], &["sleep", "x"]).await;
    Ok(vec![Expected::new(&session.id, &["limit-time"])])
}

async fn limit_idle(lane: &Lane) -> Injected {
    let session = lane.run(&["--idle-timeout", "300ms"], &["sleep", "x"]).await;
    Ok(vec![Expected::new(&session.id, &["limit-idle"])])
}

async fn limit_cpu(lane: &Lane) -> Injected {
    let session = lane.run(&["--max-cpu-time", "300ms"], &["spin"]).await;
    Ok(vec![Expected::new(&session.id, &["limit-cpu"])])
}

async fn limit_output(lane: &Lane) -> Injected {
    let session = lane.run(&["--max-output", "256K", "--grace", "0s"], &["flood"]).await;
    Ok(vec![Expected::new(&session.id, &["limit-output"])])
}

async fn limit_processes(lane: &Lane) -> Injected {
    let script = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait";
    let options = ["--max-processes", "5", "--grace", "0s", "--", "sh", "-c", script];
    let session = lane.daemon.run(options).await;
    Ok(vec![Expected::new(&session.id, &["limit-processes"])])
}

async fn rlimit_file(lane: &Lane) -> Injected {
    let file = lane.daemon.path().join(Lane::mark()).display().to_string();
    let session = lane.script(&format!("ulimit -f 1; exec \"$MISBEHAVE\" write {file}")).await;
    Ok(vec![Expected::new(&session.id, &["rlimit"])])
}

async fn rlimit_cpu(lane: &Lane) -> Injected {
    let session = lane.script("ulimit -t 1; exec \"$MISBEHAVE\" spin").await;
    Ok(vec![Expected::new(&session.id, &["rlimit"]).blind(&["rlimit", "killed", "unknown"])])
}

/// A memory group of version 1 that goes with this.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    fn new() -> Result<Self, String> {
        let folder = PathBuf::from("/sys/fs/cgroup/memory").join(Lane::mark());
        let failed = |error| format!("cannot make a memory cgroup: {error}");
        fs::create_dir(&folder).map_err(failed)?;
        let group = Self(folder);
        fs::write(group.0.join("memory.limit_in_bytes"), "24M").map_err(failed)?;
        Ok(group)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The dead leave a moment after they are reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

async fn oom_cgroup(lane: &Lane) -> Injected {
    let group = MemoryGroup::new()?;
    let join = format!("echo $$ > {}/cgroup.procs", group.0.display());
    let session = lane.script(&format!("{join}; exec \"$MISBEHAVE\" allocate")).await;
    lane.settled(&session.id).await;
    Ok(vec![Expected::new(&session.id, &["oom-cgroup"]).blind(&["oom-cgroup"])])
}
