//! Text from elsewhere, made safe to show: it may try to move the cursor or hide itself.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Whether a character would do something else than show itself.
fn acts(c: char) -> bool {
    c.is_control()
        // Changes the direction of what follows, or is not visible at all.
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes what would act on a terminal as an escape: `\n`, `\u{1b}`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Keeps the line breaks of a text of several lines, and makes the rest visible.
pub(crate) fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Columns that a visible text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Cuts a visible text to so many columns; an ellipsis stands for what is gone.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let (mut taken, mut end) = (0, 0);
    for (index, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        // One column is the ellipsis's.
        if taken >= columns {
            break;
        }
        end = index + c.len_utf8();
    }
    let ellipsis = if columns == 0 { "" } else { "…" };
    Cow::Owned(format!("{}{ellipsis}", &text[..end]))
}

/// A command as one would type it into a shell, and safe to show.
///
/// Arguments can have megabytes: what goes much beyond `limit` bytes is left out.
pub(crate) fn command_line(command: &[String], limit: usize) -> String {
    let mut line = String::new();
    for word in command {
        if !line.is_empty() {
            line.push(' ');
        }
        if line.len() > limit {
            line.push('…');
            break;
        }
        let begin = &word[..word.floor_char_boundary(limit)];
        line += &quoted(begin);
        if begin.len() < word.len() {
            line.push('…');
            break;
        }
    }
    line
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-+=./,:@%^{}[]~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if word.contains(acts) {
        return format!("$'{}'", visible(&word.replace('\\', "\\\\").replace('\'', "\\'")));
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_is_shown_acts() {
        assert_eq!(visible("a\u{1b}[2Jb\n\u{9b}c\u{202e}"), "a\\u{1b}[2Jb\\n\\u{9b}c\\u{202e}");
        assert_eq!(visible_lines("a\r\nb"), "a\\r\nb");
        assert!(matches!(visible("plain ü 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn cutting_minds_wide_characters() {
        for (text, columns, want) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("漢字漢字", 8, "漢字漢字"),
            ("漢字漢字", 7, "漢字漢…"),
            ("漢字漢字", 6, "漢字…"),
            ("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, columns), want, "{text} {columns}");
        }
    }

    #[test]
    fn commands_are_shown_as_a_shell_takes_them() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (command, want) in [
            (&["ls", "-l"][..], "ls -l"),
            (&["sh", "-c", "echo $HOME"], "sh -c 'echo $HOME'"),
            (&["a", "", "it's"], r"a '' 'it'\''s'"),
            (&["printf", "\u{1b}[2J\n"], r"printf $'\u{1b}[2J\n'"),
        ] {
            assert_eq!(command_line(&words(command), 100), want);
        }
    }

    #[test]
    fn a_huge_command_is_not_shown_whole() {
        let huge = ["echo".to_owned(), "ä".repeat(1_000_000)];
        assert_eq!(command_line(&huge, 5), "echo ää…");
        let many = vec!["x".to_owned(); 1_000_000];
        assert_eq!(command_line(&many, 3), "x x …");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text: String, columns in 0_usize..50) {
            let shown = visible(&text).into_owned();
            prop_assert!(width(&cut(&shown, columns)) <= columns);
            prop_assert!(!shown.contains(acts));
        }
    }
}
