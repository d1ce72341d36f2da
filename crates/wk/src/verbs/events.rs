//! `wk events`: what happened, as JSON lines.

use std::{io::Write, time::Duration};

use tokio::time::{Instant, sleep};
use wk_api::EventQuery;
use wk_client::{Client, ClientError};

use super::{path_of, session_ref};
use crate::{code::Code, context::Context, json};

/// How long a daemon may stay away in the middle.
const PATIENCE: Duration = Duration::from_secs(10);

/// Print what happened, as JSON lines
///
/// A line `{"kind":"reset", …}` comes where events are missing that are no longer kept; its
/// data is what holds now.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk events web\n  wk events -f | jq -c 'select(.kind == \"session_closed\")'"
)]
pub(crate) struct EventsArgs {
    /// Only of this session
    #[arg(value_parser = session_ref)]
    session: Option<String>,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Only events after the one of this number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
}

pub(crate) async fn run(
    context: &Context,
    args: EventsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let path = match &args.session {
        Some(session) => format!("{}/events", path_of(session)),
        None => "/events".to_owned(),
    };
    let query =
        EventQuery { session: None, after: args.after, follow: args.follow.then_some(true) };
    let mut last_id: Option<String> = None;
    let mut cut_since: Option<Instant> = None;
    loop {
        let open = async |client: &Client| client.events(&path, &query, last_id.as_deref()).await;
        let mut stream = context.daemon.repeat(open).await?;
        let cut = loop {
            match stream.next().await {
                Ok(Some(event)) => {
                    cut_since = None;
                    last_id = event.id.or(last_id);
                    writeln!(out, "{}", line(&event.event, &event.data))?;
                    if args.follow {
                        out.flush()?;
                    }
                }
                Ok(None) => break args.follow,
                Err(ClientError::Closed(_)) => break true,
                Err(error) => return Err(error.into()),
            }
        };
        if !cut {
            return Ok(Code::SUCCESS);
        }
        let since = *cut_since.get_or_insert_with(Instant::now);
        anyhow::ensure!(
            since.elapsed() < PATIENCE,
            "the daemon closes the connection again and again"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

fn line(kind: &str, data: &str) -> String {
    let data = json::harmless(&data.replace('\n', " "));
    match kind {
        "reset" => format!("{{\"kind\":\"reset\",\"data\":{data}}}"),
        _ => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_one_line_of_json() {
        assert_eq!(line("prompt", "{\"a\":\n1}"), "{\"a\": 1}");
        let reset: serde_json::Value = serde_json::from_str(&line("reset", "[1]")).unwrap();
        assert_eq!(reset["kind"], "reset");
        assert_eq!(reset["data"][0], 1);
    }
}
