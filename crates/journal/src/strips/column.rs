//! One column of a strip, packed: numbers as differences from the least of them, words as
//! numbers into their own small dictionary.

use std::cmp::Ordering;

/// Numbers, in the fewest bytes each that they fit in.
///
/// `least: i64, width: u8`, then for each number its difference from the least.
pub(crate) fn pack_numbers(numbers: &[i64]) -> Vec<u8> {
    let least = numbers.iter().copied().min().unwrap_or(0);
    let most = numbers.iter().copied().max().unwrap_or(0);
    let width = width_of(most.wrapping_sub(least).cast_unsigned());
    let mut packed = Vec::with_capacity(9 + numbers.len() * width);
    packed.extend(least.to_le_bytes());
    packed.extend([width as u8]);
    for number in numbers {
        let difference = number.wrapping_sub(least).to_le_bytes();
        packed.extend(&difference[..width]);
    }
    packed
}

/// The numbers again; none where these are not so many packed numbers.
pub(crate) fn unpack_numbers(packed: &[u8], count: usize) -> Option<Vec<i64>> {
    let (least, rest) = packed.split_first_chunk::<8>()?;
    let (width, rest) = rest.split_first()?;
    let least = i64::from_le_bytes(*least);
    widen(rest, usize::from(*width), count, |n| least.wrapping_add(n.cast_signed()))
}

/// Words, some of which are none.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    /// Where each word ends in the text; the words are in order.
    ends: Vec<usize>,
    /// Of each row: 0 for none, else 1 + the place of its word.
    pub(crate) codes: Vec<u16>,
}

impl Words {
    /// How many different codes there are: one more than words.
    fn codes_in_use(&self) -> usize {
        self.ends.len() + 1
    }

    /// The word with a code.
    pub(crate) fn word(&self, code: u16) -> Option<&str> {
        let place = usize::from(code).checked_sub(1)?;
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(begin..*self.ends.get(place)?)
    }

    /// What each code stands for, as `of` has it.
    pub(crate) fn each_as<T>(&self, of: impl FnMut(Option<&str>) -> T) -> Vec<T> {
        (0..self.codes_in_use()).map(|code| self.word(code as u16)).map(of).collect()
    }

    /// The code of a word, if it is there.
    pub(crate) fn code(&self, word: &str) -> Option<u16> {
        let (mut low, mut high) = (1, self.codes_in_use());
        while low < high {
            let middle = low.midpoint(high);
            match self.word(middle as u16).cmp(&Some(word)) {
                Ordering::Equal => return Some(middle as u16),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Packs words: `count: u16, end: u32 of each word, their text, width: u8`, then the codes.
///
/// There may be no more rows than a code can count.
pub(crate) fn pack_words(words: &[Option<&str>]) -> Vec<u8> {
    let mut known: Vec<&str> = words.iter().copied().flatten().collect();
    known.sort_unstable();
    known.dedup();
    let mut packed = Vec::with_capacity(3 + words.len());
    packed.extend((known.len() as u16).to_le_bytes());
    let mut end = 0_u32;
    for word in &known {
        end += word.len() as u32;
        packed.extend(end.to_le_bytes());
    }
    known.iter().for_each(|word| packed.extend(word.as_bytes()));
    let width = width_of(known.len() as u64);
    packed.extend([width as u8]);
    for word in words {
        let place = word.and_then(|word| known.binary_search(&word).ok());
        let code = place.map_or(0, |place| place as u64 + 1);
        packed.extend(&code.to_le_bytes()[..width]);
    }
    packed
}

/// The words again; none where these are not so many packed words.
pub(crate) fn unpack_words(packed: &[u8], count: usize) -> Option<Words> {
    let (known, rest) = packed.split_first_chunk::<2>()?;
    let known = usize::from(u16::from_le_bytes(*known));
    let (ends, rest) = rest.split_at_checked(known * 4)?;
    let ends: Vec<usize> = widen(ends, 4, known, |end| end as usize)?;
    let (text, rest) = rest.split_at_checked(ends.last().copied().unwrap_or(0))?;
    let text = std::str::from_utf8(text).ok()?.to_owned();
    let (width, codes) = rest.split_first()?;
    let codes = widen(codes, usize::from(*width), count, |n| u16::try_from(n).unwrap_or(u16::MAX))?;
    let orderly = ends.is_sorted()
        && ends.iter().all(|end| text.is_char_boundary(*end))
        && codes.iter().all(|code| usize::from(*code) <= known);
    orderly.then_some(Words { text, ends, codes })
}

fn width_of(most: u64) -> usize {
    match most {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

/// So many little-endian numbers of a width, each made into what is wanted.
fn widen<T>(packed: &[u8], width: usize, count: usize, make: impl Fn(u64) -> T) -> Option<Vec<T>> {
    if packed.len() != width * count {
        return None;
    }
    // One loop for each width: a million of them are read for one answer.
    Some(match width {
        0 => (0..count).map(|_| make(0)).collect(),
        1 => packed.iter().map(|byte| make(u64::from(*byte))).collect(),
        2 => packed.as_chunks().0.iter().map(|n| make(u16::from_le_bytes(*n).into())).collect(),
        4 => packed.as_chunks().0.iter().map(|n| make(u32::from_le_bytes(*n).into())).collect(),
        8 => packed.as_chunks().0.iter().map(|n| make(u64::from_le_bytes(*n))).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_words() -> impl Strategy<Value = Vec<Option<String>>> {
        prop::collection::vec(prop::option::of("[a-cé]{0,3}"), 0..400)
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            numbers in prop_oneof![
                prop::collection::vec(any::<i64>(), 0..50),
                prop::collection::vec(-3..40_000_i64, 0..50),
                prop::collection::vec(Just(7_i64), 0..50),
            ],
        ) {
            let packed = pack_numbers(&numbers);
            prop_assert_eq!(unpack_numbers(&packed, numbers.len()), Some(numbers.clone()));
            prop_assert!(packed.len() <= 9 + 8 * numbers.len());
        }

        #[test]
        fn words_come_back(words in some_words()) {
            let given: Vec<Option<&str>> = words.iter().map(Option::as_deref).collect();
            let unpacked = unpack_words(&pack_words(&given), given.len()).unwrap();
            let again: Vec<_> = unpacked.codes.iter().map(|code| unpacked.word(*code)).collect();
            prop_assert_eq!(&again, &given);
            for word in given.into_iter().flatten() {
                let code = unpacked.code(word).unwrap();
                prop_assert_eq!(unpacked.word(code), Some(word));
            }
            prop_assert_eq!(unpacked.code("zzz"), None);
        }

        #[test]
        fn nonsense_is_refused(packed in prop::collection::vec(any::<u8>(), 0..80), count in 0..9_usize) {
            let _ = unpack_numbers(&packed, count);
            if let Some(words) = unpack_words(&packed, count) {
                prop_assert!(words.codes.iter().all(|code| *code == 0 || words.word(*code).is_some()));
            }
        }
    }

    #[test]
    fn what_is_the_same_takes_no_room() {
        assert_eq!(pack_numbers(&[5; 4096]).len(), 9);
        assert_eq!(pack_words(&[None; 4096]).len(), 3);
        assert_eq!(pack_words(&[Some("ann"); 4096]).len(), 2 + 4 + 3 + 1 + 4096);
    }
}
