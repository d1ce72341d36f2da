//! `wk clean`: remove what ended sessions left behind.

use std::{io::Write, time::Duration};

use wk_api::{CleanRequest, Cleaned};

use super::ShortFormat;
use crate::{
    code::Code,
    color::Style,
    complaint,
    context::Context,
    json,
    table::{self, Cell, Column},
    text::{
        bytes, span,
        visible::{command_line, visible},
    },
};

/// Clean up behind ended sessions
///
/// Removes their files as the settings say ([cleanup]), or by --older-than; the history stays
/// in the journal. The daemon does so by itself, every 5 minutes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk clean --dry-run\n  wk clean --older-than 30m\n  wk clean --orphans"
)]
pub(crate) struct CleanArgs {
    /// All files of sessions that ended so long ago: 30m, 2d
    #[arg(long, value_name = "DURATION", value_parser = span::parse, allow_hyphen_values = true)]
    older_than: Option<Duration>,
    /// End processes that outlived their sessions: TERM, then KILL
    #[arg(long)]
    orphans: bool,
    /// Say what would go, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[arg(long, default_value = "table")]
    format: ShortFormat,
}

const PARTS: [Column; 5] = [
    Column { title: "ID", least: 0, right: false },
    Column { title: "NAME", least: 8, right: false },
    Column { title: "WHAT", least: 0, right: false },
    Column { title: "SIZE", least: 0, right: true },
    Column { title: "WHY", least: 0, right: false },
];

const ORPHANS: [Column; 4] = [
    Column { title: "ID", least: 0, right: false },
    Column { title: "PID", least: 0, right: true },
    Column { title: "ENDED", least: 0, right: false },
    Column { title: "COMMAND", least: 12, right: false },
];

pub(crate) async fn run(
    context: &Context,
    args: CleanArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let request = CleanRequest {
        older_than_ms: args.older_than.map(span::millis),
        orphans: args.orphans,
        dry_run: args.dry_run,
    };
    let cleaned: Cleaned = context.daemon.post("/clean", &(), &request).await?;
    match args.format {
        ShortFormat::Json => json::write(out, &cleaned)?,
        ShortFormat::Table => write_cleaned(out, &cleaned, context)?,
    }
    out.flush()?;
    for (session, why) in &cleaned.failed {
        complaint::say(&format!("wk: cannot clean up behind {session}: {}", visible(why)));
    }
    Ok(if cleaned.failed.is_empty() { Code::SUCCESS } else { Code::FAILURE })
}

fn write_cleaned(out: &mut impl Write, cleaned: &Cleaned, context: &Context) -> anyhow::Result<()> {
    let (width, paint) = (context.width, context.paint);
    if !cleaned.removed.is_empty() {
        let rows: Vec<Vec<Cell>> = cleaned.removed.iter().map(part).collect();
        table::write(out, &PARTS, &rows, width, paint)?;
    }
    if !cleaned.orphans.is_empty() {
        let rows: Vec<Vec<Cell>> = cleaned.orphans.iter().map(orphan).collect();
        table::write(out, &ORPHANS, &rows, width, paint)?;
    }
    writeln!(out, "{}", summary(cleaned))?;
    Ok(())
}

fn part(removed: &wk_api::Removed) -> Vec<Cell> {
    let name = removed.name.as_deref().unwrap_or_default();
    let part = removed.part.replace('_', " ");
    let size = bytes::brief(removed.bytes);
    [&removed.session_id, name, &part, &size, &removed.reason].map(Cell::plain).into()
}

fn orphan(orphan: &wk_api::OrphanView) -> Vec<Cell> {
    let ended = match (orphan.ended, orphan.signal) {
        (false, _) => Cell::new("no", Style::Warning),
        (true, None) => Cell::plain("by itself"),
        (true, Some(signal)) => Cell::plain(&wk_model::signal_name(signal)),
    };
    vec![
        Cell::plain(&orphan.session_id),
        Cell::plain(&orphan.pid.to_string()),
        ended,
        Cell::plain(&command_line(&orphan.command, 512)),
    ]
}

fn summary(cleaned: &Cleaned) -> String {
    let Cleaned { dry_run, removed, bytes, orphans, events, .. } = cleaned;
    let count = |count: usize, one: &str, many: &str| {
        (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
    };
    let of = |part: &str| removed.iter().filter(|removed| removed.part == part).count();
    let files = [
        count(of("recording"), "recording", "recordings"),
        count(of("live_state"), "session's live state", "sessions' live state"),
        count(usize::try_from(*events).unwrap_or(usize::MAX), "old event", "old events"),
    ];
    let files = files.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let ended = match dry_run {
        true => orphans.len(),
        false => orphans.iter().filter(|orphan| orphan.ended).count(),
    };
    let would = |word: &str| if *dry_run { format!("would be {word}") } else { word.to_owned() };
    let mut told = Vec::new();
    if !files.is_empty() {
        told.push(format!("{files} {}, {}", would("removed"), bytes::brief(*bytes)));
    }
    if let Some(processes) = count(ended, "orphan", "orphans") {
        told.push(format!("{processes} {}", would("ended")));
    }
    if told.is_empty() { "nothing to clean up".into() } else { told.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_is_summed_up() {
        let removed = |part: &str| wk_api::Removed {
            session_id: "k7f3q2m9x1ab".into(),
            name: None,
            part: part.into(),
            bytes: 1024,
            reason: "age".into(),
        };
        let orphan = wk_api::OrphanView {
            session_id: "k7f3q2m9x1ab".into(),
            pid: 7,
            process_start_time: 9,
            comm: "sleep".into(),
            command: vec!["sleep".into(), "60".into()],
            ended: true,
            signal: Some(15),
        };
        let nothing = Cleaned::default();
        let files = Cleaned {
            removed: vec![removed("recording"), removed("live_state"), removed("live_state")],
            bytes: 3072,
            ..Cleaned::default()
        };
        let both = Cleaned { dry_run: true, orphans: vec![orphan], ..files.clone() };
        for (cleaned, want) in [
            (nothing, "nothing to clean up"),
            (files, "1 recording, 2 sessions' live state removed, 3.0 KiB"),
            (
                both,
                "1 recording, 2 sessions' live state would be removed, 3.0 KiB; 1 orphan would be \
                 ended",
            ),
        ] {
            assert_eq!(summary(&cleaned), want);
        }
    }
}
