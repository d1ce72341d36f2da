//! The output alone, as a log shows it.

use crate::event::{Event, Kind, Stream};

/// Which output is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    pub stdout: bool,
    pub stderr: bool,
    /// Milliseconds since the epoch.
    pub since_ms: Option<u64>,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection { stdout: true, stderr: true, since_ms: None }
    }
}

impl Selection {
    /// The text of an event that is output and wanted; checkpoints repeat, so never theirs.
    pub fn text<'a>(&self, event: &'a Event) -> Option<&'a str> {
        let Kind::Output { stream, text } = &event.kind else { return None };
        let wanted = match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        };
        let in_time = self.since_ms.is_none_or(|since| event.time_ms() >= since);
        (wanted && in_time).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_output_is_text() {
        let event = |time_ms: u64, kind| Event { time_us: time_ms * 1000 + 999, offset: 0, kind };
        let output =
            |time, stream, text: &str| event(time, Kind::Output { stream, text: text.into() });
        let events = [
            event(1, Kind::Checkpoint("screen".into())),
            output(1, Stream::Stdout, "early"),
            output(2, Stream::Stdout, "out"),
            event(2, Kind::Marker("mark".into())),
            output(3, Stream::Stderr, "err"),
        ];
        let all = Selection::default();
        for (selection, want) in [
            (all, "earlyouterr"),
            (Selection { since_ms: Some(2), ..all }, "outerr"),
            (Selection { stderr: false, ..all }, "earlyout"),
            (Selection { stdout: false, ..all }, "err"),
        ] {
            let text: String = events.iter().filter_map(|event| selection.text(event)).collect();
            assert_eq!(text, want, "{selection:?}");
        }
    }
}
