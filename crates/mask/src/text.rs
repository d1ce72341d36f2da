//! Masks single strings, such as command lines.

use std::borrow::Cow;

use crate::Masker;
use crate::openers::Openers;

/// The text with its secrets hidden; borrowed if it has none.
pub fn mask_text(text: &str) -> Cow<'_, str> {
    let (_, opener) = Openers::at_boundary().next(text.as_bytes());
    if opener.is_none() {
        return Cow::Borrowed(text);
    }
    let mut masked = Vec::with_capacity(text.len());
    let mut masker = Masker::new();
    masker.feed(text.as_bytes(), &mut masked);
    masker.finish(&mut masked);
    if masked == text.as_bytes() {
        return Cow::Borrowed(text);
    }
    // Only ASCII is replaced, and by ASCII, so this is UTF-8 as before.
    Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
}

/// The arguments of a command with their secrets hidden.
///
/// They are read as one line, since a flag and its value may be two arguments.
pub fn mask_arguments(arguments: &[String]) -> Vec<String> {
    let line = arguments.join(" ");
    let masked = mask_text(&line);
    let mut rest = &*masked;
    let mut cut = Vec::with_capacity(arguments.len());
    for argument in arguments {
        // A mask is as long as what it hides.
        let (head, tail) = rest.split_at(argument.len());
        cut.push(head.to_owned());
        rest = tail.strip_prefix(' ').unwrap_or(tail);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_and_its_value_are_read_together() {
        let arguments = ["curl", "--token", "correct-horse-battery", "", "http://h/é"];
        let masked = mask_arguments(&arguments.map(String::from));
        assert_eq!(masked, ["curl", "--token", "*********************", "", "http://h/é"]);
        assert!(mask_arguments(&[]).is_empty());
    }
}
