//! `wk`: runs sessions that outlive everything but themselves, and looks after them.
//!
//! One file per verb in [`verbs`]; the daemon is [`daemon`].

mod attach;
mod caller;
mod cli;
mod code;
mod color;
mod complaint;
mod config;
mod connect;
mod context;
mod csv;
mod daemon;
mod ending;
mod json;
mod launch;
mod output_file;
mod output_text;
#[cfg(test)]
mod sample;
mod table;
mod text;
mod verbs;
mod waiting;

use std::io::{self, BufWriter, Write};

use clap::Parser;

fn main() {
    let cli = cli::Cli::parse();
    let mut out = BufWriter::new(io::stdout());
    let result = cli::run(cli, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?));
    let code = result.unwrap_or_else(|error| {
        // What was said before the error comes first; where that fails too, one word is enough.
        let _ = out.flush();
        complaint::complain(&error)
    });
    // Threads that still read stdin are not waited for.
    std::process::exit(code.0.into());
}
