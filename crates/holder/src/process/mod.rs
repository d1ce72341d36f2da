//! The life of a holder.
//!
//! ```text
//! born ─▶ launch request ─▶ attempt claimed ─▶ child started ─▶ told ─▶ at work ─▶ end ─▶ gone
//!                │                 │                  └─▶ exec failed ───────────────▲
//!                └──── refused ◀───┘
//! ```
//!
//! It owns the child's terminal, its descendants, its recording and its exit record. What any
//! of it means is for others to say.

mod birth;
mod child;
mod clients;
mod clock;
mod door;
mod end;
mod facts;
mod gauges;
mod holder;
mod last_lines;
mod launch;
mod leaf;
mod leftovers;
mod limits;
mod outbox;
mod output;
mod serve;
mod signals;
mod start;
mod stop;
mod summon;
mod tape;
mod tree;
mod view;

use std::process::ExitCode;

use rustix::process::Signal;

/// Lives. Returns when the session is over and told, or was refused.
pub(crate) fn run() -> ExitCode {
    let birth = match birth::birth() {
        Ok(birth) => birth,
        Err(error) => {
            eprintln!("wk-holder is started by wk, with a socket as its stdin: {error}");
            return ExitCode::from(2);
        }
    };
    if let Some(mut holder) = start::start(birth) {
        holder.run();
        holder.leave();
    }
    ExitCode::SUCCESS
}

/// A signal by its number; none where nothing can be sent by it.
fn signal_of(number: i32) -> Option<Signal> {
    // SAFETY: the kernel's signals, real-time ones included; none of them is reserved by a
    // library in the process that receives it, which is what the caller of this decides on.
    (1..=libc::SIGRTMAX()).contains(&number).then(|| unsafe { Signal::from_raw_unchecked(number) })
}
