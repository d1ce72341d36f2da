//! Why a child never became its command: told through a pipe, said as a sentence.

use std::{fs, io};

use wk_holder::spec::Spec;
use wk_model::{Ending, OsText};

use crate::process::launch;

/// What the child was about to do when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Terminal = 1,
    Directory = 2,
    Execute = 3,
}

/// A child's last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) errno: i32,
}

impl Failure {
    /// Bytes of a failure in the pipe.
    pub(crate) const SIZE: usize = 5;

    pub(crate) fn to_bytes(self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.errno.to_le_bytes();
        [self.stage as u8, a, b, c, d]
    }

    /// Reads what a child wrote; none where it wrote nothing, since its pipe closed by `exec`.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [stage, a, b, c, d] = *bytes else { return None };
        let stage = match stage {
            1 => Stage::Terminal,
            2 => Stage::Directory,
            _ => Stage::Execute,
        };
        Some(Self { stage, errno: i32::from_le_bytes([a, b, c, d]) })
    }

    /// The failure as an attempt's end.
    pub(crate) fn ending(self, spec: &Spec, attempt: u32) -> Ending {
        let command = spec.command_of(attempt).first();
        let program = command.map(shown).unwrap_or_default();
        let directory = shown(&spec.working_directory);
        let error = io::Error::from_raw_os_error(self.errno);
        let (code, error) = match (self.stage, self.errno) {
            (Stage::Terminal, _) => (126, format!("cannot give `{program}` a terminal: {error}")),
            (Stage::Directory, _) => {
                (126, format!("cannot run `{program}` in directory `{directory}`: {error}"))
            }
            (Stage::Execute, libc::ENOENT) => not_found(spec, command, &program),
            (Stage::Execute, libc::EACCES) => {
                (126, format!("cannot run `{program}`: it may not be executed ({error})"))
            }
            (Stage::Execute, libc::E2BIG) => {
                (126, format!("cannot run `{program}`: its arguments and environment are too long"))
            }
            (Stage::Execute, _) => (126, format!("cannot run `{program}`: {error}")),
        };
        Ending::ExecFailed { code, error }
    }
}

/// The text as far as anybody reads it: the exit record has its space, and no more.
fn shown(text: &OsText) -> String {
    const LONGEST: usize = 512;
    let text = text.to_text();
    let cut = text.floor_char_boundary(LONGEST);
    if cut < text.len() { format!("{}…", &text[..cut]) } else { text.into_owned() }
}

fn not_found(spec: &Spec, command: Option<&OsText>, program: &str) -> (i32, String) {
    if !program.contains('/') {
        return (127, format!("cannot run `{program}`: no such command in PATH"));
    }
    let path = command.map(|text| {
        // A relative path is relative to the session's directory, as it was for the child.
        launch::path(&spec.working_directory).join(launch::path(text))
    });
    if path.is_some_and(|path| fs::symlink_metadata(path).is_ok()) {
        // The kernel says "not found" of the program in the first line, too.
        return (126, format!("cannot run `{program}`: its interpreter does not exist"));
    }
    (127, format!("cannot run `{program}`: no such file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_read_back_and_silence_is_success() {
        for stage in [Stage::Terminal, Stage::Directory, Stage::Execute] {
            let failure = Failure { stage, errno: libc::EACCES };
            assert_eq!(Failure::from_bytes(&failure.to_bytes()), Some(failure));
        }
        assert_eq!(Failure::from_bytes(b""), None);
    }
}
