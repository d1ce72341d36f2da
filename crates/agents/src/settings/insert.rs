//! Where in a text our entries go, laid out like what is around them.

use super::{
    found, handler,
    piece::{Layout, Piece, quoted},
    record::{Had, Insertion},
};
use crate::{
    agent::{Agent, Registration},
    json::{Malformed, Node},
};

/// What is put into an object or a list.
struct Entry {
    /// None: into a list.
    key: Option<String>,
    value: Piece,
}

/// Into a text that holds nothing, or a file that is not there.
pub(super) fn into_nothing(
    text: &str,
    agent: Agent,
    hooks: &[Registration],
    program: &str,
) -> Vec<Insertion> {
    let layout = Layout { step: "  ".into(), newline: "\n" };
    let events = hooks.iter().map(|hook| event_of(agent, hook, program));
    let whole = Piece::Object(vec![("hooks".into(), Piece::Object(events.collect()))]);
    vec![Insertion { at: text.len(), text: format!("{}\n", whole.pretty(&layout, "")) }]
}

fn event_of(agent: Agent, hook: &Registration, program: &str) -> (String, Piece) {
    let groups = Piece::Array(vec![handler::group(agent, hook, program)]);
    (hook.event.to_owned(), groups)
}

/// Into a text that is JSON.
pub(super) fn plan(
    text: &str,
    root: &Node,
    agent: Agent,
    wanted: &[Registration],
    program: &str,
) -> Result<Vec<Insertion>, Malformed> {
    let page = Page::new(text, root);
    let Some(hooks) = found::hooks(text, root)? else {
        let events = wanted.iter().map(|hook| event_of(agent, hook, program)).collect();
        let entry = Entry { key: Some("hooks".into()), value: Piece::Object(events) };
        return Ok(page.put(root, &[entry]));
    };
    let (mut insertions, mut new) = (Vec::new(), Vec::new());
    for hook in wanted {
        let Some(member) = hooks.get(hook.event) else {
            let (key, value) = event_of(agent, hook, program);
            new.push(Entry { key: Some(key), value });
            continue;
        };
        if !member.value.is_array() {
            let kind = member.value.kind_name();
            let what = format!("`hooks.{}` is {kind}, not a list", hook.event);
            return Err(Malformed::at(text, member.value.span.start, what));
        }
        let entry = Entry { key: None, value: handler::group(agent, hook, program) };
        insertions.extend(page.put(&member.value, &[entry]));
    }
    if !new.is_empty() {
        insertions.extend(page.put(hooks, &new));
    }
    // Where two go to one place, the inner one comes first.
    insertions.sort_by_key(|insertion| insertion.at);
    Ok(insertions)
}

/// What a text has that an installation would otherwise make.
pub(super) fn made(text: &str, agent: Agent) -> Had {
    let root = Node::parse(text, agent.dialect()).ok();
    let hooks = root.as_ref().and_then(|root| root.get("hooks"));
    let events = hooks.map(|hooks| hooks.value.members()).unwrap_or_default();
    let events = events.iter().map(|member| member.key.clone()).collect();
    Had { hooks: hooks.is_some(), events }
}

/// A text and how it is laid out.
struct Page<'a> {
    text: &'a str,
    layout: Layout,
    /// Over several lines, or with nothing in it that says otherwise.
    tall: bool,
    /// On one line, but with blanks.
    airy: bool,
}

impl<'a> Page<'a> {
    fn new(text: &'a str, root: &Node) -> Self {
        let body = &text[root.span.clone()];
        let mut page = Self {
            text,
            layout: Layout {
                step: "  ".into(),
                newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
            },
            tall: body.contains('\n') || root.members().is_empty(),
            airy: body.contains(": ") || body.contains(", "),
        };
        if let Some(step) = first_child(root).and_then(|child| page.indent_before(root, child))
            && let Some(step) = step.strip_prefix(page.indent_of_line(root.span.start))
            && !step.is_empty()
        {
            page.layout.step = step.to_owned();
        }
        page
    }

    /// The blanks before a child that begins a line.
    fn indent_before(&self, parent: &Node, child: usize) -> Option<&'a str> {
        let between = &self.text[parent.span.start + 1..child];
        let line = &between[between.rfind('\n')? + 1..];
        Some(blanks(line))
    }

    fn indent_of_line(&self, at: usize) -> &'a str {
        let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        blanks(&self.text[start..at])
    }

    /// Puts entries at the end of an object or a list.
    fn put(&self, parent: &Node, entries: &[Entry]) -> Vec<Insertion> {
        match (first_child(parent), last_child(parent)) {
            (Some(first), Some(last)) => match self.indent_before(parent, first) {
                Some(indent) => self.below(parent, last, indent, entries),
                None => vec![Insertion { at: last, text: format!(",{}", self.beside(entries)) }],
            },
            _ if self.tall => vec![self.fill_empty(parent, entries)],
            _ => {
                let text = self.beside(entries);
                vec![Insertion { at: parent.span.start + 1, text: text.trim_start().to_owned() }]
            }
        }
    }

    /// Each on lines of its own, after the last child and the comments that follow it.
    fn below(&self, parent: &Node, last: usize, indent: &str, entries: &[Entry]) -> Vec<Insertion> {
        let tail = &self.text[last..parent.span.end - 1];
        let after = last + tail.trim_end().len();
        let lines = self.lines(indent, entries);
        if after == last {
            return vec![Insertion { at: last, text: format!(",{lines}") }];
        }
        let comma = Insertion { at: last, text: ",".into() };
        vec![comma, Insertion { at: after, text: lines }]
    }

    fn fill_empty(&self, parent: &Node, entries: &[Entry]) -> Insertion {
        let inside = &self.text[parent.span.start + 1..parent.span.end - 1];
        let at = parent.span.start + 1 + inside.trim_end().len();
        let outer = self.indent_of_line(parent.span.start);
        let mut text = self.lines(&format!("{outer}{}", self.layout.step), entries);
        if !self.text[at..parent.span.end].contains('\n') {
            text += self.layout.newline;
            text += outer;
        }
        Insertion { at, text }
    }

    fn lines(&self, indent: &str, entries: &[Entry]) -> String {
        let line = |entry: &Entry| {
            let value = entry.value.pretty(&self.layout, indent);
            let key = entry.key.as_deref().map(|key| format!("{}: ", quoted(key)));
            format!("{}{indent}{}{value}", self.layout.newline, key.unwrap_or_default())
        };
        entries.iter().map(line).collect::<Vec<_>>().join(",")
    }

    fn beside(&self, entries: &[Entry]) -> String {
        let (blank, colon) = if self.airy { (" ", ": ") } else { ("", ":") };
        let one = |entry: &Entry| {
            let value = if self.airy { entry.value.compact() } else { entry.value.dense() };
            let key = entry.key.as_deref().map(|key| format!("{}{colon}", quoted(key)));
            format!("{blank}{}{value}", key.unwrap_or_default())
        };
        entries.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

fn first_child(node: &Node) -> Option<usize> {
    let member = node.members().first().map(|member| member.span.start);
    member.or_else(|| node.items().first().map(|item| item.value.span.start))
}

fn last_child(node: &Node) -> Option<usize> {
    let member = node.members().last().map(|member| member.span.end);
    member.or_else(|| node.items().last().map(|item| item.value.span.end))
}

fn blanks(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
