//! Lines of a control client, as far as an unattached one gets them.

/// What a line means to a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Sessions came, went or were renamed, or their windows changed: a listing says which.
    Changed,
    /// Somebody attached or detached.
    Clients,
    /// The server lets the client go.
    Exit,
    /// Nothing that a watcher acts on.
    Other,
}

/// Reads one line, without its break. Names in it are not believed: they only say that it is
/// time to look.
pub fn notice(line: &[u8]) -> Notice {
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    match word {
        b"%sessions-changed"
        | b"%session-renamed"
        | b"%session-changed"
        | b"%session-window-changed"
        | b"%window-add"
        | b"%window-close"
        | b"%window-renamed"
        | b"%unlinked-window-add"
        | b"%unlinked-window-close"
        | b"%unlinked-window-renamed"
        | b"%layout-change"
        | b"%window-pane-changed" => Notice::Changed,
        b"%client-session-changed" | b"%client-detached" => Notice::Clients,
        b"%exit" => Notice::Exit,
        _ => Notice::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_line_is_not_taken_for_a_word() {
        for (line, want) in [
            (&b"%sessions-changed"[..], Notice::Changed),
            (b"%session-renamed $0 new %exit", Notice::Changed),
            (b"%client-detached /dev/pts/3", Notice::Clients),
            (b"%exit server exited", Notice::Exit),
            (b"%exited", Notice::Other),
            (b" %exit", Notice::Other),
            (b"%begin 1795270634 272 0", Notice::Other),
            (b"\xff\xfe", Notice::Other),
            (b"", Notice::Other),
        ] {
            assert_eq!(notice(line), want, "{}", String::from_utf8_lossy(line));
        }
    }
}
