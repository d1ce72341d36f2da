//! Compiles the programs for the kernel. Without clang the rest is built all the same, and says
//! so when it runs.

use std::{env, fs, path::PathBuf, process::Command};

const SOURCES: [&str; 3] = ["bpf/witness.bpf.c", "bpf/record.h", "bpf/kernel.h"];

fn main() {
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-env-changed=CLANG");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder"));
    let object = out.join("witness.bpf.o");
    if let Err(why) = compile(&object) {
        println!("cargo:warning=wk-witness is built without its kernel programs: {why}");
        fs::write(&object, []).expect("the folder can be written");
    }
}

fn compile(object: &PathBuf) -> Result<(), String> {
    let clang = env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let target = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let endian = env::var("CARGO_CFG_TARGET_ENDIAN").unwrap_or_default();
    let mut command = Command::new(&clang);
    command.arg(if endian == "big" { "--target=bpfeb" } else { "--target=bpfel" });
    // Atomics that answer came with v3; the kernel has them since 5.12.
    command.args(["-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"]);
    if target == "x86_64" {
        command.arg("-D__TARGET_x86");
    }
    // Paths of whoever built it have no place in it.
    command.args(["-fdebug-compilation-dir", ".", "-c", SOURCES[0], "-o"]).arg(object);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("clang failed, see above".to_owned()),
        Err(error) => Err(format!("cannot run {}: {error}; install clang", clang.display())),
    }
}
