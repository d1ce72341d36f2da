//! Cgroup leaves of a test, where they can be made.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A leaf below the group of this test; it goes with its holder, or here.
pub(crate) struct Leaf(pub(crate) PathBuf);

impl Leaf {
    /// In the hierarchy of cgroup v2.
    pub(crate) fn unified() -> Option<Self> {
        Self::make("cgroup2", "", "")
    }

    /// In the hierarchy that a controller of cgroup v1 has.
    pub(crate) fn legacy(controller: &str) -> Option<Self> {
        Self::make("cgroup", controller, controller)
    }

    fn make(kind: &str, option: &str, controller: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            let fits = fields.get(2) == Some(&kind)
                && (option.is_empty() || fields.get(3)?.split(',').any(|o| o == option));
            fits.then(|| fields.get(1).copied())?
        })?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            fields.next()?.split(',').any(|name| name == controller).then(|| fields.next())?
        })?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("wk-holder-test-{}-{number}", std::process::id());
        let path = Path::new(mount).join(own.trim_start_matches('/')).join(name);
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    pub(crate) fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The most processes that a test may come to, whatever goes wrong: this process and all that
/// it starts. What is left of them goes with the fence.
pub(crate) struct Fence(Leaf);

impl Fence {
    /// Call it in a process of the test's own.
    pub(crate) fn around_this_process(most: u32) -> Option<Self> {
        let leaf = Leaf::legacy("pids")?;
        fs::write(leaf.0.join("pids.max"), most.to_string()).ok()?;
        fs::write(leaf.0.join("cgroup.procs"), "0").ok()?;
        Some(Self(leaf))
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        let _ = fs::write(self.0.0.join("pids.max"), "0");
        let below = fs::read_dir(&self.0.0).into_iter().flatten().flatten();
        for group in below.map(|entry| entry.path()).chain([self.0.0.clone()]) {
            let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            let others = text.lines().filter_map(|line| line.parse::<u32>().ok());
            for pid in others.filter(|pid| *pid != std::process::id()) {
                crate::harness::Watch::kill_if_alive(pid);
            }
        }
        let outside = self.0.0.parent().map(|parent| parent.join("cgroup.procs"));
        let _ = outside.map(|outside| fs::write(outside, "0"));
    }
}
