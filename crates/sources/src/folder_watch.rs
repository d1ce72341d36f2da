//! The kernel's word that something changed in a folder.
//!
//! A user has few inotify instances (128 by default) and many watches, so the whole process
//! shares one instance: one thread reads it and wakes whoever watches the folder.

use std::{
    collections::HashMap,
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::sync::watch;

/// What reading one's word takes.
const STACK: usize = 64 << 10;

/// What is told of.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// The one of this process, once somebody has watched something.
static HUB: Mutex<Option<Arc<Hub>>> = Mutex::new(None);

/// Watches one folder's files: made, moved, written to, removed.
#[derive(Debug)]
pub struct FolderWatch {
    hub: Arc<Hub>,
    number: i32,
    changes: watch::Receiver<()>,
}

/// The instance, and who is woken for which of its watches.
#[derive(Debug)]
struct Hub {
    inotify: OwnedFd,
    folders: Mutex<HashMap<i32, watch::Sender<()>>>,
}

impl FolderWatch {
    /// Begins to watch; the folder must be there.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Self::of(folder, CHANGES)
    }

    /// The same for files that are made, and no others: what is written to them is not told.
    pub fn of_births(folder: &Path) -> io::Result<Self> {
        Self::of(folder, WatchFlags::CREATE)
    }

    fn of(folder: &Path, changes: WatchFlags) -> io::Result<Self> {
        let hub = Hub::of_this_process()?;
        // Held until the watch has its place: nothing can be read of it before.
        let mut folders = hub.folders();
        let number = inotify::add_watch(&hub.inotify, folder, changes | WatchFlags::ONLYDIR)?;
        let changes = folders.entry(number).or_default().subscribe();
        drop(folders);
        Ok(Self { hub, number, changes })
    }

    /// Waits for changes since the last call; any number of them is one word.
    ///
    /// An error: the folder is gone, and what is at its path now is another one.
    pub async fn changed(&mut self) -> io::Result<()> {
        self.changes.changed().await.map_err(|_| io::ErrorKind::NotFound.into())
    }
}

impl Drop for FolderWatch {
    fn drop(&mut self) {
        let mut folders = self.hub.folders();
        // This one is still counted.
        if folders.get(&self.number).is_some_and(|sender| sender.receiver_count() == 1) {
            folders.remove(&self.number);
            // Fails where the kernel has let go of the folder already.
            let _ = inotify::remove_watch(&self.hub.inotify, self.number);
        }
    }
}

impl Hub {
    fn of_this_process() -> io::Result<Arc<Self>> {
        let mut hub = HUB.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = &*hub {
            return Ok(hub.clone());
        }
        let inotify = inotify::init(CreateFlags::CLOEXEC)?;
        let made = Arc::new(Self { inotify, folders: Mutex::default() });
        let reads = made.clone();
        let reader = thread::Builder::new().name("folders".into()).stack_size(STACK);
        reader.spawn(move || reads.read())?;
        *hub = Some(made.clone());
        Ok(made)
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<i32, watch::Sender<()>>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        loop {
            let (number, what) = match reader.next() {
                Ok(event) => (event.wd(), event.events()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return self.give_up(),
            };
            let mut folders = self.folders();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                // Nobody knows whose word was lost.
                folders.values().for_each(|sender| sender.send_replace(()));
            } else if what.contains(ReadFlags::IGNORED) {
                folders.remove(&number);
            } else if let Some(sender) = folders.get(&number) {
                sender.send_replace(());
            }
        }
    }

    /// Nothing is told any more: whoever watches hears of that, and the next one begins anew.
    fn give_up(&self) {
        *HUB.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.folders().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_file_that_grows_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = FolderWatch::new(dir.path()).unwrap();
        for text in ["made", "written again"] {
            fs::write(dir.path().join("file"), text).unwrap();
            watch.changed().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_folder_that_goes_is_told_of_and_its_successor_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let (mut first, mut second) =
            (FolderWatch::new(&folder).unwrap(), FolderWatch::new(&folder).unwrap());
        fs::remove_dir(&folder).unwrap();
        while first.changed().await.is_ok() {}
        while second.changed().await.is_ok() {}
        fs::create_dir(&folder).unwrap();
        let mut anew = FolderWatch::new(&folder).unwrap();
        drop((first, second));
        fs::write(folder.join("file"), "text").unwrap();
        anew.changed().await.unwrap();
        assert!(FolderWatch::new(&folder.join("file")).is_err());
    }

    #[tokio::test]
    async fn one_who_leaves_takes_nothing_from_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let mut stays = FolderWatch::new(dir.path()).unwrap();
        drop(FolderWatch::new(dir.path()).unwrap());
        fs::write(dir.path().join("file"), "text").unwrap();
        stays.changed().await.unwrap();
    }

    #[tokio::test]
    async fn two_hundred_folders_take_one_instance() {
        let dir = tempfile::tempdir().unwrap();
        let mut watches = Vec::new();
        for number in 0..200 {
            let folder = dir.path().join(number.to_string());
            fs::create_dir(&folder).unwrap();
            watches.push((FolderWatch::new(&folder).unwrap(), folder));
        }
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let instances = open.filter(|fd| {
            fs::read_link(fd.path()).is_ok_and(|at| at.to_string_lossy().contains("inotify"))
        });
        assert_eq!(instances.count(), 1);
        let (last, folder) = watches.last_mut().unwrap();
        fs::write(folder.join("file"), "text").unwrap();
        last.changed().await.unwrap();
        let (first, _) = watches.first_mut().unwrap();
        let quiet = tokio::time::timeout(Duration::ZERO, first.changed()).await;
        assert!(quiet.is_err(), "nothing happened there");
    }
}
