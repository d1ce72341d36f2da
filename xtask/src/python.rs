//! The Python client: its types and its tests, in a Python environment of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    command::{root, run, succeeds},
    metadata::Graph,
    packages,
    steps::Steps,
};

/// What the checks need; the client itself needs nothing.
const TOOLS: [&str; 3] = ["ipython", "mypy", "pytest"];

/// Checks the client, against the programs that were built before; says where it cannot.
pub(crate) fn test(steps: &mut Steps) -> Result<()> {
    if let Err(error) = packages::ensure(&[packages::PYTHON]) {
        println!("SKIPPED python client: {error:#}");
        return Ok(());
    }
    steps.step("python client", || {
        let target = Graph::read()?.target;
        let python = environment(&target.join("python-client"))?;
        let tool = |name: &str| {
            let mut tool = Command::new(&python);
            tool.current_dir(root().join("clients/python")).args(["-m", name]);
            // Nothing is written beside the sources.
            tool.env("PYTHONDONTWRITEBYTECODE", "1");
            tool.env("MYPY_CACHE_DIR", target.join("python-client/mypy"));
            tool.env("WK_BIN", target.join("debug/wk"));
            tool
        };
        run(&mut tool("mypy"))?;
        run(tool("pytest").arg("--quiet"))
    })
}

/// The environment's Python; it is made, and its tools installed, where that was not done before.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    if !succeeds(Command::new(&python).args(["-c", "import IPython, mypy, pytest"])) {
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(quiet).args(TOOLS))?;
    }
    Ok(python)
}
