//! `wk doctor`: what works on this machine, and what to do where something does not.

mod checks;
mod hooks;
mod host;

use std::io::Write;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ShortFormat;
use crate::{
    code::Code,
    color::{Paint, Style},
    context::Context,
    json,
    table::{self, Cell},
};

/// Say what works on this machine, and what to do where something does not
///
/// Exits with 1 when something does not work that sessions need.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wk doctor\n  wk doctor --rebuild")]
pub(crate) struct DoctorArgs {
    /// Rebuild what the journal says of sessions from its events, and compare
    #[arg(long)]
    rebuild: bool,
    #[arg(long, default_value = "table")]
    format: ShortFormat,
}

/// What one look came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    /// What was seen.
    seen: String,
    /// What to do about it.
    remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    /// Works, but less well.
    Weak,
    Bad,
}

impl Finding {
    fn good(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, state: State::Good, seen: seen.into(), remedy: None }
    }

    fn weak(check: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Weak, seen: seen.into(), remedy: Some(remedy.into()) }
    }

    fn bad(check: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Bad, seen: seen.into(), remedy: Some(remedy.into()) }
    }
}

pub(crate) async fn run(
    context: &Context,
    args: DoctorArgs,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    if args.rebuild {
        return rebuild(context, args.format, out).await;
    }
    let findings = checks::all(context).await;
    match args.format {
        ShortFormat::Json => json::write(out, &findings)?,
        ShortFormat::Table => write_findings(out, &findings, context.width, context.paint)?,
    }
    let bad = findings.iter().any(|finding| finding.state == State::Bad);
    Ok(if bad { Code::FAILURE } else { Code::SUCCESS })
}

fn write_findings(
    out: &mut impl Write,
    findings: &[Finding],
    width: usize,
    paint: Paint,
) -> anyhow::Result<()> {
    let mut pairs = Vec::new();
    let widest = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for finding in findings {
        let (sign, style) = match finding.state {
            State::Good => ("✓", Style::Good),
            State::Weak => ("!", Style::Warning),
            State::Bad => ("✗", Style::Bad),
        };
        let seen = if finding.state == State::Good { Style::Plain } else { style };
        let key = format!("{sign} {:<widest$}", finding.check);
        pairs.push((key, Cell::new(&finding.seen, seen)));
        if let Some(remedy) = &finding.remedy {
            pairs.push((String::new(), Cell::plain(&format!("→ {remedy}"))));
        }
    }
    let pairs: Vec<(&str, Cell)> =
        pairs.iter().map(|(key, cell)| (key.as_str(), cell.clone())).collect();
    Ok(table::write_pairs(out, &pairs, width, paint)?)
}

/// What `POST /api/rebuild` came to.
#[derive(Debug, Serialize, Deserialize)]
struct Rebuilt {
    sessions: u64,
    events: u64,
    /// Sessions that the journal had told differently.
    differing: Vec<String>,
}

async fn rebuild(
    context: &Context,
    format: ShortFormat,
    out: &mut impl Write,
) -> anyhow::Result<Code> {
    let rebuilt: Rebuilt = context
        .daemon
        .post("/rebuild", &(), &json!({}))
        .await
        .context("cannot rebuild the journal's sessions")?;
    match format {
        ShortFormat::Json => json::write(out, &rebuilt)?,
        ShortFormat::Table => {
            let Rebuilt { sessions, events, differing } = &rebuilt;
            let verdict = match differing.len() {
                0 => "all as before".to_owned(),
                1 => "1 was told differently, and is right now".to_owned(),
                count => format!("{count} were told differently, and are right now"),
            };
            writeln!(out, "{sessions} sessions rebuilt from {events} events: {verdict}")?;
            for id in differing {
                writeln!(out, "  {}", crate::text::visible::visible(id))?;
            }
        }
    }
    Ok(if rebuilt.differing.is_empty() { Code::SUCCESS } else { Code::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_line_up_with_their_remedies() {
        let findings = [
            Finding::good("pidfd", "process identity is exact"),
            Finding::weak("cgroup", "no leaf can be made", "delegate one"),
            Finding::bad("holder", "missing", "install it beside wk"),
        ];
        let mut out = Vec::new();
        write_findings(&mut out, &findings, 80, Paint(false)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "✓ pidfd   process identity is exact\n! cgroup  no leaf can be made\n          \
             → delegate one\n✗ holder  missing\n          → install it beside wk\n"
        );
    }
}
