//! What the pages say must be there: the files they link to, and every kind of event.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::command::root;

/// The page that explains the events, and the code that names them.
const EVENTS: (&str, &str) = ("docs/events.md", "crates/model/src/event.rs");

/// Checks all pages, and names what is missing.
pub(crate) fn check() -> Result<()> {
    let mut missing = Vec::new();
    for page in pages()? {
        let text = read(&page)?;
        let folder = Path::new(&page).parent().unwrap_or(Path::new(""));
        let dead = links(&text).filter(|link| !root().join(folder).join(link).exists());
        missing.extend(dead.map(|link| format!("{page} links to {link}, which is not there")));
    }
    let (page, code) = (read(EVENTS.0)?, read(EVENTS.1)?);
    let unexplained = kinds(&code).filter(|kind| !page.contains(&format!("| `{kind}` |")));
    missing.extend(unexplained.map(|kind| format!("{} does not explain `{kind}`", EVENTS.0)));
    if !missing.is_empty() {
        bail!("the documentation has holes:\n  {}", missing.join("\n  "));
    }
    Ok(())
}

/// The pages of the root and of `docs`, relative to the root.
fn pages() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in ["", "docs/"] {
        let path = root().join(folder);
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))?;
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                found.push(format!("{folder}{name}"));
            }
        }
    }
    Ok(found)
}

fn read(page: &str) -> Result<String> {
    fs::read_to_string(root().join(page)).with_context(|| format!("cannot read {page}"))
}

/// Targets of links to files; not those to other places or within the page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains("://"))
}

/// The words of `Change::kind`, which are the arms that end in a plain string.
fn kinds(code: &str) -> impl Iterator<Item = &str> {
    let body = code.split("fn kind(").nth(1).and_then(|rest| rest.split("\n    }\n").next());
    body.into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_suffix("\",")?.rsplit('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](docs/a.md) [b](scheme://b) [c](#c) [d](d.md#part)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md", "d.md"]);
    }

    #[test]
    fn kinds_are_read_from_the_code() {
        let code = "fn kind(&self) -> &str {\n match self {\n Self::A(_) => \"a_b\",\n \
                    Self::Other { kind, .. } => kind,\n }\n    }\n fn c() { \"d\", }";
        assert_eq!(kinds(code).collect::<Vec<_>>(), ["a_b"]);
        let real = read(EVENTS.1).unwrap();
        assert!(kinds(&real).any(|kind| kind == "session_created"));
    }
}
