//! Which sessions: the filters of `ls`, and their form in the API.

use wk_api::{ListQuery, SessionView};
use wk_model::{Kind, Label, Phase, SessionId, Status};

use crate::{
    complaint::Usage,
    context::Context,
    text::{moment::Clock, span},
};

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Filters {
    /// Only these statuses (running, completed, failed, cancelled, timeout)
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub status: Vec<Status>,
    /// Only sessions that live
    #[arg(long)]
    pub active: bool,
    /// Only sessions that failed or ran out of time
    #[arg(long)]
    pub failed: bool,
    /// Only these kinds (command, agent, tmux, shell)
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// Only this type: a kind, `admin_shell` (a shell that a client told of), or what a shell is
    #[arg(long = "type", value_name = "TYPE")]
    pub session_type: Option<String>,
    /// Only sessions of this agent
    #[arg(long, value_name = "AGENT")]
    pub agent_id: Option<String>,
    /// Only sessions of this component
    #[arg(long, value_name = "NAME")]
    pub component: Option<String>,
    /// Only sessions of this user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only sessions with this label; all must match
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<Label>,
    /// Only sessions of this name
    #[arg(long)]
    pub name: Option<String>,
    /// Lasted, or last, longer than: seconds, or 1h30m
    #[arg(long, value_name = "SPAN", value_parser = seconds, allow_hyphen_values = true)]
    pub duration_greater: Option<u64>,
    /// Only sessions whose end was never heard: nobody knows whether they live
    #[arg(long)]
    pub incomplete: bool,
    /// Started at or after: 2h (ago), yesterday, "2026-11-20 05:00" or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub after: Option<String>,
    /// Started before: a time, or a session's id for those older than it
    #[arg(long, value_name = "TIME|ID", allow_hyphen_values = true)]
    pub before: Option<String>,
}

impl Filters {
    /// The same for the API.
    pub(crate) fn to_query(&self, clock: &Clock) -> anyhow::Result<ListQuery> {
        let before = match &self.before {
            Some(text) if text.parse::<SessionId>().is_ok() => Some(text.clone()),
            text => moment(clock, text.as_deref())?,
        };
        Ok(ListQuery {
            status: joined(self.status.iter().map(|status| status.as_str())),
            active: self.active.then_some(true),
            failed: self.failed.then_some(true),
            kind: joined(self.kind.iter().map(|kind| kind.as_str())),
            session_type: self.session_type.clone(),
            incomplete: self.incomplete.then_some(true),
            duration_greater: self.duration_greater,
            agent_id: self.agent_id.clone(),
            component: self.component.clone(),
            user: self.user.clone(),
            label: labels(&self.labels)?,
            name: self.name.clone(),
            after: moment(clock, self.after.as_deref())?,
            before,
            ..ListQuery::default()
        })
    }
}

/// A moment that an option names, as the API takes it.
pub(crate) fn moment(clock: &Clock, text: Option<&str>) -> Result<Option<String>, Usage> {
    let read = |text| clock.parse(text).map(|time| time.to_string()).map_err(Usage);
    text.map(read).transpose()
}

/// A length of time: seconds, or with units.
fn seconds(text: &str) -> Result<u64, String> {
    text.parse().or_else(|_| span::parse(text).map(|span| span.as_secs()))
}

/// The ids of all living sessions that have these labels.
pub(crate) async fn living(context: &Context, labelled: &[Label]) -> anyhow::Result<Vec<String>> {
    let found = with_labels(context, labelled, Some(true)).await?;
    let living = found.into_iter().filter(|view| view.phase != Phase::Ended);
    Ok(living.map(|view| view.session_id).collect())
}

/// All sessions that have these labels, the newest first; `active`: only those that live.
pub(crate) async fn with_labels(
    context: &Context,
    labelled: &[Label],
    active: Option<bool>,
) -> anyhow::Result<Vec<SessionView>> {
    let query =
        ListQuery { active, label: labels(labelled)?, limit: Some(0), ..ListQuery::default() };
    context.daemon.get("/sessions", &query).await
}

/// Labels as the API takes them.
pub(crate) fn labels(labels: &[Label]) -> Result<Option<String>, Usage> {
    if let Some(label) = labels.iter().find(|label| label.value.contains(',')) {
        return Err(Usage(format!(
            "cannot select by label `{}`: its value has a comma",
            label.key
        )));
    }
    Ok(joined(labels.iter().map(|Label { key, value }| format!("{key}={value}"))))
}

fn joined<T: AsRef<str>>(words: impl Iterator<Item = T>) -> Option<String> {
    let text = words.map(|word| word.as_ref().to_owned()).collect::<Vec<_>>().join(",");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::tz::TimeZone;
    use wk_model::Time;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filters: Filters,
    }

    fn query(words: &[&str]) -> anyhow::Result<ListQuery> {
        let now = Time::parse("2026-11-20T12:00:00Z")?;
        let line = Line::try_parse_from(std::iter::once(&"ls").chain(words))?;
        line.filters.to_query(&Clock::new(now, TimeZone::UTC))
    }

    #[test]
    fn filters_go_to_the_api_under_their_names() {
        let words = [
            "--status",
            "failed,timeout",
            "--kind",
            "agent",
            "-l",
            "a=b",
            "-l",
            "c=d=e",
            "--active",
            "--after",
            "2h",
            "--before",
            "k7f3q2m9x1ab",
            "--type",
            "admin_shell",
            "--duration-greater",
            "1h30m",
            "--incomplete",
        ];
        let want = ListQuery {
            status: Some("failed,timeout".into()),
            kind: Some("agent".into()),
            label: Some("a=b,c=d=e".into()),
            active: Some(true),
            after: Some("2026-11-20T10:00:00.000Z".into()),
            before: Some("k7f3q2m9x1ab".into()),
            session_type: Some("admin_shell".into()),
            duration_greater: Some(5400),
            incomplete: Some(true),
            ..ListQuery::default()
        };
        assert_eq!(query(&words).unwrap(), want);
        assert_eq!(
            query(&["--before", "2026-11-20"]).unwrap().before.as_deref(),
            Some("2026-11-20T00:00:00.000Z")
        );
        assert_eq!(query(&[]).unwrap(), ListQuery::default());
    }

    #[test]
    fn bad_filters_are_named() {
        for (words, want) in [
            (["--status", "runing"], "running, completed"),
            (["--kind", "x"], "command, agent"),
            (["-l", "team"], "KEY=VALUE"),
            (["-l", "a=b,c"], "comma"),
            (["--after", "yesteryear"], "no moment"),
        ] {
            let error = query(&words).unwrap_err().to_string();
            assert!(error.contains(want), "{words:?}: {error}");
        }
    }
}
