//! `wk why`: say why a session ended, with proof.

use std::io::Write;

use wk_api::{Death, DeathsQuery, Why, WhyQuery};
use wk_model::{Ancestor, Before, Confidence, Culprit, ScopeKind, Time, Verdict};

use super::{ShortFormat, path_of, session_ref};
use crate::{
    code::Code,
    color::{Paint, Style},
    complaint::Usage,
    context::Context,
    json,
    table::{self, Cell},
    text::{
        bytes,
        moment::Clock,
        span,
        visible::{command_line, cut, visible},
    },
};

/// A verdict that comes within this time is waited for.
const PATIENCE_MS: u64 = 400;

/// Lines of output that are shown of before a death.
const LAST_LINES: usize = 8;

/// Say why a session ended, with proof
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wk why web\n  wk why --last\n  wk why --last --group\n  wk why web --attempt 2 --format json"
)]
pub(crate) struct WhyArgs {
    /// A session's name or id
    #[arg(value_name = "SESSION", value_parser = session_ref, required_unless_present = "last")]
    session: Option<String>,
    /// The last session that ended unexpectedly
    #[arg(long, conflicts_with = "session")]
    last: bool,
    /// All that died with it
    #[arg(long)]
    group: bool,
    /// Of this attempt; the latest by default
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Wait until it is known who died with it
    #[arg(long)]
    settled: bool,
    #[arg(long, default_value = "table")]
    format: ShortFormat,
}

pub(crate) async fn run(
    context: &Context,
    args: WhyArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let session = match &args.session {
        Some(session) => session.clone(),
        None => last(context).await?,
    };
    let wait_ms = if args.settled { 30_000 } else { PATIENCE_MS };
    let ask = WhyQuery { attempt: args.attempt, wait_ms: Some(wait_ms) };
    let why = ask_why(context, &session, &ask).await?;
    let mut all = vec![why];
    if args.group {
        for id in all[0].verdict.scope.deaths.clone() {
            if id.as_str() != all[0].session_id {
                all.push(ask_why(context, id.as_str(), &WhyQuery::default()).await?);
            }
        }
    }
    match (args.format, args.group) {
        (ShortFormat::Json, true) => json::write(out, &all)?,
        (ShortFormat::Json, false) => json::write(out, &all[0])?,
        (ShortFormat::Table, _) => {
            Page { clock: &context.clock, width: context.width, paint: context.paint }
                .write(out, &all)?;
        }
    }
    Ok(Code::SUCCESS)
}

async fn ask_why(context: &Context, session: &str, query: &WhyQuery) -> anyhow::Result<Why> {
    context.daemon.get(&format!("{}/why", path_of(session)), query).await
}

async fn last(context: &Context) -> anyhow::Result<String> {
    let query = DeathsQuery { limit: Some(1), ..DeathsQuery::default() };
    let deaths: Vec<Death> = context.daemon.get("/deaths", &query).await?;
    match deaths.into_iter().next() {
        Some(death) => Ok(death.session_id),
        None => Err(Usage(
            "no session has ended unexpectedly: `wk deaths --all` shows every end".into(),
        )
        .into()),
    }
}

/// What a verdict is written on.
struct Page<'a> {
    clock: &'a Clock,
    width: usize,
    paint: Paint,
}

