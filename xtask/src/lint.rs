//! `cargo xtask lint`: everything that can be checked without running the product.

use anyhow::{Context, Result};

use crate::{
    audit,
    command::{cargo, run as run_command},
    docs, layers,
    metadata::Graph,
    packages,
    steps::Steps,
    unused,
};

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::begin();
    steps.step("system packages", || packages::ensure(&[packages::BUILD]))?;
    all(&mut steps)?;
    steps.end();
    Ok(())
}

/// The checks, the quickest first.
pub(crate) fn all(steps: &mut Steps) -> Result<()> {
    steps.step("format", || {
        run_command(&mut cargo("fmt --all --check"))
            .context("`cargo fmt` puts it right (`rustup component add rustfmt` if it is missing)")
    })?;
    let mut graph = Graph::default();
    steps.step("packages of the workspace", || {
        graph = Graph::read()?;
        Ok(())
    })?;
    steps.step("layers", || layers::check(&graph))?;
    steps.step("licences, sources and bans", || audit::check(&graph))?;
    steps.step("unused dependencies", || unused::check(&graph))?;
    steps.step("documentation", docs::check)?;
    steps.step("clippy", || {
        run_command(&mut cargo("clippy --workspace --all-targets --locked -- -D warnings"))
    })
}
