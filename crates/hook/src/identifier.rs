//! Ids that agents give to their sessions.

/// Longer ones are no ids.
const LONGEST: usize = 256;

/// Whether a text may stand for a session: it goes into files, and others make paths of it.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| !c.is_control() && !c.is_whitespace() && c != '/';
    !text.is_empty()
        && text.len() <= LONGEST
        && text != "unknown"
        && !text.starts_with('.')
        && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_no_id() {
        for good in ["sess_abc123", "3f1c2c9e-0000-4000-8000-1234567890ab", "ses:1", "ü"] {
            assert!(is_id(good), "{good}");
        }
        let long = "x".repeat(257);
        for bad in ["", "unknown", "../etc", "a/b", "a\nb", "a\0b", "a b", "..", &long] {
            assert!(!is_id(bad), "{bad:?}");
        }
    }
}
