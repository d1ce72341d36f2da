//! Patterns that name a failure: an exit code, text on the last screen, or both.

use wk_model::FailurePattern;

/// Whether an end fits; the inner value is the line that did, newest first.
///
/// A pattern that asks for nothing fits nothing.
pub(super) fn find(
    pattern: &FailurePattern,
    code: i32,
    last_lines: &str,
) -> Option<Option<String>> {
    if pattern.exit_code.is_some_and(|wanted| wanted != code) {
        return None;
    }
    match &pattern.screen {
        None => pattern.exit_code.map(|_| None),
        Some(wanted) => {
            let wanted = wanted.to_lowercase();
            let line = last_lines.lines().rev().find(|line| fits(&wanted, &line.to_lowercase()))?;
            Some(Some(line.trim().to_owned()))
        }
    }
}

/// Whether the pieces between the stars of `pattern` are in `line`, one after another.
fn fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    pattern.split('*').all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use wk_model::Category;

    use super::*;

    fn pattern(exit_code: Option<i32>, screen: Option<&str>) -> FailurePattern {
        let screen = screen.map(str::to_owned);
        FailurePattern { category: Category::RateLimit, exit_code, screen }
    }

    #[test]
    fn patterns_fit_what_they_name() {
        let screen = "thinking\n  Usage Limit reached: try again in 5m  \n$ ";
        for (case, exit_code, wanted, fits) in [
            ("text in any case", None, Some("usage limit REACHED"), true),
            ("a star spans the line", None, Some("limit*again in"), true),
            ("but not lines", None, Some("thinking*limit"), false),
            ("pieces come in order", None, Some("again*limit"), false),
            ("the code alone", Some(7), None, true),
            ("another code", Some(8), None, false),
            ("both must fit", Some(7), Some("nothing like it"), false),
            ("nothing asked, nothing found", None, None, false),
        ] {
            let found = find(&pattern(exit_code, wanted), 7, screen);
            assert_eq!(found.is_some(), fits, "{case}");
        }
        let line = find(&pattern(None, Some("limit")), 1, screen).unwrap();
        assert_eq!(line.as_deref(), Some("Usage Limit reached: try again in 5m"));
    }
}
