//! One record of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg).

/// What one read of the device gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who wrote it: 0 is the kernel, and nobody else can say so.
    pub facility: u64,
    /// Microseconds after boot, without those in which the machine slept.
    pub monotonic_us: u64,
    pub text: String,
}

impl Record {
    pub fn is_kernels(&self) -> bool {
        self.facility == 0
    }
}

/// Reads `priority,sequence,microseconds,flags[,…];text`; lines that follow are a dictionary.
pub fn read_record(bytes: &[u8]) -> Option<Record> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let end = line.iter().position(|byte| *byte == b';')?;
    let head = std::str::from_utf8(&line[..end]).ok()?;
    let mut fields = head.split(',');
    let priority: u64 = fields.next()?.parse().ok()?;
    let monotonic_us = fields.nth(1)?.parse().ok()?;
    fields.next()?;
    let text = String::from_utf8_lossy(&line[end + 1..]).into_owned();
    Some(Record { facility: priority >> 3, monotonic_us, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_a_writer_a_time_and_a_text() {
        let bytes =
            b"6,1123,5140900,-,caller=T7;audit: type=1326; a;b\n SUBSYSTEM=pci\n DEVICE=x\n";
        let record = read_record(bytes).unwrap();
        assert_eq!((record.facility, record.monotonic_us), (0, 5_140_900));
        assert_eq!(record.text, "audit: type=1326; a;b");
        assert!(!read_record(b"14,1,2,-;from a user").unwrap().is_kernels());
    }

    #[test]
    fn what_is_none_is_refused() {
        for bytes in
            [&b""[..], b";", b"6,1;x", b"6,1,2;x", b"-6,1,2,-;x", b"\xff,1,2,-;x", b"6,1,2,-"]
        {
            assert_eq!(read_record(bytes), None, "{bytes:?}");
        }
    }
}
