//! The session file: in which session of an agent a program is.
//!
//! ```text
//! claude_session_{project}                 as other programs know it: the latest of the project
//! claude_session_{project}.{hash}          the same of exactly this folder
//! claude_session_.{pid}-{start}            of exactly this agent's process
//! ```
//!
//! The first has two lines, id and time; the others a third that says whose they are. Only
//! plain files of this user that nobody else can write or read are believed, no link is
//! followed, and a file is whole before it has its name.

mod cleanup;
mod file;
mod stamp;

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

pub use self::cleanup::Cleaned;
use self::file::{Entry, Found, PREFIX};
use crate::{
    ancestry::Ancestor, clock, identifier::is_id, project::Project, settings::HookSettings,
};

/// An id that is still right is written again after this, so that it does not grow too old.
const REFRESH_MS: i64 = 3_600_000;

/// A file's name is no longer.
const LONGEST_NAME: usize = 180;

/// Remembers which files were written here, so that no others are ever removed.
const LIST: &str = "session-files";

/// Behind the owner in the file of a process that calls for several agents.
const SHARED: &str = "shared";

/// Where session files are, and how they are kept.
#[derive(Clone, Debug)]
pub struct SessionFiles {
    folder: PathBuf,
    ttl: Duration,
    fsync: bool,
    /// The folder of records; none where there is no state.
    hooks: Option<PathBuf>,
    boot_id: String,
}

/// What a look at the files gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub id: Option<String>,
    /// It is that of a process above, not only of the project.
    pub of_process: bool,
    /// Files of ours that said nothing sensible: they are removed.
    pub corrupted: usize,
}

/// Why an id was not stored.
#[derive(Debug)]
pub enum StoreError {
    /// It is none that could be stored.
    BadId,
    Io(PathBuf, io::Error),
}

impl SessionFiles {
    pub fn new(settings: &HookSettings, hooks: Option<PathBuf>) -> Self {
        Self {
            folder: settings.session_file_dir.clone(),
            ttl: settings.ttl(),
            fsync: settings.session_file_fsync,
            hooks,
            boot_id: clock::boot_id(),
        }
    }

    /// Stores the id that an agent has in a project. Files that say so already stay as they are.
    ///
    /// All that can be written is; the error is of the first that could not.
    ///
    /// `first`: the agent has just started. Where its process has an id already, it is no
    /// agent but calls for several, and its own file says so from then on.
    pub fn store(
        &self,
        project: &Project,
        agent: Option<&Ancestor>,
        id: &str,
        first: bool,
    ) -> Result<(), StoreError> {
        if !is_id(id) {
            return Err(StoreError::BadId);
        }
        let of_agent = agent.map(|agent| self.of_shared_process(agent, id, first));
        let all = [of_agent, self.of_folder(project), Some((self.plain(project), None))];
        let mut result = Ok(());
        for (path, owner) in all.into_iter().flatten() {
            if let Err(error) = self.put(&path, id, owner.as_deref()) {
                result = result.and(Err(StoreError::Io(path, error)));
            }
        }
        result
    }

    /// The id of the agent that has one of these processes, else of the project.
    pub fn get(&self, project: &Project, ancestors: &[Ancestor]) -> Answer {
        let mut answer = Answer::default();
        for agent in ancestors {
            let (path, owner) = self.of_process(agent);
            if let Some(id) = self.look(&path, owner.as_deref(), &mut answer) {
                return Answer { id: Some(id), of_process: true, ..answer };
            }
        }
        let of_folder = self.of_folder(project);
        let exact = of_folder.is_some();
        for (path, owner) in of_folder.into_iter().chain([(self.plain(project), None)]) {
            if let Some(id) = self.look(&path, owner.as_deref(), &mut answer) {
                // The plain file may be that of a namesake, which says so in a file of its own.
                let foreign = owner.is_none() && exact && self.is_of_namesake(project, &id);
                if !foreign {
                    answer.id = Some(id);
                    return answer;
                }
            }
        }
        answer
    }

    /// Forgets the file of an agent whose process has ended.
    pub fn forget_process(&self, agent: &Ancestor) {
        let (path, owner) = self.of_process(agent);
        if matches!(file::read(&path), Found::Entry(entry) if entry.owner == owner) {
            let _ = fs::remove_file(path);
        }
    }

    fn look(&self, path: &Path, owner: Option<&str>, answer: &mut Answer) -> Option<String> {
        match file::read(path) {
            Found::Entry(entry) if entry.owner.as_deref() == owner => {
                self.is_fresh(&entry).then_some(entry.id)
            }
            // What was not written here is somebody's own, whatever its name is.
            Found::Corrupt if self.remembered().contains(path) => {
                answer.corrupted += 1;
                let _ = fs::remove_file(path);
                None
            }
            Found::Entry(_) | Found::Corrupt | Found::Nothing | Found::Foreign => None,
        }
    }

