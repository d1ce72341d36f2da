//! The window's title, and the titles put aside by XTWINOPS 22.
//!
//! Invariant: titles are short and hold no control characters: they are shown
//! by others, and sent to other terminals.

const MAX_CHARS: usize = 256;
const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Titles {
    current: Option<String>,
    stack: Vec<Option<String>>,
}

impl Titles {
    pub(crate) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Oldest first.
    pub(crate) fn stack(&self) -> &[Option<String>] {
        &self.stack
    }

    pub(crate) fn set(&mut self, title: &str) {
        let printable = title.chars().filter(|c| !c.is_control()).take(MAX_CHARS);
        self.current = Some(printable.collect::<String>().trim().to_owned());
    }

    pub(crate) fn push(&mut self) {
        if self.stack.len() == MAX_DEPTH {
            self.stack.remove(0);
        }
        self.stack.push(self.current.clone());
    }

    pub(crate) fn pop(&mut self) {
        if let Some(title) = self.stack.pop() {
            self.current = title;
        }
    }
}
