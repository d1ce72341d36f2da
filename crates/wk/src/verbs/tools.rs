//! `wk tools`: tools in numbers.

use std::io::Write;

use wk_api::{ToolView, ToolsQuery};

use super::{Format, session_ref};
use crate::{
    code::Code,
    color::{Paint, Style},
    complaint::Usage,
    context::Context,
    csv, json,
    table::{self, Cell, Column},
    text::span,
};

/// Show how often agents used which tool, how long it took and how often it failed
///
/// Agents tell of their tools by hooks: see `wk hooks`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk tools\n  wk tools web\n  wk tools --since 1d --format csv")]
pub(crate) struct ToolsArgs {
    /// Only this session's; all sessions' by default
    #[arg(value_parser = session_ref)]
    session: Option<String>,
    /// Only since: 7d (ago), "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    #[arg(long, default_value = "table")]
    format: Format,
}

const COLUMNS: [Column; 9] = [
    Column { title: "TOOL", least: 8, right: false },
    Column { title: "COUNT", least: 0, right: true },
    Column { title: "ERRORS", least: 0, right: true },
    Column { title: "DENIED", least: 0, right: true },
    Column { title: "P50", least: 0, right: true },
    Column { title: "P95", least: 0, right: true },
    Column { title: "TOTAL", least: 0, right: true },
    Column { title: "RUNNING", least: 0, right: true },
    Column { title: "UNFINISHED", least: 0, right: true },
];

pub(crate) async fn run(
    context: &Context,
    args: ToolsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let since = args.since.as_deref().map(|text| context.clock.parse(text).map_err(Usage));
    let since = since.transpose()?.map(|time| time.to_string());
    let query = ToolsQuery { session: args.session, since };
    let tools: Vec<ToolView> = context.daemon.get("/tools", &query).await?;
    match args.format {
        Format::Json => json::write(out, &tools)?,
        Format::Csv => write_csv(out, &tools)?,
        Format::Table if tools.is_empty() => {
            writeln!(out, "no tools were told of; `wk hooks status` says who tells")?;
        }
        Format::Table => write_table(out, &tools, context.width, context.paint)?,
    }
    Ok(Code::SUCCESS)
}

fn write_table(
    out: &mut impl Write,
    tools: &[ToolView],
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let rows: Vec<_> = tools.iter().map(row).collect();
    Ok(table::write(out, &COLUMNS, &rows, width, paint)?)
}

fn row(tool: &ToolView) -> Vec<Cell> {
    let seconds =
        |seconds: Option<f64>| Cell::plain(&seconds.map_or_else(|| "-".into(), span::brief));
    let number = |number: u64, style| match number {
        0 => Cell::new("0", Style::Past),
        number => Cell::new(&number.to_string(), style),
    };
    vec![
        Cell::plain(&tool.tool),
        Cell::plain(&tool.count.to_string()),
        number(tool.errors, Style::Bad),
        number(tool.denied, Style::Warning),
        seconds(tool.p50_seconds),
        seconds(tool.p95_seconds),
        seconds(Some(tool.total_seconds)),
        number(tool.running, Style::Good),
        number(tool.unfinished, Style::Warning),
    ]
}

fn write_csv(out: &mut impl Write, tools: &[ToolView]) -> anyhow::Result<()> {
    const FIELDS: [&str; 10] = [
        "tool",
        "count",
        "errors",
        "denied",
        "interrupted",
        "running",
        "unfinished",
        "p50_seconds",
        "p95_seconds",
        "total_seconds",
    ];
    csv::write_line(out, FIELDS.map(str::to_owned).into_iter())?;
    for tool in tools {
        let value = serde_json::to_value(tool)?;
        csv::write_line(out, FIELDS.iter().map(|field| csv::text(&value[*field])))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_a_line() {
        let bash = ToolView {
            tool: "Bash\u{1b}".into(),
            count: 12,
            errors: 2,
            p50_seconds: Some(0.25),
            p95_seconds: Some(63.0),
            total_seconds: 130.0,
            ..ToolView::default()
        };
        let mut table = Vec::new();
        write_table(&mut table, std::slice::from_ref(&bash), 80, Paint(false)).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert!(table.contains("Bash\\u{1b}") && table.contains("1m"), "{table}");
        let mut lines = Vec::new();
        write_csv(&mut lines, &[bash]).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        assert_eq!(lines.lines().nth(1).map(|line| line.matches(',').count()), Some(9), "{lines}");
    }
}
