//! Records that wait, read in the order in which they happened, and removed once journalled.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    time::Duration,
};

use tokio::{net::UnixDatagram, time::sleep};
use wk_holder::host;
use wk_hook::{
    clock,
    record::BadRecord,
    spool::{Spool, Waiting},
};

use super::told::Told;
use crate::folder_watch::FolderWatch;

/// Records that are taken at a time.
const AT_ONCE: usize = 256;

/// A record that is not whole is still being written, or its writer was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between looks at one that is being written.
const SOON: Duration = Duration::from_millis(200);

/// Between looks where the kernel cannot tell: all of the user's watches are taken.
const UNTOLD: Duration = Duration::from_secs(5);

/// The spools, and whoever rings.
#[derive(Debug)]
pub struct Inbox {
    spools: Vec<Spool>,
    bell: Bell,
    watches: Vec<Option<FolderWatch>>,
    /// Damaged records so far.
    bad: u64,
}

/// A record that was read, and is removed once it is journalled.
#[derive(Debug)]
pub struct Taken {
    waiting: Waiting,
    spool: usize,
    pub told: Told,
}

#[derive(Debug)]
struct Bell {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    /// Device and inode of ours.
    identity: Option<(u64, u64)>,
}

impl Taken {
    /// Once for each record of a boot.
    pub fn number(&self) -> u64 {
        self.waiting.number
    }

    /// The source that gave the number.
    pub fn source(&self) -> String {
        format!("hooks/{}", self.waiting.boot)
    }
}

impl Inbox {
    /// Listens at `bell`, and looks into these folders of records.
    pub fn new(folders: Vec<PathBuf>, bell: PathBuf) -> Self {
        let spools: Vec<_> = folders.into_iter().map(Spool::new).collect();
        if let Some(Err(error)) = spools.first().map(Spool::make) {
            tracing::warn!(%error, "cannot make the folder of hooks");
        }
        let watches = spools.iter().map(|_| None).collect();
        Self { spools, bell: Bell { path: bell, socket: None, identity: None }, watches, bad: 0 }
    }

    /// Damaged records that were set aside so far.
    pub fn bad(&self) -> u64 {
        self.bad
    }

    /// The next records, at least one; waits for it. Loses nothing when it is cancelled.
    pub async fn next(&mut self) -> Vec<Taken> {
        loop {
            self.listen();
            let (taken, later) = self.look();
            if !taken.is_empty() {
                return taken;
            }
            self.changed(later).await;
        }
    }

    /// Removes records that are journalled.
    pub fn acknowledge(&mut self, taken: &[Taken]) {
        for one in taken {
            if let Err(error) = one.waiting.remove() {
                tracing::warn!(%error, "cannot remove a hook's record: it is known when it is seen again");
            }
        }
    }

    /// Sets a record aside that the journal cannot take.
    pub fn refuse(&mut self, taken: &Taken) {
        self.set_aside(taken.spool, &taken.waiting, "the journal cannot take it");
    }

    /// What waits now, and whether something is about to.
    fn look(&mut self) -> (Vec<Taken>, bool) {
        let (mut taken, mut later) = (Vec::new(), false);
        for spool in 0..self.spools.len() {
            let waiting = match self.spools[spool].waiting() {
                Ok(waiting) => earlier_boots_first(waiting),
                Err(error) => {
                    tracing::warn!(%error, "cannot look into the folder of hooks");
                    continue;
                }
            };
            let mut left = AT_ONCE;
            for waiting in waiting {
                if left == 0 {
                    break;
                }
                match self.read(spool, waiting) {
                    Read::Taken(one) => {
                        taken.push(*one);
                        left -= 1;
                    }
                    Read::Later => later = true,
                    Read::Nothing => {}
                }
            }
        }
        let boot = host::boot_id();
        taken.sort_by_key(|one| {
            let at = one.told.at;
            // Clocks of different boots cannot be compared: the wall's has to do.
            let earlier = (at.boot != boot).then_some(at.time);
            (earlier.is_none(), earlier, at.boot_ns, one.waiting.number)
        });
        (taken, later)
    }

