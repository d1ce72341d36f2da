//! A full disk: sessions run on, and what is lost is marked as lost.

use std::{fs::File, io::Write, path::Path};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use wk_model::Status;
use wk_tests::{TestDaemon, skip};

/// A small disk; unmounted with this.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// None: only root may make one.
    fn mount(path: &'a Path) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let options = c"size=6m,mode=700";
        let mounted = mount("tmpfs", path, "tmpfs", MountFlags::NODEV, options);
        mounted.inspect_err(|error| skip(&format!("cannot mount a tmpfs: {error}"))).ok()?;
        Some(Self(path))
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).unwrap();
        for size in [64 << 10, 4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = unmount(self.0, UnmountFlags::DETACH);
    }
}

#[tokio::test]
async fn sessions_run_on_and_the_gap_is_recorded() {
    // The disk goes after the daemon that uses it.
    let home = TestDaemon::new();
    let state = home.state();
    let Some(disk) = SmallDisk::mount(&state) else { return };
    let mut wk = home;
    wk.expect_trouble();
    let script =
        "echo begun; while read n; do seq -f 'line %.0f' 1 $n; echo \"done $n\"; done; exit 5";
    let talks = wk.run(["--name", "talks", "--", "sh", "-c", script]).await;
    let ends = wk.run(["--name", "ends", "--", "cat"]).await;
    talks.until_shows("begun").await;
    let holder = ends.holder().await;
    disk.fill();

    // It prints more than any buffer holds, and is not held up.
    wk.ok(["send", "talks", "300000", "--enter"]).await;
    talks.until_shows("done 300000").await;
    // Nothing new can be kept, and that is said.
    let refused = wk.wk(["run", "-d", "--", "true"]).await;
    assert!(refused.code != 0 && refused.stderr.to_lowercase().contains("space"), "{refused}");
    // What ends now ends with its true exit: the space for that was reserved.
    wk.ok(["send", "ends", "--key", "C-d"]).await;
    holder.ended().await;

    disk.free();
    wk.ok(["send", "talks", "7", "--enter"]).await;
    talks.until_shows("done 7").await;
    let view = ends.ended().await;
    assert_eq!((view.status, view.exit_code), (Some(Status::Completed), Some(0)));
    wk.ok(["send", "talks", "--key", "C-d"]).await;
    let view = talks.ended().await;
    assert_eq!((view.status, view.exit_code), (Some(Status::Failed), Some(5)));
    assert!(view.recording.is_some_and(|recording| recording.gaps > 0), "the gap is counted");
    let logs = wk.wk(["logs", "talks"]).await;
    assert!(logs.stderr.contains("gap"), "{}", logs.stderr);
    assert!(logs.text().contains("done 7"), "it is recorded again");
    let journal = wk.journal().await;
    assert!(journal.iter().any(|event| event["kind"] == "output_gap"));
    wk.ok(["run", "--", "true"]).await;
    wk.ok(["doctor", "--rebuild"]).await;
    drop(wk);
    drop(disk);
}
