//! `wk health`: how all sessions are, in numbers.

use std::io::Write;

use wk_api::{HealthNumbers, SessionsByStatus};

use super::ShortFormat;
use crate::{
    code::Code,
    color::{Paint, Style},
    context::Context,
    json,
    table::{self, Cell},
    text::bytes,
};

/// Show how all sessions are, in numbers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk health\n  wk health --format json")]
pub(crate) struct HealthArgs {
    #[arg(long, default_value = "table")]
    format: ShortFormat,
}

pub(crate) async fn run(
    context: &Context,
    args: HealthArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let numbers: HealthNumbers = context.daemon.get("/health", &()).await?;
    match args.format {
        ShortFormat::Json => json::write(out, &numbers)?,
        ShortFormat::Table => write_table(out, &numbers, context.width, context.paint)?,
    }
    Ok(Code::SUCCESS)
}

fn write_table(
    out: &mut impl Write,
    numbers: &HealthNumbers,
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let count = |count: u64, style| match count {
        0 => Cell::new("0", Style::Past),
        count => Cell::new(&count.to_string(), style),
    };
    let total = format!("{}, of which {} live", numbers.total_sessions, numbers.living_sessions);
    let mut pairs = vec![
        ("sessions", Cell::plain(&total)),
        ("healthy", count(numbers.healthy_sessions, Style::Good)),
        ("stale", count(numbers.stale_sessions, Style::Warning)),
        ("hung", count(numbers.hung_sessions, Style::Bad)),
        ("near a limit", count(numbers.over_limit_sessions, Style::Limit)),
        ("unreachable", count(numbers.unreachable_sessions, Style::Bad)),
    ];
    if let Some(memory) = numbers.average_memory_usage {
        pairs.push(("memory", Cell::plain(&format!("{} on average", bytes::brief(memory)))));
    }
    pairs.push(("by status", Cell::plain(&by_status(&numbers.sessions_by_status))));
    let recovery = &numbers.recovery;
    let text = match recovery.sessions {
        0 => "nothing was retried".to_owned(),
        sessions => format!(
            "{} of {sessions} sessions recovered, after {} retries",
            recovery.succeeded, recovery.attempts
        ),
    };
    pairs.push(("recovery", Cell::plain(&text)));
    Ok(table::write_pairs(out, &pairs, width, paint)?)
}

fn by_status(by: &SessionsByStatus) -> String {
    let SessionsByStatus { running, completed, failed, cancelled, timeout, recovering } = by;
    format!(
        "{running} running, {completed} completed, {failed} failed, {cancelled} cancelled, \
         {timeout} timeout, {recovering} recovering"
    )
}

#[cfg(test)]
mod tests {
    use wk_api::RecoveryNumbers;

    use super::*;

    #[test]
    fn numbers_are_told_in_words() {
        let mut out = Vec::new();
        let numbers = HealthNumbers {
            total_sessions: 12,
            living_sessions: 3,
            healthy_sessions: 2,
            hung_sessions: 1,
            average_memory_usage: Some(3 << 20),
            sessions_by_status: SessionsByStatus { running: 3, completed: 9, ..Default::default() },
            recovery: RecoveryNumbers {
                attempts: 5,
                succeeded: 2,
                sessions: 3,
                success_rate: None,
            },
            ..HealthNumbers::default()
        };
        write_table(&mut out, &numbers, 80, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
sessions      12, of which 3 live
healthy       2
stale         0
hung          1
near a limit  0
unreachable   0
memory        3.0 MiB on average
by status     3 running, 9 completed, 0 failed, 0 cancelled, 0 timeout, 0
              recovering
recovery      2 of 3 sessions recovered, after 5 retries
"
        );
    }
}
