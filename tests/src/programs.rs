//! Where the programs under test are.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The `wk` that was built beside this test.
pub fn wk_program() -> PathBuf {
    built("wk")
}

/// The `wk-holder` that was built beside this test.
pub fn holder_program() -> PathBuf {
    built("wk-holder")
}

fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the test has a path");
    // target/debug/deps/e2e-… → target/debug
    let folder = test.parent().and_then(Path::parent).expect("the test is in a target folder");
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "no {}: run `cargo build -p wk -p wk-holder` first",
        program.display()
    );
    program
}
