//! Counts of things that are many: `1.2M`.

/// Writes a count for people: `999`, `12.3k`, `1.2M`.
pub(crate) fn brief(count: u64) -> String {
    for (unit, size) in [("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000)] {
        if count >= size {
            // Cut, not rounded: 999,999 is no million.
            return format!("{}.{}{unit}", count / size, count % size / (size / 10));
        }
    }
    count.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_told_in_brief() {
        let told = [0, 999, 1000, 12_349, 999_999, 1_200_000, u64::MAX].map(brief);
        assert_eq!(told[..6], ["0", "999", "1.0k", "12.3k", "999.9k", "1.2M"]);
        assert!(told[6].ends_with('G'));
    }
}
