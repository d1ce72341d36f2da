//! JSON with the places of everything in it, so that a text can be changed without being
//! written anew.
//!
//! Stricter than some readers: what this takes, every reader of JSON takes.

use std::{fmt, ops::Range};

/// Deeper texts are refused: nobody writes such settings.
const DEEPEST: usize = 128;

/// What the reader of a file accepts beside JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Strict,
    /// `// …` and `/* … */` between tokens.
    WithComments,
}

/// One value and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Range<usize>,
    pub kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    Object(Vec<Member>),
    Array(Vec<Item>),
    String(String),
    /// A number, `true`, `false` or `null`.
    Other,
}

/// A part of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub key: String,
    /// From the key to the end of the value.
    pub span: Range<usize>,
    pub value: Node,
    /// Where the comma behind it is.
    pub comma: Option<usize>,
}

/// A part of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub value: Node,
    pub comma: Option<usize>,
}

/// Why a text is no JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct Malformed {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub what: String,
}

impl Malformed {
    /// What is wrong at `offset` of `text`.
    pub fn at(text: &str, offset: usize, what: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        }
    }
}

impl Node {
    /// Reads a text that holds one value.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, Malformed> {
        let mut parser = Parser { text, at: 0, dialect };
        if text.starts_with('\u{feff}') {
            parser.at = '\u{feff}'.len_utf8();
        }
        parser.skip()?;
        let node = parser.value(0)?;
        parser.skip()?;
        match parser.peek() {
            None => Ok(node),
            Some(_) => Err(parser.wrong("something follows the end")),
        }
    }

    /// The member of an object that counts: the last of its name.
    pub fn get(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            NodeKind::Object(members) => members.iter().rev().find(|member| member.key == key),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Item] {
        match &self.kind {
            NodeKind::Array(items) => items,
            _ => &[],
        }
    }

    pub fn members(&self) -> &[Member] {
        match &self.kind {
            NodeKind::Object(members) => members,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_object(&self) -> bool {
        matches!(self.kind, NodeKind::Object(_))
    }

    pub fn is_array(&self) -> bool {
        matches!(self.kind, NodeKind::Array(_))
    }

    /// What it is, in a sentence.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            NodeKind::Object(_) => "an object",
            NodeKind::Array(_) => "a list",
            NodeKind::String(_) => "a string",
            NodeKind::Other => "a number, a truth value or null",
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: impl fmt::Display) -> Malformed {
        Malformed::at(self.text, self.at, what.to_string())
    }

    fn expected(&self, what: &str) -> Malformed {
        match self.text[self.at..].chars().next() {
            None => self.wrong(format_args!("the text ends where {what} is expected")),
            Some(found) => {
                self.wrong(format_args!("{what} is expected, not `{}`", found.escape_debug()))
            }
        }
    }

    /// Goes on to the next token.
    fn skip(&mut self) -> Result<(), Malformed> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            let rest = &self.text[self.at..];
            if self.dialect == Dialect::Strict || !rest.starts_with('/') {
                return Ok(());
            }
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or_else(|| self.wrong("a comment does not end"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Malformed> {
        if depth > DEEPEST {
            return Err(self.wrong("this is nested too deeply"));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => NodeKind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return Err(self.expected("a value")),
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Result<NodeKind, Malformed> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        loop {
            self.skip()?;
            match self.peek() {
                Some(b'}') if members.is_empty() => break,
                Some(b'"') => {}
                _ => return Err(self.expected("a key in double quotes")),
            }
            let start = self.at;
            let key = self.string()?;
            self.skip()?;
            if self.peek() != Some(b':') {
                return Err(self.expected("`:`"));
            }
            self.at += 1;
            self.skip()?;
            let value = self.value(depth + 1)?;
            members.push(Member { key, span: start..self.at, value, comma: None });
            self.skip()?;
            match self.peek() {
                Some(b',') => {
                    if let Some(last) = members.last_mut() {
                        last.comma = Some(self.at);
                    }
                    self.at += 1;
                }
                Some(b'}') => break,
                _ => return Err(self.expected("`,` or `}`")),
            }
        }
        self.at += 1;
        Ok(NodeKind::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<NodeKind, Malformed> {
        self.at += 1;
        let mut items: Vec<Item> = Vec::new();
        loop {
            self.skip()?;
            if self.peek() == Some(b']') && items.is_empty() {
                break;
            }
            let value = self.value(depth + 1)?;
            items.push(Item { value, comma: None });
            self.skip()?;
            match self.peek() {
                Some(b',') => {
                    if let Some(last) = items.last_mut() {
                        last.comma = Some(self.at);
                    }
                    self.at += 1;
                }
                Some(b']') => break,
                _ => return Err(self.expected("`,` or `]`")),
            }
        }
        self.at += 1;
        Ok(NodeKind::Array(items))
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                None | Some(b'\n') => return Err(self.wrong("a string does not end")),
                Some(b'\\') => end += 2,
                Some(b'"') => break,
                Some(_) => end += 1,
            }
        }
        let slice =
            self.text.get(start..=end).ok_or_else(|| self.wrong("a string does not end"))?;
        let decoded = serde_json::from_str(slice).map_err(|_| {
            self.wrong("a string has an escape or a control character that JSON has not")
        })?;
        self.at = end + 1;
        Ok(decoded)
    }

    fn number(&mut self) -> Result<NodeKind, Malformed> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        if is_number(&self.text.as_bytes()[start..self.at]) {
            return Ok(NodeKind::Other);
        }
        self.at = start;
        Err(self.wrong("this is no number"))
    }

    fn word(&mut self, word: &str) -> Result<NodeKind, Malformed> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(NodeKind::Other)
    }
}

fn is_number(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, want) in [
            ("", "line 1, column 1: the text ends where a value is expected"),
            ("{\n  \"a\": 1,\n}", "line 3, column 1: a key in double quotes is expected, not `}`"),
            ("{\"é\" 1}", "line 1, column 6: `:` is expected, not `1`"),
            ("[1 2]", "line 1, column 4: `,` or `]` is expected, not `2`"),
            ("[01]", "line 1, column 2: this is no number"),
            ("{} x", "line 1, column 4: something follows the end"),
            ("{\"a", "line 1, column 2: a string does not end"),
            (
                "\"\\x\"",
                "line 1, column 1: a string has an escape or a control character that JSON has not",
            ),
            ("// c\n{}", "line 1, column 1: a value is expected, not `/`"),
        ] {
            assert_eq!(Node::parse(text, Dialect::Strict).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn comments_are_taken_where_the_reader_takes_them() {
        let text = "// a\n{ /* b */ \"k\" : [1, /* c */ 2] // d\n}";
        let node = Node::parse(text, Dialect::WithComments).unwrap();
        assert_eq!(node.get("k").unwrap().value.items().len(), 2);
        assert!(Node::parse("{} /* a", Dialect::WithComments).is_err());
    }

    #[test]
    fn the_last_of_two_keys_counts() {
        let node = Node::parse(r#"{"a": 1, "a": "x"}"#, Dialect::Strict).unwrap();
        assert_eq!(node.get("a").unwrap().value.text(), Some("x"));
    }

    #[test]
    fn a_deep_text_is_refused_and_harms_nobody() {
        let text = "[".repeat(100_000);
        let wrong = Node::parse(&text, Dialect::Strict).unwrap_err();
        assert_eq!(wrong.what, "this is nested too deeply");
    }

    #[test]
    fn takes_what_serde_takes() {
        for text in ["-0.5e+7", "[]", "{}", "null", "\"\\ud83d\\ude00\"", " [true , false] "] {
            assert!(Node::parse(text, Dialect::Strict).is_ok(), "{text}");
        }
        for text in ["-", "1.", "1e", ".5", "+1", "tru", "[,]", "'a'", "\"\u{1}\"", "\"\\"] {
            assert!(Node::parse(text, Dialect::Strict).is_err(), "{text}");
        }
    }
}