    fn read(&mut self, spool: usize, waiting: Waiting) -> Read {
        match waiting.read() {
            Ok(Ok(record)) => {
                Read::Taken(Box::new(Taken { told: Told::of(record), waiting, spool }))
            }
            Ok(Err(BadRecord::Incomplete)) if waiting.age().is_none_or(|age| age < PATIENCE) => {
                Read::Later
            }
            Ok(Err(bad)) => {
                self.set_aside(spool, &waiting, &bad.to_string());
                Read::Nothing
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Read::Nothing,
            Err(error) => {
                self.set_aside(spool, &waiting, &error.to_string());
                Read::Nothing
            }
        }
    }

    fn set_aside(&mut self, spool: usize, waiting: &Waiting, why: &str) {
        self.bad += 1;
        tracing::warn!(why, number = waiting.number, "a hook's record is set aside");
        if let Err(error) = self.spools[spool].set_aside(waiting) {
            tracing::warn!(%error, "cannot set a hook's record aside");
        }
    }

    /// Looked first, watched then would miss what comes in between: so it is the other way.
    fn listen(&mut self) {
        self.bell.keep();
        for (watch, spool) in self.watches.iter_mut().zip(&self.spools) {
            if watch.is_none() {
                *watch = FolderWatch::new(spool.folder()).ok();
            }
        }
    }

    /// Waits until somebody rings, or a folder changes.
    async fn changed(&mut self, later: bool) {
        let untold = self.watches.first().is_none_or(Option::is_none);
        let pause = async {
            match (later, untold) {
                (true, _) => sleep(SOON).await,
                (false, true) => sleep(UNTOLD).await,
                (false, false) => std::future::pending().await,
            }
        };
        let bell = self.bell.rung();
        let middle = self.watches.len().min(1);
        let (first, second) = self.watches.split_at_mut(middle);
        let gone = tokio::select! {
            () = bell => None,
            () = pause => None,
            gone = folder_changed(first.first_mut()) => gone.then_some(0),
            gone = folder_changed(second.first_mut()) => gone.then_some(1),
        };
        if let Some(gone) = gone {
            // Made anew by the next hook, or by us.
            self.watches[gone] = None;
            let _ = self.spools[gone].make();
        }
    }
}

/// Records that an earlier boot has left come before those of this one.
fn earlier_boots_first(mut waiting: Vec<Waiting>) -> Vec<Waiting> {
    let this = clock::boot_id();
    waiting.sort_by_key(|one| !one.boot.is_empty() && this.starts_with(&one.boot));
    waiting
}

enum Read {
    Taken(Box<Taken>),
    Later,
    Nothing,
}

/// Whether the folder is gone.
async fn folder_changed(watch: Option<&mut Option<FolderWatch>>) -> bool {
    match watch {
        Some(Some(watch)) => watch.changed().await.is_err(),
        _ => std::future::pending().await,
    }
}

impl Bell {
    /// Listens, and listens anew where somebody has taken the bell away.
    fn keep(&mut self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            return;
        }
        let _ = fs::remove_file(&self.path);
        let bound = UnixDatagram::bind(&self.path);
        let closed = || fs::set_permissions(&self.path, Permissions::from_mode(0o600));
        self.socket = bound
            .and_then(|socket| closed().map(|()| socket))
            .inspect_err(|error| tracing::debug!(%error, "no bell for hooks"))
            .ok();
        self.identity = self.socket.as_ref().and_then(|_| identity(&self.path));
    }

    /// Waits for a ring; all that wait are one.
    async fn rung(&self) {
        let Some(socket) = &self.socket else { return std::future::pending().await };
        let mut byte = [0; 16];
        if socket.recv(&mut byte).await.is_err() {
            return sleep(UNTOLD).await;
        }
        while socket.try_recv(&mut byte).is_ok() {}
    }
}

