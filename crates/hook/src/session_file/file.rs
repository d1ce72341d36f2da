//! One session file, looked at with suspicion: anybody can put anything into `/tmp`.

use std::{fs::File, path::Path};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, open},
    process::geteuid,
};

use super::stamp;
use crate::{identifier::is_id, small};

/// How the name of every session file begins.
pub(super) const PREFIX: &str = "claude_session_";

/// A longer file is none of ours.
const LONGEST: usize = 8192;

/// What a session file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) time_ms: i64,
    /// Whose it is; none in the plain file.
    pub(super) owner: Option<String>,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Entry(Entry),
    /// A file of this user's that says nothing sensible.
    Corrupt,
    Nothing,
    /// Another user's, open to others, or no plain file: not believed, and not touched.
    Foreign,
}

/// Reads a session file; follows no link, and waits for nothing.
pub(super) fn read(path: &Path) -> Found {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Found::Nothing,
        Err(_) => return Found::Foreign,
    };
    let Ok(stat) = fstat(&file) else { return Found::Foreign };
    let private = stat.st_mode & 0o077 == 0;
    let own = stat.st_uid == geteuid().as_raw();
    if !own || !private || !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Found::Foreign;
    }
    let Ok(text) = small::read_from(&mut File::from(file), LONGEST + 1) else {
        return Found::Foreign;
    };
    parse(&text).map_or(Found::Corrupt, Found::Entry)
}

fn parse(text: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?;
    let mut lines = text.lines();
    let id = lines.next().filter(|id| is_id(id))?.to_owned();
    let time_ms = stamp::read(lines.next()?.trim())?;
    let owner = lines.next().map(str::to_owned);
    let rest_is_empty = lines.all(|line| line.trim().is_empty());
    rest_is_empty.then_some(Entry { id, time_ms, owner })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_contract_says_is_an_entry() {
        let entry = parse(b"sess_1\n2025-11-11T05:20:32Z\n").unwrap();
        assert_eq!((entry.id.as_str(), entry.owner), ("sess_1", None));
        let keyed = parse(b"sess_1\n2025-11-11T05:20:32Z\nfolder /a b\n").unwrap();
        assert_eq!(keyed.owner.as_deref(), Some("folder /a b"));
        let long = [vec![b'x'; 1 << 20], b"\n2025-11-11T05:20:32Z\n".to_vec()].concat();
        for bad in [
            &b""[..],
            b"sess_1",
            b"sess_1\nyesterday\n",
            b"unknown\n2025-11-11T05:20:32Z\n",
            b"../etc\n2025-11-11T05:20:32Z\n",
            b"a\0b\n2025-11-11T05:20:32Z\n",
            b"\xff\n2025-11-11T05:20:32Z\n",
            b"a\n2025-11-11T05:20:32Z\nfolder /\nmore\n",
            &long,
        ] {
            assert_eq!(
                parse(bad),
                None,
                "{:?}",
                String::from_utf8_lossy(&bad[..bad.len().min(40)])
            );
        }
    }
}
