//! The folders of ended sessions: what is in them, and how it goes.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use tokio::runtime::Handle;
use wk_api::{Cleaned, Problem, Removed};
use wk_holder::{folder, host, record};
use wk_model::{Session, SessionId, Time};
use wk_policies::cleanup::{Kept, Limits, Part, Reason, Removal, plan};
use wk_server::internal;

use super::SUMMARY;
use crate::daemon::{core::Core, driver::REMOVED};

/// A folder that the journal does not know may be of a session that is just being created.
const STRANGE_MS: u64 = 3_600_000;

/// Folders within a folder beyond this are not ours.
const DEPTH: usize = 8;

/// Removes what the limits do not allow, or says what would be removed.
pub(super) async fn clean(
    core: &Arc<Core>,
    limits: Limits,
    cleaned: &mut Cleaned,
) -> Result<(), Problem> {
    let (core, dry_run) = (Arc::clone(core), cleaned.dry_run);
    let work = move || clean_blocking(&core, &limits, dry_run);
    let failed = |why: String| internal(format!("cannot clean up: {why}"));
    let done =
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    let Cleaned { removed, bytes, failed: kept, .. } =
        done.map_err(|error| failed(error.to_string()))?;
    cleaned.removed.extend(removed);
    cleaned.bytes += bytes;
    cleaned.failed.extend(kept);
    Ok(())
}

fn clean_blocking(core: &Arc<Core>, limits: &Limits, dry_run: bool) -> io::Result<Cleaned> {
    let kept = scan(core)?;
    let removals = plan(&kept, limits, host::now().time);
    let kept: HashMap<SessionId, &Kept> = kept.iter().map(|kept| (kept.session_id, kept)).collect();
    let mut cleaned = Cleaned::default();
    // Both parts of one session follow each other.
    for removals in removals.chunk_by(|a, b| a.session_id == b.session_id) {
        let session_id = removals[0].session_id;
        let Some(kept) = kept.get(&session_id) else { continue };
        let removed = match dry_run {
            true => Ok(true),
            false => {
                // Nobody starts it again meanwhile.
                let _turn = Handle::current().block_on(core.turn(session_id));
                remove(core, kept, removals)
            }
        };
        match removed {
            Ok(true) => {
                cleaned.bytes += removals.iter().map(|removal| removal.bytes).sum::<u64>();
                cleaned.removed.extend(removals.iter().map(|removal| told(core, removal)));
            }
            Ok(false) => {}
            Err(error) => {
                cleaned.failed.insert(session_id.to_string(), error.to_string());
            }
        }
    }
    Ok(cleaned)
}

/// Removes what is left of sessions that the journal knows no more.
pub(super) async fn forget(core: &Arc<Core>, sessions: Vec<SessionId>, cleaned: &mut Cleaned) {
    let core = Arc::clone(core);
    let work = move || {
        let remove =
            |id: &SessionId| remove_renamed(&core.folder(*id), &removed_name(&core, *id, ""));
        let failed = sessions.iter().filter_map(|id| Some((id.to_string(), remove(id).err()?)));
        failed.map(|(id, error)| (id, error.to_string())).collect::<Vec<_>>()
    };
    cleaned.failed.extend(tokio::task::spawn_blocking(work).await.unwrap_or_default());
}

/// What all ended sessions still have on disk.
fn scan(core: &Core) -> io::Result<Vec<Kept>> {
    let folders = match fs::read_dir(core.places.sessions()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        folders => folders?,
    };
    let mut kept = Vec::new();
    for entry in folders {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.parse::<SessionId>().ok());
        // A folder that goes meanwhile needs no cleaning.
        if let Some(session_id) = id
            && let Ok(Some(ended)) = ended(core, session_id, &entry.path())
            && let Ok(sizes) = Sizes::of(&entry.path())
        {
            let Sizes { live_state, recording } = sizes;
            let (ended_at, in_use) = ended;
            kept.push(Kept { session_id, ended_at, live_state, recording, in_use });
        }
    }
    Ok(kept)
}

/// When the session of a folder ended, and whether it is in use; none while it lives.
fn ended(core: &Core, session_id: SessionId, path: &Path) -> io::Result<Option<(Time, bool)>> {
    let session = core.journal.session(session_id).map_err(io::Error::other)?;
    let Some(session) = session else {
        // The journal has forgotten it, or never knew: nobody will ask for it again.
        let modified = fs::symlink_metadata(path)?.modified()?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let strange = host::now().time.millis_since(modified) >= STRANGE_MS;
        return Ok(strange.then_some((modified, false)));
    };
    let in_use = || {
        core.is_held(session_id)
            || core.upkeep.readers.has(session_id)
            || record::is_held(path, session.attempt)
    };
    Ok(session.ended().map(|ended| (ended.at, in_use())))
}

/// Bytes in a session's folder.
struct Sizes {
    live_state: Option<u64>,
    recording: Option<u64>,
}

