//! Dependencies that no code mentions.

use anyhow::{Result, bail};

use crate::{
    layers::sources,
    metadata::{Graph, Package},
};

/// Checks every package of the workspace, and names what could go.
pub(crate) fn check(graph: &Graph) -> Result<()> {
    let mut unused = Vec::new();
    for package in graph.members() {
        let text: String =
            sources(&package.folder)?.into_iter().map(|(_, text)| text + "\n").collect();
        let names = unmentioned(package, &text);
        unused.extend(names.map(|name| format!("{} does not use {name}", package.name)));
    }
    if !unused.is_empty() {
        bail!("dependencies that nothing mentions:\n  {}", unused.join("\n  "));
    }
    Ok(())
}

fn unmentioned<'a>(package: &'a Package, text: &'a str) -> impl Iterator<Item = &'a str> {
    package.edges.iter().map(|edge| edge.called.as_str()).filter(|name| !mentions(text, name))
}

/// Whether `name` stands in `text` as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].ends_with(inside) && !text[at + name.len()..].starts_with(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Edge;

    #[test]
    fn a_dependency_counts_only_as_a_whole_word() {
        let edge = |called: &str| Edge { called: called.to_owned(), ..Edge::default() };
        let package = Package {
            edges: ["serde", "serde_json", "toml", "bytes"].map(edge).into(),
            ..Package::default()
        };
        let text = "use serde_json::Value;\nlet toml_edit = bytes::Bytes::new();";
        assert_eq!(unmentioned(&package, text).collect::<Vec<_>>(), ["serde", "toml"]);
    }
}