impl Page<'_> {
    fn write(&self, out: &mut impl Write, all: &[Why]) -> anyhow::Result<()> {
        let Some((why, others)) = all.split_first() else { return Ok(()) };
        self.headline(out, why)?;
        table::write_pairs(out, &self.pairs(why), self.width, self.paint)?;
        self.evidence(out, &why.verdict)?;
        self.before(out, &why.verdict)?;
        let other = |alternative: &wk_model::Alternative| {
            format!("{} ({}): {}", alternative.cause, alternative.confidence, alternative.text)
        };
        let alternatives: Vec<_> = why.verdict.alternatives.iter().map(other).collect();
        self.list(out, "What else fits", &alternatives)?;
        self.list(out, "What would make it certain", &why.verdict.missing)?;
        self.list(out, "What to do", &why.verdict.advice)?;
        if !others.is_empty() {
            let line = |why: &Why| format!("{}: {}", title(why), why.verdict.summary);
            let lines: Vec<_> = others.iter().map(line).collect();
            self.list(out, "Died with it", &lines)?;
        }
        Ok(())
    }

    fn headline(&self, out: &mut impl Write, why: &Why) -> anyhow::Result<()> {
        let style = if why.verdict.unexpected { Style::Bad } else { Style::Good };
        let name = self.paint.apply(Style::Title, &visible(&title(why)));
        let summary = self.paint.apply(style, &visible(&why.verdict.summary));
        Ok(writeln!(out, "{name}: {summary}")?)
    }

    fn pairs(&self, why: &Why) -> Vec<(&'static str, Cell)> {
        let verdict = &why.verdict;
        let confidence = match verdict.confidence {
            Confidence::Certain => Style::Plain,
            Confidence::Likely | Confidence::Possible => Style::Warning,
        };
        let cause = format!("{} ({})", verdict.cause, verdict.confidence);
        let mut pairs = vec![
            ("cause", Cell::new(&cause, confidence)),
            ("ended", Cell::plain(&self.ended(verdict))),
            ("command", Cell::plain(&command_line(&why.command, self.width))),
        ];
        if let Some(culprit) = &verdict.culprit {
            pairs.extend(self.culprit(culprit));
        }
        pairs.push(("scope", Cell::plain(&scope(verdict))));
        pairs
    }

    fn ended(&self, verdict: &Verdict) -> String {
        let mut text = self.clock.show(verdict.end_time);
        if let Some(before) = &verdict.before {
            text += &format!(", {} after its start", span::brief(before.age_seconds as f64));
        }
        if verdict.attempt > 1 {
            text += &format!(", attempt {}", verdict.attempt);
        }
        if let Some(code) = verdict.exit_code {
            text += &format!(", exit code {code}");
        }
        text
    }

    fn culprit(&self, culprit: &Culprit) -> Vec<(&'static str, Cell)> {
        let who = match (&culprit.username, culprit.uid) {
            (Some(name), _) => format!(", user {name}"),
            (None, Some(uid)) => format!(", uid {uid}"),
            (None, None) => String::new(),
        };
        let command = process(&culprit.comm, &culprit.argv, self.width);
        let mut pairs =
            vec![("culprit", Cell::new(&format!("{command} ({}){who}", culprit.pid), Style::Bad))];
        if !culprit.ancestry.is_empty() {
            let line = |ancestor: &Ancestor| {
                let command = process(&ancestor.comm, &ancestor.argv, 60);
                format!("{} ({})", cut(&command, 40), ancestor.pid)
            };
            let chain: Vec<_> = culprit.ancestry.iter().map(line).collect();
            pairs.push(("run by", Cell::plain(&chain.join(" ← "))));
        }
        if let Some(session) = culprit.session_id {
            let text = format!("session {session}: `wk show {session}`");
            pairs.push(("which is in", Cell::plain(&text)));
        }
        pairs
    }

    fn evidence(&self, out: &mut impl Write, verdict: &Verdict) -> anyhow::Result<()> {
        if verdict.evidence.is_empty() {
            return Ok(());
        }
        self.section(out, "Evidence")?;
        let longest = verdict.evidence.iter().map(|line| line.source.len()).max().unwrap_or(0);
        for line in &verdict.evidence {
            let at = line.at.map_or_else(|| " ".repeat(12), |at| self.time_of_day(at));
            let (source, text) = (visible(&line.source), visible(&line.text));
            let source = self.paint.apply(Style::Past, &format!("{source:<longest$}"));
            writeln!(out, "  {at}  {source}  {text}")?;
        }
        Ok(())
    }

    fn time_of_day(&self, time: Time) -> String {
        let whole = self.clock.show(time);
        let seconds = whole.split_once(' ').map_or(whole.as_str(), |(_, rest)| rest);
        format!("{seconds}.{:03}", time.as_millis().rem_euclid(1000))
    }

    fn before(&self, out: &mut impl Write, verdict: &Verdict) -> anyhow::Result<()> {
        let Some(before) = &verdict.before else { return Ok(()) };
        self.section(out, "Before")?;
        for line in before_lines(before) {
            writeln!(out, "  {}", visible(&line))?;
        }
        let last = before.last_output.iter().flat_map(|text| text.lines());
        let last: Vec<&str> = last.filter(|line| !line.trim().is_empty()).collect();
        for line in &last[last.len().saturating_sub(LAST_LINES)..] {
            let line = visible(line);
            let shown = cut(&line, self.width.saturating_sub(4));
            writeln!(out, "  {} {shown}", self.paint.apply(Style::Past, "│"))?;
        }
        Ok(())
    }

    fn list(&self, out: &mut impl Write, title: &str, lines: &[String]) -> anyhow::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.section(out, title)?;
        for line in lines {
            writeln!(out, "  - {}", visible(line))?;
        }
        Ok(())
    }

    fn section(&self, out: &mut impl Write, title: &str) -> anyhow::Result<()> {
        Ok(writeln!(out, "{}", self.paint.apply(Style::Title, title))?)
    }
}

fn title(why: &Why) -> String {
    match &why.name {
        Some(name) => format!("{name} ({})", why.session_id),
        None => why.session_id.clone(),
    }
}

/// Its arguments, or its name where they are not known.
fn process(comm: &str, argv: &[String], limit: usize) -> String {
    if argv.is_empty() { visible(comm).into_owned() } else { command_line(argv, limit) }
}

fn scope(verdict: &Verdict) -> String {
    let scope = &verdict.scope;
    let waits = if verdict.settled { "" } else { " so far" };
    match scope.kind {
        ScopeKind::Targeted => format!("this session alone{waits}"),
        ScopeKind::Systemic | ScopeKind::Coincident => {
            let shared = match &scope.shared {
                Some(shared) => format!(", sharing {shared}"),
                None => ", sharing nothing that is known".to_owned(),
            };
            let (count, within) = (scope.deaths.len(), scope.within_ms);
            format!("{}: {count} sessions within {within} ms{shared}{waits}", scope.kind)
        }
    }
}

