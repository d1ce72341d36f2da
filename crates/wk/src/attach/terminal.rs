//! A session's terminal in ours.

use std::io::{IsTerminal, stdin};

use anyhow::Context as _;
use wk_api::{AttachQuery, SessionView};

use super::{
    detach_key::{DetachKey, Detacher},
    ended_code,
    exchange::Input,
    input::read_stdin,
    output::Output,
    raw_mode::RawMode,
    reattach::{Attachment, End, OnSignal},
    signals::{Signals, follow_size, terminal_size},
    view_code,
};
use crate::{code::Code, complaint, connect::Daemon, ending, output_text};

/// How to attach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub read_only: bool,
    pub detach_key: DetachKey,
    /// Lines of history to show before the screen.
    pub history: u32,
    /// Say nothing of a clean end: the command is all that was wanted.
    pub quiet: bool,
}

/// Stays attached until the session has ended or its user leaves; answers the exit code.
pub(crate) async fn attach(
    daemon: &Daemon,
    view: &SessionView,
    options: &Options,
) -> anyhow::Result<Code> {
    let signals = Signals::ending().context("cannot listen for signals")?;
    let size = terminal_size();
    let interactive = stdin().is_terminal();
    let raw = match interactive {
        true => Some(RawMode::enter(view.terminal).context("cannot make the terminal raw")?),
        false => None,
    };
    let mut output = Output::start().context("cannot start a thread")?;
    if let (true, true, Some((_, rows))) = (interactive, view.terminal, size) {
        // The redraw clears the screen: what is on it moves to the scrollback first.
        let lines = "\r\n".repeat(rows.into()).into_bytes();
        output.write(wk_api::OutputStream::Stdout, lines).await?;
    }
    let mut attachment = Attachment {
        daemon,
        session_id: &view.session_id,
        query: AttachQuery {
            read_only: options.read_only,
            cols: size.map(|(cols, _)| cols),
            rows: size.map(|(_, rows)| rows),
            feed: false,
            history: options.history,
            received: None,
        },
        input: Input {
            stdin: interactive.then(read_stdin).transpose().context("cannot start a thread")?,
            detacher: Some(Detacher::new(options.detach_key)),
            read_only: options.read_only,
            size: size.map(follow_size).transpose().context("cannot listen for signals")?,
            ..Input::default()
        },
        output,
        signals,
        on_signal: OnSignal::Leave,
        attempt: view.attempt.max(1),
        input_doubtful: false,
        cuts: 0,
    };
    let end = attachment.lead().await;
    let shown_before = attachment.attempt > view.attempt.max(1);
    let Attachment { mut output, mut signals, .. } = attachment;
    tokio::select! {
        // What cannot be written any more is not wanted any more.
        _ = output.finish() => {}
        _ = signals.next() => {}
    }
    let emulated = raw.is_some() && view.terminal;
    drop(raw);
    if emulated {
        // The cursor is somewhere in what the program has drawn.
        complaint::say("");
    }
    say_goodbye(daemon, view, end?, options.quiet, shown_before).await
}

async fn say_goodbye(
    daemon: &Daemon,
    view: &SessionView,
    end: End,
    quiet: bool,
    shown_before: bool,
) -> anyhow::Result<Code> {
    let label = view.name.as_deref().unwrap_or(&view.session_id);
    Ok(match end {
        End::Ended(ended) => {
            let code = ended_code(&ended);
            if !quiet || code != Code::SUCCESS {
                complaint::say(&format!("[session {label} ended: {}]", ending::of_ended(&ended)));
            }
            code
        }
        End::Over(view) => {
            if !shown_before {
                output_text::print_all(daemon, &view.session_id).await?;
            }
            let code = view_code(&view);
            if !quiet || code != Code::SUCCESS {
                complaint::say(&format!("[session {label} ended: {}]", ending::of_view(&view)));
            }
            code
        }
        End::Detached => {
            let id = &view.session_id;
            complaint::say(&format!(
                "detached from {label} ({id}): come back with `wk attach {label}`"
            ));
            Code::SUCCESS
        }
        End::Signal(signal) => Code::from_shell(128 + signal),
        // The terminal is gone, the session is not.
        End::OutputGone(_) => Code::BROKEN_PIPE,
    })
}
