//! Bytes of a stream as valid UTF-8, whatever way they are cut.
//!
//! Invariant: the text given out for a sequence of pieces equals the lossy
//! reading of the pieces joined, as `String::from_utf8_lossy` does it.

const REPLACEMENT: &str = "\u{fffd}";

/// The beginning of a character whose rest has not arrived; at most 3 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carry {
    bytes: [u8; 4],
    length: usize,
}

impl Carry {
    /// Gives `emit` the text of `input`, keeping an unfinished character back.
    pub(crate) fn decode<E>(
        &mut self,
        input: &[u8],
        mut emit: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = self.finish(input, &mut emit)?;
        loop {
            let error = match str::from_utf8(rest) {
                Ok(text) => return if text.is_empty() { Ok(()) } else { emit(text) },
                Err(error) => error,
            };
            let (valid, broken) = rest.split_at(error.valid_up_to());
            if let Ok(text) = str::from_utf8(valid)
                && !text.is_empty()
            {
                emit(text)?;
            }
            let Some(length) = error.error_len() else {
                self.bytes[..broken.len()].copy_from_slice(broken);
                self.length = broken.len();
                return Ok(());
            };
            emit(REPLACEMENT)?;
            rest = &broken[length..];
        }
    }

    /// What stands for the unfinished character when its rest will never come.
    pub(crate) fn give_up(&mut self) -> &'static str {
        if std::mem::take(self).length == 0 { "" } else { REPLACEMENT }
    }

    /// True when `input` would only be kept back, giving no text.
    pub(crate) fn would_hold(mut self, input: &[u8]) -> bool {
        input.len() < self.bytes.len() && self.decode(input, |_| Err(())).is_ok()
    }

    /// Completes the kept character with bytes of `input`; returns those behind it.
    fn finish<'a, E>(
        &mut self,
        input: &'a [u8],
        emit: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        if self.length == 0 {
            return Ok(input);
        }
        for (index, byte) in input.iter().enumerate() {
            self.bytes[self.length] = *byte;
            let (taken, text) = match str::from_utf8(&self.bytes[..=self.length]) {
                Ok(text) => (index + 1, text),
                Err(error) if error.error_len().is_none() => {
                    self.length += 1;
                    continue;
                }
                // The kept bytes are a valid beginning, so the new one is at fault.
                Err(_) => (index, REPLACEMENT),
            };
            emit(text)?;
            self.length = 0;
            return Ok(&input[taken..]);
        }
        Ok(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn read(pieces: &[&[u8]]) -> String {
        let mut carry = Carry::default();
        let mut text = String::new();
        for piece in pieces {
            let length = text.len();
            let holds = carry.would_hold(piece);
            let Ok(()) = carry.decode(piece, |part| {
                text.push_str(part);
                Ok::<_, Infallible>(())
            });
            assert_eq!(holds, text.len() == length);
        }
        text + carry.give_up()
    }

    #[test]
    fn a_cut_character_is_joined_again() {
        assert_eq!(read(&[b"a\xf0\x9f", b"\x98", b"\x80z"]), "a😀z");
        assert_eq!(read(&[b"\xf0\x9f", b"\xff"]), "\u{fffd}\u{fffd}");
        assert_eq!(read(&[b"\xe3\x81"]), "\u{fffd}");
    }

    /// Bytes that like to form, break and cut characters.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4),
            "[a-zä€😀]{0,3}".prop_map(String::into_bytes),
            proptest::sample::select(vec![&b"\xf0\x9f\x98"[..], b"\xe2\x82", b"\xc3", b"\xed\xa0"])
                .prop_map(<[u8]>::to_vec),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn cuts_never_change_the_text(all in bytes(), size in 1..7_usize) {
            let pieces: Vec<&[u8]> = all.chunks(size).collect();
            prop_assert_eq!(read(&pieces), String::from_utf8_lossy(&all));
        }
    }
}
