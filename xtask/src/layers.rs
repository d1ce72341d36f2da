//! Dependencies point inward: which room may know of what.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::metadata::{Graph, Package};

/// Rooms that hold plain data and pure functions, and all that they may name.
const PURE: &[(&str, &[&str])] = &[
    ("wk-model", &["jiff", "serde", "serde_json", "thiserror"]),
    ("wk-judges", &["wk-model"]),
    ("wk-policies", &["wk-model"]),
    ("wk-agents", &["serde", "serde_json", "thiserror", "wk-model"]),
];

/// What a pure room's code must not touch: the world and the clock.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "Instant::",
    "SystemTime",
    "Command::",
    "::now(",
    "File::",
    "stdin(",
    "stdout(",
    "stderr(",
    "println!",
];

/// Rooms, and what must not be in them, however deep.
const WITHOUT: &[(&str, &[&str])] = &[
    ("wk-mask", RUNTIME_AND_DATABASE),
    ("wk-terminal", RUNTIME_AND_DATABASE),
    ("wk-recording", RUNTIME_AND_DATABASE),
    // One runs per session, and a session's life hangs on it: small and simple.
    ("wk-holder", RUNTIME_AND_DATABASE),
    // It has rights that others have not: small and simple.
    ("wk-witness", RUNTIME_AND_DATABASE),
    // An agent waits for it at every use of a tool.
    ("wk-hook", &["tokio", "mio", "rusqlite", "hyper", "axum", "clap"]),
    ("wk-api", RUNTIME_AND_DATABASE),
    ("wk-client", &["rusqlite", "axum"]),
    ("wk-mcp", &["rusqlite", "clap"]),
    ("wk-journal", &["hyper", "axum"]),
    ("wk-sources", &["rusqlite", "hyper", "axum"]),
    ("wk-sinks", &["axum", "clap"]),
];

const RUNTIME_AND_DATABASE: &[&str] = &["tokio", "mio", "rusqlite", "hyper", "axum"];

/// Rooms, and the only ones that may depend on them.
const KNOWN_BY: &[(&str, &[&str])] = &[("wk", &[]), ("wk-server", &["wk"])];

/// Checks the rules, and names every offence.
pub(crate) fn check(graph: &Graph) -> Result<()> {
    let mut offences = offences(graph)?;
    for (room, _) in PURE {
        let folder = graph.member(room)?.folder.join("src");
        offences.extend(impure_lines(&folder)?);
    }
    if !offences.is_empty() {
        bail!("the layers are broken:\n  {}", offences.join("\n  "));
    }
    Ok(())
}

fn offences(graph: &Graph) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for (room, allowed) in PURE {
        let foreign = dependencies(graph, graph.member(room)?)
            .filter(|(name, normal)| *normal && !allowed.contains(name));
        offences.extend(foreign.map(|(name, _)| format!("{room} may not depend on {name}")));
    }
    for (room, banned) in WITHOUT {
        let closure = graph.closure(graph.member(room)?);
        let found = banned.iter().filter(|name| closure.contains(*name));
        offences.extend(found.map(|name| format!("{room} must do without {name}")));
    }
    for (room, allowed) in KNOWN_BY {
        graph.member(room)?;
        for other in graph.members().filter(|other| !allowed.contains(&other.name.as_str())) {
            if dependencies(graph, other).any(|(name, _)| name == *room) {
                offences.push(format!("{} may not depend on {room}", other.name));
            }
        }
    }
    Ok(offences)
}

/// Names of direct dependencies, and whether the program itself has them.
fn dependencies<'a>(
    graph: &'a Graph,
    package: &'a Package,
) -> impl Iterator<Item = (&'a str, bool)> {
    let edges = package.edges.iter();
    edges.filter_map(|edge| Some((graph.by_id(&edge.to)?.name.as_str(), edge.normal)))
}

fn impure_lines(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (path, text) in sources(folder)? {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for word in lines.flat_map(|line| IMPURE.iter().filter(move |word| line.contains(**word))) {
            found.push(format!("{path} must be pure, but mentions `{word}`"));
        }
    }
    Ok(found)
}

/// The Rust files below a folder, by path.
pub(crate) fn sources(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            found.push((path.display().to_string(), text));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Edge;

    /// A workspace with every room in it; `edges` are `(from, to, normal)`.
    fn graph(edges: &[(&str, &str, bool)]) -> Graph {
        let rooms = PURE.iter().chain(WITHOUT).chain(KNOWN_BY).map(|(room, _)| *room);
        let mut names: Vec<&str> = rooms.collect();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        names.sort_unstable();
        names.dedup();
        let package = |name: &&str| Package {
            id: (*name).to_owned(),
            name: (*name).to_owned(),
            member: name.starts_with("wk"),
            edges: edges
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, normal)| Edge {
                    to: (*to).to_owned(),
                    normal: *normal,
                    ..Edge::default()
                })
                .collect(),
            ..Package::default()
        };
        Graph { packages: names.iter().map(package).collect(), ..Graph::default() }
    }

    #[test]
    fn each_rule_can_be_broken() {
        for (case, edges, want) in [
            ("nothing", &[][..], &[][..]),
            ("inward", &[("wk", "wk-server", true), ("wk-model", "serde", true)], &[]),
            ("a test may need more", &[("wk-model", "tempfile", false)], &[]),
            (
                "the model does I/O",
                &[("wk-model", "tokio", true)],
                &["wk-model may not depend on tokio"],
            ),
            (
                "a runtime deep down in the holder",
                &[("wk-holder", "helper", true), ("helper", "tokio", true)],
                &["wk-holder must do without tokio"],
            ),
            ("the holder's tests may", &[("wk-holder", "tokio", false)], &[]),
            (
                "somebody knows the binary",
                &[("wk-sources", "wk", false)],
                &["wk-sources may not depend on wk"],
            ),
            (
                "somebody knows the server",
                &[("wk-client", "wk-server", true)],
                &["wk-client may not depend on wk-server"],
            ),
        ] {
            assert_eq!(offences(&graph(edges)).unwrap(), want, "{case}");
        }
    }

    #[test]
    fn a_room_that_is_gone_is_an_error() {
        assert!(offences(&Graph::default()).is_err());
    }

    #[test]
    fn the_clock_is_seen_in_code_but_not_in_comments() {
        let folder = std::env::temp_dir().join(format!("wk-xtask-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.rs"), "// SystemTime\nlet t = Timestamp::now();\n").unwrap();
        let found = impure_lines(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("mentions `::now(`"));
    }
}
