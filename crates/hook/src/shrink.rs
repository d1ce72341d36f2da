//! Makes a JSON text shorter as it comes, and keeps it JSON.
//!
//! Long strings are cut, then whole values are left out; what stands at the top, where agents
//! put their ids, is left out last. Whatever was open when the text ended is closed, so half a
//! text becomes a whole one. Never keeps more than it was told, however long or deep the text.

use memchr::{memchr, memchr2};

/// Values that are nested deeper are left out: readers go no deeper than 128.
const DEEPEST: usize = 64;

/// Of a string when there is hardly any room left, and of a key.
const SHORT: usize = 256;

/// Of a number, or of what stands where one should be.
const SCALAR: usize = 64;

/// Stands where something was cut.
const CUT: &[u8] = "…".as_bytes();

/// Takes a text in pieces.
#[derive(Debug)]
pub struct Shrinker {
    out: Vec<u8>,
    /// Beyond this, only short values at the top are kept, and beyond `most` nothing is.
    enough: usize,
    most: usize,
    stack: Vec<Level>,
    mode: Mode,
}

/// An object or array that is kept.
#[derive(Debug)]
struct Level {
    object: bool,
    empty: bool,
    /// The latest key, with its quotes.
    key: Vec<u8>,
    awaits_key: bool,
}

#[derive(Debug)]
enum Mode {
    Between,
    Key(Copy),
    Text(Copy),
    /// A string that is left out; whether the next byte is escaped.
    NoText(bool),
    /// So many bytes of it may still be kept; none: it is left out.
    Scalar(Option<usize>),
    /// An object or array that is left out.
    Without {
        depth: usize,
        in_text: bool,
        escaped: bool,
    },
    Done,
}

/// A string that is kept up to a length.
#[derive(Debug)]
struct Copy {
    left: usize,
    escape: Vec<u8>,
    /// The first half of a pair: no place to cut.
    paired: bool,
    cut: bool,
    /// What is left out goes on behind a backslash.
    escaped: bool,
}

impl Shrinker {
    /// Keeps about `bound` bytes at most.
    pub fn new(bound: usize) -> Self {
        let enough = bound - bound / 4;
        Self { out: Vec::new(), enough, most: bound, stack: Vec::new(), mode: Mode::Between }
    }

    /// Whether all that is kept has been read.
    pub fn is_done(&self) -> bool {
        matches!(self.mode, Mode::Done)
    }

