//! The short way through a flood of plain lines.
//!
//! Lines that are followed by so many others that neither the screen nor the
//! scrollback can still hold them leave no trace but their last colours, as long
//! as they are nothing but text and colours: printing them would be work for nobody.
//!
//! Exact: what is skipped could not have been told from what is not.

use memchr::{memchr, memchr_iter, memmem, memrchr_iter};

use crate::Screen;
use crate::lexer::ESC;

/// Shorter floods are not worth a look.
const LEAST: usize = 8 << 10;

/// A longer colour is not one that anybody writes.
const LONGEST_COLOUR: usize = 64;

/// Cuts out the text, line ends and colours that `bytes` ends with, if they may be a flood:
/// what is before them, they, and the beginning of a sequence behind them.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    if bytes.len() < LEAST {
        return (bytes, b"", b"");
    }
    let (mut begin, mut at) = (0, 0);
    while let Some(odd) = next_odd(&bytes[at..]).map(|next| at + next) {
        match colour(&bytes[odd..]) {
            Colour::Whole(length) => at = odd + length,
            Colour::Cut => return (&bytes[..begin], &bytes[begin..odd], &bytes[odd..]),
            Colour::None => (begin, at) = (odd + 1, odd + 1),
        }
    }
    let (before, flood) = bytes.split_at(begin);
    (before, flood, b"")
}

/// Whether `bytes` can wait: no sequence in them is more than a colour, so none asks a
/// question. A sequence that `bytes` cut off may be one.
pub fn asks_nothing(bytes: &[u8]) -> bool {
    const ENQ: u8 = 5;
    let is_colour = |at| !matches!(colour(&bytes[at..]), Colour::None);
    memchr(ENQ, bytes).is_none() && memchr_iter(ESC, bytes).all(is_colour)
}

impl Screen {
    /// How many bytes of `flood`, from the first, leave no trace but their last colours.
    ///
    /// To be asked between sequences and characters only.
    pub(crate) fn traceless(&self, flood: &[u8]) -> usize {
        if flood.len() < LEAST || !self.emulator.rolls() {
            return 0;
        }
        // The cursor comes to the last row, what was on the screen leaves it,
        // and leaves the scrollback; only then nothing is left of it.
        let enough = self.emulator.scrollback() + 2 * usize::from(self.emulator.size.rows());
        let mut ends = memrchr_iter(b'\n', flood).skip(enough);
        // Behind a carriage return, a line begins in the first column.
        let skipped = ends.find(|end| *end > 0 && flood[end - 1] == b'\r').map_or(0, |end| end + 1);
        // The last character printed can be asked for again.
        let prints = |byte: &u8| (0x20..0x7f).contains(byte);
        let last_line = flood[skipped..].iter().rposition(prints);
        if last_line.is_some() { skipped } else { 0 }
    }
}

/// The colours in text and line ends, from the last that does away with all before it.
pub(crate) fn colours(skipped: &[u8]) -> impl Iterator<Item = &[u8]> {
    let resets = [&b"\x1b[0m"[..], b"\x1b[m"];
    let begin = resets.iter().filter_map(|reset| memmem::rfind(skipped, reset)).max();
    let rest = &skipped[begin.unwrap_or(0)..];
    memchr_iter(ESC, rest).filter_map(|at| match colour(&rest[at..]) {
        Colour::Whole(length) => Some(&rest[at..at + length]),
        Colour::Cut | Colour::None => None,
    })
}

/// What a byte that is neither text nor line end begins.
enum Colour {
    /// A sequence of so many bytes that sets colours and attributes (SGR).
    Whole(usize),
    /// One that may become that.
    Cut,
    None,
}

fn colour(bytes: &[u8]) -> Colour {
    let [first, rest @ ..] = bytes else { return Colour::Cut };
    match rest {
        _ if *first != ESC => Colour::None,
        [] => Colour::Cut,
        [b'[', parameters @ ..] => {
            let is_parameter = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
            let length = parameters.iter().take(LONGEST_COLOUR).take_while(|b| is_parameter(b));
            let length = length.count();
            match parameters.get(length) {
                Some(b'm') => Colour::Whole(length + 3),
                None => Colour::Cut,
                Some(_) => Colour::None,
            }
        }
        _ => Colour::None,
    }
}

