//! Verdicts and recordings, as resources: `watchkeeper://sessions/{session}/verdict`, `…/recording`.

use rmcp::model::{Resource, ResourceContents, ResourceTemplate};
use serde_json::Value;

use crate::{
    ask::{Ask, segment},
    backend::Answered,
};

/// Resources that one page lists sessions for.
pub(crate) const PAGE: u32 = 50;

/// Bytes of a recording that are read: what nobody's context would hold is played with `wk play`.
const MOST: usize = 1 << 20;

const SCHEME: &str = "watchkeeper://sessions/";
const JSON: &str = "application/json";
const CAST: &str = "application/x-asciicast";

/// What a resource is of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Verdict,
    Recording,
}

impl Part {
    fn word(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Recording => "recording",
        }
    }

    fn mime(self) -> &'static str {
        match self {
            Self::Verdict => JSON,
            Self::Recording => CAST,
        }
    }
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let template = |part: Part, title: &str, text: &str| {
        ResourceTemplate::new(format!("{SCHEME}{{session}}/{}", part.word()), part.word())
            .with_title(title)
            .with_description(text)
            .with_mime_type(part.mime())
    };
    vec![
        template(Part::Verdict, "Verdict", "why a session ended, with the evidence"),
        template(
            Part::Recording,
            "Recording",
            "what a session printed, as asciicast v3; the first MiB of it",
        ),
    ]
}

/// The session and the part that a URI names; an error says what would be one.
pub(crate) fn parse(uri: &str) -> Result<(String, Part), String> {
    let parsed = uri.strip_prefix(SCHEME).and_then(|rest| {
        let (session, part) = rest.split_once('/')?;
        let part = [Part::Verdict, Part::Recording].into_iter().find(|one| one.word() == part)?;
        (!session.is_empty()).then(|| (session.to_owned(), part))
    });
    parsed.ok_or_else(|| {
        let shown: String = uri.chars().take(80).collect();
        format!(
            "`{}` is no resource: use {SCHEME}SESSION/verdict or {SCHEME}SESSION/recording",
            shown.escape_debug()
        )
    })
}

/// The call that reads it.
pub(crate) fn ask(session: &str, part: Part) -> Ask {
    let path = match part {
        Part::Verdict => format!("/sessions/{}/why", segment(session)),
        Part::Recording => format!("/sessions/{}/recording", segment(session)),
    };
    Ask { most: MOST, ..Ask::get(path) }
}

/// The call that lists sessions; a cursor is the last session of the page before.
pub(crate) fn ask_page(cursor: Option<&str>) -> Ask {
    let mut ask = Ask::get("/sessions");
    ask.query.push(("limit".into(), PAGE.to_string()));
    ask.query.extend(cursor.map(|cursor| ("before".into(), cursor.to_owned())));
    ask
}

/// The resources of listed sessions, and where the next page begins.
pub(crate) fn listed(answered: &Answered) -> (Vec<Resource>, Option<String>) {
    let sessions = match serde_json::from_slice(&answered.bytes) {
        Ok(Value::Array(sessions)) => sessions,
        _ => Vec::new(),
    };
    let last = sessions.last().and_then(|session| session["session_id"].as_str());
    let next = last.filter(|_| answered.more).map(str::to_owned);
    (sessions.iter().flat_map(of_session).collect(), next)
}

fn of_session(session: &Value) -> Vec<Resource> {
    let Some(id) = session["session_id"].as_str() else { return Vec::new() };
    let called = session["name"].as_str().unwrap_or(id);
    let resource = |part: Part, text: String| {
        Resource::new(format!("{SCHEME}{id}/{}", part.word()), format!("{called} {}", part.word()))
            .with_description(text)
            .with_mime_type(part.mime())
    };
    let cause = session["verdict"]["cause"].as_str();
    let verdict = cause.map(|cause| resource(Part::Verdict, format!("ended: {cause}")));
    let kept = session["recording"]["kept"].as_bool() == Some(true);
    let recording = kept.then(|| {
        let bytes = session["recording"]["bytes"].as_u64().unwrap_or(0);
        resource(Part::Recording, "what it printed, as asciicast v3".into()).with_size(bytes)
    });
    verdict.into_iter().chain(recording).collect()
}

/// What was read, as a client gets it.
pub(crate) fn contents(uri: &str, part: Part, answered: &Answered) -> ResourceContents {
    let mut text = String::from_utf8_lossy(&answered.bytes).into_owned();
    if answered.cut {
        // A recording is lines: half of one is none.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    }
    ResourceContents::text(text, uri).with_mime_type(part.mime())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_uri_names_a_session_and_what_of_it() {
        assert_eq!(
            parse("watchkeeper://sessions/abc/verdict"),
            Ok(("abc".to_owned(), Part::Verdict))
        );
        assert_eq!(
            parse("watchkeeper://sessions/web/recording"),
            Ok(("web".to_owned(), Part::Recording))
        );
        for bad in [
            "",
            "watchkeeper://sessions/abc",
            "watchkeeper://sessions//verdict",
            "watchkeeper://sessions/abc/verdict/x",
            "watchkeeper://sessions/abc/output",
            "file:///etc/passwd",
        ] {
            assert!(parse(bad).unwrap_err().contains("is no resource"), "{bad}");
        }
        assert_eq!(ask("../x", Part::Verdict).path, "/sessions/%2E%2E%2Fx/why");
    }

    #[test]
    fn only_what_is_there_is_listed() {
        let sessions = json!([
            {"session_id": "a", "name": "web", "verdict": {"cause": "killed"},
             "recording": {"kept": true, "bytes": 7}},
            {"session_id": "b", "name": null, "verdict": null, "recording": null},
            {"session_id": "c", "name": null, "verdict": null, "recording": {"kept": false}},
        ]);
        let bytes = serde_json::to_vec(&sessions).unwrap().into();
        let answered = Answered { bytes, more: true, cut: false };
        let (resources, next) = listed(&answered);
        let uris: Vec<_> = resources.iter().map(|resource| resource.uri.as_str()).collect();
        assert_eq!(
            uris,
            ["watchkeeper://sessions/a/verdict", "watchkeeper://sessions/a/recording"]
        );
        assert_eq!(next.as_deref(), Some("c"));
        assert_eq!(resources[1].size, Some(7));
    }

    #[test]
    fn a_recording_is_cut_at_a_line() {
        let answered =
            Answered { bytes: b"one\ntwo\nthr".as_slice().into(), more: false, cut: true };
        let contents = contents("u", Part::Recording, &answered);
        let text = serde_json::to_value(contents).unwrap();
        assert_eq!((&text["text"], &text["mimeType"]), (&json!("one\ntwo\n"), &json!(CAST)));
    }
}
