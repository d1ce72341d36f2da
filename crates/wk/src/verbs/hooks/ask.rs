//! Shows a change, and asks whether it is wanted.

use std::{
    io::{BufRead, IsTerminal, Write, stdin, stdout},
    path::Path,
};

use wk_agents::diff::{self, Line};

use super::EditArgs;
use crate::{
    color::{Paint, Style},
    complaint::Usage,
    text::visible::visible,
};

/// Writes what changes in a file.
pub(super) fn show(
    out: &mut impl Write,
    paint: Paint,
    path: &Path,
    (old, new): (&str, &str),
) -> anyhow::Result<()> {
    let name = visible(&path.to_string_lossy()).into_owned();
    writeln!(out, "{}", paint.apply(Style::Title, &name))?;
    for line in diff::lines(old, new) {
        let line = match line {
            Line::Same(text) => format!("  {}", visible(text)),
            Line::Old(text) => paint.apply(Style::Bad, &format!("- {}", visible(text))),
            Line::New(text) => paint.apply(Style::Good, &format!("+ {}", visible(text))),
            Line::Gap => paint.apply(Style::Past, "  …"),
        };
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Whether the change is to be made.
pub(super) fn wanted(args: &EditArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    if args.dry_run {
        writeln!(out, "nothing was changed")?;
        return Ok(false);
    }
    if args.yes {
        return Ok(true);
    }
    if !stdin().is_terminal() || !stdout().is_terminal() {
        out.flush()?;
        return Err(Usage("nobody can be asked here: use --yes to change it".into()).into());
    }
    write!(out, "Change it? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    let yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !yes {
        writeln!(out, "nothing was changed")?;
    }
    Ok(yes)
}
