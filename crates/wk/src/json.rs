//! JSON for people and programs: pretty, and harmless on a terminal.

use std::io::Write;

use serde::Serialize;

/// Writes a value over several lines.
pub(crate) fn write(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    writeln!(out, "{}", harmless(&serde_json::to_string_pretty(value)?))?;
    Ok(())
}

/// JSON leaves some characters as they are that act on a terminal; they can only be in
/// strings, where an escape means the same.
pub(crate) fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                text += &format!("\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_reads_back() {
        let value = "a\u{9b}2J\u{1b}[2J\u{202e}é";
        let mut out = Vec::new();
        write(&mut out, &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"a\\u009b2J\\u001b[2J\\u202eé\"\n");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
    }
}