    /// Takes the next piece.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let mut mode = std::mem::replace(&mut self.mode, Mode::Between);
            let used = match &mut mode {
                Mode::Done => {
                    self.mode = Mode::Done;
                    return;
                }
                Mode::Between => {
                    self.mode = self.token(piece[0]);
                    // What begins a scalar is a part of it.
                    usize::from(!matches!(self.mode, Mode::Scalar(_)))
                }
                Mode::Key(copy) => {
                    let mut empty = Vec::new();
                    let target = self.stack.last_mut().map_or(&mut empty, |level| &mut level.key);
                    let (used, ended) = copy.take(piece, target);
                    self.mode = if ended { Mode::Between } else { mode };
                    used
                }
                Mode::Text(copy) => {
                    let (used, ended) = copy.take(piece, &mut self.out);
                    self.mode = if ended { self.after_value() } else { mode };
                    used
                }
                Mode::NoText(escaped) => {
                    let (used, ended) = pass_text(piece, escaped);
                    self.mode = if ended { self.after_value() } else { mode };
                    used
                }
                Mode::Scalar(left) => {
                    let length = piece.iter().position(|byte| ends_scalar(*byte));
                    let long = length.unwrap_or(piece.len());
                    if let Some(left) = left {
                        let kept = long.min(*left);
                        self.out.extend_from_slice(&piece[..kept]);
                        *left -= kept;
                        if kept < long {
                            self.end_number();
                        }
                    }
                    self.mode = if length.is_some() { self.after_value() } else { mode };
                    long
                }
                Mode::Without { depth, in_text, escaped } => {
                    let (used, ended) = pass_value(piece, depth, in_text, escaped);
                    self.mode = if ended { self.after_value() } else { mode };
                    used
                }
            };
            piece = &piece[used..];
        }
    }

    /// What is kept, with everything closed that is open.
    pub fn finish(mut self) -> Vec<u8> {
        if let Mode::Text(_) = self.mode {
            self.out.push(b'"');
        }
        while let Some(level) = self.stack.pop() {
            self.out.push(level.closing());
        }
        self.out
    }

    /// A byte between values.
    fn token(&mut self, byte: u8) -> Mode {
        let top = self.stack.last_mut();
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => Mode::Between,
            b',' => {
                if let Some(level) = top {
                    level.awaits_key = level.object;
                }
                Mode::Between
            }
            b':' => {
                if let Some(level) = top {
                    level.awaits_key = false;
                }
                Mode::Between
            }
            b'"' => {
                if let Some(level) = top.filter(|level| level.awaits_key) {
                    level.key.clear();
                    level.key.push(b'"');
                    return Mode::Key(Copy::new(SHORT));
                }
                if !self.begin(false) {
                    return Mode::NoText(false);
                }
                let room = self.enough.saturating_sub(self.out.len());
                self.out.push(b'"');
                Mode::Text(Copy::new((self.most / 4).min(room).max(SHORT)))
            }
            b'{' | b'[' if self.begin(true) => {
                self.out.push(byte);
                let object = byte == b'{';
                self.stack.push(Level { object, empty: true, key: Vec::new(), awaits_key: object });
                Mode::Between
            }
            b'{' | b'[' => Mode::Without { depth: 1, in_text: false, escaped: false },
            b'}' | b']' => {
                if let Some(level) = self.stack.pop() {
                    self.out.push(level.closing());
                }
                self.after_value()
            }
            _ if self.begin(false) => Mode::Scalar(Some(SCALAR)),
            _ => Mode::Scalar(None),
        }
    }

    /// Whether the value that begins is kept; what stands before it is then written.
    fn begin(&mut self, container: bool) -> bool {
        let depth = self.stack.len();
        let kept = if container {
            depth < DEEPEST && self.out.len() < self.enough
        } else {
            self.out.len() < self.enough || depth <= 1 && self.out.len() + 2 * SHORT < self.most
        };
        // In an object, a value without its key would be none.
        let keyless = |level: &Level| level.object && (level.awaits_key || level.key.is_empty());
        if !kept || self.stack.last().is_some_and(keyless) {
            return false;
        }
        if let Some(level) = self.stack.last_mut() {
            if !std::mem::replace(&mut level.empty, false) {
                self.out.push(b',');
            }
            if level.object {
                self.out.append(&mut level.key);
                self.out.push(b':');
            }
        }
        true
    }

    /// A number that was cut ends with a digit.
    fn end_number(&mut self) {
        while matches!(self.out.last(), Some(b'.' | b'e' | b'E' | b'+' | b'-')) {
            self.out.pop();
        }
    }

    fn after_value(&self) -> Mode {
        // Only one text is read; what follows it belongs to nothing.
        if self.stack.is_empty() { Mode::Done } else { Mode::Between }
    }
}

impl Level {
    fn closing(&self) -> u8 {
        if self.object { b'}' } else { b']' }
    }
}

impl Copy {
    fn new(left: usize) -> Self {
        Self { left, escape: Vec::new(), paired: false, cut: false, escaped: false }
    }

    /// Copies what is kept of a string; how much was read, and whether it has ended.
    fn take(&mut self, piece: &[u8], target: &mut Vec<u8>) -> (usize, bool) {
        let mut at = 0;
        while at < piece.len() {
            if self.cut && self.escape.is_empty() {
                // Nothing more is kept of it: only its end matters.
                let (used, ended) = pass_text(&piece[at..], &mut self.escaped);
                target.extend(ended.then_some(b'"'));
                return (at + used, ended);
            }
            if !self.escape.is_empty() {
                self.escape.push(piece[at]);
                at += 1;
                self.end_escape(target);
                continue;
            }
            let run = memchr2(b'"', b'\\', &piece[at..]).unwrap_or(piece.len() - at);
            self.plain(&piece[at..at + run], target);
            at += run;
            match piece.get(at) {
                Some(b'"') => {
                    target.push(b'"');
                    return (at + 1, true);
                }
                Some(_) => {
                    self.escape.push(b'\\');
                    at += 1;
                }
                None => {}
            }
        }
        (at, false)
    }

