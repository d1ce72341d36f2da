//! What may be passed over in a flood of lines.
//!
//! Lines that are followed by so many others that neither the screen nor the
//! scrollback can still hold them leave no trace but their last colours, as long
//! as nothing in them does more than print, move along its row or begin another
//! one: printing them would be work for nobody.
//!
//! Exact: what is passed over could not have been told from what is not.

use memchr::{memchr_iter, memrchr_iter};

use crate::Screen;
use crate::lexer::ESC;

/// Fewer bytes are not worth a look.
const LEAST: usize = 8 << 10;

/// Nobody writes longer sequences of the harmless kind.
const LONGEST: usize = 64;

/// What stands behind the lines at the start of a piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    Nothing,
    /// The beginning of a sequence, of which nothing more can be said.
    Cut,
    /// What may do anything.
    Other,
}

/// What a piece of a stream begins with, for all who want to know it.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) length: usize,
    pub(crate) behind: Behind,
}

impl<'a> Lines<'a> {
    /// Looks at a piece of what a program writes.
    pub fn of(bytes: &'a [u8]) -> Lines<'a> {
        let (length, behind) = lines(bytes);
        Lines { bytes, length, behind }
    }

    /// The whole piece.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// How many bytes at the start are text, line ends and sequences that leave nothing
/// but colours outside of their row; and what is behind them.
///
/// None of that asks anything. To be asked between sequences only.
pub(crate) fn lines(bytes: &[u8]) -> (usize, Behind) {
    let mut at = 0;
    while let Some(odd) = next_control(&bytes[at..]).map(|next| at + next) {
        at = match bytes[odd] {
            ESC => match sequence(&bytes[odd..]) {
                Sequence::Whole(length) => odd + length,
                Sequence::Cut => return (odd, Behind::Cut),
                Sequence::Other => return (odd, Behind::Other),
            },
            // Line ends, moves along the row, and the bell.
            0x07..=0x0d => odd + 1,
            _ => return (odd, Behind::Other),
        };
    }
    (bytes.len(), Behind::Nothing)
}

/// Where the first byte is that is no text.
fn next_control(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 16;
    const BLOCK: usize = 64;
    // Where there are colours, the next is near.
    let (near, far) = bytes.split_at(bytes.len().min(NEAR));
    if let Some(at) = next_control_near(near) {
        return Some(at);
    }
    // Without an early end within a block, this runs on whole vectors.
    let is_text = |block: &&[u8]| block.iter().fold(true, |all, &byte| all & !is_control(byte));
    let text = BLOCK * far.chunks_exact(BLOCK).take_while(is_text).count();
    next_control_near(&far[text..]).map(|at| near.len() + text + at)
}

fn next_control_near(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let controls = controls(u64::from_le_bytes(*word));
        if controls != 0 {
            return Some(8 * index + controls.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|&byte| is_control(byte));
    at.map(|at| 8 * words.len() + at)
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20) | (byte == 0x7f)
}

/// Sets the top bit of the first byte in a word that is no text, and of none before it.
///
/// Borrows can only add false ones behind the first true one.
fn controls(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word ^ (ONES * 0x7f);
    (low | (delete.wrapping_sub(ONES) & !delete)) & TOPS
}

impl Screen {
    /// How many bytes of `lines`, from the first, leave no trace but their last colours.
    ///
    /// To be asked of what [`lines`] says is that, between sequences and characters.
    pub(crate) fn traceless(&self, lines: &[u8]) -> usize {
        if lines.len() < LEAST || !self.emulator.rolls() || !self.is_between() {
            return 0;
        }
        // The cursor comes to the last row, what was on the screen leaves it,
        // and leaves the scrollback; only then nothing is left of it.
        let enough = self.emulator.scrollback() + 2 * usize::from(self.emulator.size.rows());
        let mut ends = memrchr_iter(b'\n', lines).skip(enough);
        // Behind a carriage return, a line begins in the first column.
        let passed = ends.find(|end| *end > 0 && lines[end - 1] == b'\r').map_or(0, |end| end + 1);
        // The last character printed can be asked for again. No sequence holds one of these.
        let is_printed = |byte: &u8| matches!(byte, b' ' | b'a'..=b'l' | b'n'..=b'z');
        let prints = lines[passed..].iter().rev().take(LEAST).any(is_printed);
        if prints { passed } else { 0 }
    }

    /// Does in short what [`traceless`](Self::traceless) lines do.
    pub(crate) fn pass_over(&mut self, traceless: &[u8]) {
        if !traceless.is_empty() {
            colours(traceless).for_each(|colour| self.feed(colour));
            // They end where a line begins.
            self.feed(b"\r");
        }
    }
}

/// The colours in lines, from the last that does away with all before it.
fn colours(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_reset = |at: &usize| {
        let rest = &lines[*at..];
        rest.starts_with(b"\x1b[m") || rest.starts_with(b"\x1b[0m")
    };
    let begin = memrchr_iter(ESC, lines).find(is_reset).unwrap_or(0);
    let rest = &lines[begin..];
    memchr_iter(ESC, rest).filter_map(|at| match sequence(&rest[at..]) {
        Sequence::Whole(length) if rest[at + length - 1] == b'm' => Some(&rest[at..at + length]),
        _ => None,
    })
}

/// What an ESC begins.
enum Sequence {
    /// A sequence of so many bytes that sets colours and attributes, or changes no more than
    /// its row.
    Whole(usize),
    /// One that may become that.
    Cut,
    Other,
}

fn sequence(bytes: &[u8]) -> Sequence {
    let Some(parameters) = bytes.strip_prefix(b"\x1b[") else {
        return if bytes.len() < 2 { Sequence::Cut } else { Sequence::Other };
    };
    for (length, byte) in parameters.iter().take(LONGEST).enumerate() {
        match byte {
            b'0'..=b'9' | b';' | b':' => {}
            // SGR; EL, ICH, DCH, ECH; CUF, CUB, CHA
            b'm' | b'K' | b'@' | b'P' | b'X' | b'C' | b'D' | b'G' => {
                return Sequence::Whole(length + 3);
            }
            _ => return Sequence::Other,
        }
    }
    if parameters.len() < LONGEST { Sequence::Cut } else { Sequence::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize) -> Vec<u8> {
        (0..count).flat_map(|n| format!("this is line {n}\r\n").into_bytes()).collect()
    }

    fn screen() -> Screen {
        Screen::new("20x4".parse().unwrap(), 10)
    }

    #[test]
    fn a_flood_is_passed_over_but_for_its_end() {
        let flood = many(2000);
        let passed = screen().traceless(&flood);
        let left = flood[passed..].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(left, 10 + 2 * 4);
    }

    #[test]
    fn where_lines_do_not_roll_none_are_passed_over() {
        for prepare in [&b"\x1b[?1049h"[..], b"\x1b[2;3r", b"\x1b[", b"\xf0\x9f"] {
            let mut screen = screen();
            screen.feed(prepare);
            assert_eq!(screen.traceless(&many(2000)), 0, "{prepare:?}");
        }
    }

    #[test]
    fn what_is_never_printed_again_is_not_passed_over() {
        for empty in [&b"\r\n"[..], b"\x1b[m\r\n"] {
            let flood = [many(2000), empty.repeat(LEAST)].concat();
            assert_eq!(screen().traceless(&flood), 0);
        }
    }

    #[test]
    fn text_and_colours_are_lines_and_other_things_are_not() {
        let text = "tabs\t, bells\x07, über 国語\x1b[1;38:5:7mred\x1b[m\x1b[K\r\n".as_bytes();
        for lines_before in [0, 1, 50] {
            let before = [many(lines_before), text.to_vec()].concat();
            assert_eq!(lines(&before), (before.len(), Behind::Nothing));
            for other in [&b"\x1b[6n"[..], b"\x1b[?1m", b"\x1b]0;m\x07", b"\x1bm", b"\x05", b"\x0e"]
            {
                let bytes = [&before[..], other, text].concat();
                assert_eq!(lines(&bytes), (before.len(), Behind::Other), "{other:?}");
            }
            for cut in [&b"\x1b"[..], b"\x1b[", b"\x1b[3;", b"\x1b[000000000000000"] {
                let bytes = [&before[..], cut].concat();
                assert_eq!(lines(&bytes), (before.len(), Behind::Cut), "{cut:?}");
            }
            let endless = [&before[..], b"\x1b[", &[b'0'; 500]].concat();
            assert_eq!(lines(&endless), (before.len(), Behind::Other));
        }
    }

    #[test]
    fn only_the_last_colours_are_kept() {
        let lines = b"\x1b[31ma\x1b[0mb\x1b[1mc\x1b[mdd\x1b[4;2me\x1b[K\x1b[32m\r\n";
        let kept: Vec<_> = colours(lines).collect();
        assert_eq!(kept, [&b"\x1b[m"[..], b"\x1b[4;2m", b"\x1b[32m"]);
    }

    #[test]
    fn the_first_odd_byte_is_found_anywhere() {
        for length in [0, 1, 7, 8, 9, 15, 16, 17, 30, 79, 80, 81, 150] {
            let bytes = vec![b'\x80'; length];
            assert_eq!(lines(&bytes), (length, Behind::Nothing));
            for odd in [b"\x00x", b"\x7fx", b"\x7f\x7f", b"\x1f "] {
                let bytes = [&bytes[..], odd].concat();
                assert_eq!(lines(&bytes), (length, Behind::Other));
            }
        }
    }
}
