//! What the system must have: installed on Debian and its kin, named elsewhere.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::command::{self, find, succeeds};

/// Something that is not ours to build.
#[derive(Debug)]
pub(crate) struct Need {
    what: &'static str,
    present: fn() -> bool,
    debian: &'static [&'static str],
    /// What other systems call it.
    elsewhere: &'static str,
}

/// A program that one package brings.
macro_rules! program {
    ($name:literal, $debian:literal) => {
        Need {
            what: $name,
            present: || find($name).is_some(),
            debian: &[$debian],
            elsewhere: $name,
        }
    };
}

/// For the bundled SQLite, and for the holder, which is linked statically.
///
/// clang makes the witness's kernel programs.
pub(crate) const BUILD: &[Need] = &[
    Need {
        what: "a C compiler and the static C library",
        present: || find("cc").is_some() && has_static_libc(),
        debian: &["gcc", "libc6-dev"],
        elsewhere: "gcc glibc-static (Fedora), gcc glibc-devel-static (openSUSE), base-devel (Arch)",
    },
    program!("clang", "clang"),
];

/// What tests and benchmarks compare with and run in sessions.
pub(crate) const PEERS: &[Need] = &[
    program!("tmux", "tmux"),
    program!("script", "bsdutils"),
    program!("vim", "vim"),
    program!("ps", "procps"),
    Need {
        what: "the list of time zones",
        present: || Path::new("/usr/share/zoneinfo/Europe/Berlin").exists(),
        debian: &["tzdata"],
        elsewhere: "tzdata",
    },
];

/// For the tests of the Python client.
pub(crate) const PYTHON: &[Need] = &[Need {
    what: "Python with its module `venv`",
    present: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    debian: &["python3-venv"],
    elsewhere: "python3",
}];

/// For libFuzzer.
pub(crate) const FUZZ: &[Need] = &[program!("c++", "g++")];

/// Makes sure that everything in `needs` is there.
pub(crate) fn ensure(needs: &[&[Need]]) -> Result<()> {
    let missing = || needs.iter().copied().flatten().filter(|need| !(need.present)());
    let names: Vec<&str> = missing().flat_map(|need| need.debian).copied().collect();
    if names.is_empty() {
        return Ok(());
    }
    if find("apt-get").is_none() {
        for need in missing() {
            eprintln!("missing: {}; install {}", need.what, need.elsewhere);
        }
        bail!("install what is missing, then run this again");
    }
    install(&names)?;
    match missing().next() {
        Some(need) => bail!("{} is still missing after its packages were installed", need.what),
        None => Ok(()),
    }
}

fn install(packages: &[&str]) -> Result<()> {
    println!("installing {}", packages.join(" "));
    let root = succeeds(Command::new("sh").args(["-c", "test \"$(id -u)\" = 0"]));
    if !root && find("sudo").is_none() {
        bail!("run this as root, then try again: apt-get install {}", packages.join(" "));
    }
    let apt = || {
        let mut apt = Command::new(if root { "env" } else { "sudo" });
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]);
        apt
    };
    command::run(apt().arg("update"))?;
    command::run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn has_static_libc() -> bool {
    // The compiler answers with a path where it has the file, else with the bare name.
    !cfg!(target_env = "gnu")
        || command::output(Command::new("cc").arg("-print-file-name=libc.a"))
            .is_ok_and(|found| found.contains('/'))
}
