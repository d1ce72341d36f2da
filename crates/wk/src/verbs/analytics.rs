//! `wk analytics`: sessions over time.

use std::{env, io::Write};

use jiff::tz::TimeZone;
use wk_api::{Analytics, AnalyticsNumbers, AnalyticsQuery, AnalyticsRow};

use super::Format;
use crate::{
    code::Code,
    color::{Paint, Style},
    complaint::{self, Usage},
    context::Context,
    csv, json,
    output_file::OutputArgs,
    table::{self, Cell, Column},
    text::{moment::Clock, span},
};

/// What is asked about the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Metric {
    Count,
    Duration,
    UniqueUsers,
    PeakHours,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Period {
    Hourly,
    Daily,
    Weekly,
    Monthly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Component,
    User,
    Type,
}

/// Show how many sessions there were over time, how long they took, of how many users
///
/// Hours and days are those of the local time zone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk analytics --metric count --period daily --after \"4 weeks ago\"\n  wk analytics --type admin_shell --metric peak_hours\n  wk analytics --metric duration --by component --output durations.csv"
)]
pub(crate) struct AnalyticsArgs {
    /// Only this type: a kind, `admin_shell` (a shell that a client told of), or what a shell is
    #[arg(long = "type", value_name = "TYPE")]
    session_type: Option<String>,
    /// What to add up
    #[arg(long, default_value = "count")]
    metric: Metric,
    /// For each of these
    #[arg(long)]
    period: Option<Period>,
    /// For each of these
    #[arg(long)]
    by: Option<By>,
    /// Only sessions of this component
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// Only sessions of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Started at or after: 7d (ago), yesterday, "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    after: Option<String>,
    /// Started before
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    before: Option<String>,
    /// At most so many rows, of which the newest; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

/// Columns of the bars of `peak_hours`.
const BAR: usize = 40;

pub(crate) async fn run(
    context: &Context,
    args: AnalyticsArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let query = query(&args, &context.clock)?;
    let found: Analytics = context.daemon.get("/analytics", &query).await?;
    let format = args.output.format();
    args.output.write(out, |out, to| match format {
        Format::Json => json::write(out, &found),
        Format::Csv => write_csv(out, &found),
        Format::Table => {
            let (width, paint) = to.unwrap_or((context.width, context.paint));
            let zone = zone_words(&found.zone, &context.clock);
            write_table(out, &found, args.metric, &zone, (width, paint))
        }
    })?;
    if found.more {
        out.flush()?;
        complaint::say("… more: --limit 0 shows all");
    }
    Ok(Code::SUCCESS)
}

fn query(args: &AnalyticsArgs, clock: &Clock) -> Result<AnalyticsQuery, Usage> {
    let moment = |text: &Option<String>| {
        let time = text.as_deref().map(|text| clock.parse(text).map_err(Usage)).transpose();
        time.map(|time| time.map(|time| time.to_string()))
    };
    Ok(AnalyticsQuery {
        metric: Some(word(&args.metric)),
        period: args.period.as_ref().map(word),
        by: args.by.as_ref().map(word),
        session_type: args.session_type.clone(),
        component: args.component.clone(),
        user: args.user.clone(),
        after: moment(&args.after)?,
        before: moment(&args.before)?,
        zone: zone(clock.zone()),
        limit: Some(args.limit),
    })
}

fn word(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The zone in words that the daemon understands; none: UTC.
fn zone(zone: &TimeZone) -> Option<String> {
    if zone.is_unknown() {
        return None;
    }
    let rule = || env::var("TZ").ok().filter(|text| TimeZone::posix(text).is_ok());
    let name = zone.iana_name().map(str::to_owned).or_else(rule);
    // One without a name can only be that of the machine, which is the daemon's too.
    name.or_else(|| Some("local".into()))
}

/// The zone for people: one without a name is told by its offset of today.
fn zone_words(zone: &str, clock: &Clock) -> String {
    match zone {
        "local" => format!("local time (UTC{})", clock.offset()),
        zone => zone.to_owned(),
    }
}

fn write_table(
    out: &mut impl Write,
    found: &Analytics,
    metric: Metric,
    zone: &str,
    (width, paint): (usize, Paint),
) -> anyhow::Result<()> {
    if found.overall.sessions == 0 {
        return Ok(writeln!(out, "no sessions")?);
    }
    let has_groups = found.by.is_some();
    let has_time = found.period.is_some() || metric == Metric::PeakHours;
    let left = |title, least| Column { title, least, right: false };
    let right = |title| Column { title, least: 0, right: true };
    let mut columns = Vec::new();
    columns.extend(has_time.then_some(match metric {
        Metric::PeakHours => left("HOUR", 0),
        _ => left("PERIOD", 0),
    }));
    columns.extend(found.by.as_deref().map(|by| left(group_title(by), 8)));
    columns.push(right("SESSIONS"));
    match metric {
        Metric::Count => {}
        Metric::Duration => columns.extend([right("AVERAGE"), right("MEDIAN"), right("P95")]),
        Metric::UniqueUsers => columns.push(right("USERS")),
        Metric::PeakHours => columns.push(left("", 10)),
    }
    let most = found.rows.iter().map(|row| row.numbers.sessions).max().unwrap_or(0);
    let mut rows = Vec::new();
    for row in found.rows.iter().filter(|_| has_time || has_groups) {
        let mut cells = Vec::new();
        cells.extend(has_time.then(|| Cell::plain(&time(row))));
        let group = row.group.as_deref();
        let group = || group.map_or(Cell::new("(none)", Style::Past), Cell::plain);
        cells.extend(has_groups.then(group));
        cells.extend(numbers(&row.numbers, metric));
        if metric == Metric::PeakHours {
            cells.push(Cell::new(&bar(row.numbers.sessions, most), Style::Good));
        }
        rows.push(cells);
    }
    let mut all = vec![Cell::new("all", Style::Title)];
    all.resize(usize::from(has_time) + usize::from(has_groups), Cell::plain(""));
    all.extend(numbers(&found.overall, metric));
    if metric == Metric::PeakHours {
        all.push(Cell::new(&format!("in {zone}"), Style::Past));
    }
    rows.push(all);
    Ok(table::write(out, &columns, &rows, width, paint)?)
}

fn group_title(by: &str) -> &'static str {
    match by {
        "component" => "COMPONENT",
        "user" => "USER",
        "type" => "TYPE",
        _ => "GROUP",
    }
}

fn time(row: &AnalyticsRow) -> String {
    match (row.hour, &row.period) {
        (Some(hour), _) => format!("{hour:02}:00"),
        (None, Some(period)) => period.clone(),
        (None, None) => String::new(),
    }
}

fn numbers(numbers: &AnalyticsNumbers, metric: Metric) -> Vec<Cell> {
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "-".into(), span::wordy);
    let mut cells = vec![numbers.sessions.to_string()];
    match metric {
        Metric::Count | Metric::PeakHours => {}
        Metric::Duration => cells.extend([
            took(numbers.average_seconds),
            took(numbers.median_seconds),
            took(numbers.p95_seconds),
        ]),
        Metric::UniqueUsers => cells.push(numbers.unique_users.unwrap_or(0).to_string()),
    }
    cells.iter().map(|text| Cell::plain(text)).collect()
}

