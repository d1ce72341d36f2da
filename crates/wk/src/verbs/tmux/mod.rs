//! `wk tmux`: tmux sessions that others started.

mod keep;
mod plan;

use std::{io::Write, path::PathBuf};

use anyhow::Context as _;
use wk_api::{RepairTmux, TmuxRepaired, TmuxServerView};

use super::ShortFormat;
use crate::{
    code::Code,
    color::Style,
    complaint,
    context::Context,
    json,
    table::{self, Cell, Column},
    text::{bytes, span, visible::visible},
};

/// Look at tmux servers, and bring back what they had
///
/// The daemon watches every tmux server of this user, without attaching to any: `wk ls --kind
/// tmux` lists their sessions, and one that dies is explained. A tmux session is never ended by
/// Watchkeeper, unless you say `wk stop --force`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk tmux\n  wk tmux watch\n  wk tmux repair\n  wk tmux keep --last --dry-run"
)]
pub(crate) struct TmuxArgs {
    #[arg(long, default_value = "table")]
    format: ShortFormat,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make sure that tmux is watched, and say what is
    Watch,
    /// Have a server whose socket vanished make it anew
    Repair {
        /// Only the server of this socket
        socket: Option<PathBuf>,
    },
    /// Bring a dead session back: its windows, panes, folders, and what can be resumed
    Keep(keep::KeepArgs),
}

pub(crate) async fn run(
    context: &Context,
    args: TmuxArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    match args.action {
        None => list(context, args.format, out).await,
        Some(Action::Watch) => watch(context, out).await,
        Some(Action::Repair { socket }) => repair(context, socket, out).await,
        Some(Action::Keep(args)) => keep::run(context, args, out).await,
    }
}

async fn servers(context: &Context) -> anyhow::Result<Vec<TmuxServerView>> {
    context.daemon.get("/tmux", &()).await
}

async fn list(
    context: &Context,
    format: ShortFormat,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let servers = servers(context).await?;
    match format {
        ShortFormat::Json => json::write(out, &servers)?,
        ShortFormat::Table => {
            // What a server that is long gone has left is of interest to nobody.
            let (running, left): (Vec<_>, Vec<_>) =
                servers.iter().partition(|server| server.pid.is_some());
            let rows: Vec<_> = running.into_iter().map(row).collect();
            if rows.is_empty() {
                complaint::say("no tmux server of yours runs");
            } else {
                table::write(out, &COLUMNS, &rows, context.width, context.paint)?;
            }
            if !left.is_empty() {
                out.flush()?;
                let count = left.len();
                complaint::say(&format!(
                    "… and {count} left-over sockets: --format json lists all"
                ));
            }
        }
    }
    Ok(Code::SUCCESS)
}

const COLUMNS: [Column; 7] = [
    Column { title: "SOCKET", least: 12, right: false },
    Column { title: "PID", least: 0, right: true },
    Column { title: "AGE", least: 0, right: true },
    Column { title: "SESSIONS", least: 0, right: true },
    Column { title: "PANES", least: 0, right: true },
    Column { title: "MEMORY", least: 0, right: true },
    Column { title: "WATCHED", least: 28, right: false },
];

fn row(server: &TmuxServerView) -> Vec<Cell> {
    let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let age = server.age_seconds.map_or_else(|| "-".to_owned(), |age| span::brief(age as f64));
    let (watched, style) = standing(server);
    vec![
        Cell::plain(&visible(&server.socket)),
        Cell::plain(&number(server.pid)),
        Cell::plain(&age),
        Cell::plain(&number(server.sessions)),
        Cell::plain(&number(server.panes)),
        Cell::plain(&server.memory_bytes.map_or_else(|| "-".to_owned(), bytes::brief)),
        Cell::new(&watched, style),
    ]
}

/// Whether a server is watched, and what is wrong with it.
fn standing(server: &TmuxServerView) -> (String, Style) {
    let why = server.why_not.as_deref().unwrap_or("nobody knows why");
    match (server.watched, server.reachable, server.answers) {
        (false, ..) => (format!("no: {why}"), Style::Past),
        (true, false, _) => (format!("yes, unreachable: {why}"), Style::Bad),
        (true, true, false) => ("yes, but it does not answer".to_owned(), Style::Warning),
        (true, true, true) => ("yes".to_owned(), Style::Good),
    }
}

async fn watch(context: &Context, out: &mut impl Write) -> anyhow::Result<Code> {
    // Asking starts a daemon where there is none; it watches what it finds.
    let servers = servers(context).await?;
    let watched: Vec<_> = servers.iter().filter(|server| server.watched).collect();
    let settings = crate::config::load(&context.places.config, |name| std::env::var_os(name))?;
    if !settings.settings.tmux.watch {
        complaint::say("wk: [tmux] watch is false in the settings: nothing is watched");
        return Ok(Code::FAILURE);
    }
    if watched.is_empty() {
        writeln!(out, "watching; no tmux server of yours runs yet")?;
    }
    for server in watched {
        let pid = server.pid.unwrap_or(0);
        let count = |count: Option<u32>, what: &str| match count {
            Some(1) => format!("1 {what}"),
            Some(count) => format!("{count} {what}s"),
            None => format!("{what}s not counted yet"),
        };
        let socket = visible(&server.socket);
        let (sessions, panes) = (count(server.sessions, "session"), count(server.panes, "pane"));
        writeln!(out, "watching {socket} (pid {pid}): {sessions}, {panes}")?;
    }
    Ok(Code::SUCCESS)
}

async fn repair(
    context: &Context,
    socket: Option<PathBuf>,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let socket = match socket {
        Some(path) => {
            let path = std::path::absolute(&path).context("cannot find the socket")?;
            Some(path.to_str().context("the path is no UTF-8")?.to_owned())
        }
        None => None,
    };
    let done: Vec<TmuxRepaired> =
        context.daemon.post("/tmux/repair", &(), &RepairTmux { socket }).await?;
    if done.is_empty() {
        writeln!(out, "nothing to repair: every watched server can be reached")?;
    }
    let mut code = Code::SUCCESS;
    for TmuxRepaired { socket, pid, error } in &done {
        let (socket, pid) = (visible(socket), pid.unwrap_or(0));
        match error {
            None => writeln!(out, "{socket} leads to its server again (pid {pid})")?,
            Some(why) => {
                complaint::say(&format!("wk: cannot repair {socket}: {}", visible(why)));
                code = Code::FAILURE;
            }
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_for_a_server_says_why() {
        let server = TmuxServerView {
            watched: true,
            reachable: true,
            answers: true,
            ..TmuxServerView::default()
        };
        let word = |server: &TmuxServerView| standing(server).0;
        assert_eq!(word(&server), "yes");
        assert_eq!(
            word(&TmuxServerView { answers: false, ..server.clone() }),
            "yes, but it does not answer"
        );
        let why_not = Some("its socket was removed".to_owned());
        let lost = TmuxServerView { reachable: false, why_not, ..server };
        assert_eq!(word(&lost), "yes, unreachable: its socket was removed");
    }
}
