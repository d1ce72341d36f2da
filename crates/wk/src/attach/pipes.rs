//! A session as a part of a pipeline: stdin to it, its stdout and stderr to ours.

use std::io;

use anyhow::Context as _;
use rustix::process::Signal;
use wk_api::{AttachQuery, SessionView};
use wk_client::Client;

use super::{
    ended_code,
    exchange::Input,
    feed::Feed,
    input::read_stdin,
    output::Output,
    reattach::{Attachment, End, OnSignal, send_signal},
    signals::Signals,
    view_code,
};
use crate::{code::Code, complaint, connect::Daemon, output_text};

/// Feeds a session until it has ended; answers its exit code.
///
/// Signals that would end us are the session's to decide on.
pub(crate) async fn feed(
    daemon: &Daemon,
    view: &SessionView,
    signals: Signals,
) -> anyhow::Result<Code> {
    let mut attachment = Attachment {
        daemon,
        session_id: &view.session_id,
        query: AttachQuery { feed: true, received: Some(0), ..AttachQuery::default() },
        input: Input {
            stdin: Some(read_stdin().context("cannot start a thread")?),
            feed: Some(Feed::default()),
            ..Input::default()
        },
        output: Output::start().context("cannot start a thread")?,
        signals,
        on_signal: OnSignal::PassOn,
        attempt: view.attempt.max(1),
        input_doubtful: false,
        cuts: 0,
    };
    let mut end = attachment.lead().await?;
    if !matches!(end, End::OutputGone(_))
        && let Err(error) = attachment.output.finish().await
    {
        end = End::OutputGone(error);
    }
    match end {
        End::Ended(ended) => sure(&attachment, ended_code(&ended)).await,
        End::Over(view) if attachment.cuts > 0 || attachment.attempt > 1 => {
            sure(&attachment, view_code(&view)).await
        }
        End::Over(view) => {
            // It had ended before we came: its recording has what we missed.
            output_text::print_all(daemon, &view.session_id).await?;
            Ok(view_code(&view))
        }
        End::OutputGone(error) => give_up(daemon, &view.session_id, error).await,
        End::Detached => Ok(Code::SUCCESS),
        End::Signal(signal) => Ok(Code::from_shell(128 + signal)),
    }
}

/// The session's code, if nothing was lost between us and it: a script must not take half of
/// something for the whole.
async fn sure(attachment: &Attachment<'_>, code: Code) -> anyhow::Result<Code> {
    if attachment.cuts == 0 {
        return Ok(code);
    }
    let path = format!("/sessions/{}", Client::segment(attachment.session_id));
    let view: SessionView = attachment.daemon.get(&path, &()).await?;
    let missing = view.output_bytes.is_none_or(|bytes| bytes != attachment.output.total());
    let what = match (missing, attachment.input_doubtful) {
        (false, false) => return Ok(code),
        (true, false) => "some of its output is missing here",
        (false, true) => "some of its input may not have arrived",
        (true, true) => "some of its output is missing here, and some input may not have arrived",
    };
    complaint::say(&format!(
        "wk: the daemon went away while the session ran: {what} (`wk logs {}` has what was \
         recorded)",
        attachment.session_id
    ));
    Ok(if code == Code::SUCCESS { Code::FAILURE } else { code })
}

/// Nobody reads our output: the session is told, as a closed pipe would have told it.
async fn give_up(daemon: &Daemon, session_id: &str, error: io::Error) -> anyhow::Result<Code> {
    // A session that has ended meanwhile needs no telling.
    let _ = send_signal(daemon.client(), session_id, Signal::HUP.as_raw(), true).await;
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(Code::BROKEN_PIPE),
        _ => Err(error).context("cannot write the session's output"),
    }
}
