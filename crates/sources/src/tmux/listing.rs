//! What a server has: asked for in one call, and so seen at one moment.

use super::record::{self, Records, number, text};

/// More sessions or panes than a listing is read for: beyond it, it is none.
const MANY: usize = 20_000;

const SERVER: [&str; 3] = ["version", "pid", "start_time"];
const SESSION: [&str; 5] =
    ["session_id", "session_name", "session_created", "session_attached", "destroy-unattached"];
const PANE: [&str; 16] = [
    "session_id",
    "window_id",
    "window_index",
    "window_name",
    "window_layout",
    "window_active",
    "window_activity",
    "window_width",
    "window_height",
    "pane_id",
    "pane_index",
    "pane_active",
    "pane_dead",
    "pane_pid",
    "pane_tty",
    "pane_start_command",
];
const OPTIONS: [&str; 3] = ["exit-empty", "exit-unattached", "remain-on-exit"];

/// Everything that a server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub version: String,
    /// The server that answered.
    pub pid: u32,
    /// Options of the server that can end it, by name.
    pub options: Vec<String>,
    pub sessions: Vec<ListedSession>,
    /// Those of linked windows are listed with each of their sessions.
    pub panes: Vec<ListedPane>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedSession {
    /// E.g. `$3`.
    pub id: String,
    pub name: String,
    /// Seconds since 1970.
    pub created: u64,
    pub attached: u32,
    pub destroy_unattached: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedPane {
    pub session: String,
    pub window: String,
    pub window_index: u32,
    pub window_name: String,
    pub window_layout: String,
    pub window_active: bool,
    /// Seconds since 1970.
    pub window_activity: u64,
    pub size: (u16, u16),
    pub id: String,
    pub index: u32,
    pub active: bool,
    /// Kept by `remain-on-exit`.
    pub dead: bool,
    pub pid: u32,
    pub tty: String,
    pub start_command: String,
}

/// The words of a call that lists everything.
pub(super) fn words() -> Vec<String> {
    let words: [Vec<String>; 4] = [
        vec!["display-message".into(), "-p".into(), record::format('i', &SERVER)],
        vec!["display-message".into(), "-p".into(), record::format('o', &OPTIONS)],
        vec!["list-sessions".into(), "-F".into(), record::format('s', &SESSION)],
        vec!["list-panes".into(), "-a".into(), "-F".into(), record::format('p', &PANE)],
    ];
    words.join(&";".to_owned())
}

/// Reads what the call prints; none: this is no whole listing, and says nothing.
///
/// `complete`: the call has succeeded. It fails where there is no session, for want of panes.
pub fn parse_listing(bytes: &[u8], complete: bool) -> Option<Listing> {
    let mut records = Records::new(bytes);
    let mut listing = Listing::default();
    while let Some(kind) = records.kind() {
        match kind {
            b'i' => {
                let [version, pid, _start] = records.fields()?;
                (listing.version, listing.pid) = (text(version), number(pid)?);
            }
            b'o' => {
                let values: [&[u8]; 3] = records.fields()?;
                let on = OPTIONS.iter().zip(values).filter(|(_, value)| is_on(value));
                listing.options = on.map(|(name, _)| (*name).to_owned()).collect();
            }
            b's' => {
                let [id, name, created, attached, destroy] = records.fields()?;
                listing.sessions.push(ListedSession {
                    id: id_of(id, b'$')?,
                    name: text(name),
                    created: number(created)?,
                    attached: number(attached)?,
                    destroy_unattached: is_on(destroy),
                });
            }
            b'p' => listing.panes.push(pane(records.fields()?)?),
            _ => return None,
        }
        if listing.sessions.len() > MANY || listing.panes.len() > MANY {
            return None;
        }
    }
    let whole = listing.pid != 0 && (complete || listing.sessions.is_empty());
    // A session without a pane is none: the listing was cut.
    let paned = |session: &ListedSession| listing.panes.iter().any(|p| p.session == session.id);
    (whole && listing.sessions.iter().all(paned)).then_some(listing)
}

fn pane(fields: [&[u8]; 16]) -> Option<ListedPane> {
    let [
        session,
        window,
        window_index,
        window_name,
        window_layout,
        window_active,
        window_activity,
        width,
        height,
        id,
        index,
        active,
        dead,
        pid,
        tty,
        start_command,
    ] = fields;
    Some(ListedPane {
        session: id_of(session, b'$')?,
        window: id_of(window, b'@')?,
        window_index: number(window_index)?,
        window_name: text(window_name),
        window_layout: text(window_layout),
        window_active: is_on(window_active),
        window_activity: number(window_activity).unwrap_or(0),
        size: (number(width).unwrap_or(0), number(height).unwrap_or(0)),
        id: id_of(id, b'%')?,
        index: number(index)?,
        active: is_on(active),
        dead: is_on(dead),
        pid: number(pid).unwrap_or(0),
        tty: text(tty),
        start_command: text(start_command),
    })
}

/// One of tmux's own ids: a sign and a number.
fn id_of(bytes: &[u8], sign: u8) -> Option<String> {
    let digits = bytes.strip_prefix(&[sign])?;
    let _: u32 = number(digits).filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    Some(text(bytes))
}

fn is_on(value: &[u8]) -> bool {
    !matches!(value, b"" | b"0" | b"off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn netstrings(kind: char, fields: &[&str]) -> Vec<u8> {
        let mut record = kind.to_string();
        for field in fields {
            record.push_str(&format!("{}:{field}", field.len()));
        }
        record.push('\n');
        record.into_bytes()
    }

    fn pane(session: &str, name: &str) -> Vec<u8> {
        let fields = [
            session,
            "@1",
            "0",
            name,
            "b25d,80x24,0,0,0",
            "1",
            "1795270634",
            "80",
            "24",
            "%1",
            "0",
            "1",
            "0",
            "4711",
            "/dev/pts/3",
            "",
        ];
        netstrings('p', &fields)
    }

    fn listing(name: &str) -> Vec<u8> {
        let mut bytes = netstrings('i', &["3.3a", "42", "1795270634"]);
        bytes.extend(netstrings('o', &["1", "0", "off"]));
        bytes.extend(netstrings('s', &["$0", name, "1795270634", "0", "0"]));
        bytes.extend(pane("$0", name));
        bytes
    }

    #[test]
    fn names_of_any_bytes_are_only_names() {
        for name in
            ["web", "; rm -rf ~", "a\nb\tc", "s2:$0", "\u{1b}]0;x\u{7}", "#{pid}", "漢字", ""]
        {
            let listing = parse_listing(&listing(name), true).unwrap();
            assert_eq!((listing.pid, listing.version.as_str()), (42, "3.3a"), "{name:?}");
            assert_eq!(listing.options, ["exit-empty"]);
            assert_eq!(listing.sessions[0].name, name);
            assert_eq!(listing.panes[0].window_name, name);
            assert_eq!((listing.panes[0].pid, listing.panes[0].size), (4711, (80, 24)));
        }
    }

    #[test]
    fn a_listing_that_was_cut_anywhere_says_nothing() {
        let whole = listing("web");
        for end in 0..whole.len() {
            let parsed = parse_listing(&whole[..end], true);
            // Behind a whole record with no session yet, only the caller can tell.
            assert!(parsed.is_none_or(|listing| listing.sessions.is_empty()), "{end}");
        }
        assert!(parse_listing(&whole, false).is_none(), "the call has failed");
    }

    #[test]
    fn a_server_without_sessions_is_one() {
        let mut bytes = netstrings('i', &["3.3a", "42", "1795270634"]);
        bytes.extend(netstrings('o', &["0", "0", "off"]));
        assert_eq!(parse_listing(&bytes, false).unwrap().sessions, []);
    }

    #[test]
    fn ids_are_numbers_with_a_sign() {
        for id in ["$", "0", "$-1", "$+1", "@0", "$0;kill-server", "$99999999999"] {
            let mut bytes = netstrings('i', &["3.3a", "42", "0"]);
            bytes.extend(netstrings('s', &[id, "x", "0", "0", "0"]));
            bytes.extend(pane(id, "x"));
            assert!(parse_listing(&bytes, true).is_none(), "{id}");
        }
    }
}
