//! What a session's active pane shows.

use wk_model::ProcessId;

use super::ask::Asker;

/// How a screen is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScreenLook {
    /// With colours and attributes.
    pub ansi: bool,
    /// With what has scrolled off.
    pub history: bool,
}

/// Asks the server for the text, if it is still `server` that answers there.
pub(super) async fn screen(
    asker: &Asker,
    server: ProcessId,
    id: &str,
    look: ScreenLook,
) -> Result<Vec<u8>, String> {
    // A session by its id alone: its active pane, whatever the names of windows are.
    let target = format!("{id}:");
    let own = ["display-message", "-p", "-t", &target, "#{pid}", ";"];
    let mut words: Vec<&str> = own.to_vec();
    words.extend(["capture-pane", "-p", "-t", &target]);
    if look.ansi {
        words.push("-e");
    }
    if look.history {
        words.extend(["-S", "-"]);
    }
    let answer = asker.ask(words).await.map_err(|error| error.to_string())?;
    if !answer.complete {
        return Err(answer.stderr);
    }
    let own = format!("{}\n", server.pid);
    let text = answer.stdout.strip_prefix(own.as_bytes());
    text.map(<[u8]>::to_vec).ok_or_else(|| "another server answers at its socket".to_owned())
}
