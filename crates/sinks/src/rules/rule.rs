//! A rule, and which events it is about.

use std::time::Duration;

use wk_model::{Kind, Label, Session, Status};

use super::Url;

/// What is to be done about some events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub pattern: Pattern,
    pub action: Action,
    /// Of one attempt.
    pub timeout: Duration,
    pub attempts: u32,
    /// Before the second attempt; doubled for each that follows.
    pub retry_delay: Duration,
    /// Events that are under way at a time.
    pub at_once: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A program and its arguments.
    Run(Vec<String>),
    Post(Url),
}

/// Which events: all that is set must fit, and of each list one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Names, or beginnings of names with a `*` after them.
    pub events: Vec<String>,
    pub labels: Vec<Label>,
    pub statuses: Vec<Status>,
    pub templates: Vec<String>,
    pub kinds: Vec<Kind>,
    pub causes: Vec<String>,
}

impl Pattern {
    /// Whether events of this kind can fit.
    pub fn fits_kind(&self, kind: &str) -> bool {
        self.events.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == pattern,
        })
    }

    /// Whether the session fits; events of no session only fit where nothing is asked of one.
    pub fn fits(&self, session: Option<&Session>, status: Option<Status>) -> bool {
        let created = session.map(|session| &session.created);
        let any = |empty: bool, fits: bool| empty || fits;
        any(
            self.labels.is_empty(),
            created.is_some_and(|created| {
                let has = |label: &Label| created.labels.get(&label.key) == Some(&label.value);
                self.labels.iter().all(has)
            }),
        ) && any(
            self.statuses.is_empty(),
            status.is_some_and(|status| self.statuses.contains(&status)),
        ) && any(
            self.templates.is_empty(),
            created
                .and_then(|created| created.template.as_ref())
                .is_some_and(|template| self.templates.contains(template)),
        ) && any(
            self.kinds.is_empty(),
            created.is_some_and(|created| self.kinds.contains(&created.session_kind)),
        )
    }

    /// Whether the cause fits; it is asked for only where that matters.
    pub fn fits_cause(&self, cause: impl FnOnce() -> Option<&'static str>) -> bool {
        self.causes.is_empty()
            || cause().is_some_and(|cause| self.causes.iter().any(|wanted| wanted == cause))
    }
}

impl Action {
    /// For people: the program, or where to; arguments and paths may hold secrets.
    pub fn shown(&self) -> String {
        match self {
            Self::Run(words) => format!("run {}", words.first().map_or("", String::as_str)),
            Self::Post(url) => format!("post {url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use wk_model::{Change, Created, Event, Moment, Seq, SessionId, Source, Time};

    use super::*;

    fn session() -> Session {
        let at = Moment { time: Time::from_millis(0), boot: Default::default(), boot_ns: 0 };
        let created = Created {
            session_kind: Kind::Agent,
            template: Some("claude".into()),
            labels: [("team".to_owned(), "red".to_owned())].into(),
            ..Created::default()
        };
        let event = Event {
            seq: Seq(1),
            at,
            recorded_at: at.time,
            session_id: Some(SessionId::from_number(1)),
            source: Source::daemon(),
            source_seq: 1,
            trace_parent: None,
            change: Change::SessionCreated(Box::new(created)),
        };
        Session::create(&event).unwrap()
    }

    #[test]
    fn all_that_is_asked_for_must_fit() {
        let session = session();
        let label = |text: &str| -> Vec<Label> { vec![text.parse().unwrap()] };
        let none = Pattern::default;
        let failed = Some(Status::Failed);
        for (case, pattern, status, want) in [
            ("nothing asked", none(), None, true),
            ("the label", Pattern { labels: label("team=red"), ..none() }, None, true),
            ("another label", Pattern { labels: label("team=blue"), ..none() }, None, false),
            ("the status", Pattern { statuses: vec![Status::Failed], ..none() }, failed, true),
            ("no status yet", Pattern { statuses: vec![Status::Failed], ..none() }, None, false),
            ("the template", Pattern { templates: vec!["claude".into()], ..none() }, None, true),
            ("another", Pattern { templates: vec!["codex".into()], ..none() }, None, false),
            ("one of two", Pattern { kinds: vec![Kind::Shell, Kind::Agent], ..none() }, None, true),
            (
                "one fits and one does not",
                Pattern { kinds: vec![Kind::Agent], labels: label("a=b"), ..none() },
                None,
                false,
            ),
        ] {
            assert_eq!(pattern.fits(Some(&session), status), want, "{case}");
        }
        assert!(!Pattern { kinds: vec![Kind::Agent], ..none() }.fits(None, None));
        assert!(none().fits(None, None));
    }

    #[test]
    fn kinds_fit_by_name_or_beginning() {
        let events = |names: &[&str]| Pattern {
            events: names.iter().map(ToString::to_string).collect(),
            ..Pattern::default()
        };
        assert!(events(&["session_closed"]).fits_kind("session_closed"));
        assert!(!events(&["session_closed"]).fits_kind("session_created"));
        assert!(events(&["limit_*", "x"]).fits_kind("limit_warning"));
        assert!(events(&["*"]).fits_kind("anything"));
    }

    #[test]
    fn the_cause_is_asked_for_only_where_it_matters() {
        assert!(Pattern::default().fits_cause(|| panic!("not needed")));
        let pattern = Pattern { causes: vec!["crash".into()], ..Pattern::default() };
        assert!(pattern.fits_cause(|| Some("crash")) && !pattern.fits_cause(|| None));
    }
}
