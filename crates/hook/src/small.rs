//! Small files, read at once: each call of the kernel that is saved is the agent's time.

use std::{fs::File, io, io::Read, path::Path};

/// Longer files are no small ones; what is beyond is left out.
const LONGEST: usize = 4096;

/// Reads a file of the kernel's own.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read_from(&mut File::open(path)?, LONGEST)
}

/// Reads at most so many bytes. The kernel gives a small file whole.
pub(crate) fn read_from(file: &mut File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let length = loop {
        match file.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    bytes.truncate(length);
    Ok(bytes)
}
