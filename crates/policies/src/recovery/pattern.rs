//! Patterns that name a failure: an exit code, text on the last screen, or both.

use wk_model::FailurePattern;

/// Where the last screen says what a pattern looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The line that fits.
    pub line: String,
    /// The same and what stands below it: a narrow terminal breaks a long message.
    pub passage: String,
}

/// Lines that one message may take.
const LINES: usize = 4;

/// Whether an end fits; the inner value is where the screen says so, the newest line first.
///
/// A pattern that asks for nothing fits nothing. `code` is none where the end was not the
/// command's own.
pub(super) fn find(
    pattern: &FailurePattern,
    code: Option<i32>,
    last_lines: &str,
) -> Option<Option<Saying>> {
    if pattern.exit_code.is_some_and(|wanted| Some(wanted) != code) {
        return None;
    }
    match &pattern.screen {
        None => pattern.exit_code.map(|_| None),
        Some(wanted) => {
            let wanted = wanted.to_lowercase();
            let lines: Vec<&str> = last_lines.lines().map(str::trim).collect();
            let at = lines.iter().rposition(|line| fits(&wanted, &line.to_lowercase()))?;
            let below = &lines[at..lines.len().min(at + LINES)];
            Some(Some(Saying { line: lines[at].to_owned(), passage: below.join(" ") }))
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
            let found = find(&pattern(exit_code, wanted), Some(7), screen);
            assert_eq!(found.is_some(), fits, "{case}");
        }
        assert_eq!(find(&pattern(Some(7), Some("limit")), None, screen), None, "no code at all");
        let saying = find(&pattern(None, Some("limit")), None, screen).unwrap().unwrap();
        assert_eq!(saying.line, "Usage Limit reached: try again in 5m");
        assert_eq!(saying.passage, "Usage Limit reached: try again in 5m $");
    }
}
