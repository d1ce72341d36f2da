//! One line of `journalctl --output=json`.

use serde_json::{Map, Value};
use wk_judges::autopsy::LogNote;
use wk_model::Time;

use super::Journalled;

/// Longer texts are cut.
const TEXT: usize = 512;

/// Longer lines are none of those that are known.
const LINE: usize = 64 << 10;

/// Understands a line; none where it tells of no end, or nobody vouches for its writer.
pub fn read_line(line: &[u8]) -> Option<Journalled> {
    if line.len() > LINE {
        return None;
    }
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let micros: i64 = text(&fields, "__REALTIME_TIMESTAMP")?.parse().ok()?;
    let message = text(&fields, "MESSAGE")?;
    let (note, login) = match writer(&fields)? {
        Writer::Systemd => (unit(&fields, &message)?, None),
        Writer::Oomd => (oomd(&message)?, None),
        Writer::Earlyoom => (earlyoom(&message)?, None),
        Writer::Logind => (logind(&message)?, login(&fields, &message)),
    };
    Some(Journalled { time: Time::from_millis(micros.div_euclid(1000)), note, login })
}

/// Whose lines are understood.
enum Writer {
    /// The system's, or that of a user's own units.
    Systemd,
    Oomd,
    Logind,
    Earlyoom,
}

/// Fields with an underscore are the journal's own word. A unit's name is only the superuser's
/// to give, but for user units, which live below `user@UID.service`.
fn writer(fields: &Map<String, Value>) -> Option<Writer> {
    let field = |name| text(fields, name).unwrap_or_default();
    if text(fields, "_TRANSPORT").is_some_and(|transport| transport == "kernel") {
        return None;
    }
    let (unit, comm) = (field("_SYSTEMD_UNIT"), field("_COMM"));
    match (unit.as_str(), comm.as_str()) {
        ("init.scope", "systemd") if field("_PID") == "1" => Some(Writer::Systemd),
        (unit, "systemd")
            if unit.starts_with("user@") && field("_SYSTEMD_USER_UNIT") == "init.scope" =>
        {
            Some(Writer::Systemd)
        }
        ("systemd-oomd.service", _) => Some(Writer::Oomd),
        ("systemd-logind.service", _) => Some(Writer::Logind),
        ("earlyoom.service", _) => Some(Writer::Earlyoom),
        _ => None,
    }
}

/// `Stopping X…`, `x.service: Failed with result 'oom-kill'.` and the like, of the unit that the
/// line is about.
fn unit(fields: &Map<String, Value>, message: &str) -> Option<LogNote> {
    let unit = text(fields, "UNIT").or_else(|| text(fields, "USER_UNIT"))?;
    if message.contains("systemd-oomd killed") {
        let daemon = "systemd-oomd".to_owned();
        return Some(LogNote::OomDaemon {
            daemon,
            pid: None,
            unit: Some(cut(&unit)),
            text: cut(message),
        });
    }
    let by_result = text(fields, "UNIT_RESULT").is_some_and(|result| result != "success");
    let is_end = message.starts_with("Stopping ")
        || message.starts_with("Stopped ")
        || message.contains(": Killing process ")
        || message.contains("killed by the OOM killer")
        || message.contains(": Failed with result ")
        || by_result;
    is_end.then(|| LogNote::UnitStopped { unit: cut(&unit), text: cut(message) })
}

/// `Killed /user.slice/…/a.scope due to memory pressure for …`
fn oomd(message: &str) -> Option<LogNote> {
    let (unit, why) = message.strip_prefix("Killed ")?.split_once(" due to ")?;
    why.starts_with("memory").then(|| LogNote::OomDaemon {
        daemon: "systemd-oomd".to_owned(),
        pid: None,
        unit: Some(cut(unit)),
        text: cut(message),
    })
}

/// `sending SIGTERM to process 7 uid 1000 "node": …`, in older versions without the uid.
fn earlyoom(message: &str) -> Option<LogNote> {
    let (head, rest) = message.split_once(" to process ")?;
    if !matches!(head, "sending SIGTERM" | "sending SIGKILL") {
        return None;
    }
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some(LogNote::OomDaemon {
        daemon: "earlyoom".to_owned(),
        pid: Some(digits.parse().ok()?),
        unit: None,
        text: cut(message),
    })
}

/// `Session 3 logged out. Waiting for processes to exit.`, `Removed session 3.`
fn logind(message: &str) -> Option<LogNote> {
    let ended = message.starts_with("Session ") && message.contains(" logged out")
        || message.starts_with("Removed session ");
    // The line names the user, not the number: whose it is, the login's own scope tells.
    ended.then(|| LogNote::LoggedOut { uid: None, text: cut(message) })
}

fn login(fields: &Map<String, Value>, message: &str) -> Option<String> {
    let named = text(fields, "SESSION_ID");
    let said = || {
        let word = message.split(' ').nth(if message.starts_with("Removed") { 2 } else { 1 })?;
        Some(word.trim_end_matches('.').to_owned())
    };
    named.or_else(said).map(|login| cut(&login))
}

