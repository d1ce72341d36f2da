//! Several parts of a text searched at once.
//!
//! The table says what follows from a byte only once it is known what followed from the
//! one before it: a processor mostly waits for memory. But where a line begins, that is known
//! without what is before it. So parts that begin with a line are searched side by side.

use crate::openers::Openers;

const COUNT: usize = 4;

/// About so many bytes each.
const LENGTH: usize = 1024;

/// Lines are shorter, or else are searched one byte after the other.
const LONGEST_LINE: usize = 1024;

/// Parts of a text, one behind the other. All but the first begin with a line.
pub(crate) struct Lanes<'a>([&'a [u8]; COUNT]);

impl<'a> Lanes<'a> {
    /// The parts at the start of `data`, if it is long enough and made of lines.
    pub(crate) fn of(data: &'a [u8]) -> Option<Self> {
        let data = data.get(..COUNT * LENGTH + LONGEST_LINE)?;
        let mut begin = 0;
        let mut lanes = [&data[..0]; COUNT];
        for (number, lane) in lanes.iter_mut().enumerate() {
            let least = (number + 1) * LENGTH;
            let line = &data[least..least + LONGEST_LINE];
            let end = least + line.iter().position(|&byte| byte == b'\n')? + 1;
            *lane = &data[begin..end];
            begin = end;
        }
        Some(Self(lanes))
    }

    /// Reads up to the end of the next opener, or to the end: how many bytes that took.
    pub(crate) fn walk(&self, openers: &mut Openers) -> usize {
        let mut places = [Openers::at_boundary(); COUNT];
        places[0] = openers.behind_ended();
        let together = self.together(&mut places);
        let mut used = 0;
        for (lane, place) in self.0.iter().zip(places) {
            *openers = place;
            used += together;
            if openers.ended().is_some() {
                return used;
            }
            let rest = &lane[together..];
            used += openers.walk(rest);
            if openers.ended().is_some() {
                return used;
            }
        }
        used
    }

    /// Reads in all of them, until an opener ends in one or one ends: how many bytes of each.
    fn together(&self, places: &mut [Openers; COUNT]) -> usize {
        let [a, b, c, d] = self.0;
        let mut now = *places;
        let mut taken = 0;
        for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
            now[0].step(a);
            now[1].step(b);
            now[2].step(c);
            now[3].step(d);
            taken += 1;
            if Openers::any_ended(now) {
                break;
            }
        }
        *places = now;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines in which openers end rarely, or often.
    fn text(every: usize) -> Vec<u8> {
        let line = |number: usize| match number % every {
            0 => format!("line {number} with sk-ant- and {}\n", "x".repeat(number * 7 % 300)),
            _ => format!("line {number} of {}\n", "y ".repeat(number * 5 % 90)),
        };
        (0..4000).flat_map(|number| line(number).into_bytes()).collect()
    }

    #[test]
    fn lanes_find_what_a_walk_finds() {
        for every in [1, 2, 7, 50, 400, 5000] {
            let text = text(every);
            let (mut walked, mut raced) = (Openers::at_boundary(), Openers::at_boundary());
            let mut at = 0;
            while let Some(lanes) = Lanes::of(&text[at..]) {
                let expected = walked.walk(&text[at..at + lanes.0.concat().len()]);
                assert_eq!(lanes.walk(&mut raced), expected, "{every}, at {at}");
                assert_eq!(raced, walked, "{every}, at {at}");
                at += expected;
            }
            assert!(text.len() - at <= COUNT * LENGTH + LONGEST_LINE);
        }
    }

    #[test]
    fn text_without_lines_has_no_lanes() {
        assert!(Lanes::of(&[b'x'; 100_000]).is_none());
        assert!(Lanes::of(&text(9)[..COUNT * LENGTH]).is_none());
    }
}
