//! `wk wait`: wait until something is so.

use std::{io::Write, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::Instant;
use wk_api::{SessionView, WaitFor, WaitQuery, Waited};
use wk_model::{Phase, Status};

use super::{label, path_of, session_ref};
use crate::{
    attach::view_code, code::Code, complaint, connect::Daemon, context::Context, ending, text::span,
};

/// Wait until sessions have ended, fallen silent, or show a text
///
/// Exits with the session's exit code when one session is waited for to end, with 124 when
/// time is up, with 1 when a session ended without showing what was waited for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk wait build\n  wk wait web --until 'listening on' --timeout 30s\n  wk wait agent --until idle --idle 5s"
)]
pub(crate) struct WaitArgs {
    #[arg(required = true, value_name = "SESSION", value_parser = session_ref)]
    sessions: Vec<String>,
    /// `exit`, `idle`, or a text on the screen (`text:exit` for the text `exit`)
    #[arg(long, value_name = "exit|idle|TEXT", default_value = "exit", value_parser = goal)]
    until: Goal,
    /// How long without output is idle
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = span::parse_positive, allow_hyphen_values = true)]
    idle: Duration,
    /// Give up after so long
    #[arg(long, value_name = "DURATION", value_parser = span::parse, allow_hyphen_values = true)]
    timeout: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Exit,
    Idle,
    Text(String),
}

fn goal(text: &str) -> Result<Goal, String> {
    match text {
        "exit" => Ok(Goal::Exit),
        "idle" => Ok(Goal::Idle),
        text => match text.strip_prefix("text:").unwrap_or(text) {
            "" => Err("write exit, idle, or the text to wait for".into()),
            text => Ok(Goal::Text(text.to_owned())),
        },
    }
}

pub(crate) async fn run(
    context: &Context,
    args: WaitArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let alone = args.sessions.len() == 1;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let (until, idle) = (&args.until, args.idle);
    let mut waits: FuturesUnordered<_> = args
        .sessions
        .iter()
        .map(|session| wait(&context.daemon, session, until, idle, deadline))
        .collect();
    let mut worst = Code::SUCCESS;
    while let Some(waited) = waits.next().await {
        let code = match waited {
            Ok(waited) => report(&waited, &args.until, alone, out)?,
            Err(error) => complaint::complain(&error),
        };
        // Time that is up says more than a failure.
        if worst == Code::SUCCESS || code == Code::TIMEOUT {
            worst = code;
        }
        out.flush()?;
    }
    Ok(worst)
}

async fn wait(
    daemon: &Daemon,
    session: &str,
    until: &Goal,
    idle: Duration,
    deadline: Option<Instant>,
) -> anyhow::Result<Waited> {
    let path = format!("{}/wait", path_of(session));
    // A daemon that goes away is asked again, for the time that is left.
    let ask = async |client: &wk_client::Client| {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let (goal, text) = match until {
            Goal::Exit => (WaitFor::Exit, None),
            Goal::Idle => (WaitFor::Idle, None),
            Goal::Text(text) => (WaitFor::Text, Some(text.clone())),
        };
        let idle_ms = (*until == Goal::Idle).then(|| span::millis(idle));
        let timeout_ms = left.map(span::millis);
        client
            .get(
                &path,
                &WaitQuery { until: goal, text, idle_ms, timeout_ms, ..WaitQuery::default() },
            )
            .await
    };
    daemon.repeat(ask).await
}

fn report(
    waited: &Waited,
    until: &Goal,
    alone: bool,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let view = &waited.session;
    let code = code(waited, until, alone);
    let ended = view.phase == Phase::Ended;
    match (waited.met, ended) {
        (true, _) if alone => {}
        (true, true) => writeln!(out, "{}: {}", label(view), how(view))?,
        (true, false) => writeln!(out, "{}: met", label(view))?,
        (false, true) => complaint::say(&format!("wk: {} ended first: {}", label(view), how(view))),
        (false, false) => complaint::say(&format!("wk: time is up for {}", label(view))),
    }
    Ok(code)
}

fn how(view: &SessionView) -> String {
    match view.status {
        Some(status) => format!("{status}, {}", ending::of_view(view)),
        None => ending::of_view(view),
    }
}

fn code(waited: &Waited, until: &Goal, alone: bool) -> Code {
    let view = &waited.session;
    match (waited.met, until) {
        (true, Goal::Exit) if alone => view_code(view),
        (true, Goal::Exit) if view.status != Some(Status::Completed) => Code::FAILURE,
        (true, _) => Code::SUCCESS,
        (false, _) if view.phase == Phase::Ended => Code::FAILURE,
        (false, _) => Code::TIMEOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn goals_are_words_or_text() {
        for (text, want) in [
            ("exit", Goal::Exit),
            ("idle", Goal::Idle),
            ("text:idle", Goal::Text("idle".into())),
            ("ready>", Goal::Text("ready>".into())),
        ] {
            assert_eq!(goal(text), Ok(want));
        }
        assert!(goal("").is_err() && goal("text:").is_err());
    }

    #[test]
    fn the_code_says_how_the_wait_came_out() {
        let running = sample::session();
        let failed = SessionView {
            status: Some(Status::Failed),
            phase: Phase::Ended,
            exit_code: Some(3),
            ..sample::session()
        };
        let text = Goal::Text("x".into());
        for (case, met, view, until, alone, want) in [
            ("the session's own", true, &failed, &Goal::Exit, true, Code(3)),
            ("one of several failed", true, &failed, &Goal::Exit, false, Code(1)),
            ("shown", true, &running, &text, true, Code(0)),
            ("ended first", false, &failed, &text, true, Code(1)),
            ("time is up", false, &running, &Goal::Exit, true, Code(124)),
        ] {
            let waited = Waited { met, session: view.clone() };
            assert_eq!(code(&waited, until, alone), want, "{case}");
        }
    }
}
