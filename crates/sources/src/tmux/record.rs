//! Records of fields that say how long they are: names and paths may hold any bytes.

/// A format in which tmux prints a record: a letter for its kind, then each field with its
/// length in front, as in `s2:$0`. No byte of a field can be taken for the end of it.
pub(super) fn format(kind: char, fields: &[&str]) -> String {
    let mut format = String::from(kind);
    for field in fields {
        format.push_str(&format!("#{{n:{field}}}:#{{{field}}}"));
    }
    format
}

/// Reads records one after another.
#[derive(Debug)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The kind of the next record; none at the end.
    pub(super) fn kind(&mut self) -> Option<u8> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*kind)
    }

    /// The fields of a record and the line break behind it; none: this is no such record.
    pub(super) fn fields<const N: usize>(&mut self) -> Option<[&'a [u8]; N]> {
        let mut fields = [&self.rest[..0]; N];
        for field in &mut fields {
            *field = self.field()?;
        }
        self.rest = self.rest.strip_prefix(b"\n")?;
        Some(fields)
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let colon = self.rest.iter().take(10).position(|byte| *byte == b':')?;
        let digits = std::str::from_utf8(&self.rest[..colon]).ok()?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let length: usize = digits.parse().ok()?;
        let rest = &self.rest[colon + 1..];
        let (field, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(field)
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_hold_what_looks_like_other_fields() {
        let mut records = Records::new(b"s5:2:a\nb0:\ns1:x0:\n");
        assert_eq!(records.kind(), Some(b's'));
        assert_eq!(records.fields::<2>(), Some([&b"2:a\nb"[..], b""]));
        assert_eq!(records.kind(), Some(b's'));
        assert_eq!(records.fields::<2>(), Some([&b"x"[..], b""]));
        assert_eq!(records.kind(), None);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bad in [&b""[..], b":", b"x:", b"+1:a\n", b"9:short\n", b"1:ab\n", b"99999999999:\n"] {
            assert_eq!(Records::new(bad).fields::<1>(), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn the_format_asks_for_the_length_of_each_field() {
        assert_eq!(format('s', &["a", "b"]), "s#{n:a}:#{a}#{n:b}:#{b}");
    }
}