/// A bar as long as its share of the longest, in eighths of a column.
fn bar(count: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(count) * (BAR as u128 * 8) / u128::from(most.max(1));
    // Something is never shown as nothing.
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(count > 0));
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

fn write_csv(out: &mut impl Write, found: &Analytics) -> anyhow::Result<()> {
    const FIELDS: [&str; 9] = [
        "period",
        "period_start",
        "hour",
        "group",
        "sessions",
        "unique_users",
        "average_seconds",
        "median_seconds",
        "p95_seconds",
    ];
    csv::write_line(out, FIELDS.iter().map(ToString::to_string))?;
    for row in &found.rows {
        let value = serde_json::to_value(row)?;
        csv::write_line(out, FIELDS.iter().map(|field| csv::text(&value[*field])))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(metric: &str) -> Analytics {
        let row = |hour, sessions| AnalyticsRow {
            hour: Some(hour),
            numbers: AnalyticsNumbers { sessions, ..AnalyticsNumbers::default() },
            ..AnalyticsRow::default()
        };
        Analytics {
            metric: metric.into(),
            period: None,
            by: None,
            session_type: None,
            after: None,
            before: None,
            zone: "UTC".into(),
            overall: AnalyticsNumbers { sessions: 9, ..AnalyticsNumbers::default() },
            rows: vec![row(0, 1), row(1, 0), row(2, 8)],
            more: false,
        }
    }

    fn table(found: &Analytics, metric: Metric) -> String {
        let mut out = Vec::new();
        write_table(&mut out, found, metric, "UTC", (80, Paint(false))).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn peak_hours_are_a_chart() {
        assert_eq!(
            table(&found("peak_hours"), Metric::PeakHours),
            "HOUR   SESSIONS\n\
             00:00         1  █████\n\
             01:00         0\n\
             02:00         8  ████████████████████████████████████████\n\
             all           9  in UTC\n"
        );
        assert_eq!(bar(1, 1_000_000), "▏");
    }

    #[test]
    fn durations_are_told_for_each_group() {
        let mut found = found("duration");
        let numbers = AnalyticsNumbers {
            sessions: 12,
            average_seconds: Some(300.0),
            median_seconds: Some(4.25),
            ..AnalyticsNumbers::default()
        };
        (found.by, found.overall) = (Some("component".into()), numbers.clone());
        let row = AnalyticsRow { group: Some("mahavishnu".into()), numbers, ..Default::default() };
        found.rows = vec![row];
        assert_eq!(
            table(&found, Metric::Duration),
            "COMPONENT   SESSIONS  AVERAGE  MEDIAN  P95\n\
             mahavishnu        12    5m 0s    4.2s    -\n\
             all               12    5m 0s    4.2s    -\n"
        );
        let mut out = Vec::new();
        write_csv(&mut out, &found).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "period,period_start,hour,group,sessions,unique_users,average_seconds,median_seconds,\
             p95_seconds\r\n,,,mahavishnu,12,,300.0,4.25,\r\n"
        );
    }
}
