//! What a session said last, as its exit record keeps it.

/// Bytes of text that are kept: with every one of them escaped, the exit record still fits in
/// the space that is reserved for it.
const MAX: usize = 2048;

/// The last lines of a text that are not blank, with secrets masked; none where there are none.
pub(crate) fn of(text: &str) -> Option<String> {
    // Masked as a whole: half a secret looks like none.
    let masked = wk_mask::mask_text(text);
    let (mut lines, mut size) = (Vec::new(), 0);
    for line in masked.lines().rev().map(clean).filter(|line| !line.is_empty()) {
        let room = MAX.saturating_sub(size);
        if line.len() > room {
            if lines.is_empty() {
                lines.push(line[line.ceil_char_boundary(line.len() - room)..].to_owned());
            }
            break;
        }
        size += line.len() + 1;
        lines.push(line);
    }
    lines.reverse();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A line as a terminal leaves it: what was written over is gone, and so are control characters.
fn clean(line: &str) -> String {
    let shown = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
    let visible = shown.chars().map(|c| if c == '\t' { ' ' } else { c });
    let text: String = visible.filter(|c| !c.is_control()).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_what_was_written_over_are_left_out() {
        let text = "start\n\n 10 %\r 90 %\r\n\x07\terror: \u{1}no\u{9b}space \n\n  \n";
        assert_eq!(of(text).as_deref(), Some("start\n 90 %\n error: nospace"));
        assert_eq!(of("\n \r\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn the_last_lines_are_kept_whole_as_far_as_there_is_room() {
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let kept = of(&text).unwrap();
        assert!(kept.len() <= MAX && kept.starts_with("line ") && kept.ends_with("line 999"));
        let long = format!("first\n{}end", "é".repeat(3000));
        let kept = of(&long).unwrap();
        assert!((MAX - 1..=MAX).contains(&kept.len()) && kept.ends_with("éend"), "{}", kept.len());
    }

    #[test]
    fn a_secret_is_hidden_even_where_the_cut_goes_through_it() {
        let secret = "ghp_".to_owned() + &"a1B2".repeat(600);
        let kept = of(&secret).unwrap();
        assert!(!kept.contains("a1B2"), "{kept}");
    }

    #[test]
    fn the_record_has_room_for_the_worst_of_them() {
        let worst = of(&"\"\\".repeat(3000)).unwrap();
        let json = serde_json::to_string(&worst).unwrap();
        assert!(json.len() as u64 + 2048 < wk_holder::record::EXIT_RESERVED);
    }
}
