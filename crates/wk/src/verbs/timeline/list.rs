//! A line for each thing that happened, in its order.

use std::io::Write;

use wk_api::{Timeline, TimelineLane, ToolUseView};
use wk_model::{Time, ToolOutcome};

use crate::{
    color::Style,
    context::Context,
    table::{self, Cell, Column},
    text::span,
};

const COLUMNS: [Column; 5] = [
    Column { title: "TIME", least: 0, right: false },
    Column { title: "WHO", least: 8, right: false },
    Column { title: "WHAT", least: 8, right: false },
    Column { title: "TOOK", least: 0, right: true },
    Column { title: "", least: 10, right: false },
];

pub(super) fn write(
    out: &mut impl Write,
    timeline: &Timeline,
    context: &Context,
) -> anyhow::Result<()> {
    let mut rows: Vec<(Time, Vec<Cell>)> = Vec::new();
    for lane in &timeline.lanes {
        rows.extend(lane.tools.iter().filter_map(|used| {
            let at = used.start_time.or(used.end_time)?;
            Some((at, tool(lane, used, &context.clock.show(at))))
        }));
        rows.extend(lane.marks.iter().map(|mark| {
            let took = mark.until.map(|until| until.millis_since(mark.time));
            let what = Cell::new(&mark.kind.replace('_', " "), Style::Title);
            let text = mark.text.as_deref().unwrap_or_default();
            let time = context.clock.show(mark.time);
            (mark.time, row(lane, &time, what, took, Cell::plain(text)))
        }));
    }
    rows.sort_by_key(|(at, _)| *at);
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(table::write(out, &COLUMNS, &rows, context.width, context.paint)?)
}

fn tool(lane: &TimelineLane, used: &ToolUseView, time: &str) -> Vec<Cell> {
    let style = match used.outcome {
        Some(ToolOutcome::Failed) => Style::Bad,
        Some(ToolOutcome::Denied | ToolOutcome::Interrupted) | None => Style::Warning,
        Some(ToolOutcome::Succeeded) => Style::Plain,
    };
    let text = match (&used.error, &used.input) {
        (Some(error), _) => Cell::new(error, style),
        (None, input) => Cell::plain(input.as_deref().unwrap_or_default()),
    };
    let took = used.duration_seconds.map(|seconds| (seconds * 1000.0) as u64);
    row(lane, time, Cell::new(&used.tool, style), took, text)
}

fn row(lane: &TimelineLane, time: &str, what: Cell, took: Option<u64>, text: Cell) -> Vec<Cell> {
    let took = took.map_or_else(|| "-".into(), |ms| span::brief(ms as f64 / 1000.0));
    vec![Cell::plain(time), Cell::plain(&lane.title), what, Cell::plain(&took), text]
}