impl Sizes {
    fn of(path: &Path) -> io::Result<Self> {
        let (mut live_state, mut recording) = (None, None);
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let size = size(&entry.path(), DEPTH)?;
            if entry.file_name() == SUMMARY {
                continue;
            } else if entry.file_name() == folder::RECORDING {
                recording = Some(size);
            } else {
                *live_state.get_or_insert(0) += size;
            }
        }
        // An empty folder is something to remove as well.
        let empty = recording.is_none() && live_state.is_none();
        Ok(Self { live_state: if empty { Some(0) } else { live_state }, recording })
    }
}

/// Bytes of a file, or of all in a folder. Follows no links: anybody of this user may have
/// put one there.
fn size(path: &Path, depth: usize) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() || depth == 0 {
        return Ok(metadata.len());
    }
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        sum += size(&entry?.path(), depth - 1)?;
    }
    Ok(sum)
}

/// Removes parts of a folder, or all of it; false where its session has come back to life.
fn remove(core: &Core, kept: &Kept, removals: &[Removal]) -> io::Result<bool> {
    let session_id = kept.session_id;
    let path = core.folder(session_id);
    match ended(core, session_id, &path)? {
        Some((ended_at, false)) if ended_at == kept.ended_at => {}
        _ => return Ok(false),
    }
    let goes = |part| removals.iter().any(|removal| removal.part == part);
    let live_state_goes = kept.live_state.is_none() || goes(Part::LiveState);
    let recording_goes = kept.recording.is_none() || goes(Part::Recording);
    if live_state_goes && recording_goes {
        remove_renamed(&path, &removed_name(core, session_id, ""))?;
    } else if goes(Part::Recording) {
        remove_renamed(&path.join(folder::RECORDING), &removed_name(core, session_id, "-rec"))?;
    } else if let Some(session) = core.journal.session(session_id).map_err(io::Error::other)? {
        remove_live_state(&path, &session)?;
    }
    Ok(true)
}

/// A name under which the next daemon finishes what this one cannot.
fn removed_name(core: &Core, session_id: SessionId, end: &str) -> PathBuf {
    core.places.sessions().join(format!("{REMOVED}{session_id}{end}"))
}

/// Renamed first, so that nobody sees half of it.
fn remove_renamed(path: &Path, renamed: &Path) -> io::Result<()> {
    match fs::rename(path, renamed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    fs::remove_dir_all(renamed)
}

/// Leaves the recording and a summary.
fn remove_live_state(path: &Path, session: &Session) -> io::Result<()> {
    let mut file = OpenOptions::new();
    file.write(true).create(true).truncate(true).mode(0o600);
    file.open(path.join(SUMMARY))?.write_all(&serde_json::to_vec(session)?)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if [folder::RECORDING, SUMMARY].iter().any(|kept| entry.file_name() == *kept) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn told(core: &Core, removal: &Removal) -> Removed {
    let session = core.journal.session(removal.session_id).ok().flatten();
    let part = match removal.part {
        Part::LiveState => "live_state",
        Part::Recording => "recording",
    };
    let reason = match removal.reason {
        Reason::Age => "age",
        Reason::Count => "count",
        Reason::Size => "size",
    };
    Removed {
        session_id: removal.session_id.to_string(),
        name: session.and_then(|session| session.name().map(str::to_owned)),
        part: part.to_owned(),
        bytes: removal.bytes,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wk_model::{BootId, Change, Event, Moment, Seq, Source};

    use super::*;

    fn session() -> Session {
        let event = Event {
            seq: Seq(1),
            at: Moment { time: Time::default(), boot: BootId::default(), boot_ns: 0 },
            recorded_at: Time::default(),
            session_id: Some(SessionId::from_number(1)),
            source: Source::daemon(),
            source_seq: 1,
            trace_parent: None,
            change: Change::SessionCreated(Box::default()),
        };
        Session::create(&event).unwrap()
    }

    #[test]
    fn sizes_are_of_what_is_there_and_of_nothing_that_is_linked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let Sizes { live_state, recording } = Sizes::of(path).unwrap();
        assert_eq!((live_state, recording), (Some(0), None), "an empty folder goes");
        fs::create_dir(path.join("recording")).unwrap();
        fs::write(path.join("recording/000001.cast"), "0123456789").unwrap();
        std::os::unix::fs::symlink("/", path.join("recording/link")).unwrap();
        let Sizes { live_state, recording } = Sizes::of(path).unwrap();
        assert_eq!((live_state, recording), (None, Some(11)));
        fs::write(path.join("spec.json"), "{}").unwrap();
        assert_eq!(Sizes::of(path).unwrap().live_state, Some(2));
        remove_live_state(path, &session()).unwrap();
        assert_eq!(Sizes::of(path).unwrap().live_state, None);
        let kept: Session = serde_json::from_slice(&fs::read(path.join(SUMMARY)).unwrap()).unwrap();
        assert_eq!(kept, session());
        let renamed = path.join("renamed");
        remove_renamed(&path.join("recording"), &renamed).unwrap();
        assert!(!renamed.exists() && Path::new("/").exists());
        remove_renamed(&path.join("recording"), &renamed).unwrap();
    }
}
