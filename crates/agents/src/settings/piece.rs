//! JSON to be put into a text, its keys in the order in which they are written here.

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Object(Vec<(String, Piece)>),
    Array(Vec<Piece>),
    Text(String),
    Number(u32),
}

/// How the text around is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// One step of indentation.
    pub step: String,
    pub newline: &'static str,
}

impl Piece {
    /// On one line.
    pub(super) fn compact(&self) -> String {
        self.write(", ", ": ")
    }

    /// On one line, without a blank that is not needed.
    pub(super) fn dense(&self) -> String {
        self.write(",", ":")
    }

    fn write(&self, comma: &str, colon: &str) -> String {
        match self {
            Self::Object(members) => {
                let one = |(key, value): &(String, Self)| {
                    format!("{}{colon}{}", quoted(key), value.write(comma, colon))
                };
                format!("{{{}}}", members.iter().map(one).collect::<Vec<_>>().join(comma))
            }
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| item.write(comma, colon)).collect();
                format!("[{}]", items.join(comma))
            }
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
        }
    }

    /// Over several lines; those after the first are indented by `indent` and more.
    pub(super) fn pretty(&self, layout: &Layout, indent: &str) -> String {
        let inner = format!("{indent}{}", layout.step);
        let lines: Vec<String> = match self {
            Self::Object(members) => members
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), value.pretty(layout, &inner)))
                .collect(),
            Self::Array(items) if items.iter().any(|item| matches!(item, Self::Object(_))) => {
                items.iter().map(|item| item.pretty(layout, &inner)).collect()
            }
            _ => return self.compact(),
        };
        let newline = layout.newline;
        let separator = format!(",{newline}{inner}");
        let (open, close) = if matches!(self, Self::Object(_)) { ('{', '}') } else { ('[', ']') };
        format!("{open}{newline}{inner}{}{newline}{indent}{close}", lines.join(&separator))
    }
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