/// A field: text, or the bytes of one that is no UTF-8; of several, the first.
fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => match values.first()? {
            Value::String(text) => Some(text.clone()),
            _ => {
                let bytes = values.iter().map(|value| u8::try_from(value.as_u64()?).ok());
                let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
        },
        _ => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "made where it is given")]
    fn note(fields: Value) -> Option<LogNote> {
        let mut line =
            json!({ "__REALTIME_TIMESTAMP": "1732197600123456", "_TRANSPORT": "journal" });
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        read_line(line.to_string().as_bytes()).map(|journalled| journalled.note)
    }

    fn systemd(message: &str) -> Value {
        json!({ "_PID": "1", "_UID": "0", "_COMM": "systemd", "_SYSTEMD_UNIT": "init.scope",
            "UNIT": "agents.service", "MESSAGE": message, "SYSLOG_IDENTIFIER": "systemd" })
    }

    #[test]
    fn a_unit_that_systemd_stopped_is_named() {
        for message in [
            "Stopping agents.service - All agents...",
            "agents.service: Failed with result 'oom-kill'.",
            "agents.service: A process of this unit has been killed by the OOM killer.",
            "agents.service: Killing process 4711 (node) with signal SIGKILL.",
        ] {
            let want = LogNote::UnitStopped { unit: "agents.service".into(), text: message.into() };
            assert_eq!(note(systemd(message)), Some(want), "{message}");
        }
        assert_eq!(note(systemd("Started agents.service - All agents.")), None);
        let user = json!({ "_PID": "812", "_UID": "1000", "_COMM": "systemd",
            "_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": "init.scope",
            "USER_UNIT": "tmux.scope", "MESSAGE": "Stopping tmux.scope - tmux..." });
        assert!(
            matches!(note(user), Some(LogNote::UnitStopped { unit, .. }) if unit == "tmux.scope")
        );
    }

    #[test]
    fn a_line_of_somebody_else_is_not_believed() {
        let mut forged = systemd("Stopping agents.service...");
        forged["_SYSTEMD_UNIT"] = "session-3.scope".into();
        assert_eq!(note(forged), None);
        let forged = json!({ "_COMM": "systemd-oomd", "_SYSTEMD_UNIT": "session-3.scope",
            "SYSLOG_IDENTIFIER": "systemd-oomd",
            "MESSAGE": "Killed /a.scope due to memory pressure for /" });
        assert_eq!(note(forged), None);
    }

    #[test]
    fn oom_daemons_name_what_they_killed() {
        let oomd = json!({ "_SYSTEMD_UNIT": "systemd-oomd.service", "_COMM": "systemd-oomd",
            "MESSAGE": "Killed /user.slice/user-1000.slice/session-2.scope due to memory used \
                        (16G) / total (16G) and swap used (7G) / total (8G) being more than 90.00%" });
        assert!(matches!(note(oomd), Some(LogNote::OomDaemon { unit: Some(unit), .. })
            if unit == "/user.slice/user-1000.slice/session-2.scope"));
        for (message, pid) in [
            (
                r#"sending SIGTERM to process 4711 uid 1000 "node": oom_score 812, VmRSS 3 MiB"#,
                Some(4711),
            ),
            (r#"sending SIGKILL to process 9 "a 1 process 7": badness 812, VmRSS 3 MiB"#, Some(9)),
            ("mem avail: 812 of 7843 MiB (10.36%), swap free: 0 of 0 MiB", None),
        ] {
            let line = json!({ "_SYSTEMD_UNIT": "earlyoom.service", "MESSAGE": message });
            let told = match note(line) {
                Some(LogNote::OomDaemon { pid, .. }) => pid,
                None => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(told, pid, "{message}");
        }
    }

    #[test]
    fn a_login_that_ended_is_named() {
        for message in
            ["Session 3 logged out. Waiting for processes to exit.", "Removed session 3."]
        {
            let line = json!({ "__REALTIME_TIMESTAMP": "1732197600123456", "MESSAGE": message,
                "_SYSTEMD_UNIT": "systemd-logind.service", "_COMM": "systemd-logind" });
            let told = read_line(line.to_string().as_bytes()).unwrap();
            assert_eq!(told.login.as_deref(), Some("3"), "{message}");
        }
        let line = json!({ "_SYSTEMD_UNIT": "systemd-logind.service",
            "MESSAGE": "New session 3 of user a." });
        assert_eq!(note(line), None);
    }

    #[test]
    fn a_message_may_be_bytes() {
        let bytes: Vec<u8> = b"Stopping \xff...".to_vec();
        let mut line = systemd("");
        line["MESSAGE"] = json!(bytes);
        let told = note(line);
        assert!(matches!(told, Some(LogNote::UnitStopped { text, .. }) if text.ends_with("...")));
        for bad in [json!([1, 900]), json!(null), json!([]), json!({}), json!([[1]])] {
            let mut line = systemd("");
            line["MESSAGE"] = bad;
            assert_eq!(note(line), None);
        }
    }
}
