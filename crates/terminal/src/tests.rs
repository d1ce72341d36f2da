//! The properties that a screen and a filter must have on any stream.

mod behaviour;
mod filtering;
mod flooding;
mod oracle;
mod properties;
mod snapshot;
mod streams;

use crate::{Screen, Size};

fn size(text: &str) -> Size {
    text.parse().unwrap()
}

/// A screen of that size after these bytes.
fn screen(text: &str, bytes: impl AsRef<[u8]>) -> Screen {
    let mut screen = Screen::new(size(text), 100);
    screen.feed(bytes.as_ref());
    screen
}
