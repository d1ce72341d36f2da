//! A file of the kernel in which it counts: opened once, read again and again.

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::FileExt},
    path::Path,
};

/// More than any of these files has.
const SIZE: usize = 8192;

/// One such file.
#[derive(Debug)]
pub(super) struct Counter(File);

impl Counter {
    /// Opens a file; none where there is none, or where it cannot be read.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let counter = Self(File::open(path).ok()?);
        counter.text().map(|_| counter)
    }

    /// The number that is its whole content.
    pub(super) fn number(&self) -> Option<u64> {
        self.text()?.trim().parse().ok()
    }

    /// The sum of the lines `name value` with these names.
    pub(super) fn sum(&self, names: &[&str]) -> u64 {
        sum(&self.text().unwrap_or_default(), names)
    }

    fn text(&self) -> Option<String> {
        let mut buffer = [0; SIZE];
        let length = self.0.read_at(&mut buffer, 0).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

impl AsFd for Counter {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn sum(text: &str, names: &[&str]) -> u64 {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let wanted = lines.filter(|(name, _)| names.contains(name));
    wanted.filter_map(|(_, value)| value.trim().parse::<u64>().ok()).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_whole_names() {
        let text = "file 5\ninactive_file 7\nactive_file 8\nactive_file_x 9\nbad\nbad x\n";
        assert_eq!(sum(text, &["inactive_file", "active_file"]), 15);
        assert_eq!(sum(text, &["bad"]), 0);
    }
}
