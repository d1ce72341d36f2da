//! The packages that the workspace is made of, as `cargo metadata` tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, output};

/// All packages for this machine's platform, features as the whole workspace wants them.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) packages: Vec<Package>,
    pub(crate) target: PathBuf,
}

#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// None: a path on this machine.
    pub(crate) source: Option<String>,
    pub(crate) member: bool,
    pub(crate) folder: PathBuf,
    pub(crate) binaries: Vec<String>,
    pub(crate) edges: Vec<Edge>,
}

/// One dependency.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    pub(crate) to: String,
    /// What the source code calls it.
    pub(crate) called: String,
    /// Part of the program itself, not only of its tests or build script.
    pub(crate) normal: bool,
}

impl Graph {
    /// Asks cargo, which must not need to change the lock file.
    pub(crate) fn read() -> Result<Self> {
        let host = host()?;
        let text = output(
            cargo("metadata --format-version 1 --locked --filter-platform").arg(host.trim()),
        )?;
        let json: Value = serde_json::from_str(&text).context("cannot read cargo's metadata")?;
        let members: BTreeSet<&str> =
            list(&json["workspace_members"]).filter_map(Value::as_str).collect();
        let nodes: BTreeMap<&str, &Value> =
            list(&json["resolve"]["nodes"]).map(|node| (string(&node["id"]), node)).collect();
        let packages = list(&json["packages"]).map(|package| {
            let id = string(&package["id"]);
            read_package(package, members.contains(id), nodes.get(id).copied())
        });
        Ok(Self { packages: packages.collect(), target: string(&json["target_directory"]).into() })
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.member)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    pub(crate) fn member(&self, name: &str) -> Result<&Package> {
        self.members()
            .find(|package| package.name == name)
            .with_context(|| format!("the workspace has no package `{name}`"))
    }

    /// Names of everything that `package` is built from, itself included.
    pub(crate) fn closure(&self, package: &Package) -> BTreeSet<&str> {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![package.id.as_str()]);
        let mut names = BTreeSet::new();
        while let Some(package) = waiting.pop().and_then(|id| self.by_id(id)) {
            if seen.insert(&package.id) {
                names.insert(package.name.as_str());
                let normal = package.edges.iter().filter(|edge| edge.normal);
                waiting.extend(normal.map(|edge| edge.to.as_str()));
            }
        }
        names
    }
}

fn host() -> Result<String> {
    let text = output(std::process::Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

fn read_package(json: &Value, member: bool, node: Option<&Value>) -> Package {
    let is_binary = |target: &&Value| list(&target["kind"]).any(|kind| kind == "bin");
    let manifest = PathBuf::from(string(&json["manifest_path"]));
    Package {
        id: string(&json["id"]).to_owned(),
        name: string(&json["name"]).to_owned(),
        version: string(&json["version"]).to_owned(),
        licence: json["license"].as_str().map(str::to_owned),
        source: json["source"].as_str().map(str::to_owned),
        member,
        folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
        binaries: list(&json["targets"])
            .filter(is_binary)
            .map(|target| string(&target["name"]).to_owned())
            .collect(),
        edges: node.map(|node| list(&node["deps"]).map(read_edge).collect()).unwrap_or_default(),
    }
}

fn read_edge(json: &Value) -> Edge {
    Edge {
        to: string(&json["pkg"]).to_owned(),
        called: string(&json["name"]).to_owned(),
        normal: list(&json["dep_kinds"]).any(|kind| kind["kind"].is_null()),
    }
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn string(json: &Value) -> &str {
    json.as_str().unwrap_or_default()
}
