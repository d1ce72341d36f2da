//! The end of a session is told before the last of its recording is on the disk: who reads
//! the whole of it waits that moment.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

use tokio::time::timeout;
use wk_holder::{folder, host};
use wk_model::{Ending, Session};
use wk_sources::folder_watch::FolderWatch;

use crate::App;

/// How long the rest may take; where it takes longer it was lost.
pub(crate) const REST: Duration = Duration::from_secs(2);

/// More than the line takes that ends an attempt.
const LAST_LINE: u64 = 256;

fn has_run(ending: &Ending) -> bool {
    matches!(ending, Ending::Exited { .. } | Ending::Signaled { .. })
}

/// Waits until the recording of a session that has just ended is whole.
pub(crate) async fn until_whole(app: &App, session: &Session) {
    let Some(ended) = session.ended().filter(|ended| has_run(&ended.ending)) else { return };
    let age = host::now().time.millis_since(ended.at);
    if !session.created.recorded || u128::from(age) > REST.as_millis() {
        return;
    }
    let recording = app.sessions.join(session.id.as_str()).join(folder::RECORDING);
    let Ok(mut growth) = FolderWatch::new(&recording) else { return };
    let whole = async {
        while !ends_with_exit(&recording).unwrap_or(true) {
            if growth.changed().await.is_err() {
                return;
            }
        }
    };
    // What is there after so long is all there is.
    let _ = timeout(REST, whole).await;
}

/// Whether the last thing in a recording is the end of an attempt.
fn ends_with_exit(recording: &Path) -> io::Result<bool> {
    // Segments are named by their numbers, all of one length.
    let names = fs::read_dir(recording)?.flatten().map(|entry| entry.file_name());
    let segments = names.filter(|name| name.as_encoded_bytes().ends_with(b".cast"));
    let Some(newest) = segments.max() else { return Ok(false) };
    let mut file = File::open(recording.join(newest))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE)))?;
    let mut tail = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut tail)?;
    let Some(lines) = tail.strip_suffix(b"\n") else { return Ok(false) };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let row = serde_json::from_slice::<(f64, String, String)>(last);
    Ok(row.is_ok_and(|(_, code, _)| code == "x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_whole_with_its_exit() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!ends_with_exit(dir.path()).unwrap());
        fs::write(dir.path().join("000001.cast"), "[0.1, \"x\", \"0\"]\n").unwrap();
        let segment = dir.path().join("000002.cast");
        for (text, want) in [
            ("[0.1, \"o\", \"x\"]\n", false),
            ("[0.1, \"x\", \"0\"]\n", true),
            ("[0.1, \"x\", \"0\"]", false),
            ("[0.1, \"x\", \"0\"]\n[1, \"m\", \"x\"]\n", false),
        ] {
            fs::write(&segment, format!("# a line before\n{text}")).unwrap();
            assert_eq!(ends_with_exit(dir.path()).unwrap(), want, "{text}");
        }
    }
}
