//! How many columns and rows a terminal has.
//!
//! Invariant: both are between 1 and [`Size::MAX`].

use std::fmt;
use std::str::FromStr;

/// The size of a terminal in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    cols: u16,
    rows: u16,
}

/// Why a text is no terminal size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a terminal size: expected COLSxROWS like 80x24, each from 1 to {}",
    Size::MAX
)]
pub struct ParseSizeError {
    text: String,
}

impl Size {
    /// The most columns, and the most rows.
    pub const MAX: u16 = 1000;

    /// Refuses zero and more than [`Size::MAX`].
    pub fn new(cols: u16, rows: u16) -> Option<Size> {
        let valid = 1..=Size::MAX;
        (valid.contains(&cols) && valid.contains(&rows)).then_some(Size { cols, rows })
    }

    pub fn cols(self) -> u16 {
        self.cols
    }

    pub fn rows(self) -> u16 {
        self.rows
    }
}

impl Default for Size {
    fn default() -> Size {
        Size { cols: 80, rows: 24 }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.cols, self.rows)
    }
}

impl FromStr for Size {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Size, ParseSizeError> {
        let parse = || {
            let (cols, rows) = text.split_once('x')?;
            Size::new(cols.parse().ok()?, rows.parse().ok()?)
        };
        parse().ok_or_else(|| ParseSizeError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_back_as_it_is_written() {
        for text in ["80x24", "1x1", "1000x1000"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_size_of_nothing_or_of_too_much_is_refused() {
        for text in ["", "80", "x", "0x24", "80x0", "1001x24", "80x70000", "80x24x1", "-1x5"] {
            let error = text.parse::<Size>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
