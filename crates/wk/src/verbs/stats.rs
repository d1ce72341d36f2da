//! `wk stats`: sessions in numbers.

use std::io::Write;

use wk_api::{Stats, StatsNumbers, StatsQuery};

use super::{Format, filters::moment};
use crate::{
    code::Code,
    color::{Paint, Style},
    complaint,
    context::Context,
    csv, json,
    table::{self, Cell, Column},
    text::{count, span},
};

/// Show how many sessions there were, how long they took and how often they failed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk stats --since 7d\n  wk stats --by template\n  wk stats --by label:team --format csv"
)]
pub(crate) struct StatsArgs {
    /// By what they have in common: template, component, kind or label:KEY
    #[arg(long, value_name = "WHAT")]
    by: Option<String>,
    /// Only what ended since: 7d (ago), "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// At most so many groups; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[arg(long, default_value = "table")]
    format: Format,
}

const COLUMNS: [Column; 9] = [
    Column { title: "", least: 8, right: false },
    Column { title: "SESSIONS", least: 0, right: true },
    Column { title: "ACTIVE", least: 0, right: true },
    Column { title: "FAILED", least: 0, right: true },
    Column { title: "RATE", least: 0, right: true },
    Column { title: "MEDIAN", least: 0, right: true },
    Column { title: "P95", least: 0, right: true },
    Column { title: "RETRIES", least: 0, right: true },
    Column { title: "RESTARTS", least: 0, right: true },
];

pub(crate) async fn run(
    context: &Context,
    args: StatsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let since = moment(&context.clock, args.since.as_deref())?;
    let query = StatsQuery { by: args.by, since, limit: Some(args.limit) };
    let stats: Stats = context.daemon.get("/stats", &query).await?;
    match args.format {
        Format::Json => json::write(out, &stats)?,
        Format::Csv => write_csv(out, &stats)?,
        Format::Table => write_table(out, &stats, context.width, context.paint)?,
    }
    if stats.more {
        out.flush()?;
        complaint::say("… more: --limit 0 shows all");
    }
    Ok(Code::SUCCESS)
}

fn write_table(
    out: &mut impl Write,
    stats: &Stats,
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let groups = stats.groups.iter().map(|group| {
        let name = group.group.as_deref();
        row(name.map_or(Cell::new("(none)", Style::Past), Cell::plain), &group.numbers)
    });
    let mut rows: Vec<Vec<Cell>> = groups.collect();
    rows.push(row(Cell::new("all", Style::Title), &stats.overall));
    let mut columns = COLUMNS.to_vec();
    let numbers = stats.groups.iter().map(|group| &group.numbers).chain([&stats.overall]);
    let tokens: Vec<[String; 4]> = numbers.map(tokens).collect();
    for (index, title) in ["TOKENS IN", "CACHED", "OUT", "COST"].into_iter().enumerate() {
        // Of no interest where no agent told.
        if tokens.iter().any(|texts| texts[index] != "-") {
            columns.push(Column { title, least: 0, right: true });
            for (row, texts) in rows.iter_mut().zip(&tokens) {
                row.push(Cell::plain(&texts[index]));
            }
        }
    }
    Ok(table::write(out, &columns, &rows, width, paint)?)
}

/// What went in, what a cache took or gave, what came out, and what it cost.
fn tokens(numbers: &StatsNumbers) -> [String; 4] {
    let cached = numbers.cache_read_tokens.saturating_add(numbers.cache_creation_tokens);
    let told = |count: u64| if count == 0 { "-".to_owned() } else { count::brief(count) };
    [
        told(numbers.input_tokens),
        told(cached),
        told(numbers.output_tokens),
        numbers.cost_usd.as_ref().map_or_else(|| "-".into(), |cost| format!("${cost}")),
    ]
}

fn row(name: Cell, numbers: &StatsNumbers) -> Vec<Cell> {
    let failed = numbers.failed + numbers.timeout;
    let rate = numbers.failure_rate.map(|rate| format!("{:.1} %", rate * 100.0));
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "-".into(), span::brief);
    let texts = [
        numbers.sessions.to_string(),
        numbers.active.to_string(),
        failed.to_string(),
        rate.unwrap_or_else(|| "-".into()),
        took(numbers.median_seconds),
        took(numbers.p95_seconds),
        numbers.retries.to_string(),
        numbers.restarts.to_string(),
    ];
    std::iter::once(name).chain(texts.iter().map(|text| Cell::plain(text))).collect()
}

fn write_csv(out: &mut impl Write, stats: &Stats) -> anyhow::Result<()> {
    const FIELDS: [&str; 17] = [
        "sessions",
        "active",
        "completed",
        "failed",
        "cancelled",
        "timeout",
        "failure_rate",
        "median_seconds",
        "p95_seconds",
        "retries",
        "retried",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_creation_tokens",
        "cost_usd",
        "restarts",
    ];
    csv::write_line(out, std::iter::once("group").chain(FIELDS).map(str::to_owned))?;
    let all = stats.by.is_none().then_some((None, &stats.overall));
    let groups = stats.groups.iter().map(|group| (group.group.clone(), &group.numbers));
    for (name, numbers) in all.into_iter().chain(groups) {
        let value = serde_json::to_value(numbers)?;
        let cells = FIELDS.iter().map(|field| csv::text(&value[*field]));
        csv::write_line(out, std::iter::once(name.unwrap_or_default()).chain(cells))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wk_api::StatsGroup;

    use super::*;

    fn stats() -> Stats {
        let numbers = StatsNumbers {
            sessions: 12,
            active: 2,
            completed: 7,
            failed: 2,
            timeout: 1,
            failure_rate: Some(0.3),
            median_seconds: Some(4.25),
            p95_seconds: Some(184.0),
            retries: 5,
            retried: 2,
            restarts: 3,
            ..StatsNumbers::default()
        };
        let named = StatsGroup { group: Some("a,b".into()), numbers: numbers.clone() };
        let unnamed = StatsGroup { group: None, numbers: StatsNumbers::default() };
        Stats {
            since: None,
            by: Some("template".into()),
            overall: numbers,
            groups: vec![named, unnamed],
            more: false,
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_group_and_one_for_all() {
        let mut out = Vec::new();
        write_table(&mut out, &stats(), 80, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "        SESSIONS  ACTIVE  FAILED    RATE  MEDIAN  P95  RETRIES  RESTARTS\n\
             a,b           12       2       3  30.0 %      4s   3m        5         3\n\
             (none)         0       0       0       -       -    -        0         0\n\
             all           12       2       3  30.0 %      4s   3m        5         3\n"
        );
    }

    #[test]
    fn csv_has_the_names_of_the_api() {
        let mut out = Vec::new();
        write_csv(&mut out, &stats()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("group,sessions,active,completed,failed,"), "{text}");
        assert!(
            text.contains("\r\n\"a,b\",12,2,7,2,0,1,0.3,4.25,184.0,5,2,0,0,0,0,,3\r\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 3);
    }
}
