//! `wk logs`: what a session has printed.

use std::io::{IsTerminal, Write, stdout};

use wk_api::{OutputQuery, OutputStream};

use super::{filters::moment, session_ref};
use crate::{
    code::Code,
    complaint,
    context::Context,
    output_text::{OutputReader, Told},
    text::{cleaner::Cleaner, visible::visible},
};

/// Show what a session has printed
///
/// From its recording, as lines to read: what moves the cursor is left out, colours are kept
/// on a terminal. --raw leaves nothing out.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk logs web\n  wk logs -f --since 10m web\n  wk logs --stderr build > errors"
)]
pub(crate) struct LogsArgs {
    #[arg(value_parser = session_ref)]
    session: String,
    /// Go on with what comes, until the session ends
    #[arg(short, long)]
    follow: bool,
    /// Since: 10m (ago), "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Every byte as it was printed
    #[arg(long)]
    raw: bool,
    /// Only stderr (sessions with pipes)
    #[arg(long)]
    stderr: bool,
    /// Only stdout (sessions with pipes)
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,
}

pub(crate) async fn run(
    context: &Context,
    args: LogsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let since = moment(&context.clock, args.since.as_deref())?;
    let stream = match (args.stdout, args.stderr) {
        (true, _) => Some(OutputStream::Stdout),
        (_, true) => Some(OutputStream::Stderr),
        (false, false) => None,
    };
    let query = OutputQuery { follow: args.follow.then_some(true), since, stream };
    let colours = context.paint.0 && stdout().is_terminal();
    let mut reader = OutputReader::new(&context.daemon, &args.session, query);
    // Streams that take turns must not tear each other's sequences.
    let mut cleaners = [Cleaner::new(colours), Cleaner::new(colours)];
    while let Some(told) = reader.next().await? {
        match told {
            Told::Chunk(chunk) if args.raw => out.write_all(chunk.text.as_bytes())?,
            Told::Chunk(chunk) => {
                let (mut text, index) =
                    (String::new(), usize::from(chunk.stream == OutputStream::Stderr));
                let (cleaner, other) = {
                    let [first, second] = &mut cleaners;
                    if index == 0 { (first, second) } else { (second, first) }
                };
                other.finish(&mut text);
                cleaner.feed(&chunk.text, &mut text);
                if args.follow {
                    cleaner.flush(&mut text);
                }
                out.write_all(text.as_bytes())?;
            }
            Told::Notice(text) => {
                out.flush()?;
                complaint::say(&format!("wk: {}", visible(&text)));
            }
        }
        if args.follow {
            out.flush()?;
        }
    }
    let mut text = String::new();
    for cleaner in &mut cleaners {
        cleaner.finish(&mut text);
    }
    out.write_all(text.as_bytes())?;
    Ok(Code::SUCCESS)
}