fn identity(path: &std::path::Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use wk_hook::{
        bell,
        record::{Head, Record},
    };

    use super::*;

    struct Yard {
        dir: tempfile::TempDir,
        inbox: Inbox,
    }

    impl Yard {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folders = vec![dir.path().join("s/hooks"), dir.path().join("r/hooks")];
            fs::create_dir(dir.path().join("r")).unwrap();
            let bell = dir.path().join("r/bell");
            Self { inbox: Inbox::new(folders, bell), dir }
        }

        fn add(&self, folder: &str, boot_ns: u64) {
            self.add_of(clock::boot_id(), 0, folder, boot_ns);
        }

        fn add_of(&self, boot_id: String, time_ms: i64, folder: &str, boot_ns: u64) {
            let agent = "claude".into();
            let head = Head { boot_ns, time_ms, boot_id, pid: 7, agent, ..Head::default() };
            let spool = Spool::new(self.dir.path().join(folder));
            spool.add(&Record { head, body: b"{}".into() }).unwrap();
        }

        async fn next(&mut self) -> Vec<u64> {
            let taken = self.inbox.next().await;
            let order = taken.iter().map(|one| one.told.at.boot_ns).collect();
            self.inbox.acknowledge(&taken);
            order
        }
    }

    #[tokio::test]
    async fn what_waits_is_taken_in_order_from_both_places_and_once() {
        let mut yard = Yard::new();
        for (folder, boot_ns) in
            [("s/hooks", 9_000_000), ("r/hooks", 5_000_000), ("s/hooks", 1_000_000)]
        {
            yard.add(folder, boot_ns);
        }
        assert_eq!(yard.next().await, [1_000_000, 5_000_000, 9_000_000]);
        let (inbox, spool) = (&mut yard.inbox, Spool::new(yard.dir.path().join("s/hooks")));
        assert!(inbox.look().0.is_empty() && spool.waiting().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_earlier_boots_have_left_comes_first_by_the_wall_clock() {
        let mut yard = Yard::new();
        yard.add("s/hooks", 1_000_000);
        let boot = |first: char| clock::boot_id().replace(|_: char| true, &first.to_string());
        // Whatever the boots are called, and however long they were up.
        for (name, time_ms, boot_ns) in [('f', 10, 7_000_000), ('0', 20, 3_000_000)] {
            let id = format!("{}-0000-4000-8000-000000000000", &boot(name)[..8]);
            yard.add_of(id, time_ms, "s/hooks", boot_ns);
        }
        assert_eq!(yard.next().await, [7_000_000, 3_000_000, 1_000_000]);
    }

    #[tokio::test]
    async fn what_is_not_acknowledged_comes_again() {
        let mut yard = Yard::new();
        yard.add("s/hooks", 1_000_000);
        let first = yard.inbox.next().await[0].number();
        assert_eq!(yard.inbox.next().await[0].number(), first);
    }

    #[tokio::test]
    async fn whoever_comes_later_is_heard_with_or_without_the_bell() {
        let mut yard = Yard::new();
        assert!(yard.inbox.look().0.is_empty());
        yard.inbox.listen();
        yard.add("s/hooks", 1_000_000);
        assert_eq!(yard.next().await.len(), 1);
        fs::remove_dir_all(yard.dir.path().join("s")).unwrap();
        yard.add("s/hooks", 2_000_000);
        assert_eq!(yard.next().await.len(), 1, "the folder was made anew");
        bell::ring(&yard.dir.path().join("r/bell"));
        yard.add("r/hooks", 3_000_000);
        assert_eq!(yard.next().await.len(), 1);
    }

    #[tokio::test]
    async fn a_damaged_record_holds_up_no_other() {
        let mut yard = Yard::new();
        yard.add("s/hooks", 2_000_000);
        let folder = yard.dir.path().join("s/hooks");
        fs::write(folder.join("0000000000000001-5b1f0b6e.hook"), "wkhook nonsense\n").unwrap();
        fs::write(folder.join("0000000000000002-5b1f0b6e.hook"), "wkho").unwrap();
        assert_eq!(yard.next().await, [2_000_000]);
        assert_eq!(yard.inbox.bad(), 1);
        let (taken, later) = yard.inbox.look();
        assert!(taken.is_empty() && later, "the other may still be written");
    }
}