    /// Bytes that stand for themselves.
    fn plain(&mut self, run: &[u8], target: &mut Vec<u8>) {
        if self.cut || run.is_empty() {
            return;
        }
        self.paired = false;
        let mut kept = run.len().min(self.left);
        // The rest of a character whose beginning is kept is kept as well.
        while run.get(kept).is_some_and(|byte| byte & 0xc0 == 0x80) {
            kept += 1;
        }
        target.extend_from_slice(&run[..kept]);
        self.left = self.left.saturating_sub(kept);
        if kept < run.len() {
            self.mark(target);
        }
    }

    fn end_escape(&mut self, target: &mut Vec<u8>) {
        let whole = match self.escape.get(1) {
            Some(b'u') => self.escape.len() == 6,
            _ => self.escape.len() == 2,
        };
        if !whole {
            return;
        }
        let escape = std::mem::take(&mut self.escape);
        if self.cut {
            return;
        }
        if self.left == 0 && !self.paired {
            return self.mark(target);
        }
        let high = escape.get(1) == Some(&b'u')
            && matches!(escape[2], b'd' | b'D')
            && matches!(escape[3], b'8' | b'9' | b'a' | b'A' | b'b' | b'B');
        self.paired = high && !self.paired;
        self.left = self.left.saturating_sub(escape.len());
        target.extend_from_slice(&escape);
    }

    fn mark(&mut self, target: &mut Vec<u8>) {
        self.cut = true;
        target.extend_from_slice(CUT);
    }
}

fn ends_scalar(byte: u8) -> bool {
    matches!(byte, b',' | b':' | b'}' | b']' | b'{' | b'[' | b'"' | b' ' | b'\t' | b'\r' | b'\n')
}

/// Passes over a string; how much was read, and whether it has ended. Only quotes are looked
/// for: long texts are full of other escapes.
fn pass_text(piece: &[u8], escaped: &mut bool) -> (usize, bool) {
    let carried = std::mem::take(escaped);
    let mut from = 0;
    while let Some(run) = memchr(b'"', &piece[from..]) {
        let quote = from + run;
        from = quote + 1;
        if !is_escaped(&piece[..quote], carried) {
            return (from, true);
        }
    }
    *escaped = is_escaped(piece, carried);
    (piece.len(), false)
}

/// Whether what comes next stands behind a backslash that is none's own; `carried`: the first
/// byte of `before` does.
fn is_escaped(before: &[u8], carried: bool) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    (backslashes % 2 == 1) ^ (carried && backslashes == before.len())
}

