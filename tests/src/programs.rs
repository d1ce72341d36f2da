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

/// The `wk-witness` that was built beside this test.
pub fn witness_program() -> PathBuf {
    built("wk-witness")
}

/// The `wk-hook` that was built beside this test.
pub fn hook_program() -> PathBuf {
    built("wk-hook")
}

fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the test has a path");
    // target/debug/deps/e2e-… → target/debug; a program of ours is there already.
    let folder = test.parent().expect("the test is in a folder");
    let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    let program = folder.unwrap_or(Path::new("/")).join(name);
    assert!(
        program.is_file(),
        "no {}: run `cargo build -p wk -p wk-holder -p wk-hook -p wk-witness` first",
        program.display()
    );
    program
}
