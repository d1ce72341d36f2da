//! A line for each tool of each lane, with bars where it was at work.

use std::{collections::HashMap, io::Write};

use wk_api::{Timeline, TimelineLane, ToolUseView};
use wk_model::{Time, ToolOutcome};

use super::axis::Axis;
use crate::{
    color::{Paint, Style},
    context::Context,
    text::{
        moment::Clock,
        span,
        visible::{cut, visible, width},
    },
};

/// Lines of tools in one lane; the others are one line.
const MOST_TOOLS: usize = 12;
const LABEL: usize = 22;
const NUMBERS: usize = 13;
const LEAST_BARS: usize = 20;

pub(super) fn write(
    out: &mut impl Write,
    timeline: &Timeline,
    context: &Context,
) -> anyhow::Result<()> {
    draw(out, timeline, &context.clock, context.width, context.paint)
}

fn draw(
    out: &mut impl Write,
    timeline: &Timeline,
    clock: &Clock,
    columns: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let bars = columns.saturating_sub(LABEL + NUMBERS + 2).max(LEAST_BARS);
    let axis = Axis::new(timeline.start_time, timeline.end_time, bars);
    let took = timeline.end_time.millis_since(timeline.start_time) as f64 / 1000.0;
    writeln!(out, "{}, {} long", clock.show(timeline.start_time), span::brief(took))?;
    let scale = paint.apply(Style::Past, &axis.scale());
    writeln!(out, "{}{scale}", " ".repeat(LABEL + NUMBERS + 2))?;
    for lane in &timeline.lanes {
        for line in lines(lane, axis, timeline.end_time) {
            line.write(out, paint)?;
        }
    }
    Ok(())
}

/// One line: what, numbers, and a cell for each column.
struct Line {
    label: (String, Style),
    numbers: String,
    cells: Vec<(char, Style)>,
}

impl Line {
    fn new(label: String, style: Style, numbers: String, axis: Axis) -> Self {
        Self { label: (label, style), numbers, cells: vec![(' ', Style::Plain); axis.columns] }
    }

    fn write(&self, out: &mut impl Write, paint: Paint) -> anyhow::Result<()> {
        let label = cut(&self.label.0, LABEL).into_owned();
        let gap = " ".repeat(LABEL.saturating_sub(width(&label)));
        let label = paint.apply(self.label.1, &label);
        let mut text = format!("{label}{gap} {:>NUMBERS$} ", self.numbers);
        let end = self.cells.iter().rposition(|cell| cell.0 != ' ').map_or(0, |last| last + 1);
        for part in self.cells[..end].chunk_by(|a, b| a.1 == b.1) {
            let letters: String = part.iter().map(|cell| cell.0).collect();
            text += &paint.apply(part[0].1, &letters);
        }
        Ok(writeln!(out, "{}", text.trim_end())?)
    }
}

fn lines(lane: &TimelineLane, axis: Axis, end: Time) -> Vec<Line> {
    let mut lines = vec![life(lane, axis, end)];
    let indent = "  ".repeat(lane.depth.min(4) + 1);
    for (kind, name, sign, style) in [
        ("prompt", "prompts", '▲', Style::Title),
        ("permission_wait", "waits", '?', Style::Warning),
        ("compaction", "compactions", '↯', Style::Limit),
    ] {
        let marks: Vec<_> = lane.marks.iter().filter(|mark| mark.kind == kind).collect();
        if marks.is_empty() {
            continue;
        }
        let mut line =
            Line::new(format!("{indent}{name}"), Style::Past, format!("{}×", marks.len()), axis);
        for mark in marks {
            for column in axis.columns(mark.time, mark.until.unwrap_or(mark.time)) {
                line.cells[column] = ('·', style);
            }
            line.cells[axis.column(mark.time)] = (sign, style);
        }
        lines.push(line);
    }
    let mut tools = by_tool(lane);
    let others: Vec<&ToolUseView> =
        tools.drain(tools.len().min(MOST_TOOLS)..).flat_map(|(_, uses)| uses).collect();
    for (tool, uses) in tools {
        lines.push(bars(&format!("{indent}{}", visible(tool)), &uses, axis, end));
    }
    if !others.is_empty() {
        lines.push(bars(&format!("{indent}(others)"), &others, axis, end));
    }
    lines
}

