//! `cargo xtask test`: everything that must hold before a change is handed in.

use anyhow::Result;

use crate::{
    command::{cargo, run as run_command, succeeds},
    lint, mcp, packages, python,
    steps::Steps,
};

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::begin();
    steps.step("system packages", || packages::ensure(&[packages::BUILD, packages::PEERS]))?;
    lint::all(&mut steps)?;
    // End-to-end tests run the programs themselves, which a test build alone does not make.
    steps.step("build", || run_command(&mut cargo("build --workspace --bins --locked")))?;
    steps.step("examples in documentation", || {
        run_command(&mut cargo("test --workspace --doc --locked --quiet"))
    })?;
    python::test(&mut steps)?;
    steps.step("the official MCP client", mcp::client)?;
    // Last, so that the runner's summary is what one sees.
    steps.step("tests", || {
        if succeeds(&mut cargo("nextest --version")) {
            run_command(&mut cargo("nextest run --workspace --locked"))
        } else {
            println!("   cargo-nextest is not here: `cargo test` runs them");
            let kinds = "test --workspace --lib --bins --tests --no-fail-fast --locked";
            run_command(&mut cargo(kinds))
        }
    })?;
    steps.end();
    Ok(())
}
