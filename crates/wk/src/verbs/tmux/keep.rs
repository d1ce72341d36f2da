//! `wk tmux keep`: bring a dead tmux session back.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, bail, ensure};
use wk_api::{EventView, ListQuery, SessionView};
use wk_client::Client;
use wk_model::{Phase, TmuxLayout};

use super::{
    super::{label, path_of, session_ref},
    plan::{PlannedPane, PlannedWindow, Start, plan, quoted},
};
use crate::{code::Code, config, context::Context, text::visible::visible};

#[derive(Debug, clap::Args)]
pub(super) struct KeepArgs {
    /// The session, as `wk ls --all --kind tmux` has it
    #[arg(value_parser = session_ref, required_unless_present = "last")]
    session: Option<String>,
    /// The tmux session that ended last
    #[arg(long, conflicts_with = "session")]
    last: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(
    context: &Context,
    args: KeepArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let session = find(context, args.session.as_deref()).await?;
    let tmux = session.tmux.as_ref();
    let text = |key: &str| tmux.and_then(|tmux| tmux[key].as_str()).map(str::to_owned);
    let (Some(socket), Some(name)) = (text("socket"), text("name")) else {
        bail!("{} is no tmux session", label(&session));
    };
    ensure!(session.phase == Phase::Ended, "{} lives", label(&session));
    let layout = last_layout(context, &session.session_id).await?;
    let settings = config::load(&context.places.config, |name| std::env::var_os(name))?;
    let windows = plan(&layout, &settings.settings.templates);
    ensure!(!windows.is_empty(), "nothing is known of what {} had", label(&session));
    tell(&name, &windows, out)?;
    if args.dry_run {
        return Ok(Code::SUCCESS);
    }
    let tmux = Tmux { socket };
    let target = tmux.bring_back(&name, &windows)?;
    let attach = format!("tmux -S {} attach -t {}", quoted(&tmux.socket), quoted(&target));
    writeln!(out, "back: {}", visible(&attach))?;
    Ok(Code::SUCCESS)
}

/// The session that is named, or the tmux session that ended last.
async fn find(context: &Context, session: Option<&str>) -> anyhow::Result<SessionView> {
    if let Some(session) = session {
        return context.daemon.get(&path_of(session), &()).await;
    }
    let query = ListQuery { kind: Some("tmux".into()), limit: Some(0), ..ListQuery::default() };
    let (sessions, _): (Vec<SessionView>, bool) =
        context.daemon.repeat(async |client| client.list("/sessions", &query).await).await?;
    let ended = sessions.into_iter().filter(|session| session.end_time.is_some());
    ended.max_by_key(|session| session.end_time).context("no tmux session has ended")
}

async fn last_layout(context: &Context, id: &str) -> anyhow::Result<TmuxLayout> {
    let path = format!("{}/events", path_of(id));
    let query = wk_api::EventQuery::default();
    let open = async |client: &Client| client.events(&path, &query, None).await;
    let mut events = context.daemon.repeat(open).await?;
    let mut last = None;
    while let Some(event) = events.next().await? {
        if event.event == "tmux_layout_changed" {
            last = Some(event.data);
        }
    }
    let last = last.context("its windows and panes were never seen")?;
    let event: EventView = serde_json::from_str(&last)?;
    serde_json::from_value(event.data).context("the journal has a layout that cannot be read")
}

fn tell(name: &str, windows: &[PlannedWindow], out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "session {}", visible(name))?;
    for window in windows {
        writeln!(out, "  window {} {}", window.index, visible(&window.name))?;
        for PlannedPane { directory, start } in &window.panes {
            let line = |words: &[String]| {
                visible(&words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
                    .into_owned()
            };
            let what = match start {
                Start::Shell => "a shell".to_owned(),
                Start::Resume(words) => format!("resumes: {}", line(words)),
                Start::Listed(words) => format!("a shell; it ran: {}", line(words)),
            };
            writeln!(out, "    {}  {what}", visible(directory))?;
        }
    }
    Ok(())
}

/// The server of a socket; started with the first session.
struct Tmux {
    socket: String,
}

impl Tmux {
    /// Makes a session with these windows; answers what to attach to.
    fn bring_back(&self, name: &str, windows: &[PlannedWindow]) -> anyhow::Result<String> {
        let mut session: Option<String> = None;
        let mut active = None;
        for window in windows {
            let Some((first, others)) = window.panes.split_first() else { continue };
            let directory = folder(&first.directory);
            let made = match &session {
                None => {
                    let mut words =
                        vec!["new-session", "-d", "-P", "-F", "#{session_id} #{pane_id}"];
                    if !name.is_empty() {
                        words.extend(["-s", name]);
                    }
                    words.extend(["-n", &window.name, "-c", directory]);
                    self.ask(&words)?
                }
                Some(session) => self.ask(&[
                    "new-window",
                    "-d",
                    "-P",
                    "-F",
                    "#{session_id} #{pane_id}",
                    "-t",
                    session,
                    "-n",
                    &window.name,
                    "-c",
                    directory,
                ])?,
            };
            let (id, pane) = made.trim().split_once(' ').context("tmux answered something else")?;
            if session.is_none() {
                session = Some(format!("{id}:"));
            }
            self.fill(pane, first)?;
            let mut last = pane.to_owned();
            for other in others {
                last = self.split(&last, folder(&other.directory))?;
                self.fill(&last, other)?;
            }
            if !others.is_empty() {
                // One that was made for another size may not fit: the panes are there all the same.
                let _ = self.ask(&["select-layout", "-t", &last, &window.layout]);
            }
            if window.active {
                active = Some(last);
            }
        }
        if let Some(pane) = active {
            let _ = self.ask(&["select-window", "-t", &pane]);
        }
        let session = session.context("nothing to bring back")?;
        Ok(session.trim_end_matches(':').to_owned())
    }

    /// Makes another pane in the window of `pane`.
    fn split(&self, pane: &str, directory: &str) -> anyhow::Result<String> {
        let split = ["split-window", "-d", "-P", "-F", "#{pane_id}", "-t", pane, "-c", directory];
        // A terminal of 80 columns holds few: what the layout needs is made as it goes.
        let made = self.ask(&split).or_else(|_| {
            self.ask(&["select-layout", "-t", pane, "tiled"])?;
            self.ask(&split)
        })?;
        Ok(made.trim().to_owned())
    }

    /// Types what goes on into the shell of a pane.
    fn fill(&self, pane: &str, planned: &PlannedPane) -> anyhow::Result<()> {
        let Start::Resume(words) = &planned.start else { return Ok(()) };
        let line: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        self.ask(&["send-keys", "-t", pane, "-l", "--", &line.join(" ")])?;
        self.ask(&["send-keys", "-t", pane, "Enter"]).map(drop)
    }

    fn ask(&self, words: &[&str]) -> anyhow::Result<String> {
        // A `;` at the end of a word would end the command: tmux reads `\;` as one.
        let escaped = words.iter().map(|word| match word.strip_suffix(';') {
            Some(front) => format!("{front}\\;"),
            None => (*word).to_owned(),
        });
        let mut command = Command::new("tmux");
        // Whoever calls from within tmux means the other server all the same.
        command.arg("-S").arg(&self.socket).args(escaped).env_remove("TMUX");
        let Output { status, stdout, stderr } = command.output().context("cannot run tmux")?;
        let said = String::from_utf8_lossy(&stderr);
        ensure!(status.success(), "tmux {}: {}", words[0], visible(said.trim()));
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }
}

/// The folder, or where the caller is if it is gone.
fn folder(directory: &str) -> &str {
    if Path::new(directory).is_dir() { directory } else { "." }
}
