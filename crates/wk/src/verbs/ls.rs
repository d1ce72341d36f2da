//! `wk ls`: list sessions.

use std::io::Write;

use wk_api::{ListQuery, SessionView};
use wk_model::Phase;

use super::{Format, filters::Filters};
use crate::{
    code::Code,
    color::{Paint, Style, standing},
    complaint,
    context::Context,
    csv, json,
    output_file::OutputArgs,
    table::{self, Cell, Column},
    text::{bytes, moment::Clock, span, visible::command_line},
};

/// List sessions
///
/// Shows what lives and what ended today, newest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk ls\n  wk ls --failed --after 2h\n  wk ls --all -l team=x --format csv"
)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    filters: Filters,
    /// Also what ended before today
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    printing: Printing,
}

/// List sessions, ended ones too
///
/// `wk ls --all` under the name of other tools.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk list-sessions --limit 10\n  wk list-sessions --type admin_shell --output sessions.csv"
)]
pub(crate) struct ListSessionsArgs {
    #[command(flatten)]
    filters: Filters,
    /// Also what ended before today, as always here
    #[arg(short, long = "all", hide = true)]
    _all: bool,
    #[command(flatten)]
    printing: Printing,
}

#[derive(Debug, clap::Args)]
struct Printing {
    /// At most so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

const COLUMNS: [Column; 8] = [
    Column { title: "ID", least: 0, right: false },
    Column { title: "NAME", least: 8, right: false },
    Column { title: "KIND", least: 0, right: false },
    Column { title: "STATUS", least: 0, right: false },
    Column { title: "AGE", least: 0, right: true },
    Column { title: "TOOK", least: 0, right: true },
    Column { title: MEMORY, least: 0, right: true },
    Column { title: "COMMAND", least: 12, right: false },
];

/// Shown where the memory of any session is known.
const MEMORY: &str = "MEMORY";

/// What people look for among shells that clients told of.
const SHELL_COLUMNS: [Column; 6] = [
    Column { title: "Session ID", least: 0, right: false },
    Column { title: "Component", least: 9, right: false },
    Column { title: "User", least: 4, right: false },
    Column { title: "Started", least: 0, right: false },
    Column { title: "Duration", least: 0, right: true },
    Column { title: "Status", least: 0, right: false },
];

pub(crate) async fn run(
    context: &Context,
    args: LsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let mut query = args.filters.to_query(&context.clock)?;
    // Whoever asks for what may be long ago means it.
    let of_today = !args.all && query.after.is_none() && query.before.is_none();
    if of_today {
        query.ended_since = Some(context.clock.midnight().to_string());
    }
    list(context, query, args.printing, out).await
}

pub(crate) async fn run_history(
    context: &Context,
    args: ListSessionsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let query = args.filters.to_query(&context.clock)?;
    list(context, query, args.printing, out).await
}

async fn list(
    context: &Context,
    mut query: ListQuery,
    printing: Printing,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    query.limit = Some(printing.limit);
    let list = async |client: &wk_client::Client| client.list("/sessions", &query).await;
    let (sessions, more): (Vec<SessionView>, bool) = context.daemon.repeat(list).await?;
    let now = context.clock.now.as_millis();
    let format = printing.output.format();
    printing.output.write(out, |out, to| match format {
        Format::Json => json::write(out, &sessions),
        Format::Csv => csv::write(out, &sessions),
        Format::Table if sessions.is_empty() && to.is_none() => {
            let hint =
                if query.ended_since.is_some() { ": `wk ls --all` shows older ones" } else { "" };
            complaint::say(&format!("no sessions{hint}"));
            Ok(())
        }
        Format::Table => {
            let (width, paint) = to.unwrap_or((context.width, context.paint));
            if query.session_type.as_deref() == Some("admin_shell") {
                let rows: Vec<_> = sessions.iter().map(|s| shell_row(s, &context.clock)).collect();
                return Ok(table::write_boxed(out, &SHELL_COLUMNS, &rows, width, paint)?);
            }
            write_table(out, &sessions, now, width, paint)
        }
    })?;
    if more {
        out.flush()?;
        complaint::say("… more: --limit 0 shows all");
    }
    Ok(Code::SUCCESS)
}

/// A shell, with words that people use for shells.
fn shell_row(session: &SessionView, clock: &Clock) -> Vec<Cell> {
    let (word, style) = standing(session);
    let word = if session.phase == Phase::Ended { "ended" } else { word };
    // The day is said where it is not today.
    let started = clock.show(session.start_time);
    let today = clock.show(clock.now);
    let time = started.strip_prefix(&today[..11]).unwrap_or(&started);
    let text = if session.end_time.is_some() { Style::Past } else { Style::Plain };
    vec![
        Cell::new(&session.session_id, text),
        Cell::new(session.component_name.as_deref().unwrap_or_default(), text),
        Cell::new(session.username.as_deref().unwrap_or_default(), text),
        Cell::new(time, text),
        Cell::new(&span::brief(session.duration_seconds), text),
        Cell::new(word, style),
    ]
}

fn write_table(
    out: &mut impl Write,
    sessions: &[SessionView],
    now_ms: i64,
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let mut rows: Vec<Vec<Cell>> = sessions.iter().map(|session| row(session, now_ms)).collect();
    let mut columns = COLUMNS.to_vec();
    if sessions.iter().all(|session| session.memory_bytes.is_none())
        && let Some(memory) = columns.iter().position(|column| column.title == MEMORY)
    {
        columns.remove(memory);
        rows.iter_mut().for_each(|row| drop(row.remove(memory)));
    }
    if sessions.iter().any(|session| session.waits_for.is_some()) {
        let before_command = columns.len() - 1;
        columns.insert(before_command, Column { title: "WAITS FOR", least: 9, right: false });
        for (row, session) in rows.iter_mut().zip(sessions) {
            let what = session.waits_for.as_deref().unwrap_or_default();
            row.insert(before_command, Cell::plain(what));
        }
    }
    Ok(table::write(out, &columns, &rows, width, paint)?)
}

/// What it is called; a tmux session whose name is none of ours by that.
fn name(session: &SessionView) -> &str {
    let tmux = || session.tmux.as_ref().and_then(|tmux| tmux["name"].as_str());
    session.name.as_deref().or_else(tmux).unwrap_or_default()
}

fn row(session: &SessionView, now_ms: i64) -> Vec<Cell> {
    let (word, style) = standing(session);
    let age = (now_ms.saturating_sub(session.start_time.as_millis()) / 1000) as f64;
    let took = session.end_time.map(|_| span::brief(session.duration_seconds));
    // What is over steps back, but how it ended stays in sight.
    let text = if session.end_time.is_some() { Style::Past } else { Style::Plain };
    vec![
        Cell::new(&session.session_id, text),
        Cell::new(name(session), text),
        Cell::new(session.kind.as_str(), text),
        Cell::new(word, style),
        Cell::new(&span::brief(age), text),
        Cell::new(took.as_deref().unwrap_or_default(), text),
        Cell::new(&session.memory_bytes.map(bytes::brief).unwrap_or_default(), text),
        Cell::new(&command_line(&session.command, 512), text),
    ]
}

#[cfg(test)]
mod tests {
    use wk_model::{Status, Time};

