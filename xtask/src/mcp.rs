//! The official client of the Model Context Protocol, for the tests that speak with it.

use std::process::Command;

use anyhow::Result;

use crate::command::{find, root, run, succeeds};

/// The release that the tests are written for.
const CLIENT: &str = "mcp==2.3.0";

/// Makes a Python under `target` that has it. Where that cannot be, its tests say that they are
/// skipped: a machine without network can run all others.
pub(crate) fn client() -> Result<()> {
    let folder = root().join("target/python-mcp");
    let python = folder.join("bin/python");
    if succeeds(Command::new(&python).args(["-c", "import mcp.client.client"])) {
        return Ok(());
    }
    if find("python3").is_none() {
        println!("   there is no python3: the tests with the official MCP client are skipped");
        return Ok(());
    }
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).and_then(|()| {
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", CLIENT];
        run(Command::new(&python).args(install))
    });
    if let Err(error) = made {
        println!("   {error:#}: the tests with the official MCP client are skipped");
    }
    Ok(())
}