/// Passes over an object or array.
fn pass_value(
    piece: &[u8],
    depth: &mut usize,
    in_text: &mut bool,
    escaped: &mut bool,
) -> (usize, bool) {
    let mut at = 0;
    while at < piece.len() {
        if *in_text {
            let (used, ended) = pass_text(&piece[at..], escaped);
            at += used;
            *in_text = !ended;
            continue;
        }
        match piece[at] {
            b'"' => *in_text = true,
            b'{' | b'[' => *depth += 1,
            b'}' | b']' => *depth -= 1,
            _ => {}
        }
        at += 1;
        if *depth == 0 {
            return (at, true);
        }
    }
    (at, false)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// In pieces of any length, it is always the same.
    fn shrink(text: &str, bound: usize) -> String {
        let pieces = |length: usize| {
            let mut shrinker = Shrinker::new(bound);
            text.as_bytes().chunks(length).for_each(|piece| shrinker.feed(piece));
            shrinker.finish()
        };
        let whole = pieces(usize::MAX / 2);
        for length in [1, 2, 3, 7, 64] {
            assert_eq!(pieces(length), whole, "in pieces of {length}");
        }
        String::from_utf8(whole).unwrap()
    }

    fn value(text: &str, bound: usize) -> Value {
        let short = shrink(text, bound);
        assert!(short.len() <= bound + SHORT + 8, "{} bytes", short.len());
        serde_json::from_str(&short).unwrap_or_else(|error| panic!("{error}: {short}"))
    }

    #[test]
    fn what_is_short_enough_stays_as_it_is() {
        let text =
            r#" { "a" : [1, -2.5e3, true, null, {}, []], "b\"c" : "x\\\"y\u00e9\ud83d\ude00" } "#;
        let want: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value(text, 65536), want);
    }

    #[test]
    fn a_long_text_is_cut_and_what_stands_behind_it_is_kept() {
        let long = "é\\n\u{1f600}".repeat(100_000);
        let text = format!(
            r#"{{"session_id":"s1","tool_input":{{"content":"{long}","path":"/p"}},"tool_use_id":"t1"}}"#
        );
        let short = value(&text, 4096);
        assert_eq!(short["session_id"], "s1");
        assert_eq!(short["tool_use_id"], "t1");
        assert_eq!(short["tool_input"]["path"], "/p");
        assert!(short["tool_input"]["content"].as_str().unwrap().ends_with('…'));
    }

    #[test]
    fn ids_at_the_top_survive_a_million_small_values() {
        let many = vec![json!({"k": [1, 2, 3]}); 100_000];
        let text =
            json!({"a_first": many, "session_id": "s1", "z": {"deep": true}, "tool_use_id": "t"});
        let short = value(&text.to_string(), 4096);
        assert_eq!((&short["session_id"], &short["tool_use_id"]), (&json!("s1"), &json!("t")));
        assert_eq!(short["z"], Value::Null, "no room");
    }

    #[test]
    fn pairs_and_escapes_are_not_cut_in_two() {
        for filler in 0..24 {
            let text =
                format!(r#"{{"a":"{}{}"}}"#, "x".repeat(filler), r"\ud83d\ude00".repeat(300));
            let short = value(&text, 1024);
            assert!(short["a"].as_str().unwrap().len() > 64);
        }
    }

    #[test]
    fn half_a_text_becomes_a_whole_one() {
        let text = r#"{"session_id":"s1","list":[1,{"a":"b"#;
        assert_eq!(value(text, 4096), json!({"session_id": "s1", "list": [1, {"a": "b"}]}));
        assert_eq!(value(r#"{"a":1,"b"#, 4096), json!({"a": 1}));
        assert_eq!(value(r#"{"a":1,"b":"#, 4096), json!({"a": 1}));
        assert_eq!(value(r#"{"a":1} {"b":2}"#, 4096), json!({"a": 1}));
    }

    #[test]
    fn a_number_that_is_cut_is_still_one() {
        for digits in 60..66 {
            let text = format!(r#"{{"a":{}.5e+10,"b":true}}"#, "1".repeat(digits));
            let short = value(&text, 4096);
            assert!(short["a"].is_number() && short["b"] == true, "{short}");
        }
    }

    #[test]
    fn no_depth_is_too_deep() {
        let text =
            format!("{{\"x\":{}1{},\"id\":\"s\"}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(value(&text, 4096)["id"], "s");
        assert!(value(&"[".repeat(100_000), 4096).is_array());
    }

    #[test]
    fn what_is_no_json_stays_bounded() {
        for text in ["}}}]]]", ",,::,,", "\"", "{\"a\" \"b\" \"c\"}", "{1:2}", "\\\\\\", ""] {
            assert!(shrink(text, 1024).len() <= 1024);
        }
        assert!(shrink(&"x".repeat(100_000), 1024).len() <= 1024);
        assert!(shrink(&"{\"a\":".repeat(10_000), 1024).len() <= 2048);
    }

    #[test]
    fn a_text_ends_at_the_same_place_however_it_comes_in_pieces() {
        for text in [r#"a\"b"#, r#"\"x\\"y"#, r#""""""#, r#"\""#, r#"abc"#, r#""#] {
            let whole = pass_text(text.as_bytes(), &mut false);
            for cut in 0..=text.len() {
                let mut escaped = false;
                let (first, ended) = pass_text(&text.as_bytes()[..cut], &mut escaped);
                let told = match ended {
                    true => (first, true),
                    false => {
                        let (rest, ended) = pass_text(&text.as_bytes()[cut..], &mut escaped);
                        (cut + rest, ended)
                    }
                };
                assert_eq!(told, whole, "{text} cut at {cut}");
            }
        }
    }
}
