//! `wk deaths`: what ended, and of what.

use std::io::Write;

use wk_api::{Death, DeathsQuery, Patterns};
use wk_model::Cause;

use super::{Format, filters::moment};
use crate::{
    code::Code,
    color::{Paint, Style},
    complaint,
    context::Context,
    csv, json,
    table::{self, Cell, Column},
    text::{moment::Clock, span, visible::visible},
};

/// List the sessions that ended unexpectedly, and of what
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk deaths --since 7d\n  wk deaths --cause oom-cgroup --format csv\n  wk deaths --patterns"
)]
pub(crate) struct DeathsArgs {
    /// Only what ended since: 7d (ago), "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only this cause, e.g. killed or oom-cgroup
    #[arg(long, value_name = "CAUSE")]
    cause: Option<Cause>,
    /// Every end, the expected ones as well
    #[arg(long)]
    all: bool,
    /// What repeats in them: cause, culprit, hour, age, output, memory
    #[arg(long)]
    patterns: bool,
    /// At most so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[arg(long, default_value = "table")]
    format: Format,
}

const COLUMNS: [Column; 6] = [
    Column { title: "ENDED", least: 0, right: false },
    Column { title: "SESSION", least: 8, right: false },
    Column { title: "CAUSE", least: 0, right: false },
    Column { title: "AGE", least: 0, right: true },
    Column { title: "WITH", least: 0, right: true },
    Column { title: "WHY", least: 20, right: false },
];

pub(crate) async fn run(
    context: &Context,
    args: DeathsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let since = moment(&context.clock, args.since.as_deref())?;
    let cause = args.cause.map(|cause| cause.to_string());
    let query = DeathsQuery { since, cause, all: args.all, limit: Some(args.limit) };
    if args.patterns {
        let patterns: Patterns = context.daemon.get("/deaths/patterns", &query).await?;
        return write_patterns(out, &patterns, args.format);
    }
    let list = async |client: &wk_client::Client| client.list("/deaths", &query).await;
    let (deaths, more): (Vec<Death>, bool) = context.daemon.repeat(list).await?;
    match args.format {
        Format::Json => json::write(out, &deaths)?,
        Format::Csv => write_csv(out, &deaths)?,
        Format::Table if deaths.is_empty() => writeln!(out, "nothing has ended unexpectedly")?,
        Format::Table => {
            write_table(out, &deaths, &context.clock, context.width, context.paint)?;
        }
    }
    if more {
        out.flush()?;
        complaint::say("… more: --limit 0 shows all");
    }
    Ok(Code::SUCCESS)
}

fn write_table(
    out: &mut impl Write,
    deaths: &[Death],
    clock: &Clock,
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let row = |death: &Death| {
        let style = if death.unexpected { Style::Bad } else { Style::Past };
        let age = death.age_seconds.map_or_else(|| "-".into(), |age| span::brief(age as f64));
        let with = match death.deaths {
            0 | 1 => "-".to_owned(),
            others => (others - 1).to_string(),
        };
        vec![
            Cell::plain(&clock.show(death.end_time)),
            Cell::plain(death.name.as_deref().unwrap_or(&death.session_id)),
            Cell::new(death.cause.as_str(), style),
            Cell::plain(&age),
            Cell::plain(&with),
            Cell::plain(&death.summary),
        ]
    };
    let rows: Vec<_> = deaths.iter().map(row).collect();
    Ok(table::write(out, &COLUMNS, &rows, width, paint)?)
}

fn write_csv(out: &mut impl Write, deaths: &[Death]) -> anyhow::Result<()> {
    const FIELDS: [&str; 16] = [
        "session_id",
        "name",
        "kind",
        "attempt",
        "end_time",
        "cause",
        "confidence",
        "exit_code",
        "signal",
        "culprit",
        "scope",
        "deaths",
        "age_seconds",
        "settled",
        "unexpected",
        "summary",
    ];
    csv::write_line(out, FIELDS.iter().map(ToString::to_string))?;
    for death in deaths {
        let value = serde_json::to_value(death)?;
        csv::write_line(out, FIELDS.iter().map(|field| csv::text(&value[*field])))?;
    }
    Ok(())
}

fn write_patterns(
    out: &mut impl Write,
    patterns: &Patterns,
    format: Format,
) -> anyhow::Result<Code> {
    match format {
        Format::Json => json::write(out, patterns)?,
        Format::Csv => {
            csv::write_line(out, ["about", "count", "of", "text"].map(str::to_owned).into_iter())?;
            for pattern in &patterns.patterns {
                let (count, of) = (pattern.count.to_string(), pattern.of.to_string());
                let cells = [pattern.about.clone(), count, of, pattern.text.clone()];
                csv::write_line(out, cells.into_iter())?;
            }
        }
        Format::Table if patterns.patterns.is_empty() => {
            writeln!(out, "nothing repeats in {} deaths", patterns.deaths)?;
        }
        Format::Table => {
            for pattern in &patterns.patterns {
                writeln!(out, "{}", visible(&pattern.text))?;
            }
        }
    }
    Ok(Code::SUCCESS)
}
