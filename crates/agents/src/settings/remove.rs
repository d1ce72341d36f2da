//! Cutting our entries out of a text that others have changed since.

use std::ops::Range;

use super::{
    found::{entries, is_ours},
    record::Record,
};
use crate::json::Node;

/// One part of an object or a list.
struct Child {
    span: Range<usize>,
    comma: Option<usize>,
    gone: bool,
}

/// The text without our entries, and without what that leaves empty and was not there before.
pub(super) fn cut(text: &str, root: &Node, record: Option<&Record>) -> String {
    let mut cutter = Cutter { text, cuts: Vec::new() };
    if cutter.root(root, record) {
        return cutter.text_left();
    }
    text.to_owned()
}

struct Cutter<'a> {
    text: &'a str,
    cuts: Vec<Range<usize>>,
}

impl Cutter<'_> {
    /// Answers whether anything is cut.
    fn root(&mut self, root: &Node, record: Option<&Record>) -> bool {
        let had_hooks = record.is_some_and(|record| record.had_hooks);
        let mut children = members(root);
        let Some(index) = root.members().iter().rposition(|member| member.key == "hooks") else {
            return false;
        };
        match self.hooks(&root.members()[index].value, record) {
            Left::Same => return false,
            // Of two of one name the earlier would come to count.
            Left::Nothing if !had_hooks && is_alone(root, "hooks") => {
                self.cuts.clear();
                children[index].gone = true;
                self.children(root, &children);
            }
            Left::Nothing | Left::Less => {}
        }
        true
    }

    fn hooks(&mut self, hooks: &Node, record: Option<&Record>) -> Left {
        let mut children = members(hooks);
        let mut changed = false;
        for (member, child) in hooks.members().iter().zip(&mut children) {
            let had = record.is_some_and(|record| record.had_events.contains(&member.key));
            let before = self.cuts.len();
            match self.event(&member.value) {
                Left::Same => continue,
                Left::Nothing if !had && is_alone(hooks, &member.key) => {
                    self.cuts.truncate(before);
                    child.gone = true;
                }
                Left::Nothing | Left::Less => {}
            }
            changed = true;
        }
        self.finish(hooks, &children, changed)
    }

    fn event(&mut self, groups: &Node) -> Left {
        let mut children: Vec<Child> = groups
            .items()
            .iter()
            .map(|item| Child { span: item.value.span.clone(), comma: item.comma, gone: false })
            .collect();
        let mut changed = false;
        for (item, child) in groups.items().iter().zip(&mut children) {
            let before = self.cuts.len();
            match self.group(&item.value) {
                Left::Same => continue,
                Left::Nothing => {
                    self.cuts.truncate(before);
                    child.gone = true;
                }
                Left::Less => {}
            }
            changed = true;
        }
        self.finish(groups, &children, changed)
    }

    fn group(&mut self, group: &Node) -> Left {
        let Some(hooks) = group.get("hooks") else { return Left::Same };
        let gone = entries(group).map(|entry| is_ours(self.text, entry));
        let items = hooks.value.items().iter().zip(gone);
        let children: Vec<Child> = items
            .map(|(item, gone)| Child { span: item.value.span.clone(), comma: item.comma, gone })
            .collect();
        let changed = children.iter().any(|child| child.gone);
        self.finish(&hooks.value, &children, changed)
    }

    fn finish(&mut self, parent: &Node, children: &[Child], changed: bool) -> Left {
        if !changed {
            return Left::Same;
        }
        self.children(parent, children);
        if children.iter().all(|child| child.gone) { Left::Nothing } else { Left::Less }
    }

    /// Cuts children that are gone, each with the blanks before it and one comma.
    fn children(&mut self, parent: &Node, children: &[Child]) {
        let mut from = parent.span.start + 1;
        for child in children {
            if child.gone {
                let start = self.start_with_blanks(from, child.span.start);
                self.cuts.push(start..child.span.end);
            }
            from = child.comma.map_or(child.span.end, |comma| comma + 1);
        }
        self.commas(children);
        if children.iter().all(|child| child.gone) {
            self.close(parent, children);
        }
    }

    /// Where the blanks before a child begin; the end of a line that is a comment stays.
    fn start_with_blanks(&self, from: usize, child: usize) -> usize {
        let between = &self.text[from..child];
        let said = between.trim_end();
        let in_comment = said.rsplit('\n').next().is_some_and(|line| line.contains("//"));
        let line_end = between[said.len()..].find('\n').filter(|_| in_comment);
        from + said.len() + line_end.map_or(0, |end| end + 1)
    }

    /// Among those that stay, each but the last keeps one comma behind it.
    fn commas(&mut self, children: &[Child]) {
        let mut any_kept = false;
        for (index, child) in children.iter().enumerate() {
            any_kept |= !child.gone;
            if !child.gone {
                continue;
            }
            let comma = if any_kept { children[index - 1].comma } else { child.comma };
            self.cuts.extend(comma.map(|at| at..at + 1));
        }
    }

    /// What has become empty closes on the line where it opens, unless a comment is in it.
    fn close(&mut self, parent: &Node, children: &[Child]) {
        let Some(last) = children.last() else { return };
        let (open, end) = (parent.span.start + 1, parent.span.end - 1);
        let between = children.iter().scan(open, |from, child| {
            let piece = &self.text[*from..child.span.start];
            *from = child.comma.map_or(child.span.end, |comma| comma + 1);
            Some(piece)
        });
        let tail = &self.text[last.span.end..end];
        if between.chain([tail]).all(|piece| piece.trim().is_empty()) {
            self.cuts.push(last.span.end..end);
        }
    }

    fn text_left(mut self) -> String {
        self.cuts.sort_by_key(|cut| (cut.start, cut.end));
        let mut left = String::with_capacity(self.text.len());
        let mut from = 0;
        for cut in &self.cuts {
            if cut.start > from {
                left.push_str(&self.text[from..cut.start]);
            }
            from = from.max(cut.end);
        }
        left.push_str(&self.text[from..]);
        left
    }
}

/// What is left of a part.
enum Left {
    Same,
    Less,
    Nothing,
}

fn is_alone(parent: &Node, key: &str) -> bool {
    parent.members().iter().filter(|member| member.key == key).count() == 1
}

fn members(node: &Node) -> Vec<Child> {
    let child = |member: &crate::json::Member| Child {
        span: member.span.clone(),
        comma: member.comma,
        gone: false,
    };
    node.members().iter().map(child).collect()
}
