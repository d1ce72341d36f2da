//! The room on a disk, which may have to be waited for.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::host::disk_free;

/// Asks from a thread of its own: one that hangs holds up nobody, and there is only one.
#[derive(Debug, Default)]
pub struct DiskLook {
    asking: Arc<AtomicBool>,
}

impl DiskLook {
    /// What is left where `path` is; none where it takes longer than `patience`.
    pub fn free(&self, path: &Path, patience: Duration) -> Option<u64> {
        self.ask(path, patience, disk_free)
    }

    fn ask(
        &self,
        path: &Path,
        patience: Duration,
        look: impl FnOnce(&Path) -> Option<u64> + Send + 'static,
    ) -> Option<u64> {
        if self.asking.swap(true, Ordering::AcqRel) {
            return None;
        }
        let (asking, path) = (self.asking.clone(), path.to_owned());
        let (tell, told) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("disk".into()).stack_size(64 << 10);
        let spawned = thread.spawn(move || {
            let free = look(&path);
            asking.store(false, Ordering::Release);
            // Whoever asked may have given up.
            let _ = tell.send(free);
        });
        if spawned.is_err() {
            self.asking.store(false, Ordering::Release);
            return None;
        }
        told.recv_timeout(patience).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_hangs_is_asked_once_and_not_waited_for() {
        let (release, held) = mpsc::channel::<()>();
        let (ended, over) = mpsc::channel::<()>();
        let disk = DiskLook::default();
        let hangs = move |_: &Path| {
            let _ = held.recv();
            let _ = ended.send(());
            Some(1)
        };
        assert_eq!(disk.ask(Path::new("/"), Duration::from_millis(10), hangs), None);
        let again = |_: &Path| panic!("asked while the first still hangs");
        assert_eq!(disk.ask(Path::new("/"), Duration::from_secs(10), again), None);
        release.send(()).unwrap();
        over.recv().unwrap();
        while disk.asking.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert!(disk.free(Path::new("/"), Duration::from_secs(10)).is_some());
    }
}
