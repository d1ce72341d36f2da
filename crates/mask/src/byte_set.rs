//! A set of ASCII bytes, made at compile time from ranges such as `A-Za-z0-9_-`.

/// Bytes of 0x80 and above are never inside: secrets are ASCII, and text that is not must keep
/// its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSet(u128);

impl ByteSet {
    /// Reads `a-z` as a range and any other byte as itself; a `-` that ends the text is a dash.
    pub(crate) const fn of(ranges: &str) -> Self {
        let ranges = ranges.as_bytes();
        let mut bits = 0;
        let mut index = 0;
        while index < ranges.len() {
            let is_range = index + 2 < ranges.len() && ranges[index + 1] == b'-';
            let last = if is_range { ranges[index + 2] } else { ranges[index] };
            let mut byte = ranges[index];
            assert!(byte <= last && last.is_ascii(), "ranges are ascending and ASCII");
            while byte <= last {
                bits |= 1 << byte;
                byte += 1;
            }
            index += if is_range { 3 } else { 1 };
        }
        Self(bits)
    }

    pub(crate) const fn without(self, ranges: &str) -> Self {
        Self(self.0 & !Self::of(ranges).0)
    }

    pub(crate) const fn contains(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    /// How many bytes at the start of `data` are inside.
    pub(crate) fn prefix_length(self, data: &[u8]) -> usize {
        data.iter().position(|&byte| !self.contains(byte)).unwrap_or(data.len())
    }
}
