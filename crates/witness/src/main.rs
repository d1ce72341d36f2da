//! `wk-witness`: see the library.

use std::{path::PathBuf, process::ExitCode};

use wk_witness::{
    process::{Options, run},
    protocol,
};

const USAGE: &str = "usage: wk-witness [--foreground] [--remove] [--dir DIR]\n\n\
    Tells the daemon what the kernel saw of signals and ends. `sudo wk witness install` starts \
    it.\n\n  --foreground  stay in this terminal's session\n  --remove      take what it has \
    pinned in the kernel away, and leave\n  --dir DIR     its folder (default: \
    WK_WITNESS_DIR, else /run/watchkeeper)\n";

fn main() -> ExitCode {
    let Some((options, foreground)) = read_arguments() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    if !foreground {
        // Whose terminal goes must not take it along; it may lead a session already.
        let _ = rustix::process::setsid();
    }
    match run(&options, || eprintln!("wk-witness: watching")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wk-witness: {}", wk_witness::process::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn read_arguments() -> Option<(Options, bool)> {
    let mut options = Options { folder: protocol::folder(), remove: false };
    let mut foreground = false;
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--foreground") => foreground = true,
            Some("--remove") => options.remove = true,
            Some("--dir") => options.folder = PathBuf::from(words.next()?),
            _ => return None,
        }
    }
    Some((options, foreground))
}
