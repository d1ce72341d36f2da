//! What panes show, and what the server has to say.

use wk_mask::mask_text;

use super::super::{Report, messages::parse_messages};
use super::{Flow, Watcher};

/// Panes whose screens are read at one look, and lines and bytes that are kept of each session.
const MAX_CAPTURES: usize = 256;
const LINES: usize = 20;
const MAX_TEXT: usize = 2048;

/// Messages of the server's log that are looked at.
const MAX_MESSAGES: usize = 50;

impl Watcher {
    /// Reads the screens on which something has changed since they were last read, all in one
    /// call.
    pub(super) async fn capture(&mut self) -> Flow {
        let mut wanted: Vec<(String, String)> = Vec::new();
        for (id, session) in &self.sessions {
            let Some(pane) = &session.active_pane else { continue };
            let activity = session.last_activity.unwrap_or(0);
            if self.captured.get(pane) != Some(&activity) && wanted.len() < MAX_CAPTURES {
                self.captured.insert(pane.clone(), activity);
                wanted.push((id.clone(), pane.clone()));
            }
        }
        if wanted.is_empty() {
            return Flow::On;
        }
        // No screen can show what nobody knows before.
        let mark = format!("wk-{:032x}", random());
        let mut words: Vec<&str> = Vec::new();
        for (_, pane) in &wanted {
            words.extend([
                "capture-pane",
                "-p",
                "-t",
                pane,
                ";",
                "display-message",
                "-p",
                &mark,
                ";",
            ]);
        }
        words.pop();
        let Ok(answer) = self.asker.ask(words).await else { return Flow::On };
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        // Behind the last mark is nothing, or what a pane that is gone left unanswered.
        let screens: Vec<&str> = text.split(&mark).collect();
        let whole = screens.len().saturating_sub(1);
        for ((id, _), screen) in wanted.into_iter().zip(&screens[..whole]) {
            let text = last_lines(screen);
            let report = Report::Captured { server: self.server, id, text };
            if self.tell(report).await == Flow::Over {
                return Flow::Over;
            }
        }
        Flow::On
    }

    /// Reads the server's log, which it shows only while somebody is attached.
    pub(super) async fn messages(&mut self) -> Flow {
        if self.sessions.values().all(|session| session.attached == 0) {
            return Flow::On;
        }
        let Ok(answer) = self.asker.ask(["show-messages"]).await else { return Flow::On };
        let mut messages = parse_messages(&answer.stdout);
        let surplus = messages.len().saturating_sub(MAX_MESSAGES);
        messages.drain(..surplus);
        self.tell(Report::Messages { server: self.server, messages }).await
    }
}

/// The last lines of a screen that say something, masked.
pub(super) fn last_lines(screen: &str) -> String {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let text = mask_text(&lines[end.saturating_sub(LINES)..end].join("\n")).into_owned();
    let mut start = text.len().saturating_sub(MAX_TEXT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].trim_start_matches('\n').to_owned()
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_few_and_masked() {
        let screen =
            format!("{}\n$ \n\n\n", (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join("\n"));
        let text = last_lines(&screen);
        assert_eq!(text.lines().count(), LINES);
        assert!(text.starts_with("21\n") && text.ends_with('$'), "{text}");
        assert_eq!(last_lines("\n\n"), "");
        let secret = last_lines("export TOKEN=ghp_0123456789abcdefghijklmnopqrstuvwxyz\n");
        assert!(!secret.contains("0123456789abcdef"), "{secret}");
        assert!(last_lines(&"漢字".repeat(4000)).len() <= MAX_TEXT);
    }
}