fn before_lines(before: &Before) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(sample) = before.samples.last() {
        let mut line = format!(
            "it had {} of memory in {} processes",
            bytes::brief(sample.memory_bytes),
            sample.processes
        );
        if let Some(first) = before.samples.first().filter(|_| before.samples.len() > 1) {
            line += &format!(" (first seen with {})", bytes::brief(first.memory_bytes));
        }
        lines.push(line);
    }
    if let Some(command) = &before.last_command {
        lines.push(format!("last command: {command}"));
    }
    if let Some(last) = &before.last_tool {
        let state = if last.running { "was at it still" } else { "had finished" };
        let input = last.input.as_deref().map(|input| format!(" {input}")).unwrap_or_default();
        lines.push(format!("last tool, which {state}: {}{input}", last.tool));
    }
    let host = &before.host;
    let mut machine = Vec::new();
    if let (Some(used), Some(total)) = (host.memory_used_bytes, host.memory_total_bytes) {
        machine.push(format!("{} of {} memory used", bytes::brief(used), bytes::brief(total)));
    }
    if let Some(percent) = host.cpu_percent {
        machine.push(format!("CPU at {percent} %"));
    }
    if let Some(free) = host.disk_free_bytes {
        machine.push(format!("{} of disk free", bytes::brief(free)));
    }
    if !machine.is_empty() {
        lines.push(format!("the machine: {}", machine.join(", ")));
    }
    let others = before.active_sessions;
    let printed = before
        .output_bytes
        .map_or_else(String::new, |printed| format!("it had printed {}; ", bytes::brief(printed)));
    let lived = if others == 1 { "session" } else { "sessions" };
    lines.push(format!("{printed}{others} other {lived} lived"));
    lines
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use wk_model::{Cause, EvidenceLine, Kind, Outcome, Scope};

    use super::*;

    fn why() -> Why {
        let verdict = Verdict {
            attempt: 1,
            end_time: Time::parse("2025-11-11T05:20:32.521Z").unwrap(),
            revision: 2,
            settled: true,
            cause: Cause::Killed,
            signal: Some(9),
            exit_code: None,
            culprit: Some(Culprit {
                pid: 4711,
                start_time: Some(1),
                comm: "pkill".into(),
                argv: ["pkill", "-9", "-f", "claude"].map(str::to_owned).to_vec(),
                uid: Some(1000),
                username: Some("ann".into()),
                ancestry: vec![Ancestor {
                    pid: 812,
                    start_time: 1,
                    comm: "cron".into(),
                    argv: vec!["/usr/sbin/cron".into()],
                }],
                session_id: None,
            }),
            scope: Scope {
                kind: ScopeKind::Systemic,
                deaths: vec!["28t5cy4tqkff".parse().unwrap(), "4hmasw9nf6yy".parse().unwrap()],
                within_ms: 3,
                shared: Some("culprit pkill (4711)".into()),
            },
            confidence: Confidence::Certain,
            summary: "killed by `pkill -9 -f claude` (4711)".into(),
            outcome: Outcome::Failed,
            unexpected: true,
            evidence: vec![EvidenceLine {
                at: Some(Time::parse("2025-11-11T05:20:32.521Z").unwrap()),
                source: "witness".into(),
                text: "SIGKILL from pkill (4711)\u{1b}[2J".into(),
            }],
            alternatives: Vec::new(),
            missing: Vec::new(),
            before: Some(Before { age_seconds: 806, active_sessions: 3, ..Before::default() }),
            advice: vec!["look at cron".into()],
        };
        Why {
            session_id: "28t5cy4tqkff".into(),
            name: Some("web".into()),
            kind: Kind::Agent,
            command: vec!["claude".into()],
            verdict,
        }
    }

    #[test]
    fn a_verdict_is_told_with_its_proof_and_nothing_acts() {
        let clock = Clock::new(Time::default(), TimeZone::UTC);
        let mut out = Vec::new();
        let page = Page { clock: &clock, width: 80, paint: Paint(false) };
        page.write(&mut out, &[why()]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "web (28t5cy4tqkff): killed by `pkill -9 -f claude` (4711)\n\
             cause    killed (certain)\n\
             ended    2025-11-11 05:20:32, 13m after its start\n\
             command  claude\n\
             culprit  pkill -9 -f claude (4711), user ann\n\
             run by   /usr/sbin/cron (812)\n\
             scope    systemic: 2 sessions within 3 ms, sharing culprit pkill (4711)\n\
             Evidence\n  05:20:32.521  witness  SIGKILL from pkill (4711)\\u{1b}[2J\n\
             Before\n  3 other sessions lived\n\
             What to do\n  - look at cron\n"
        );
    }
}
