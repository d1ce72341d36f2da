//! Shells that tell of themselves: sessions of kind `shell`, ended by their process or their word.

use wk_api::TrackEnd;
use wk_hook::record::{ShellCall, ShellEvent};
use wk_mask::mask_text;
use wk_model::{
    Change, Created, Draft, Ending, Kind, ProcessId, Reported, SessionId, ShellCommand,
};
use wk_sources::hooks::Process;

use super::{
    begin::begun,
    take::{Call, Taker},
};
use crate::daemon::{tmux::drafts, track};

impl Taker {
    /// Takes up what a shell tells.
    pub(super) fn take_shell(
        &mut self,
        call: Call<'_>,
        shell: &ShellCall,
        process: Option<&Process>,
        drafts: &mut Vec<Draft>,
    ) {
        if let Some(session_id) = self.tracked(shell) {
            return self.take_tracked(call, shell, session_id, drafts);
        }
        let process = process.map(|process| process.id);
        let known = process.and_then(|process| self.shell_of(process));
        // A shell that nobody can see again is one that never ends: it has no session.
        let session_id = match (known, process, shell.event) {
            (Some(known), ..) => Some(known),
            (None, Some(process), ShellEvent::Start | ShellEvent::Command) => {
                self.begin_shell(call, shell, process, drafts)
            }
            (None, ..) => None,
        };
        if let Some(entry) = session_id.and_then(|id| self.book.get_mut(id)) {
            entry.heard = Some(call.told.at);
        }
        drafts.push(call.draft(session_id, change(shell)));
        if let (Some(session_id), ShellEvent::End) = (session_id, shell.event) {
            let closed = Ending::Closed { by: None };
            let ending = shell.exit_code.map_or(closed, |code| Ending::Exited { code });
            self.end(session_id, call.told.at, ending, drafts);
        }
    }

    /// The session that the daemon itself has named, when the shell told it of its start.
    fn tracked(&self, shell: &ShellCall) -> Option<SessionId> {
        let session_id = shell.session_id.as_ref()?.parse().ok()?;
        let session = self.core.journal.session(session_id).ok().flatten()?;
        track::is_tracked(&session).then_some(session_id)
    }

    /// The daemon was away when such a shell ended.
    fn take_tracked(
        &mut self,
        call: Call<'_>,
        shell: &ShellCall,
        session_id: SessionId,
        drafts: &mut Vec<Draft>,
    ) {
        drafts.push(call.draft(Some(session_id), change(shell)));
        if shell.event == ShellEvent::End {
            let (session_id, timestamp) = (session_id.to_string(), call.told.at.time);
            self.track_ends.push(TrackEnd { session_id, timestamp, ..TrackEnd::default() });
        }
    }

    fn shell_of(&self, process: ProcessId) -> Option<SessionId> {
        let mut of_process = self.book.of_process(process).iter();
        of_process.find(|id| self.book.get(**id).is_some_and(|entry| entry.shell)).copied()
    }

    fn begin_shell(
        &mut self,
        call: Call<'_>,
        shell: &ShellCall,
        process: ProcessId,
        drafts: &mut Vec<Draft>,
    ) -> Option<SessionId> {
        let told = call.told;
        let directory = Some(told.working_directory.clone());
        let created = Created {
            session_kind: Kind::Shell,
            command: vec![shell.shell_type.clone()],
            shell_type: Some(shell.shell_type.clone()),
            component_name: shell.component.clone().filter(|name| is_component(name)),
            working_directory: directory.filter(|directory| !directory.is_empty()),
            parent_id: self.parent(told, Some(process)),
            // The record was left in a folder that only this user can write to.
            reported: Some(Reported { verified: true, ..Reported::default() }),
            ..drafts::found(rustix::process::getuid().as_raw())
        };
        let at = begun(process, told.at);
        self.add_session(created, at, Some((process, true)), None, drafts)
    }
}

/// What a client's report would be refused for is left out here.
fn is_component(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=100).contains(&name.len()) && name.chars().all(fits)
}

/// The event that stands for the call.
fn change(shell: &ShellCall) -> Change {
    match shell.event {
        ShellEvent::Command => Change::ShellCommand(ShellCommand {
            command: shell.command.as_ref().map(|text| mask_text(text).into_owned()),
            exit_code: shell.exit_code,
            duration_ms: shell.duration_ms,
        }),
        ShellEvent::Start | ShellEvent::End | ShellEvent::Unknown => {
            let event = match shell.event {
                ShellEvent::Start => "shell_start",
                ShellEvent::End => "shell_end",
                _ => "shell",
            };
            Change::Hook(Box::new(wk_model::Hook {
                event: event.into(),
                agent: Some(shell.shell_type.clone()),
                payload: serde_json::json!({"exit_code": shell.exit_code}),
                payload_bytes: 0,
            }))
        }
    }
}
