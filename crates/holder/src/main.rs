//! `wk-holder`: owns one attempt of a session, and outlives every daemon.

mod process;

fn main() -> std::process::ExitCode {
    process::run()
}
