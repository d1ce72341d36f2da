//! What may come in as a dependency: licences, sources, bans.
//!
//! Works offline: everything is read from the lock file and the packages themselves. It knows
//! nothing of security advisories; those need a database that is fetched.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::{licence, metadata::Graph};

/// Each dependency can be had under these alone.
const LICENCES: &[&str] = &["MIT", "Apache-2.0", "BSD-3-Clause", "Unicode-3.0", "Zlib"];

/// Not even deep down, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls with aws-lc"),
    ("native-tls", "TLS is rustls with aws-lc"),
    ("ring", "one provider of cryptography: aws-lc"),
    ("rsa", "its timing leaks private keys"),
    ("async-std", "one runtime: tokio"),
];

/// Two versions of these would be two of what must be one.
const SINGLE: &[&str] = &["libsqlite3-sys", "rusqlite", "tokio", "hyper", "rustix", "serde", "vte"];

/// Checks all packages, and names every offence.
pub(crate) fn check(graph: &Graph) -> Result<()> {
    let offences = offences(graph);
    if !offences.is_empty() {
        bail!("dependencies that may not be:\n  {}", offences.join("\n  "));
    }
    let strangers = graph.packages.iter().filter(|package| !package.member).count();
    println!("   {strangers} dependencies of {} packages", graph.packages.len() - strangers);
    Ok(())
}

fn offences(graph: &Graph) -> Vec<String> {
    let (mut offences, mut sources) = (Vec::new(), BTreeSet::new());
    for package in graph.packages.iter().filter(|package| !package.member) {
        let name = format!("{} {}", package.name, package.version);
        let licence = package.licence.as_deref().unwrap_or_default();
        if !licence::is_met(licence, LICENCES) {
            offences.push(format!("{name}: licence `{licence}` is not among the allowed"));
        }
        let source = package.source.as_deref().unwrap_or("a path outside the workspace");
        if !source.starts_with("registry+") {
            offences.push(format!("{name}: comes from {source}, not from the registry"));
        }
        sources.insert(source);
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == package.name) {
            offences.push(format!("{name}: banned ({why})"));
        }
    }
    sources.retain(|source| source.starts_with("registry+"));
    if sources.len() > 1 {
        offences.push(format!("more than one registry: {sources:?}"));
    }
    for single in SINGLE {
        let versions = graph.packages.iter().filter(|package| package.name == *single);
        if versions.count() > 1 {
            offences.push(format!("{single}: more than one version"));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Package;

    fn package(name: &str, licence: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".into(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
            ..Package::default()
        }
    }

    #[test]
    fn each_kind_of_offence_is_found() {
        let index = Some("registry+scheme://host/index");
        let packages = vec![
            package("fine", Some("MIT OR Apache-2.0"), index),
            package("ring", Some("MIT"), index),
            package("strict", Some("AGPL-3.0"), index),
            package("unsaid", None, index),
            package("forked", Some("MIT"), Some("git+scheme://host/forked")),
            package("local", Some("MIT"), None),
            package("other", Some("MIT"), Some("registry+scheme://elsewhere/index")),
            package("tokio", Some("MIT"), index),
            package("tokio", Some("MIT"), index),
        ];
        let offences = offences(&Graph { packages, ..Graph::default() });
        let names: Vec<_> = offences.iter().map(|line| line.split([' ', ':']).next()).collect();
        let want = ["ring", "strict", "unsaid", "forked", "local", "more", "tokio"];
        assert_eq!(names, want.map(Some), "{offences:?}");
    }
}
