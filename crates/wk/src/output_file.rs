//! Where a list goes and in which form: `--format`, `--output`.
//!
//! A file is written whole under another name first, so that nobody ever reads half of it,
//! and an error leaves what was there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{color::Paint, verbs::Format};

/// Columns of a table in a file.
const WIDE: usize = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// As this; by default as the name of the file ends, else a table
    #[arg(long)]
    format: Option<Format>,
    /// Into this file, whole or not at all; .csv and .json say the format
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArgs {
    pub(crate) fn format(&self) -> Format {
        let extension = self.output.as_ref().and_then(|path| path.extension());
        let extension = extension.map(std::ffi::OsStr::to_ascii_lowercase);
        let by_name = match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            _ => Format::Table,
        };
        self.format.unwrap_or(by_name)
    }

    /// Writes to the file, for which there is a width and no colour, else to `out`.
    pub(crate) fn write<W: Write>(
        &self,
        out: &mut W,
        write: impl FnOnce(&mut &mut dyn Write, Option<(usize, Paint)>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.output {
            None => write(&mut (out as &mut dyn Write), None),
            Some(path) => into_file(path, |file| write(file, Some((WIDE, Paint(false)))))
                .with_context(|| format!("cannot write `{}`", path.display())),
        }
    }
}

/// Has a file written, and puts it in its place once it is whole.
fn into_file(
    path: &Path,
    write: impl FnOnce(&mut &mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // A link stays one: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let there = fs::metadata(&path);
    if there.as_ref().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        // A device or a pipe takes what it is given.
        let mut file = BufWriter::new(OpenOptions::new().write(true).open(&path)?);
        write(&mut (&mut file as &mut dyn Write))?;
        return Ok(file.flush()?);
    }
    let name = path.file_name().context("it names no file")?;
    anyhow::ensure!(!path.is_dir(), "it is a folder");
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.tmp", std::process::id()));
    let unfinished = Unfinished::create(path.with_file_name(beside))?;
    if let Ok(there) = there {
        unfinished.file.set_permissions(there.permissions())?;
    }
    let mut file = BufWriter::new(&unfinished.file);
    write(&mut (&mut file as &mut dyn Write))?;
    file.flush()?;
    drop(file);
    unfinished.file.sync_all()?;
    Ok(unfinished.put_at(&path)?)
}

/// A file that goes with this value unless it was put in its place.
struct Unfinished {
    file: File,
    path: PathBuf,
}

impl Unfinished {
    fn create(path: PathBuf) -> io::Result<Self> {
        // One of the same process and number can only be left from before.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }

    fn put_at(&self, place: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has another name by now, or is of no use.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn arguments(format: Option<Format>, output: &str) -> OutputArgs {
        OutputArgs { format, output: Some(output.into()) }
    }

    #[test]
    fn the_format_follows_the_name_unless_one_is_named() {
        for (format, output, want) in [
            (None, "a.csv", Format::Csv),
            (None, "a.JSON", Format::Json),
            (None, "a.txt", Format::Table),
            (None, "csv", Format::Table),
            (Some(Format::Json), "a.csv", Format::Json),
        ] {
            assert_eq!(arguments(format, output).format(), want, "{output}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        let to_link = arguments(None, link.to_str().unwrap());

        let failed = to_link.write(&mut io::sink(), |out, _| {
            out.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("link.csv`: no more"));
        assert_eq!(fs::read_to_string(&real).unwrap(), "old");

        to_link.write(&mut io::sink(), |out, _| Ok(out.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn what_is_no_file_is_written_to_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            arguments(None, path).write(&mut io::sink(), |out, _| Ok(out.write_all(b"x")?))
        };
        write("/dev/null").unwrap();
        assert!(write(folder.path().to_str().unwrap()).is_err());
        assert!(write(folder.path().join("none/a.csv").to_str().unwrap()).is_err());
    }
}