    use super::*;
    use crate::{sample, text::visible};

    fn sessions() -> Vec<SessionView> {
        let running = sample::session();
        let start = running.start_time.as_millis();
        let mut failed = SessionView {
            session_id: "0123456789ab".into(),
            name: None,
            status: Some(Status::Failed),
            phase: Phase::Ended,
            end_time: Some(Time::from_millis(start + 400)),
            duration_seconds: 0.4,
            ..sample::session()
        };
        failed.command = vec!["printf".into(), "\u{1b}]0;pwned\u{7}".into(), "漢字".repeat(40)];
        let starting = SessionView {
            name: Some("a-name-of-64-letters".repeat(4)[..64].to_owned()),
            status: None,
            phase: Phase::Starting,
            ..sample::session()
        };
        vec![running, failed, starting]
    }

    fn render(width: usize, paint: bool) -> String {
        let mut out = Vec::new();
        let now = sample::session().start_time.as_millis() + 184_200;
        write_table(&mut out, &sessions(), now, width, Paint(paint)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_fits_80_columns() {
        let text = render(80, false);
        assert_eq!(
            text,
            "ID            NAME               KIND     STATUS    AGE  TOOK  COMMAND\n\
             k7f3q2m9x1ab  web                command  running    3m        sh -c 'exec serv…\n\
             0123456789ab                     command  failed     3m  0.4s  printf $'\\u{1b}]…\n\
             k7f3q2m9x1ab  a-name-of-64-let…  command  starting   3m        sh -c 'exec serv…\n"
        );
        assert!(text.lines().all(|line| visible::width(line) <= 80));
    }

    #[test]
    fn memory_and_what_is_wrong_fit_too() {
        let mut hung = SessionView { memory_bytes: Some(1 << 30), ..sample::session() };
        hung.health.conditions = vec!["hung".into(), "over_limit".into()];
        let mut out = Vec::new();
        let now = sample::session().start_time.as_millis() + 184_200;
        let sessions = [hung, sample::session()];
        write_table(&mut out, &sessions, now, 80, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ID            NAME  KIND     STATUS   AGE  TOOK   MEMORY  COMMAND\n\
             k7f3q2m9x1ab  web   command  hung      3m        1.0 GiB  sh -c 'exec server --…\n\
             k7f3q2m9x1ab  web   command  running   3m                 sh -c 'exec server --…\n"
        );
    }

    #[test]
    fn what_queued_sessions_wait_for_has_a_column_where_any_waits() {
        let queued = SessionView {
            status: None,
            phase: Phase::Queued,
            waits_for: Some("a free slot".into()),
            ..sample::session()
        };
        let mut out = Vec::new();
        let now = queued.start_time.as_millis() + 1000;
        write_table(&mut out, &[queued, sample::session()], now, 80, Paint(false)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("WAITS FOR") && text.contains("queued    "), "{text}");
        assert!(text.contains("  a free slot  "), "{text}");
        assert!(text.lines().all(|line| visible::width(line) <= 80), "{text}");
    }

    #[test]
    fn colours_say_how_a_session_stands() {
        let text = render(80, true);
        assert!(text.contains("\u{1b}[32mrunning\u{1b}[0m"));
        assert!(text.contains("\u{1b}[31mfailed\u{1b}[0m"));
        assert!(!text.contains("\u{7}"));
    }
}
