//! What is wrong with the settings, and where.

use std::{fmt, io, ops::Range, path::PathBuf};

use crate::text::visible::{cut, visible, width};

/// Why the settings cannot be used: everything that is wrong with them, not only the first.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the settings in `{}`", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// In a file; `line` and `column` count from 1.
    File {
        path: PathBuf,
        line: usize,
        column: usize,
        shown: String,
        mark: usize,
        message: String,
    },
    Variable {
        name: String,
        message: String,
    },
}

impl Fault {
    /// A fault at a span of bytes of a file's text.
    pub(crate) fn at(path: PathBuf, text: &str, span: &Range<usize>, message: String) -> Self {
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_text = text[line_start..].lines().next().unwrap_or_default();
        let before = &text[line_start..start];
        let end = span.end.clamp(start, line_start + line_text.len());
        let marked = &text[start..text.floor_char_boundary(end).max(start)];
        Self::File {
            path,
            line: text[..start].matches('\n').count() + 1,
            column: before.chars().count() + 1,
            shown: visible(&line_text.replace('\t', " ")).into_owned(),
            mark: width(&visible(marked)).max(1),
            message,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, message } => write!(f, "{name} {message}"),
            Self::File { path, line, column, shown, mark, message } => {
                let before: String = shown.chars().take(column - 1).collect();
                let (indent, number) = (width(&before), line.to_string());
                let gutter = " ".repeat(number.len());
                let marks = "^".repeat((*mark).min(60));
                writeln!(f, "{}:{line}:{column}: {message}", path.display())?;
                writeln!(f, "  {number} | {}", cut(shown, 160))?;
                write!(f, "  {gutter} | {}{marks}", " ".repeat(indent.min(160)))
            }
        }
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