/// The lane's own line: who, and from when to when.
fn life(lane: &TimelineLane, axis: Axis, end: Time) -> Line {
    let indent = "  ".repeat(lane.depth.min(4));
    let took = lane.end_time.unwrap_or(end).millis_since(lane.start_time) as f64 / 1000.0;
    let label = format!("{indent}{}", visible(&lane.title));
    let mut line = Line::new(label, Style::Title, span::brief(took), axis);
    let columns = axis.columns(lane.start_time, lane.end_time.unwrap_or(end));
    let (first, last) = (*columns.start(), *columns.end());
    for column in columns {
        line.cells[column] = ('─', Style::Past);
    }
    line.cells[first] = ('├', Style::Past);
    line.cells[last] = (if lane.end_time.is_some() { '┤' } else { '→' }, Style::Past);
    line
}

/// Uses of each tool; those of the busiest first.
fn by_tool(lane: &TimelineLane) -> Vec<(&str, Vec<&ToolUseView>)> {
    let mut uses: HashMap<&str, Vec<&ToolUseView>> = HashMap::new();
    for used in &lane.tools {
        uses.entry(&used.tool).or_default().push(used);
    }
    let mut tools: Vec<_> = uses.into_iter().collect();
    let total = |uses: &[&ToolUseView]| -> f64 {
        uses.iter().filter_map(|used| used.duration_seconds).sum()
    };
    tools.sort_by(|a, b| {
        total(&b.1).total_cmp(&total(&a.1)).then(b.1.len().cmp(&a.1.len())).then(a.0.cmp(b.0))
    });
    tools
}

fn bars(label: &str, uses: &[&ToolUseView], axis: Axis, end: Time) -> Line {
    let total: f64 = uses.iter().filter_map(|used| used.duration_seconds).sum();
    let numbers = format!("{}× {}", uses.len(), span::brief(total));
    let mut line = Line::new(label.to_owned(), Style::Plain, numbers, axis);
    for used in uses {
        let Some(from) = used.start_time.or(used.end_time) else { continue };
        let (to, sign, style) = match (used.end_time, used.outcome) {
            (Some(to), Some(_)) => (to, '█', Style::Good),
            // Nobody told how it went.
            (to, _) => (to.unwrap_or(end), '░', Style::Warning),
        };
        for column in axis.columns(from, to) {
            // A failure is not painted over.
            if line.cells[column].1 != Style::Bad {
                line.cells[column] = (sign, style);
            }
        }
        if matches!(used.outcome, Some(ToolOutcome::Failed | ToolOutcome::Denied)) {
            line.cells[axis.column(to)] = ('✗', Style::Bad);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use wk_api::MarkView;

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn used(tool: &str, from: i64, to: Option<i64>, outcome: Option<ToolOutcome>) -> ToolUseView {
        ToolUseView {
            tool: tool.into(),
            start_time: Some(at(from)),
            end_time: to.map(at),
            duration_seconds: to.map(|to| (to - from) as f64),
            outcome,
            error: None,
            input: None,
        }
    }

    #[test]
    fn bars_lie_on_one_axis_and_nothing_acts() {
        let lane = |title: &str, depth, start, end, tools, marks| TimelineLane {
            session_id: "28t5cy4tqkff".into(),
            agent_id: None,
            title: title.into(),
            depth,
            start_time: at(start),
            end_time: end,
            tools,
            marks,
        };
        let mark = |kind: &str, from, until: Option<i64>| MarkView {
            kind: kind.into(),
            time: at(from),
            until: until.map(at),
            text: None,
        };
        let good = Some(ToolOutcome::Succeeded);
        let main = vec![
            used("Bash", 2, Some(6), good),
            used("Bash", 10, Some(11), Some(ToolOutcome::Failed)),
            used("Edit\u{1b}", 16, None, None),
        ];
        let marks = vec![mark("prompt", 0, None), mark("permission_wait", 8, Some(10))];
        let sub = vec![used("Grep", 12, Some(14), good)];
        let timeline = Timeline {
            session_id: "28t5cy4tqkff".into(),
            start_time: at(0),
            end_time: at(20),
            more: false,
            lanes: vec![
                lane("web", 0, 0, None, main, marks),
                lane("Explore", 1, 11, Some(at(15)), sub, vec![]),
            ],
        };
        let clock = Clock::new(Time::default(), TimeZone::UTC);
        let mut out = Vec::new();
        draw(&mut out, &timeline, &clock, 57, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "1970-01-01 00:00:00, 20s long\n                                     ╷0s\n\
             web                              20s ├──────────────────→\n  prompts                         1× ▲\n  waits                           1×         ?··\n  Bash                         2× 5s   █████   █✗\n  Edit\\u{1b}                   1× 0s                 ░░░░\n  Explore                         4s            ├───┤\n    Grep                       1× 2s             ███\n"
        );
    }
}