    fn is_fresh(&self, entry: &Entry) -> bool {
        let age = clock::wall_ms().saturating_sub(entry.time_ms);
        // A clock that was put back makes it come from the future, but not from any.
        age.unsigned_abs() <= u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether another folder of the same name has this very id.
    fn is_of_namesake(&self, project: &Project, id: &str) -> bool {
        let mut prefix = OsString::from(PREFIX);
        prefix.push(&project.name);
        prefix.push(".");
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().as_bytes().starts_with(prefix.as_bytes())).any(
            |entry| match file::read(&entry.path()) {
                Found::Entry(found) => found.id == id && found.owner.is_some(),
                _ => false,
            },
        )
    }

    fn put(&self, path: &Path, id: &str, owner: Option<&str>) -> io::Result<()> {
        let found = file::read(path);
        if let Found::Entry(there) = &found {
            let age = clock::wall_ms().saturating_sub(there.time_ms);
            // Of one that is shared, the id says nothing.
            let shared = owner.is_some_and(|owner| owner.ends_with(SHARED));
            let same = (shared || there.id == id) && there.owner.as_deref() == owner;
            if same && (0..REFRESH_MS).contains(&age) {
                return Ok(());
            }
        } else {
            self.remember(path);
        }
        let time = stamp::write(clock::wall_ms());
        let owner = owner.map(|owner| format!("{owner}\n")).unwrap_or_default();
        let text = format!("{id}\n{time}\n{owner}");
        self.replace(path, text.as_bytes(), matches!(found, Found::Entry(_)))
    }

    /// Puts a whole file in the place of what is there, if anything; `known`: a file like it.
    fn replace(&self, path: &Path, text: &[u8], known: bool) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("_{}-{:x}.tmp", std::process::id(), clock::boot_ns()));
        let new = path.with_file_name(name);
        let write = || {
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text)?;
            if self.fsync {
                file.sync_all()?;
            }
            drop(file);
            // A file that is renamed over another is written out at once by some file systems,
            // which takes five times as long; one that changes places with it is not.
            let exchanged =
                known && renameat_with(CWD, &new, CWD, path, RenameFlags::EXCHANGE).is_ok();
            if exchanged { fs::remove_file(&new) } else { fs::rename(&new, path) }
        };
        write().inspect_err(|_| drop(fs::remove_file(&new)))
    }

    fn plain(&self, project: &Project) -> PathBuf {
        self.folder.join(file_name(project, ""))
    }

    /// Of exactly this folder; none where only a name is known.
    fn of_folder(&self, project: &Project) -> Option<(PathBuf, Option<String>)> {
        let folder = project.folder.as_ref()?.to_string_lossy().replace('\n', "?");
        let name = file_name(project, &format!(".{}", project.hash()?));
        Some((self.folder.join(name), Some(format!("folder {folder}"))))
    }

    fn of_process(&self, agent: &Ancestor) -> (PathBuf, Option<String>) {
        let Ancestor { pid, start_time, .. } = agent;
        let path = self.folder.join(format!("{PREFIX}.{pid}-{start_time}"));
        (path, Some(format!("process {pid} {start_time} {}", self.boot_id)))
    }

    /// The file of a process; its owner is another where it calls for several agents.
    fn of_shared_process(
        &self,
        agent: &Ancestor,
        id: &str,
        first: bool,
    ) -> (PathBuf, Option<String>) {
        let (path, owner) = self.of_process(agent);
        let shared = owner.as_ref().map(|owner| format!("{owner} {SHARED}"));
        match file::read(&path) {
            Found::Entry(there) if there.owner == shared => (path, shared),
            Found::Entry(there) if first && there.owner == owner && there.id != id => {
                (path, shared)
            }
            _ => (path, owner),
        }
    }

    /// Notes that a file is ours.
    fn remember(&self, path: &Path) {
        let Some(hooks) = &self.hooks else { return };
        let mut options = fs::OpenOptions::new();
        let list = options.append(true).create(true).mode(0o600).open(hooks.join(LIST));
        if let (Ok(mut list), false) = (list, path.as_os_str().as_bytes().contains(&b'\n')) {
            // Without it, a damaged file stays where it is.
            let _ = list.write_all(&[path.as_os_str().as_bytes(), b"\n"].concat());
        }
    }
}

/// A project's name may hold anything but `/`, and be as long as a name can be.
fn file_name(project: &Project, suffix: &str) -> OsString {
    let mut name = PREFIX.as_bytes().to_vec();
    let own: Vec<u8> =
        project.name.as_bytes().iter().map(|b| if *b == b'\n' { b'?' } else { *b }).collect();
    name.extend_from_slice(&own[..own.len().min(LONGEST_NAME)]);
    name.extend_from_slice(suffix.as_bytes());
    OsString::from_vec(name)
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadId => f.write_str("this is no session id"),
            Self::Io(path, error) => write!(f, "cannot write `{}`: {error}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests;
