//! Keys by tmux's names, as the bytes that a terminal sends for them.

/// The bytes of a key: `Enter`, `C-c`, `M-x`, `Up`, `F5`, or any single character.
pub(crate) fn bytes(key: &str) -> Option<Vec<u8>> {
    if let Some(rest) = key.strip_prefix("M-") {
        let mut bytes = vec![0x1b];
        bytes.extend(self::bytes(rest)?);
        return Some(bytes);
    }
    let with_control = key.strip_prefix("C-").or_else(|| key.strip_prefix('^'));
    if let Some(rest) = with_control.filter(|_| key != "^") {
        return control(rest).map(|byte| vec![byte]);
    }
    if let Some(sequence) = named(key) {
        return Some(sequence.to_vec());
    }
    let mut characters = key.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(character.to_string().into_bytes()),
        _ => None,
    }
}

fn control(key: &str) -> Option<u8> {
    match key {
        "Space" => Some(0),
        "?" => Some(0x7f),
        _ => match key.as_bytes() {
            [byte @ (b'a'..=b'z' | b'A'..=b'Z' | b'@' | b'['..=b'_')] => Some(byte & 0x1f),
            _ => None,
        },
    }
}

fn named(key: &str) -> Option<&'static [u8]> {
    Some(match key {
        "Enter" => b"\r",
        "Tab" => b"\t",
        "BTab" => b"\x1b[Z",
        "Escape" => b"\x1b",
        "Space" => b" ",
        "BSpace" => b"\x7f",
        "Up" => b"\x1b[A",
        "Down" => b"\x1b[B",
        "Right" => b"\x1b[C",
        "Left" => b"\x1b[D",
        "Home" => b"\x1b[H",
        "End" => b"\x1b[F",
        "IC" | "Insert" => b"\x1b[2~",
        "DC" | "Delete" => b"\x1b[3~",
        "PPage" | "PageUp" | "PgUp" => b"\x1b[5~",
        "NPage" | "PageDown" | "PgDn" => b"\x1b[6~",
        "F1" => b"\x1bOP",
        "F2" => b"\x1bOQ",
        "F3" => b"\x1bOR",
        "F4" => b"\x1bOS",
        "F5" => b"\x1b[15~",
        "F6" => b"\x1b[17~",
        "F7" => b"\x1b[18~",
        "F8" => b"\x1b[19~",
        "F9" => b"\x1b[20~",
        "F10" => b"\x1b[21~",
        "F11" => b"\x1b[23~",
        "F12" => b"\x1b[24~",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_a_terminal_sends() {
        for (key, want) in [
            ("C-c", &b"\x03"[..]),
            ("^D", b"\x04"),
            ("C-\\", b"\x1c"),
            ("C-Space", b"\0"),
            ("Enter", b"\r"),
            ("M-x", b"\x1bx"),
            ("M-C-a", b"\x1b\x01"),
            ("Up", b"\x1b[A"),
            ("q", b"q"),
            ("é", "é".as_bytes()),
            ("^", b"^"),
        ] {
            assert_eq!(bytes(key).as_deref(), Some(want), "{key}");
        }
        for bad in ["", "C-", "C-é", "Entre", "M-", "F13"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
