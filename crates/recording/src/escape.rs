//! JSON string encoding, many bytes at a time.
//!
//! The hot path of recording: every byte of output passes here. A block without
//! a byte to escape is copied as it is; others go on word by word, so that the
//! short runs between escape sequences are quick as well.
//!
//! Pure: fills what room it is given and says how far it came.

/// Room kept free in `out`: a whole block may be stored at once.
pub(crate) const SLACK: usize = BLOCK;

/// What the compiler turns into a few vector instructions.
const BLOCK: usize = 32;
const WORD: usize = 8;

/// Escapes valid UTF-8 into `out` until either ends; returns bytes (read, written).
///
/// Works with any room of at least [`SLACK`] bytes.
pub(crate) fn escape(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut rest, mut written) = (text, 0);
    while let Some(room) = out[written..].first_chunk_mut::<BLOCK>() {
        if let Some((block, behind)) = rest.split_first_chunk::<BLOCK>()
            && is_plain(block)
        {
            *room = *block;
            written += BLOCK;
            rest = behind;
            continue;
        }
        let (read, stored) = escape_some(rest, room);
        if read == 0 {
            break;
        }
        written += stored;
        rest = &rest[read..];
    }
    (text.len() - rest.len(), written)
}

/// Escapes as much as surely fits a block.
fn escape_some(text: &[u8], room: &mut [u8; BLOCK]) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    while written + WORD <= BLOCK {
        let room = &mut room[written..written + WORD];
        if let Some(word) = text[read..].first_chunk::<WORD>() {
            room.copy_from_slice(word);
            let plain = plain_bytes(u64::from_le_bytes(*word));
            if plain > 0 {
                read += plain;
                written += plain;
                continue;
            }
        } else if read == text.len() {
            break;
        }
        let escaped = &ESCAPES[usize::from(text[read])];
        room.copy_from_slice(escaped);
        written += usize::from(escaped[LENGTH]);
        read += 1;
    }
    (read, written)
}

/// Appends `text` as a quoted JSON string; for the rare strings outside of events.
pub(crate) fn push_quoted(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    let mut piece = [0; 256];
    out.push(b'"');
    while !rest.is_empty() {
        let (read, written) = escape(rest, &mut piece);
        out.extend_from_slice(&piece[..written]);
        rest = &rest[read..];
    }
    out.push(b'"');
}

/// True when no byte needs an escape; without branches, for the vector unit.
fn is_plain(block: &[u8; BLOCK]) -> bool {
    let mut special = false;
    for byte in block {
        special |= (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    }
    !special
}

/// How many bytes of `word`, from its first, need no escape.
///
/// Each test sets the top bit of matching bytes; borrows can only add false
/// matches behind the first true one, which is the only one looked at.
fn plain_bytes(word: u64) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let special =
        control | (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    (special & TOPS).trailing_zeros() as usize / 8
}

/// Where an entry of [`ESCAPES`] keeps its length.
const LENGTH: usize = WORD - 1;

/// What each byte becomes.
static ESCAPES: [[u8; WORD]; 256] = escapes();

const fn escapes() -> [[u8; WORD]; 256] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; WORD]; 256];
    let mut byte = 0;
    while byte < 256 {
        let short = match byte as u8 {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'"' => b'"',
            b'\\' => b'\\',
            _ => 0,
        };
        table[byte] = if short != 0 {
            [b'\\', short, 0, 0, 0, 0, 0, 2]
        } else if byte < 0x20 {
            [b'\\', b'u', b'0', b'0', HEX[byte >> 4], HEX[byte & 15], 0, 6]
        } else {
            [byte as u8, 0, 0, 0, 0, 0, 0, 1]
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        push_quoted(text, &mut out);
        out
    }

    #[test]
    fn every_character_that_needs_it_is_escaped() {
        let controls: String = (0..0x80_u8).map(char::from).collect();
        let line = quoted(&controls);
        assert!(line.iter().all(|byte| *byte >= 0x20));
        assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), controls);
        assert_eq!(quoted("\u{1b}[1m\"\\\r\n"), br#""\u001b[1m\"\\\r\n""#);
    }

    proptest! {
        #[test]
        fn json_reads_back_what_was_escaped(
            text in prop_oneof![any::<String>(), "[ -~\n\u{1b}\"\\\\äあ😀]{0,600}"],
        ) {
            prop_assert_eq!(serde_json::from_slice::<String>(&quoted(&text)).unwrap(), text);
        }

        #[test]
        fn the_room_given_never_changes_the_result(text: String, room in SLACK..100_usize) {
            let mut out = vec![b'"'];
            let mut piece = vec![0; room];
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let (read, written) = escape(rest, &mut piece);
                prop_assert!(read > 0);
                out.extend_from_slice(&piece[..written]);
                rest = &rest[read..];
            }
            out.push(b'"');
            prop_assert_eq!(out, quoted(&text));
        }
    }
}