/// Where the first byte is that is neither text nor a line end.
fn next_odd(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 64;
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) | (byte == b'\n') | (byte == b'\r');
    // Without an early end within a block, this runs on whole vectors.
    let blocks = bytes.chunks_exact(BLOCK);
    let whole =
        blocks.take_while(|block| block.iter().fold(true, |all, &byte| all & is_plain(byte)));
    let whole = whole.count() * BLOCK;
    bytes[whole..].iter().position(|&byte| !is_plain(byte)).map(|at| whole + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<u8> {
        (0..count).flat_map(|n| format!("this is line {n}\r\n").into_bytes()).collect()
    }

    fn screen() -> Screen {
        Screen::new("20x4".parse().unwrap(), 10)
    }

    #[test]
    fn a_flood_is_skipped_but_for_its_end() {
        let flood = lines(2000);
        let skipped = screen().traceless(&flood);
        let left = flood[skipped..].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(left, 10 + 2 * 4);
    }

    #[test]
    fn what_is_more_than_plain_lines_is_not_skipped() {
        for prepare in [&b"\x1b[?1049h"[..], b"\x1b[2;3r"] {
            let mut screen = screen();
            screen.feed(prepare);
            assert_eq!(screen.traceless(&lines(2000)), 0);
        }
        for odd in [&b"\x1b"[..], b"\t", b"\x08", b"\xc3", b"\x7f"] {
            let bytes = [&lines(2000), odd, b"x"].concat();
            assert_eq!(split(&bytes), (&bytes[..bytes.len() - 1], &b"x"[..], &b""[..]));
        }
    }

    #[test]
    fn skipping_leaves_no_trace() {
        let mut flood = b"\x1b[31mred\x1b[4h and \r\n more".to_vec();
        flood.extend(lines(3000));
        flood.extend(b"no return\n and so on\n");
        flood.extend(lines(1000));
        flood.extend(b"the end");
        let (mut at_once, mut by_lines) = (screen(), screen());
        at_once.feed(&flood);
        for line in flood.split_inclusive(|byte| *byte == b'\n') {
            by_lines.feed(line);
        }
        assert_eq!(at_once.ansi(true), by_lines.ansi(true));
        assert_eq!(at_once.redraw(100), by_lines.redraw(100));
    }

    #[test]
    fn colours_belong_to_a_flood_and_other_sequences_do_not() {
        let flood = [&lines(500)[..], b"\x1b[1;38:5:7mred\r\n\x1b[m"].concat();
        let cut = [&flood[..], b"\x1b[3"].concat();
        assert_eq!(split(&cut), (&b""[..], &flood[..], &b"\x1b[3"[..]));
        for other in [&b"\x1b[6n"[..], b"\x1b[?1m", b"\x1b]0;m\x07", b"\x1bm"] {
            let bytes = [&flood[..], other].concat();
            assert!(split(&bytes).1.len() < other.len(), "{other:?}");
            assert!(!asks_nothing(&bytes), "{other:?}");
        }
        assert!(asks_nothing(&cut) && !asks_nothing(b"\x05"));
    }

    #[test]
    fn only_the_last_colours_are_kept() {
        let skipped = b"\x1b[31ma\x1b[0mb\x1b[1mc\x1b[mdd\x1b[4;2me\x1b[32m\r\n";
        let kept: Vec<_> = colours(skipped).collect();
        assert_eq!(kept, [&b"\x1b[m"[..], b"\x1b[4;2m", b"\x1b[32m"]);
    }

    #[test]
    fn the_first_odd_byte_is_found_anywhere() {
        for length in [0, 1, 63, 64, 65, 200] {
            let mut bytes = vec![b'x'; length];
            assert_eq!(next_odd(&bytes), None);
            bytes.extend(b"\x1bx");
            assert_eq!(next_odd(&bytes), Some(length));
        }
    }
}
