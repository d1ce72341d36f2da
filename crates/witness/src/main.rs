//! `wk-witness`: see the library.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use wk_witness::{
    process::{Options, ServeError, run},
    protocol,
};

/// Between two tries of a witness that does not live.
const LONG: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: wk-witness [--foreground | --supervise | --remove] [--dir DIR]\n\n\
    Tells the daemon what the kernel saw of signals and ends. `sudo wk witness install` starts \
    it.\n\n  --foreground  stay in this terminal's session\n  --supervise   start it again whenever it ends\n  --remove      take what it has \
    pinned in the kernel away, and leave\n  --dir DIR     its folder (default: \
    WK_WITNESS_DIR, else /run/watchkeeper)\n";

fn main() -> ExitCode {
    let Some(Call { options, foreground, supervise }) = read_arguments() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    if !foreground {
        // Whose terminal goes must not take it along; it may lead a session already.
        let _ = rustix::process::setsid();
    }
    if supervise {
        return keep(&options);
    }
    match run(&options, || eprintln!("wk-witness: watching")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wk-witness: {}", wk_witness::process::chain(&error));
            match error {
                ServeError::Taken(_) => ExitCode::from(protocol::TAKEN),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Starts the witness again and again; a shorter pause after a longer life.
fn keep(options: &Options) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let mut pause = Duration::from_secs(1);
    loop {
        let began = Instant::now();
        let mut child = Command::new(&program);
        child.arg("--foreground").arg("--dir").arg(&options.folder);
        if let Err(error) = child.status() {
            eprintln!("wk-witness: cannot start {}: {error}", program.display());
        }
        pause = if began.elapsed() > LONG { Duration::from_secs(1) } else { (pause * 2).min(LONG) };
        std::thread::sleep(pause);
    }
}

/// What the command line asks for.
struct Call {
    options: Options,
    foreground: bool,
    supervise: bool,
}

fn read_arguments() -> Option<Call> {
    let mut options = Options { folder: protocol::folder(), remove: false };
    let (mut foreground, mut supervise) = (false, false);
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--foreground") => foreground = true,
            Some("--supervise") => supervise = true,
            Some("--remove") => options.remove = true,
            Some("--dir") => options.folder = PathBuf::from(words.next()?),
            _ => return None,
        }
    }
    Some(Call { options, foreground, supervise })
}
